//! The snapshot of a run: whether it is to be created, and its progress.

use std::fmt;

use crate::contract::{LeftOut, StageReport};
use crate::lineage::Tags;
use crate::naming::{InstanceIdentifier, ReplicationId, SnapshotIdentifier};
use crate::observed::{Instance, Snapshot};
use crate::pacing::{Stage, UNSEEN_POLLS};
use crate::progress::Progress;
use crate::quota;
use crate::{Error, ErrorName};

/// The snapshot that is to exist.
#[derive(Debug, Clone)]
pub struct SnapshotRequest<'a> {
    /// The stack that makes it.
    pub stack: &'a str,
    /// The replication it is for.
    pub id: &'a ReplicationId,
    /// The database it is of.
    pub database: &'a InstanceIdentifier,
    /// Its name.
    pub name: &'a SnapshotIdentifier,
    /// The tags that the stack gives to everything that is made.
    pub extra_tags: &'a Tags,
    /// Whether it gets the tags of the database.
    pub carries_source_tags: bool,
    /// The progress of the stage.
    pub stage: Stage,
    /// How many polls of this run have not seen what must be there.
    pub unseen: u32,
    /// Whether an earlier poll of this run has seen it.
    pub was_there: bool,
}

/// What to do where the snapshot is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absent {
    /// It is made, with these tags; and what of the database's tags it does not get.
    Create(Tags, Vec<LeftOut>),
    /// It cannot be made yet.
    Wait(StageReport),
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(..) => f.write_str("make the snapshot: the database is ready"),
            Self::Wait(report) => write!(f, "wait: {}", report.rds_status),
        }
    }
}

impl SnapshotRequest<'_> {
    fn doing(&self) -> String {
        format!("snapshotting database {} as {}", self.database, self.name)
    }

    /// Judges the snapshot of this name: ours and ready, ours and in progress, failed, or somebody else's.
    ///
    /// # Errors
    /// [`ErrorName::NameTaken`], [`ErrorName::SnapshotFailed`], [`ErrorName::DeadlineExceeded`].
    pub fn found(&self, found: &Snapshot) -> Result<StageReport, Error> {
        if found.is_of_replication(self.stack, self.id) && found.source_database == *self.database {
            return self.made(found);
        }
        let is_readable = !found.tags.is_empty() || found.source_database != *self.database;
        if !is_readable && self.unseen < UNSEEN_POLLS {
            return self.unseen(found.status.as_str());
        }
        let because = if is_readable {
            "a snapshot of this name exists and was not made by this run"
        } else {
            "a snapshot of this name exists, and RDS shows no tags of it that say whether this run has made it"
        };
        Err(Error::new(ErrorName::NameTaken, self.doing())
            .because(because)
            .advise("rename or delete it, or change the stack's SourceDBSnapshotName"))
    }

    /// Judges the snapshot that this run has made.
    ///
    /// # Errors
    /// [`ErrorName::SnapshotFailed`], [`ErrorName::DeadlineExceeded`].
    pub fn made(&self, made: &Snapshot) -> Result<StageReport, Error> {
        let status = made.status.as_str();
        match made.status.progress() {
            Progress::Ready => Ok(StageReport::available(&self.stage, status)),
            Progress::Pending => {
                self.stage.check_deadline(&format!("snapshot {}", self.name), status)?;
                Ok(StageReport::pending(&self.stage, status, made.percent_progress))
            }
            Progress::Failed => {
                Err(Error::new(ErrorName::SnapshotFailed, format!("waiting for snapshot {}", self.name))
                    .because(format!("it is {status}"))
                    .advise(
                        "see the events of the database in the RDS console, then start the execution again",
                    ))
            }
        }
    }

    /// Decides what to do where there is no snapshot of this name.
    ///
    /// # Errors
    /// [`ErrorName::NotFound`] (no such database, or the snapshot was deleted), [`ErrorName::InvalidConfiguration`] (a
    /// member of a cluster), [`ErrorName::InstanceNotReady`],
    /// [`ErrorName::DeadlineExceeded`].
    pub fn absent(&self, database: Option<&Instance>) -> Result<Absent, Error> {
        // A run makes one snapshot: what it has seen before is not shown at the moment, or somebody has deleted it.
        if self.was_there {
            if self.unseen < UNSEEN_POLLS {
                return self.unseen("not shown").map(Absent::Wait);
            }
            return Err(Error::new(ErrorName::NotFound, format!("waiting for snapshot {}", self.name))
                .because("it was there and is gone")
                .advise("start a new execution"));
        }
        let Some(database) = database else {
            return Err(Error::new(ErrorName::NotFound, self.doing())
                .because("there is no database of this name in this account and Region")
                .advise(
                    "check the stack's SourceDBIdentifier, or the execution's input; the identifier of a DB cluster (Aurora, \
                     Multi-AZ DB cluster) is not that of a DB instance, and clusters are not replicated",
                ));
        };
        if let Some(cluster) = &database.cluster {
            return Err(Error::new(ErrorName::InvalidConfiguration, self.doing())
                .because(format!(
                    "SourceDBIdentifier: the database is a member of the DB cluster {cluster}, of whose members RDS makes no \
                     DB snapshots"
                ))
                .advise("give the identifier of a DB instance that is in no cluster; clusters are not replicated"));
        }
        match database.status.source() {
            Progress::Ready => {
                let tags = Tags::of_replication(self.stack, self.id, self.database)
                    .named(self.name.as_str())
                    .merged_under(self.extra_tags);
                if !self.carries_source_tags {
                    return Ok(Absent::Create(tags, vec![]));
                }
                // The snapshot keeps them, so that every later poll finds those of the moment of the snapshot.
                let tags = tags.merged_under(&database.tags);
                let left_out = LeftOut::of_source_tags(&tags, &database.tags);
                Ok(Absent::Create(tags, left_out))
            }
            Progress::Pending => self.not_yet(database.status.as_str()).map(Absent::Wait),
            Progress::Failed => Err(Error::new(ErrorName::InstanceNotReady, self.doing())
                .because(format!("the database is {}", database.status))
                .advise("bring it back to available, then start the execution again")),
        }
    }

    /// The report of a snapshot that is not there yet.
    ///
    /// # Errors
    /// [`ErrorName::DeadlineExceeded`].
    pub fn not_yet(&self, status: &str) -> Result<StageReport, Error> {
        let waiting_for = format!("database {} to be ready for snapshot {}", self.database, self.name);
        self.stage.check_deadline(&waiting_for, status)?;
        Ok(StageReport::pending(&self.stage, status, None))
    }

    /// The report while a full quota may still count what was pruned; the error once nothing frees room any more.
    ///
    /// # Errors
    /// The error that was given; [`ErrorName::DeadlineExceeded`].
    pub fn no_room(&self, full: Error, is_something_leaving: bool) -> Result<StageReport, Error> {
        quota::no_room(
            full,
            &format!("snapshot {}", self.name),
            &self.stage,
            self.unseen,
            is_something_leaving,
        )
    }

    fn unseen(&self, status: &str) -> Result<StageReport, Error> {
        self.stage.check_deadline(&format!("snapshot {}", self.name), status)?;
        Ok(StageReport::unseen(&self.stage, status, self.unseen + 1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::OffsetDateTime;

    use super::*;
    use crate::contract::Status;
    use crate::lineage;
    use crate::observed::testing::{instance, snapshot};
    use crate::pacing::{Pace, StageName};
    use crate::quota::ROOM_POLLS;

    const NAME: &str = "nightly-20261122t103400z-1f2e3d";

    fn with_wanted<T>(unseen: u32, was_there: bool, then: impl FnOnce(&SnapshotRequest<'_>) -> T) -> T {
        let now = OffsetDateTime::UNIX_EPOCH;
        let stage = Stage {
            name: StageName::Snapshot,
            started_at: now,
            now,
            deadline_seconds: 600,
            pace: Pace::default(),
        };
        then(&SnapshotRequest {
            stack: "stack",
            id: &"20261122t103400z-1f2e3d".parse().unwrap(),
            database: &"orders".parse().unwrap(),
            name: &NAME.parse().unwrap(),
            extra_tags: &Tags::default().with("cost", "42").with(lineage::STACK, "theirs"),
            carries_source_tags: true,
            stage,
            unseen,
            was_there,
        })
    }

    fn found(status: &str, tags: Tags, unseen: u32) -> Result<(Status, u32), ErrorName> {
        let report = with_wanted(unseen, false, |wanted| wanted.found(&snapshot(NAME, status, tags)));
        report.map(|report| (report.status, report.unseen)).map_err(|error| error.name())
    }

    fn ours() -> Tags {
        let id = "20261122t103400z-1f2e3d".parse().unwrap();
        Tags::of_replication("stack", &id, &"orders".parse().unwrap()).named(NAME)
    }

    /// > What a call has just created is ours, even if its answer has no tags; what is found is ours by its tags.
    #[test]
    fn what_was_just_made_is_not_judged_by_its_tags() {
        let made = with_wanted(0, false, |wanted| wanted.made(&snapshot(NAME, "creating", Tags::default())));
        assert_eq!(made.unwrap().status, Status::NotAvailable);
        for (status, tags, unseen, expected) in [
            ("available", ours(), 0, Ok((Status::Available, 0))),
            ("creating", ours(), 7, Ok((Status::NotAvailable, 0))),
            ("failed", ours(), 0, Err(ErrorName::SnapshotFailed)),
            ("available", ours().with(lineage::STACK, "another"), 0, Err(ErrorName::NameTaken)),
            ("available", Tags::default(), 0, Ok((Status::NotAvailable, 1))),
            ("available", Tags::default(), UNSEEN_POLLS, Err(ErrorName::NameTaken)),
        ] {
            assert_eq!(found(status, tags, unseen), expected, "{status} {unseen}");
        }
    }

    #[test]
    fn a_snapshot_is_made_once_and_of_a_database_that_is_ready() {
        let database = |status: &str| Instance {
            status: status.into(),
            ..instance("orders", Tags::default().with("team", "data"))
        };
        let absent = |database: Option<Instance>, was_there: bool, unseen: u32| {
            with_wanted(unseen, was_there, |wanted| wanted.absent(database.as_ref()))
                .map_err(|error| error.name())
        };
        assert_eq!(
            absent(Some(database("available")), false, 0),
            Ok(Absent::Create(ours().with("team", "data").with("cost", "42"), vec![]))
        );
        assert!(matches!(absent(Some(database("modifying")), false, 0), Ok(Absent::Wait(_))));
        assert_eq!(absent(Some(database("stopped")), false, 0), Err(ErrorName::InstanceNotReady));
        assert_eq!(absent(None, false, 0), Err(ErrorName::NotFound));
        let member = Instance { cluster: Some("aurora".to_owned()), ..database("available") };
        assert_eq!(absent(Some(member), false, 0), Err(ErrorName::InvalidConfiguration));
        assert!(matches!(absent(Some(database("available")), true, 0), Ok(Absent::Wait(_))));
        assert_eq!(absent(Some(database("available")), true, UNSEEN_POLLS), Err(ErrorName::NotFound));
    }

    /// > Every snapshot has the stack's tags from the call on that makes it, and what of the database's tags does not fit is
    /// > named in the run's document.
    #[test]
    fn the_stacks_tags_come_first_and_what_does_not_fit_is_named() {
        let many: Tags = (0..50).map(|n| (format!("key{n:02}"), "v")).collect();
        let database = instance("orders", many.with("cost", "7").with("note", "a|b"));
        let absent = with_wanted(0, false, |wanted| wanted.absent(Some(&database))).unwrap();
        let Absent::Create(tags, left_out) = absent else { panic!("{absent:?}") };
        assert_eq!((tags.get("cost"), tags.get(lineage::STACK)), (Some("42"), Some("stack")));
        assert_eq!(tags.iter().count(), 46);
        let named: Vec<&str> = left_out.iter().map(|one| one.what.as_str()).collect();
        assert!(named.contains(&"tag \"key49\" of the source database"), "{named:?}");
        assert!(named.contains(&"tag \"note\" of the source database"), "{named:?}");
        assert_eq!(left_out.len(), 50 - 41 + 1);
    }

    proptest! {
        /// A run makes at most one snapshot, only of a database that RDS snapshots now, and with the tags by which it finds it
        /// again whatever the database carries.
        #[test]
        fn a_run_makes_its_snapshot_once(
            status in "available|storage-optimization|modifying|backing-up|stopped|deleting|new-word",
            is_there: bool, was_there: bool, unseen in 0..2 * UNSEEN_POLLS,
            clash in "rds-replication:(stack|replication-id|source-db|name)|team",
        ) {
            let tags = Tags::default().with(&clash, "of the source");
            let database = Instance { status: status.as_str().into(), ..instance("orders", tags) };
            let decided = with_wanted(unseen, was_there, |wanted| wanted.absent(is_there.then_some(&database)));
            if let Ok(Absent::Create(tags, _)) = decided {
                prop_assert!(!was_there && is_there);
                prop_assert!(["available", "storage-optimization"].contains(&status.as_str()));
                let made = snapshot(NAME, "creating", tags);
                prop_assert!(made.is_of_replication("stack", &"20261122t103400z-1f2e3d".parse().unwrap()));
            }
        }
    }

    #[test]
    fn a_full_quota_is_given_time_for_what_was_pruned() {
        let full = Error::new(ErrorName::QuotaExceeded, "snapshotting");
        let no_room = |unseen, is_leaving| {
            with_wanted(unseen, false, |wanted| wanted.no_room(full.clone(), is_leaving))
        };
        assert_eq!(no_room(0, false).unwrap().unseen, 1);
        assert_eq!(no_room(ROOM_POLLS, false).unwrap_err(), full);
        assert_eq!(no_room(ROOM_POLLS, true).unwrap().unseen, 0);
    }
}
