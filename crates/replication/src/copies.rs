//! The progress of a snapshot copy, in either account, and what `copy` has to do in the source account, where the snapshot that
//! leaves it has to be under the shared key.

#[cfg(test)]
mod tests;

use std::fmt;

use crate::contract::{SourceDbSnapshot, StageReport, TargetDbSnapshot};
use crate::naming::{ReplicationId, SnapshotIdentifier};
use crate::observed::Snapshot;
use crate::pacing::{Stage, UNSEEN_POLLS};
use crate::progress::Progress;
use crate::quota;
use crate::{Error, ErrorName};

/// What a poll in the source account knows of its run.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The name of the stack.
    pub stack: &'a str,
    /// The replication.
    pub id: &'a ReplicationId,
    /// The snapshot of the run.
    pub source: &'a SourceDbSnapshot,
    /// The name of the copy.
    pub name: &'a SnapshotIdentifier,
    /// The stage.
    pub stage: Stage,
    /// The result of the poll before.
    pub earlier: Option<&'a TargetDbSnapshot>,
}

/// What a poll in the source account has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Report the copy that is there.
    Follow(StageReport),
    /// Report that what was there before is not shown at the moment.
    Await(StageReport),
    /// There is no copy yet.
    Begin,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Follow(report) => write!(f, "follow the snapshot copy: it is {}", report.rds_status),
            Self::Await(report) => write!(f, "wait: {}", report.rds_status),
            Self::Begin => f.write_str("begin: there is no snapshot copy of this run"),
        }
    }
}

/// What there is to do where there is no copy yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// The snapshot of the run is under the shared key: it is shared as it is.
    ShareSource(StageReport),
    /// Copy it under the shared key.
    Copy,
}

impl fmt::Display for Begin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ShareSource(_) => "share the snapshot as it is: it is under the shared key",
            Self::Copy => "copy the snapshot under the shared key",
        })
    }
}

impl Run<'_> {
    /// How many polls in a row have not seen what must be there, before this one.
    #[must_use]
    pub fn unseen(&self) -> u32 {
        self.earlier.map_or(0, |earlier| earlier.stage.unseen)
    }

    /// Decides by the snapshot that has the name of the copy.
    ///
    /// # Errors
    /// [`ErrorName::NameTaken`], [`ErrorName::CopyFailed`], [`ErrorName::NotFound`], [`ErrorName::DeadlineExceeded`].
    pub fn decide(&self, found: Option<&Snapshot>) -> Result<Step, Error> {
        match found {
            // What strips the tags may be the delay with which RDS shows them.
            Some(found) if found.tags.is_empty() && self.unseen() < UNSEEN_POLLS => {
                self.not_seen(found.status.as_str()).map(Step::Await)
            }
            Some(found) => {
                judge(found, found.is_of_replication(self.stack, self.id), &self.stage).map(Step::Follow)
            }
            None if self.earlier.is_none_or(|earlier| earlier.arn.is_none()) => Ok(Step::Begin),
            // A run makes one copy: what it has seen before is not shown at the moment, or somebody has deleted it.
            None if self.unseen() < UNSEEN_POLLS => self.not_seen("not shown").map(Step::Await),
            None => Err(Error::new(ErrorName::NotFound, format!("waiting for snapshot copy {}", self.name))
                .because("it was there and is gone")
                .advise("start a new execution")),
        }
    }

    /// Decides where there is no copy yet, by the ARN of the shared key.
    #[must_use]
    pub fn begin(&self, key_arn: &str) -> Begin {
        let Self { source, stage, .. } = self;
        if source.encrypted && source.kms_key_id.as_deref() == Some(key_arn) {
            return Begin::ShareSource(StageReport::available(stage, &source.stage.rds_status));
        }
        Begin::Copy
    }

    /// The report where RDS says that there is no such snapshot to copy. It was there in the stage before: RDS does not
    /// show it at the moment, or it is gone.
    ///
    /// # Errors
    /// `gone` when the polls are used up; [`ErrorName::DeadlineExceeded`].
    pub fn source_not_shown(&self, gone: Error) -> Result<StageReport, Error> {
        if self.unseen() < UNSEEN_POLLS { self.not_seen("its source is not shown") } else { Err(gone) }
    }

    fn not_seen(&self, status: &str) -> Result<StageReport, Error> {
        self.stage.check_deadline(&format!("snapshot copy {}", self.name), status)?;
        Ok(StageReport::unseen(&self.stage, status, self.unseen() + 1))
    }
}

/// Judges the copy that is there: ours and ready, ours and in progress, failed, or somebody else's.
///
/// # Errors
/// [`ErrorName::NameTaken`], [`ErrorName::CopyFailed`], [`ErrorName::DeadlineExceeded`].
pub fn judge(found: &Snapshot, is_ours: bool, stage: &Stage) -> Result<StageReport, Error> {
    let name = &found.identifier;
    if !is_ours {
        return Err(Error::new(ErrorName::NameTaken, format!("copying to snapshot {name}"))
            .because("a snapshot of this name exists and was not made by this run")
            .advise("rename or delete it, then start the execution again"));
    }
    match found.status.progress() {
        Progress::Ready => Ok(StageReport::available(stage, found.status.as_str())),
        Progress::Pending => {
            stage.check_deadline(&format!("snapshot copy {name}"), found.status.as_str())?;
            Ok(StageReport::pending(stage, found.status.as_str(), found.percent_progress))
        }
        Progress::Failed => Err(Error::new(
            ErrorName::CopyFailed,
            format!("waiting for snapshot copy {name}"),
        )
        .because(format!("it is {}", found.status))
        .advise(
            "check that the snapshot it is copied from still exists and that its key may still be used, then \
                 start the source execution again",
        )),
    }
}

/// The report while a full quota may still count what was pruned; the error once nothing frees room any more. `polls` is how
/// many have found it before.
///
/// # Errors
/// `full`, or [`ErrorName::DeadlineExceeded`].
pub fn no_room(
    full: Error,
    to: &SnapshotIdentifier,
    stage: &Stage,
    polls: u32,
    is_something_leaving: bool,
) -> Result<StageReport, Error> {
    quota::no_room(full, &format!("snapshot copy {to} to begin"), stage, polls, is_something_leaving)
}

/// The report of a copy that is not there yet.
///
/// # Errors
/// [`ErrorName::DeadlineExceeded`].
pub fn not_started(to: &SnapshotIdentifier, stage: &Stage) -> Result<StageReport, Error> {
    stage.check_deadline(&format!("snapshot copy {to} to begin"), "not started")?;
    Ok(StageReport::pending(stage, "not started", None))
}
