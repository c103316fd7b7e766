//! How long the stages of the last run took: as it is written on the snapshot that the run has made, and read back.

use time::OffsetDateTime;

use super::StageName;
use crate::contract::{DbSnapshot, SourceDbSnapshot, TargetDbSnapshot};
use crate::lineage::{REPLICATION_ID, STAGE_SECONDS};
use crate::naming::{InstanceIdentifier, ReplicationId};
use crate::observed::Snapshot;

/// How often larger or smaller than last time a database counts at most.
const MOST_GROWTH: i64 = 4;

/// The value of the tag [`STAGE_SECONDS`] in the source account, at the time at which the snapshot is shared. Nothing if a
/// stage is not known, as in an execution that was started by hand with a document of its own.
#[must_use]
pub fn of_source(
    id: &ReplicationId,
    source: Option<&SourceDbSnapshot>,
    target: &TargetDbSnapshot,
    now: OffsetDateTime,
) -> Option<String> {
    let source = source?;
    let snapshot = seconds(source.stage.started_at, target.stage.started_at);
    // What is shared as it is was not copied.
    let is_copy = source.identifier != target.identifier;
    let copy = is_copy.then(|| seconds(target.stage.started_at, now));
    Some(written(id, &[(StageName::Snapshot, Some(snapshot)), (StageName::Copy, copy)]))
}

/// The value of the tag in the destination account, at the time at which the restored instance is ready.
#[must_use]
pub fn of_destination(
    id: &ReplicationId,
    copy: &DbSnapshot,
    restore_began: OffsetDateTime,
    now: OffsetDateTime,
) -> String {
    let copied = seconds(copy.stage.started_at, restore_began);
    let restored = seconds(restore_began, now);
    written(id, &[(StageName::Copy, Some(copied)), (StageName::Restore, Some(restored))])
}

fn seconds(from: OffsetDateTime, to: OffsetDateTime) -> i64 {
    (to - from).whole_seconds().max(0)
}

/// The run stands in it too: RDS may hand the tag on to another snapshot, and then it is not about that.
fn written(id: &ReplicationId, stages: &[(StageName, Option<i64>)]) -> String {
    stages
        .iter()
        .filter_map(|(stage, seconds)| Some(format!(" {}={}", stage.as_str(), (*seconds)?)))
        .fold(id.as_str().to_owned(), |all, one| all + &one)
}

/// The stages and seconds that the value of the tag names.
pub fn stages(written: &str) -> impl Iterator<Item = (&str, u32)> {
    let pairs = written.split(' ').skip(1).filter_map(|one| one.split_once('='));
    pairs.filter_map(|(stage, seconds)| Some((stage, seconds.parse().ok()?)))
}

/// How long a stage took in the run that has made the snapshot, if it says so of itself.
fn took(snapshot: &Snapshot, stage: StageName) -> Option<u32> {
    let written = snapshot.tags.get(STAGE_SECONDS)?;
    let (id, _) = written.split_once(' ')?;
    if snapshot.tags.get(REPLICATION_ID) != Some(id) {
        return None;
    }
    stages(written).find(|(name, _)| *name == stage.as_str()).map(|(_, seconds)| seconds)
}

/// How long a stage is expected to take, in seconds: as long as in the newest run of the database whose snapshot says so,
/// in proportion to the size of the data. Nothing in the first run. `now` is the snapshot that is copied or restored.
#[must_use]
pub fn expected_seconds<'a>(
    snapshots: impl IntoIterator<Item = &'a Snapshot>,
    stack: &str,
    database: &InstanceIdentifier,
    stage: StageName,
    now: Option<&Snapshot>,
) -> Option<u32> {
    let (before, took) = snapshots
        .into_iter()
        .filter(|snapshot| snapshot.is_of_stack(stack) && snapshot.is_of_database(database))
        .filter_map(|snapshot| Some((snapshot, took(snapshot, stage)?)))
        // The id begins with the time.
        .max_by_key(|(snapshot, _)| snapshot.tags.get(REPLICATION_ID))?;
    let Some((was, is)) = now.and_then(|now| sizes(before, now)) else { return Some(took) };
    let is = is.clamp(was / MOST_GROWTH, was.saturating_mul(MOST_GROWTH));
    let scaled = i128::from(took) * i128::from(is) / i128::from(was);
    u32::try_from(scaled).ok()
}

/// The sizes of two snapshots by one measure: of the data where RDS gives it for both, else of the storage.
fn sizes(before: &Snapshot, now: &Snapshot) -> Option<(i64, i64)> {
    let bytes = before.full_bytes.zip(now.full_bytes);
    let storage = before.allocated_storage.zip(now.allocated_storage);
    bytes
        .or(storage.map(|(before, now)| (before.into(), now.into())))
        .filter(|(before, now)| *before > 0 && *now > 0)
}
