//! The write half for restored instances: what the answer to each call means for a restore.

use aws_sdk_rds::Client;
use aws_sdk_rds::operation::modify_db_instance::builders::ModifyDBInstanceFluentBuilder as Modification;
use aws_sdk_rds::operation::restore_db_instance_from_db_snapshot::builders::RestoreDBInstanceFromDBSnapshotFluentBuilder as Restoration;
use replication::Error;
use replication::naming::{InstanceIdentifier, SnapshotIdentifier};
use replication::progress::CREATING;

use crate::refusal::{Refusal, refusal};
use crate::writes::gone_or;

/// What RDS has answered to a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restoring {
    /// It is under way, in this status.
    Accepted(String),
    /// An instance of the name exists: a concurrent call of this run has made it, or somebody else has.
    Exists,
    /// Nothing was created, and the same call may succeed later; the text says why.
    NotNow(String),
    /// Nothing was created, because a quota of instances or of their storage is used up.
    Full(Error),
}

/// Asks RDS to restore a snapshot of this account as an instance.
///
/// # Errors
/// `NotFound`, `KeyNotAccessible` or a fault of RDS.
pub async fn restore_instance(
    client: &Client,
    request: Restoration,
    snapshot: &SnapshotIdentifier,
    identifier: &InstanceIdentifier,
) -> Result<Restoring, Error> {
    let request =
        request.db_snapshot_identifier(snapshot.as_str()).db_instance_identifier(identifier.as_str());
    let doing = format!("restoring snapshot {snapshot} as database {identifier}");
    let refused = match request.send().await {
        Ok(answer) => {
            // The answer says nothing reliable but that it was accepted; it very probably has no tags.
            let status = answer.db_instance().and_then(|made| made.db_instance_status());
            return Ok(Restoring::Accepted(status.unwrap_or(CREATING).to_owned()));
        }
        Err(error) => refusal(&doing, &error),
    };
    // IAM judges by the tags of the snapshot, so that one that is gone is refused as if it were forbidden.
    match gone_or(refused, || crate::snapshot_is_gone(client, snapshot.as_str())).await {
        Refusal::AlreadyThere => Ok(Restoring::Exists),
        Refusal::NotNow(said) => Ok(Restoring::NotNow(said)),
        refused @ Refusal::Quota(_) => Ok(Restoring::Full(
            refused
                .into_error(doing)
                .advise("delete databases that are no longer needed, or ask AWS for a larger quota"),
        )),
        refused @ Refusal::Gone(_) => {
            Err(refused.into_error(doing).advise("start the source execution again"))
        }
        refused @ Refusal::Key(_) => Err(refused
            .into_error(doing)
            .advise("let this account and role use the key of the snapshot copy, the stack's KMSKey")),
        refused @ Refusal::Network(_) => Err(refused.into_error(doing).advise(
            "give the stack's Subnetgroups a DB subnet group of this account; an account without a default VPC needs one",
        )),
        refused => Err(refused.into_error(doing)),
    }
}

/// What RDS has answered to a change of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Modifying {
    /// It is made now; RDS may go on showing the instance as it was for a while.
    Accepted,
    /// Not while another change runs; the text is RDS's.
    NotNow(String),
    /// RDS does not accept the value; the text is RDS's.
    Refused(String),
}

/// Asks RDS to change an instance.
///
/// # Errors
/// A fault of RDS.
pub async fn modify_instance(
    request: Modification,
    identifier: &InstanceIdentifier,
) -> Result<Modifying, Error> {
    let request = request.db_instance_identifier(identifier.as_str()).apply_immediately(true);
    match request.send().await {
        Ok(_) => Ok(Modifying::Accepted),
        Err(error) => {
            let doing = format!("changing database {identifier} after its restore");
            match refusal(&doing, &error) {
                Refusal::NotNow(said) => Ok(Modifying::NotNow(said)),
                Refusal::Combination(said) | Refusal::Value(said) => Ok(Modifying::Refused(said)),
                refused => Err(refused.into_error(doing)),
            }
        }
    }
}
