//! The write half for restored instances: each call says once what its faults mean.

use aws_client::{code_and_message, fault};
use aws_sdk_rds::Client;
use aws_sdk_rds::error::ProvideErrorMetadata;
use aws_sdk_rds::operation::modify_db_instance::builders::ModifyDBInstanceFluentBuilder as Modification;
use aws_sdk_rds::operation::restore_db_instance_from_db_snapshot::builders::RestoreDBInstanceFromDBSnapshotFluentBuilder as Restoration;
use replication::naming::{InstanceIdentifier, SnapshotIdentifier};
use replication::progress::CREATING;
use replication::{Error, ErrorName};

/// How RDS refuses a value, alone or with others. They are in no model of an operation.
const REFUSED: [&str; 2] = ["InvalidParameterCombination", "InvalidParameterValue"];

/// What RDS has answered to a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restoring {
    /// It is under way, in this status.
    Accepted(String),
    /// An instance of the name exists: a concurrent call of this run has made it, or somebody else has.
    Exists,
    /// Nothing was created, and the same call may succeed later; the text says why.
    NotNow(&'static str),
    /// Nothing was created, because a quota of instances or of their storage is used up.
    Full(Error),
}

/// Asks RDS to restore a snapshot of this account as an instance.
///
/// # Errors
/// [`ErrorName::NotFound`], [`ErrorName::KeyNotAccessible`] or a fault of RDS.
pub async fn restore_instance(
    client: &Client,
    request: Restoration,
    snapshot: &SnapshotIdentifier,
    identifier: &InstanceIdentifier,
) -> Result<Restoring, Error> {
    let request =
        request.db_snapshot_identifier(snapshot.as_str()).db_instance_identifier(identifier.as_str());
    let error = match request.send().await {
        Ok(answer) => {
            // The answer says nothing reliable but that it was accepted; it very probably has no tags.
            let status = answer.db_instance().and_then(|made| made.db_instance_status());
            return Ok(Restoring::Accepted(status.unwrap_or(CREATING).to_owned()));
        }
        Err(error) => error,
    };
    let doing = format!("restoring snapshot {snapshot} as database {identifier}");
    let gone = |because: String| {
        Error::new(ErrorName::NotFound, &doing).because(because).advise("start the source execution again")
    };
    match error.as_service_error() {
        Some(e) if e.is_db_instance_already_exists_fault() => Ok(Restoring::Exists),
        Some(e) if e.is_invalid_db_snapshot_state_fault() => Ok(Restoring::NotNow("snapshot busy")),
        // It passes in minutes to hours.
        Some(e) if e.is_insufficient_db_instance_capacity_fault() => Ok(Restoring::NotNow("no capacity")),
        Some(e) if e.is_instance_quota_exceeded_fault() || e.is_storage_quota_exceeded_fault() => {
            Ok(Restoring::Full(
                Error::new(ErrorName::QuotaExceeded, doing)
                    .because(code_and_message(e))
                    .advise("delete databases that nobody needs, or ask AWS for a larger quota"),
            ))
        }
        Some(e) if e.is_db_snapshot_not_found_fault() => Err(gone(code_and_message(e))),
        Some(e) if e.is_kms_key_not_accessible_fault() => Err(Error::new(ErrorName::KeyNotAccessible, doing)
            .because(code_and_message(e))
            .advise("let this account and role use the key of the snapshot copy, the stack's KMSKey")),
        _ => {
            let error = fault(&doing, &error);
            // IAM judges by the tags of the snapshot, so that one that is gone is refused as if it were forbidden.
            if error.name() == ErrorName::AccessDenied
                && crate::snapshot_is_gone(client, snapshot.as_str()).await
            {
                return Err(gone("the snapshot does not exist any more".to_owned()));
            }
            Err(error)
        }
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
        Err(error) => match error.as_service_error() {
            Some(e) if e.is_invalid_db_instance_state_fault() => Ok(Modifying::NotNow(code_and_message(e))),
            Some(e) if REFUSED.contains(&e.code().unwrap_or_default()) => {
                Ok(Modifying::Refused(code_and_message(e)))
            }
            _ => Err(fault(format!("changing database {identifier} after its restore"), &error)),
        },
    }
}
