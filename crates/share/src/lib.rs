//! `share` makes the destination account see the snapshot.
//!
//! Converges to: the destination account is among those that may restore the snapshot. It may run again at any time:
//! it looks at the attribute first, and adding an account twice is adding it once.
//!
//! Needs: `rds:DescribeDBSnapshots`, `rds:DescribeDBSnapshotAttributes`, `rds:ModifyDBSnapshotAttribute`.

use aws_sdk_rds::Client;
use lambda_task::{Environment, code_and_message, fault};
use replication::contract::{Envelope, SourceState, TargetDbSnapshot};
use replication::naming::{SnapshotArn, SnapshotIdentifier};
use replication::{Error, ErrorName};
use serde::Serialize;

/// The attribute whose values are the accounts that may restore a snapshot (API model, `ModifyDBSnapshotAttribute`).
const RESTORE: &str = "restore";

/// What the stack says.
#[derive(Debug, Clone)]
pub struct Config {
    stack: String,
    destination_account: String,
}

impl Config {
    /// The environment variables this function reads.
    pub const ENVIRONMENT: &[&str] = &["STACK_NAME", "DESTINATION_ACCOUNT_NUMBER"];

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
/// `InvalidInput`, `NotFound`, `NameTaken`, `NotShareable`, `QuotaExceeded`, or a fault of RDS.
pub async fn run(rds: &Client, config: &Config, input: Envelope<SourceState>) -> Result<Shared, Error> {
    let Some(TargetDbSnapshot { identifier, arn: Some(snapshot_arn), .. }) = input.state.target_db_snapshot
    else {
        return Err(Error::new(ErrorName::InvalidInput, "sharing the snapshot")
            .because("field state.targetDBSnapshot.targetDBSnapshotArn is missing"));
    };
    let account = config.destination_account.clone();
    let doing = format!("sharing snapshot {identifier} with account {account}");
    require_ours(rds, config, &identifier, &doing).await?;

    let already_shared = accounts_that_may_restore(rds, &identifier).await?.contains(&account);
    if !already_shared {
        rds.modify_db_snapshot_attribute()
            .db_snapshot_identifier(identifier.as_str())
            .attribute_name(RESTORE)
            .values_to_add(&account)
            .send()
            .await
            .map_err(|error| match error.as_service_error() {
                Some(e) if e.is_shared_snapshot_quota_exceeded_fault() => {
                    Error::new(ErrorName::QuotaExceeded, &doing)
                        .because(code_and_message(e))
                        .advise("a snapshot can be shared with 20 accounts: remove one")
                }
                Some(e) if e.is_invalid_db_snapshot_state_fault() => Error::new(
                    ErrorName::NotShareable,
                    &doing,
                )
                .because(code_and_message(e))
                .advise(
                    "only a manual, available snapshot under a customer-managed key (or none) and without a \
                         permanent option group can be shared",
                ),
                Some(e) if e.is_db_snapshot_not_found_fault() => gone(&doing),
                _ => fault(&doing, &error),
            })?;
    }
    Ok(Shared { snapshot_arn, account, already_shared })
}

/// Sharing gives another account all the data, so it is done only to what this stack has made.
async fn require_ours(
    rds: &Client,
    config: &Config,
    identifier: &SnapshotIdentifier,
    doing: &str,
) -> Result<(), Error> {
    match rds_access::snapshot(rds, identifier.as_str()).await? {
        Some(found) if found.is_of_stack(&config.stack) => Ok(()),
        Some(_) => Err(Error::new(ErrorName::NameTaken, doing)
            .because("the snapshot does not carry this stack's tag")
            .advise("start a new execution; this project shares only snapshots that it has made")),
        None => Err(gone(doing)),
    }
}

fn gone(doing: &str) -> Error {
    Error::new(ErrorName::NotFound, doing).because("the snapshot is gone").advise("start a new execution")
}

async fn accounts_that_may_restore(
    rds: &Client,
    identifier: &SnapshotIdentifier,
) -> Result<Vec<String>, Error> {
    let doing = format!("looking at the attributes of snapshot {identifier}");
    let request = rds.describe_db_snapshot_attributes().db_snapshot_identifier(identifier.as_str());
    let answer = request.send().await.map_err(|error| match error.as_service_error() {
        Some(e) if e.is_db_snapshot_not_found_fault() => gone(&doing),
        _ => fault(&doing, &error),
    })?;
    let attributes = answer.db_snapshot_attributes_result().map(|result| result.db_snapshot_attributes());
    Ok(attributes
        .unwrap_or_default()
        .iter()
        .filter(|attribute| attribute.attribute_name() == Some(RESTORE))
        .flat_map(|attribute| attribute.attribute_values().to_vec())
        .collect())
}
