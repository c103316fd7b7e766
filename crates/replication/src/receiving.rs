//! Whether what a message announces is copied: the decision of `copy` in the destination account, before anything is
//! made.

#[cfg(test)]
mod tests;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::contract::SupersededBy;
use crate::naming::{ReplicationId, SnapshotArn};
use crate::observed::Snapshot;
use crate::pacing::UNSEEN_POLLS;
use crate::progress::Progress;
use crate::versions::{Scope, World};
use crate::{Error, ErrorName};

/// What a poll has to do while there is no copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Copy it.
    Copy,
    /// It is not complete in the source account.
    Wait,
    /// It is not shown to this account yet.
    Await {
        /// How many polls running have not seen it, with this one.
        polls: u32,
    },
    /// Newer data are live, so that nothing is copied.
    Superseded(SupersededBy),
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
    /// How many polls running have not seen it before this one.
    pub unseen: u32,
}

/// Decides; `most_ahead` is how many versions may be newer than the live one.
///
/// # Errors
/// [`ErrorName::SourceMismatch`], [`ErrorName::TooManyVersionsAhead`], [`ErrorName::VersionsExhausted`],
/// [`ErrorName::NotFound`], [`ErrorName::CopyFailed`].
pub fn decide(
    scope: &Scope<'_>,
    world: &World<'_>,
    announced: &Announced<'_>,
    most_ahead: usize,
) -> Result<Step, Error> {
    let Announced { id, arn, shared, unseen } = announced;
    let doing = format!("copying shared snapshot {arn}");
    if let Some(shared) = shared {
        check_database(scope, shared, &doing)?;
        if let Some(live) = superseded_by(scope, world, id, shared) {
            return Ok(Step::Superseded(live));
        }
    }
    world.check_ahead(scope, id, most_ahead, &doing)?;
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
    let say = |time: OffsetDateTime| time.format(&Rfc3339).unwrap_or_default();
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
