//! What both accounts do alike: ask RDS for the copy, and judge the copy that is there.

use aws_sdk_rds::Client;
use rds_access::{CopyOrder, Refusal, Snapshot};
use replication::contract::StageReport;
use replication::lineage::Tags;
use replication::naming::SnapshotIdentifier;
use replication::pacing::Stage;
use replication::progress::Progress;
use replication::quota::{self, Refused, Room, WAITING_FOR_ROOM};
use replication::{Error, ErrorName};

use crate::key;

/// A copy to be made.
pub struct Order<'a> {
    /// The snapshot to copy: its identifier, or its ARN in another account.
    pub from: &'a str,
    /// The name of the copy.
    pub to: &'a SnapshotIdentifier,
    /// The key of the copy.
    pub key_arn: &'a str,
    /// The key of the snapshot to copy, if it is encrypted.
    pub source_key_arn: Option<&'a str>,
    /// Whether the option group comes along; RDS does that only across accounts.
    pub copy_option_group: bool,
    /// The tags of the copy.
    pub tags: &'a Tags,
}

/// What has become of a copy that RDS was asked for.
pub enum Started {
    /// It was made, as far as the answer says.
    Made(Box<Snapshot>),
    /// It is not there yet, and polling again is the right thing to do: also where too many copies run at the moment.
    NotYet,
    /// The quota of snapshots is full, so that it was not made.
    Full(Error),
}

/// Asks RDS for the copy.
pub async fn start(rds: &Client, order: &Order<'_>) -> Result<Started, Error> {
    let &Order { from, to, key_arn, source_key_arn, copy_option_group, tags } = order;
    let doing = format!("copying snapshot {from} to {to}");
    let call = CopyOrder { from, to, key_arn, copy_option_group, tags };
    match rds_access::copy_snapshot(rds, &call).await {
        Ok(copy) => Ok(copy.map_or(Started::NotYet, |copy| Started::Made(Box::new(copy)))),
        // A concurrent call has created it, or the snapshot is not quite ready.
        Err(Refusal::AlreadyThere | Refusal::NotNow(_)) => Ok(Started::NotYet),
        Err(Refusal::Key(said)) => {
            let keys: Vec<&str> = source_key_arn.into_iter().chain([key_arn]).collect();
            Err(key::refused_by_rds(&doing, &keys, said))
        }
        Err(Refusal::Quota(said)) => {
            match quota::judge(&doing, &said, rds_access::snapshot_quota(rds).await?) {
                Refused::TooManyCopies => Ok(Started::NotYet),
                Refused::Full(error) => Ok(Started::Full(error)),
            }
        }
        Err(refused) => Err(refused.into_error(doing)),
    }
}

/// Judges the copy that is there: ours and ready, ours and on its way, failed, or somebody else's.
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

/// The report while a full quota may still count what was pruned; the error once nothing makes room any more. `polls` is how
/// many have met it before.
pub fn no_room(
    full: Error,
    to: &SnapshotIdentifier,
    stage: &Stage,
    polls: u32,
    is_something_leaving: bool,
) -> Result<StageReport, Error> {
    match Room::after(polls, is_something_leaving) {
        Room::Awaited { polls } => {
            stage.check_deadline(&format!("snapshot copy {to} to begin"), WAITING_FOR_ROOM)?;
            Ok(StageReport::unseen(stage, WAITING_FOR_ROOM, polls))
        }
        Room::Full => Err(full),
    }
}

/// The report of a copy that is not there yet.
pub fn not_started(to: &SnapshotIdentifier, stage: &Stage) -> Result<StageReport, Error> {
    stage.check_deadline(&format!("snapshot copy {to} to begin"), "not started")?;
    Ok(StageReport::pending(stage, "not started", None))
}
