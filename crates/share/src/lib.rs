//! `share` makes the destination account see the snapshot.
//!
//! Converges to: the destination account is among those that may restore the snapshot. It may run again at any time:
//! it reads the attribute first, and adding an account twice is adding it once. Before that the time is written on the
//! snapshot, because pruning counts from it, and how long the stages took, which the next run goes by when it waits. The decision is [`replication::sharing`].
//!
//! Needs: `rds:DescribeDBSnapshots`, `rds:ListTagsForResource`, `rds:DescribeDBSnapshotAttributes`,
//! `rds:AddTagsToResource`, `rds:ModifyDBSnapshotAttribute`.

use lambda_task::Environment;
use rds_access::{Refusal, Regions};
use replication::contract::{Envelope, SourceState, TargetDbSnapshot};
use replication::lineage::{SHARED_AT, STAGE_SECONDS, Tags};
use replication::naming::SnapshotArn;
use replication::pacing::history;
use replication::sharing::{self, Sharing};
use replication::{Error, ErrorName};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What the stack says.
#[derive(Debug, Clone)]
pub struct Config {
    stack: String,
    destination_account: String,
}

impl Config {
    /// Reads the function's environment.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable.
    pub fn read(environment: &Environment) -> Result<Self, Error> {
        Ok(Self {
            stack: environment.text("STACK_NAME")?,
            destination_account: environment.text("DESTINATION_ACCOUNT_NUMBER")?,
        })
    }
}

/// What was shared with whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shared {
    /// The snapshot.
    pub snapshot_arn: SnapshotArn,
    /// The account that may restore it.
    pub account: String,
    /// Whether it was shared before this call.
    pub already_shared: bool,
}

/// Shares the snapshot of this run, unless it is shared already.
///
/// # Errors
/// `InvalidInput`, `NotVisibleYet`, `NameTaken`, `NotShareable`, `QuotaExceeded`, or a fault of RDS.
pub async fn run(
    regions: &Regions,
    config: &Config,
    input: Envelope<SourceState>,
    now: OffsetDateTime,
) -> Result<Shared, Error> {
    let SourceState { source_db_snapshot: source, target_db_snapshot: target, .. } = input.state;
    let target = target.and_then(|target| Some((target.arn.clone()?, target)));
    let Some((snapshot_arn, target)) = target else {
        return Err(Error::new(ErrorName::InvalidInput, "sharing the snapshot")
            .because("field state.targetDBSnapshot.targetDBSnapshotArn is missing"));
    };
    let TargetDbSnapshot { identifier, .. } = &target;
    let rds = regions.of(&snapshot_arn);
    let account = config.destination_account.clone();
    let doing = format!("sharing snapshot {identifier} with account {account}");
    let found = rds_access::snapshot(rds, identifier.as_str()).await?;
    let shared_with = rds_access::shared_with(rds, identifier).await?;
    let step = sharing::decide(&doing, &config.stack, &account, found.as_ref(), shared_with.as_deref())?;
    tracing::info!(decision = %step, "decided");
    if step == Sharing::Share {
        let named = |refused| named(&doing, refused);
        // A time with a complete, constant description always has a text.
        let time = now.format(&Rfc3339).unwrap_or_default();
        let id = input.execution.replication_id();
        let took = history::of_source(&id, source.as_ref(), &target, now);
        lambda_task::log_stage_seconds(took.as_deref());
        let tags = Tags::default().with(SHARED_AT, time).with_some(STAGE_SECONDS, took);
        rds_access::add_tags(rds, &snapshot_arn.to_string(), &tags).await.map_err(named)?;
        rds_access::share_snapshot(rds, identifier, &account).await.map_err(named)?;
    }
    Ok(Shared { snapshot_arn, account, already_shared: step == Sharing::IsShared })
}

/// The error for a refusal.
fn named(doing: &str, refused: Refusal) -> Error {
    match refused {
        Refusal::Gone(said) => sharing::not_visible(doing, &said),
        Refusal::NotNow(said) => Error::new(ErrorName::NotShareable, doing).because(said).advise(
            "only a manual, available snapshot under a customer-managed key (or none) and without a permanent option \
             group can be shared",
        ),
        Refusal::Quota(said) => Error::new(ErrorName::QuotaExceeded, doing)
            .because(said)
            .advise("a snapshot can be shared with 20 accounts: remove one"),
        refused => refused.into_error(doing),
    }
}
