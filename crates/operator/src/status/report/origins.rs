//! Where a version came from: the snapshots that its tags lead to.

use replication::lineage;
use replication::naming::arn_part;
use time::OffsetDateTime;

use super::document::Origin;
use super::versions::Held;
use crate::status::facts::{Instance, Snapshot};

/// The snapshots that an instance came from, nearest first: the destination's, then the two in the source account.
pub struct Origins<'f> {
    held: &'f Held<'f>,
    copies: Option<&'f [&'f Snapshot]>,
    instance: &'f Instance,
    line: Vec<&'f Snapshot>,
}

impl<'f> Origins<'f> {
    /// Those of an instance; `copies` are the snapshots of its database in the destination account.
    pub fn of(held: &'f Held<'f>, copies: Option<&'f [&'f Snapshot]>, instance: &'f Instance) -> Self {
        let mut origins = Self { held, copies, instance, line: Vec::new() };
        let tag = instance.tags().get(lineage::SOURCE_SNAPSHOT);
        let mut nearest = tag.and_then(|arn| origins.by_arn(arn)).or_else(|| origins.by_replication());
        while let Some(found) = nearest {
            if origins.line.iter().any(|known| known.arn() == found.arn()) {
                break;
            }
            origins.line.push(found);
            nearest = found.tags().get(lineage::SOURCE_SNAPSHOT).and_then(|arn| origins.by_arn(arn));
        }
        origins
    }

    /// The point in time of the data, and where that is written; the time of a copy is never taken for it.
    pub fn data_time(&self) -> Option<(OffsetDateTime, &'static str)> {
        let tag = self.instance.tags().get(lineage::DATA_TIME).and_then(lineage::read_time);
        let of_snapshot = || self.line.iter().find_map(|one| one.data_time());
        tag.map(|at| (at, "tag")).or_else(|| of_snapshot().map(|at| (at, "snapshot")))
    }

    /// The farthest snapshot that the tags lead to.
    pub fn farthest(&self) -> Option<Origin> {
        let last = self.line.last();
        let tags = last.map_or(self.instance.tags(), |snapshot| snapshot.tags());
        let tag = tags.get(lineage::SOURCE_SNAPSHOT).filter(|arn| !arn.is_empty()).map(str::to_owned);
        let arn = tag.or_else(|| last.map(|snapshot| snapshot.arn()))?;
        let is_in_source = arn_part(&arn, 4) != self.held.account;
        let exists = if is_in_source {
            self.held.source_snapshots.map(|all| all.iter().any(|one| one.arn() == arn))
        } else {
            self.copies.map(|all| all.iter().any(|one| one.arn() == arn))
        };
        let name = arn.rsplit(":snapshot:").next().unwrap_or(&arn).to_owned();
        Some(Origin { arn, name, is_in_source, exists })
    }

    fn by_arn(&self, arn: &str) -> Option<&'f Snapshot> {
        let in_source = self.held.source_snapshots.unwrap_or_default().iter();
        let here = self.copies.unwrap_or_default().iter().copied();
        in_source.chain(here).find(|one| one.arn() == arn)
    }

    /// The snapshot nearest to the instance that has the same replication in its tags.
    fn by_replication(&self) -> Option<&'f Snapshot> {
        let id = self.instance.tags().get(lineage::REPLICATION_ID).filter(|id| !id.is_empty())?;
        let here = self.copies.unwrap_or_default().iter().copied();
        let copies = here.filter(|one| one.seen.is_of_stack(&self.held.stack.name));
        let (encrypted, plain): (Vec<&Snapshot>, Vec<&Snapshot>) = self
            .held
            .source_snapshots
            .unwrap_or_default()
            .iter()
            .partition(|one| one.tags().get(lineage::SOURCE_SNAPSHOT).is_some());
        let mut nearest = copies.chain(encrypted).chain(plain);
        nearest.find(|one| one.tags().get(lineage::REPLICATION_ID) == Some(id))
    }
}
