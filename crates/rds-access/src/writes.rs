//! The write half: each call that changes something, with its faults named by [`refusal`].
//!
//! IAM judges by the tags of what a call is about, so that a call about what is gone is refused as if it were forbidden.
//! Where that can happen, the thing is read again, so that what is missing is called missing.

use aws_sdk_rds::Client;
use replication::lineage::Tags;
use replication::naming::{InstanceIdentifier, SnapshotIdentifier};

use crate::refusal::{Refusal, refusal};
use crate::{RESTORE, Snapshot, instance_is_gone, read_snapshot, snapshot_is_gone, to_rds_tags};

/// A copy of a snapshot that is to be made.
#[derive(Debug, Clone, Copy)]
pub struct CopyParameters<'a> {
    /// The snapshot to copy: its identifier, or its ARN in another account or Region.
    pub from: &'a str,
    /// The name of the copy.
    pub to: &'a SnapshotIdentifier,
    /// The key of the copy.
    pub key_arn: &'a str,
    /// Whether the option group comes along; RDS does that only across accounts.
    pub copy_option_group: bool,
    /// The tags of the copy.
    pub tags: &'a Tags,
}

/// Makes a snapshot of a database. The answer may lack what the snapshot will have when it is described, its tags above
/// all: what a call has just made is the caller's.
///
/// # Errors
/// A refusal; `NotNow` if the database is busy.
pub async fn create_snapshot(
    client: &Client,
    database: &InstanceIdentifier,
    name: &SnapshotIdentifier,
    tags: &Tags,
) -> Result<Option<Snapshot>, Refusal> {
    let doing = format!("snapshotting database {database} as {name}");
    let request = client
        .create_db_snapshot()
        .db_instance_identifier(database.as_str())
        .db_snapshot_identifier(name.as_str())
        .set_tags(Some(to_rds_tags(tags)));
    let answer = request.send().await.map_err(|error| refusal(&doing, &error))?;
    answer.db_snapshot().map(read_snapshot).transpose().map_err(Refusal::Other)
}

/// Copies a snapshot; of the answer holds what [`create_snapshot`] says. `source` is RDS of the Region of the snapshot that is
/// copied, which alone knows whether that exists.
///
/// # Errors
/// A refusal; `NotNow` if the snapshot cannot be copied yet.
pub async fn copy_snapshot(
    client: &Client,
    source: &Client,
    order: &CopyParameters<'_>,
) -> Result<Option<Snapshot>, Refusal> {
    let CopyParameters { from, to, key_arn, copy_option_group, tags } = order;
    let request = client
        .copy_db_snapshot()
        .source_db_snapshot_identifier(*from)
        .target_db_snapshot_identifier(to.as_str())
        .kms_key_id(*key_arn)
        .copy_tags(false)
        .set_copy_option_group(copy_option_group.then_some(true))
        .set_tags(Some(to_rds_tags(tags)));
    match request.send().await {
        Ok(answer) => answer.db_snapshot().map(read_snapshot).transpose().map_err(Refusal::Other),
        Err(error) => {
            let refused = refusal(format!("copying snapshot {from} to {to}"), &error);
            if refused.is_denied() && snapshot_is_gone(source, from).await {
                return Err(Refusal::Gone(format!(
                    "snapshot {from} does not exist, or is not shared with this account"
                )));
            }
            Err(refused)
        }
    }
}

/// Lets another account restore a snapshot. Adding an account twice is adding it once.
///
/// # Errors
/// A refusal; `NotNow` if the snapshot is of a kind that cannot be shared.
pub async fn share_snapshot(
    client: &Client,
    name: &SnapshotIdentifier,
    account: &str,
) -> Result<(), Refusal> {
    let request = client
        .modify_db_snapshot_attribute()
        .db_snapshot_identifier(name.as_str())
        .attribute_name(RESTORE)
        .values_to_add(account);
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) => {
            let refused = refusal(format!("sharing snapshot {name} with account {account}"), &error);
            Err(gone_or(refused, || snapshot_is_gone(client, name.as_str())).await)
        }
    }
}

/// Adds tags to a thing of ours.
///
/// # Errors
/// A refusal; whether the thing is gone is for the caller to find out.
pub async fn add_tags(client: &Client, arn: &str, tags: &Tags) -> Result<(), Refusal> {
    let request = client.add_tags_to_resource().resource_name(arn).set_tags(Some(to_rds_tags(tags)));
    let answer = request.send().await;
    answer.map(drop).map_err(|error| refusal(format!("tagging {arn}"), &error))
}

/// Takes a tag off a thing of ours.
///
/// # Errors
/// As [`add_tags`].
pub async fn remove_tag(client: &Client, arn: &str, key: &str) -> Result<(), Refusal> {
    let answer = client.remove_tags_from_resource().resource_name(arn).tag_keys(key).send().await;
    answer.map(drop).map_err(|error| refusal(format!("taking the tag {key} off {arn}"), &error))
}

/// Sets the master password of an instance of ours, at once; Describe shows that later.
///
/// # Errors
/// A refusal; `NotNow` if its state forbids it.
pub async fn set_master_password(
    client: &Client,
    name: &InstanceIdentifier,
    password: &str,
) -> Result<(), Refusal> {
    let request = client
        .modify_db_instance()
        .db_instance_identifier(name.as_str())
        .master_user_password(password)
        .apply_immediately(true);
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) => {
            let refused = refusal(format!("setting the master password of database {name}"), &error);
            Err(gone_or(refused, || instance_is_gone(client, name)).await)
        }
    }
}

/// How a deletion has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// With everything that RDS deletes with it.
    Whole,
    /// Its automated backups stay, because AWS Backup protects the instance too.
    BackupsStay,
}

/// Deletes an instance, with a final snapshot if it is to have this one.
///
/// What AWS Backup also protects cannot be deleted with its automated backups; then those stay and the instance goes.
///
/// # Errors
/// A refusal; `NotNow` if its state forbids it, `AlreadyThere` if the final snapshot exists.
pub async fn delete_instance(
    client: &Client,
    name: &InstanceIdentifier,
    final_snapshot: Option<&SnapshotIdentifier>,
) -> Result<Deleted, Refusal> {
    let request = client
        .delete_db_instance()
        .db_instance_identifier(name.as_str())
        .skip_final_snapshot(final_snapshot.is_none())
        .set_final_db_snapshot_identifier(final_snapshot.map(ToString::to_string));
    let doing = format!("deleting database {name}");
    let refused = match request.clone().send().await {
        Ok(_) => return Ok(Deleted::Whole),
        Err(error) => refusal(&doing, &error),
    };
    let refused = match refused {
        Refusal::Combination(_) => match request.delete_automated_backups(false).send().await {
            Ok(_) => return Ok(Deleted::BackupsStay),
            Err(error) => refusal(&doing, &error),
        },
        refused => refused,
    };
    Err(gone_or(refused, || instance_is_gone(client, name)).await)
}

/// Deletes a snapshot.
///
/// # Errors
/// A refusal; `NotNow` if its state forbids it.
pub async fn delete_snapshot(client: &Client, name: &str) -> Result<(), Refusal> {
    match client.delete_db_snapshot().db_snapshot_identifier(name).send().await {
        Ok(_) => Ok(()),
        Err(error) => {
            let refused = refusal(format!("deleting snapshot {name}"), &error);
            Err(gone_or(refused, || snapshot_is_gone(client, name)).await)
        }
    }
}

/// The refusal, or that the thing is gone if that is why the call was forbidden.
pub(crate) async fn gone_or(refused: Refusal, is_gone: impl AsyncFnOnce() -> bool) -> Refusal {
    if refused.is_denied() && is_gone().await {
        return Refusal::Gone("it does not exist any more".to_owned());
    }
    refused
}
