//! Whether what a message announces is copied: the decision of `copy` in the destination account, before anything is
//! made.

#[cfg(test)]
mod tests;

use std::fmt;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::contract::SupersededBy;
use crate::naming::{ReplicationId, SnapshotArn};
use crate::observed::Snapshot;
use crate::pacing::UNSEEN_POLLS;
use crate::place::Place;
use crate::progress::{Progress, Restored};
use crate::versions::{Age, Live, Scope, World};
use crate::{Error, ErrorName, lineage};

const SECONDS_OF_HOUR: u64 = 3600;

/// What a poll has to do while there is no copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Copy it.
    Copy,
    /// It is not complete in the source account.
    Wait,
    /// It is not shown to this account yet.
    Await {
        /// How many polls in a row have not seen it, with this one.
        polls: u32,
    },
    /// Newer data are live, or a version holds the same, so that nothing is copied.
    Superseded(SupersededBy),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Copy => f.write_str("copy: it is complete and shared with this account"),
            Self::Wait => f.write_str("wait: it is not complete in the source account"),
            Self::Await { polls } => {
                write!(f, "wait: {polls} polls have not seen it shared with this account")
            }
            Self::Superseded(by) => write!(f, "copy nothing: {}", by.reason),
        }
    }
}

/// What the stack says about new versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How many versions may be newer than the live one.
    pub most_ahead: usize,
    /// Whether a replication goes live by itself.
    pub promotes: bool,
}

/// The snapshot that a message announces.
#[derive(Debug, Clone, Copy)]
pub struct Announced<'a> {
    /// The replication.
    pub id: &'a ReplicationId,
    /// The ARN of the shared snapshot.
    pub arn: &'a SnapshotArn,
    /// The snapshot as RDS shows it to this account, if it does.
    pub shared: Option<&'a Snapshot>,
    /// How many polls in a row have not seen it before this one.
    pub unseen: u32,
}

/// Checks that AWS can copy the announced snapshot into `own`, and that the source account keeps it as long as this account may
/// wait for a copy from another Region, which RDS may leave waiting for hours before it begins.
///
/// # Errors
/// [`ErrorName::InvalidInput`] where AWS cannot; [`ErrorName::InvalidConfiguration`] where the snapshot may be gone before.
pub fn check_reach(
    arn: &SnapshotArn,
    own: &Place,
    shared_hours: Option<u32>,
    deadline_seconds: u32,
) -> Result<(), Error> {
    let doing = format!("copying shared snapshot {arn}");
    if let Some(because) = arn.place().cannot_copy_into(own) {
        return Err(Error::new(ErrorName::InvalidInput, doing)
            .because(because)
            .advise("replicate within one Region there, or between Regions that AWS copies between"));
    }
    let Some(hours) = shared_hours.filter(|_| arn.region != own.region) else { return Ok(()) };
    if u64::from(deadline_seconds) <= u64::from(hours) * SECONDS_OF_HOUR {
        return Ok(());
    }
    let least = u64::from(deadline_seconds).div_ceil(SECONDS_OF_HOUR);
    Err(Error::new(ErrorName::InvalidConfiguration, doing)
        .because(format!(
            "this stack's CopyDeadlineSeconds is {deadline_seconds}, and the source account deletes the snapshot {hours} hours \
             after it was shared, which ends a copy that RDS has left waiting"
        ))
        .advise(format!(
            "deploy the source stack with SharedSnapshotHours={least} or more, or this one with CopyDeadlineSeconds={} or less",
            u64::from(hours) * SECONDS_OF_HOUR
        )))
}

/// Decides.
///
/// # Errors
/// [`ErrorName::SourceMismatch`], [`ErrorName::TooManyVersionsAhead`], [`ErrorName::VersionsExhausted`],
/// [`ErrorName::NotFound`], [`ErrorName::CopyFailed`].
pub fn decide(
    scope: &Scope<'_>,
    world: &World<'_>,
    announced: &Announced<'_>,
    rules: &Rules,
) -> Result<Step, Error> {
    let Announced { id, arn, shared, unseen } = announced;
    let doing = format!("copying shared snapshot {arn}");
    if let Some(shared) = shared {
        check_database(scope, shared, &doing)?;
        let superseded = superseded_by(scope, world, id, shared);
        let superseded = superseded.or_else(|| held_by(scope, world, announced, shared, rules.promotes));
        if let Some(by) = superseded {
            return Ok(Step::Superseded(by));
        }
    }
    world.check_ahead(scope, id, rules.most_ahead, &doing)?;
    world.next_version(scope)?;
    match shared.map(|shared| (shared.status.progress(), &shared.status)) {
        Some((Progress::Ready, _)) => Ok(Step::Copy),
        Some((Progress::Pending, _)) => Ok(Step::Wait),
        Some((Progress::Failed, status)) => Err(Error::new(ErrorName::CopyFailed, doing)
            .because(format!("it is {status} in the source account"))
            .advise("start the source execution again")),
        None if *unseen < UNSEEN_POLLS => Ok(Step::Await { polls: unseen + 1 }),
        None => Err(Error::new(ErrorName::NotFound, doing)
            .because(format!("{UNSEEN_POLLS} polls have found no such snapshot that is shared with this account"))
            .advise(
                "check that it still exists in the source account and that the source stack's DestinationAccountNumber is \
                 this account",
            )),
    }
}

fn check_database(scope: &Scope<'_>, shared: &Snapshot, doing: &str) -> Result<(), Error> {
    if shared.source_database == *scope.database {
        return Ok(());
    }
    Err(Error::new(ErrorName::SourceMismatch, doing)
        .because(format!(
            "it is of database {}, and this stack replicates {}",
            shared.source_database, scope.database
        ))
        .advise(
            "deploy another destination stack for it with its own SourceDBIdentifier, DatabaseName and SecretName, or \
             correct this stack's SourceDBIdentifier",
        ))
}

/// What is live, if its data are newer.
fn superseded_by(
    scope: &Scope<'_>,
    world: &World<'_>,
    id: &ReplicationId,
    shared: &Snapshot,
) -> Option<SupersededBy> {
    let announced = shared.time_of_data().or_else(|| id.started_at())?;
    let live = world.live_data_time(scope).filter(|live| *live > announced)?;
    Some(SupersededBy {
        host: world.live_host.to_owned(),
        snapshot_database_time: say(live),
        reason: format!(
            "the data of {} are of {}, and those of the live version are newer, of {}",
            shared.identifier,
            say(announced),
            say(live)
        ),
    })
}

/// The version that was restored from the very snapshot that is announced, because messages come again under another
/// id: somebody sends one again, or starts the machine by hand. It is the live one, or one that was
/// live before, or that waits until somebody makes it live. What a run has left behind that ended before it could make
/// it live does not count, because the data are to go live still.
fn held_by(
    scope: &Scope<'_>,
    world: &World<'_>,
    announced: &Announced<'_>,
    shared: &Snapshot,
    promotes: bool,
) -> Option<SupersededBy> {
    let time = shared.data_time.as_deref().and_then(lineage::read_time)?;
    let source = announced.arn.to_string();
    let copies = world.snapshots.iter().filter(|copy| {
        scope.owns_snapshot(copy) && copy.tags.get(lineage::SOURCE_SNAPSHOT) == Some(source.as_str())
    });
    let copies: Vec<String> = copies.map(|copy| copy.arn.to_string()).collect();
    let live_age = world.live_age(scope);
    let found = world.instances.iter().filter(|one| scope.owns(one) && one.tags.data_time() == Some(time));
    let mut found = found.filter(|one| {
        let from = one.tags.get(lineage::SOURCE_SNAPSHOT);
        from.is_some_and(|from| copies.iter().any(|copy| copy == from))
    });
    let (holder, standing) = found.find_map(|one| {
        let is_whole = matches!(one.status.restored(), Restored::Usable | Restored::Stopped);
        let is_behind = live_age.as_ref().is_some_and(|live| Age::of_instance(one) < *live);
        match world.live(scope) {
            Live::Instance(live) if live.identifier == one.identifier => {
                (is_whole || one.status.restored() == Restored::Busy).then_some((one, "is live"))
            }
            _ if is_behind || !is_whole => None,
            _ if one.tags.are_promoted() => Some((one, "was live before")),
            _ => (!promotes).then_some((one, "waits to be made live")),
        }
    })?;
    Some(SupersededBy {
        host: holder.host.clone().unwrap_or_default(),
        snapshot_database_time: say(time),
        reason: format!("version {} was restored from the same snapshot and {standing}", holder.identifier),
    })
}

fn say(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}
