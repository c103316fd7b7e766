//! What the tasks share of RDS: the read half (what is there), the write half (what changes it), and the spelling of tags
//! and times.
//!
//! Absence is an answer, not an error: a task decides what it means that something is not there.

mod candidates;
pub mod preflight;
mod quotas;
mod refusal;
mod regions;
pub mod restoring;
pub mod settings;
mod versions;
mod writes;

use aws_client::fault;
use aws_sdk_rds::Client;
use aws_sdk_rds::operation::describe_db_snapshots::builders::DescribeDBSnapshotsFluentBuilder;
use aws_sdk_rds::types::{DbInstance, DbSnapshot, Filter, Tag};
use replication::lineage::Tags;
use replication::naming::{InstanceIdentifier, SnapshotArn, SnapshotIdentifier};
use replication::observed;
pub use replication::observed::{Instance, Snapshot};
use replication::{Error, ErrorName, quota};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub use crate::candidates::candidates;
pub use crate::quotas::snapshot_quota;
pub use crate::refusal::{Refusal, refusal};
pub use crate::regions::Regions;
pub use crate::versions::{instances_named, instances_of_ids, instances_of_stack, versions};
pub use crate::writes::{
    CopyParameters, Deleted, add_tags, copy_snapshot, create_snapshot, delete_instance, delete_snapshot,
    remove_tag, set_master_password, share_snapshot,
};

/// The attribute whose values are the accounts that may restore a snapshot (API model, `ModifyDBSnapshotAttribute`).
const RESTORE: &str = "restore";

/// Reads one snapshot, named by its identifier or, if another account has shared it, by its ARN.
///
/// # Errors
/// A fault of RDS; a snapshot that does not exist or is not visible is `None`.
pub async fn snapshot(client: &Client, name: &str) -> Result<Option<Snapshot>, Error> {
    let shared = name.starts_with("arn:");
    let request = client.describe_db_snapshots().db_snapshot_identifier(name);
    let request = if shared { request.include_shared(true) } else { request };
    match request.send().await {
        Ok(answer) => {
            let Some(found) = answer.db_snapshots().first().map(read_snapshot).transpose()? else {
                return Ok(None);
            };
            // The tags of what another account has shared are not shown to this one.
            if shared { Ok(Some(found)) } else { with_tags(client, found).await }
        }
        Err(error) if error.as_service_error().is_some_and(|e| e.is_db_snapshot_not_found_fault()) => {
            Ok(None)
        }
        Err(error) => Err(fault(format!("reading snapshot {name}"), &error)),
    }
}

/// Reads every manual snapshot with the tag of a stack, all pages: those that it has made, and those that others have
/// made of its things.
///
/// # Errors
/// A fault of RDS.
pub async fn snapshots_of_stack(client: &Client, stack: &str) -> Result<Vec<Snapshot>, Error> {
    tagged_with_stack(client, client.describe_db_snapshots(), stack).await
}

async fn tagged_with_stack(
    client: &Client,
    request: DescribeDBSnapshotsFluentBuilder,
    stack: &str,
) -> Result<Vec<Snapshot>, Error> {
    let mut pages = request.snapshot_type("manual").into_paginator().items().send();
    let mut snapshots = Vec::new();
    while let Some(snapshot) = pages.next().await {
        let snapshot = snapshot.map_err(|error| fault("listing the manual snapshots", &error))?;
        let is_hidden = snapshot.tag_list().is_empty()
            && snapshot.db_snapshot_identifier().is_some_and(observed::has_snapshot_form);
        if is_hidden || read_tags(snapshot.tag_list()).tagged_with_stack(stack) {
            snapshots.extend(with_tags(client, read_snapshot(&snapshot)?).await?);
        }
    }
    snapshots.retain(|snapshot| snapshot.tags.tagged_with_stack(stack));
    Ok(snapshots)
}

/// Reads the manual snapshots of one database with the tag of a stack: those made of it, and their copies, which RDS keeps
/// under the same `DBInstanceIdentifier` in any account. `known` is one of them that must be among them: if it is not, RDS does
/// not answer as it is expected to, and every snapshot of the stack is read.
///
/// # Errors
/// A fault of RDS.
pub async fn snapshots_of_database(
    client: &Client,
    stack: &str,
    database: &InstanceIdentifier,
    known: Option<&SnapshotIdentifier>,
) -> Result<Vec<Snapshot>, Error> {
    // As a parameter the name has to be that of an existing instance (API model), which it is in the source account alone.
    let filter = Filter::builder().name("db-instance-id").values(database.as_str()).build();
    let found = tagged_with_stack(client, client.describe_db_snapshots().filters(filter), stack).await?;
    match known {
        Some(known) if found.iter().all(|snapshot| snapshot.identifier != *known) => {
            snapshots_of_stack(client, stack).await
        }
        _ => Ok(found),
    }
}

/// Whether RDS is deleting a snapshot of the stack, which makes room in a full quota.
///
/// # Errors
/// A fault of RDS.
pub async fn is_snapshot_leaving(client: &Client, stack: &str) -> Result<bool, Error> {
    Ok(quota::is_snapshot_leaving(&snapshots_of_stack(client, stack).await?, stack))
}

/// Whether RDS is deleting an instance of the stack, which makes room in a full quota.
///
/// # Errors
/// A fault of RDS.
pub async fn is_instance_leaving(client: &Client, stack: &str) -> Result<bool, Error> {
    Ok(quota::is_instance_leaving(&instances_of_stack(client, stack).await?, stack))
}

/// The accounts that may restore a snapshot of this account; nothing if it does not exist or is not visible.
///
/// # Errors
/// A fault of RDS.
pub async fn shared_with(client: &Client, name: &SnapshotIdentifier) -> Result<Option<Vec<String>>, Error> {
    let request = client.describe_db_snapshot_attributes().db_snapshot_identifier(name.as_str());
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => match refusal(format!("reading the attributes of snapshot {name}"), &error) {
            Refusal::Gone(_) => return Ok(None),
            refused => {
                return Err(refused.into_error(format!("reading the attributes of snapshot {name}")));
            }
        },
    };
    let attributes = answer.db_snapshot_attributes_result().map(|result| result.db_snapshot_attributes());
    let of_restore =
        attributes.unwrap_or_default().iter().filter(|one| one.attribute_name() == Some(RESTORE));
    Ok(Some(of_restore.flat_map(|attribute| attribute.attribute_values().to_vec()).collect()))
}

/// Reads one instance.
///
/// # Errors
/// A fault of RDS; an instance that does not exist is `None`.
pub async fn instance(client: &Client, identifier: &InstanceIdentifier) -> Result<Option<Instance>, Error> {
    match client.describe_db_instances().db_instance_identifier(identifier.as_str()).send().await {
        Ok(answer) => match answer.db_instances().first().map(read_instance).transpose()? {
            Some(found) => with_tags(client, found).await,
            None => Ok(None),
        },
        Err(error) if error.as_service_error().is_some_and(|e| e.is_db_instance_not_found_fault()) => {
            Ok(None)
        }
        Err(error) => Err(fault(format!("reading database {identifier}"), &error)),
    }
}

/// Whether an instance is certainly gone. IAM judges by the tags of what a call is about, so that a call about what is gone,
/// such as the repetition of a deletion whose answer was lost, is refused as if it were forbidden.
pub async fn instance_is_gone(client: &Client, identifier: &InstanceIdentifier) -> bool {
    matches!(instance(client, identifier).await, Ok(None))
}

/// Whether a snapshot is certainly gone; see [`instance_is_gone`].
pub async fn snapshot_is_gone(client: &Client, name: &str) -> bool {
    matches!(snapshot(client, name).await, Ok(None))
}

/// A thing of RDS whose tags say whose it is.
trait Tagged {
    fn arn(&self) -> String;
    fn tags(&mut self) -> &mut Tags;
    /// Whether its name is one that this project could have given it.
    fn has_our_form(&self) -> bool;
}

impl Tagged for Instance {
    fn arn(&self) -> String {
        self.arn.clone()
    }

    fn tags(&mut self) -> &mut Tags {
        &mut self.tags
    }

    fn has_our_form(&self) -> bool {
        observed::has_instance_form(self.identifier.as_str())
    }
}

impl Tagged for Snapshot {
    fn arn(&self) -> String {
        self.arn.to_string()
    }

    fn tags(&mut self) -> &mut Tags {
        &mut self.tags
    }

    fn has_our_form(&self) -> bool {
        observed::has_snapshot_form(self.identifier.as_str())
    }
}

/// Completes what a description has left out: it has happened that RDS described everything without tags for hours, while
/// `ListTagsForResource` still had them. What could be ours by its name is not judged before it was asked for its tags.
/// Nothing if it was deleted in the meantime.
async fn with_tags<T: Tagged>(client: &Client, found: T) -> Result<Option<T>, Error> {
    if found.has_our_form() { listed_tags(client, found).await } else { Ok(Some(found)) }
}

/// The instance with its tags, also where its description has left them out and its name is none of ours, because they are
/// wanted for what is made of it. `None` if it was deleted in the meantime.
///
/// # Errors
/// A fault of RDS.
pub async fn with_own_tags(client: &Client, found: Instance) -> Result<Option<Instance>, Error> {
    listed_tags(client, found).await
}

/// Asks for the tags of what was described without any.
async fn listed_tags<T: Tagged>(client: &Client, mut found: T) -> Result<Option<T>, Error> {
    if !found.tags().is_empty() {
        return Ok(Some(found));
    }
    let Some(tags) = tags_of(client, &found.arn()).await? else { return Ok(None) };
    *found.tags() = tags;
    Ok(Some(found))
}

/// The tags of what has this ARN, by the call that has nothing else to say; nothing if it is gone.
async fn tags_of(client: &Client, arn: &str) -> Result<Option<Tags>, Error> {
    match client.list_tags_for_resource().resource_name(arn).send().await {
        Ok(answer) => Ok(Some(read_tags(answer.tag_list()))),
        Err(error) => {
            let doing = format!("reading the tags of {arn}");
            match refusal(&doing, &error) {
                Refusal::Gone(_) => Ok(None),
                refused => Err(refused.into_error(doing)),
            }
        }
    }
}

/// Our tags as RDS takes them.
#[must_use]
pub fn to_rds_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// The snapshot in an answer of RDS.
///
/// # Errors
/// [`ErrorName::Rejected`] if the answer lacks what the API model promises.
pub fn read_snapshot(found: &DbSnapshot) -> Result<Snapshot, Error> {
    let name = found.db_snapshot_identifier().unwrap_or_default();
    let incomplete = |field: &str| incomplete(&format!("snapshot {name}"), field);
    // An automated or shared snapshot is named by its ARN or with a prefix; the ARN's own end is the identifier.
    let arn: SnapshotArn = found.db_snapshot_arn().ok_or_else(|| incomplete("DBSnapshotArn"))?.parse()?;
    Ok(Snapshot {
        identifier: arn.identifier.clone(),
        arn,
        status: found.status().ok_or_else(|| incomplete("Status"))?.into(),
        percent_progress: found.percent_progress(),
        source_database: found
            .db_instance_identifier()
            .ok_or_else(|| incomplete("DBInstanceIdentifier"))?
            .parse()?,
        encrypted: found.encrypted().unwrap_or(false),
        key_arn: found.kms_key_id().map(str::to_owned),
        engine: found.engine().map(str::to_owned),
        engine_version: found.engine_version().map(str::to_owned),
        license_model: found.license_model().map(str::to_owned),
        allocated_storage: found.allocated_storage(),
        full_bytes: found.full_snapshot_size_in_bytes(),
        storage_type: found.storage_type().map(str::to_owned),
        iops: found.iops(),
        data_time: found.snapshot_database_time().or(found.original_snapshot_create_time()).and_then(rfc3339),
        tags: read_tags(found.tag_list()),
    })
}

/// The instance in an answer of RDS.
///
/// # Errors
/// [`ErrorName::Rejected`] if the answer lacks what the API model promises.
pub fn read_instance(found: &DbInstance) -> Result<Instance, Error> {
    let name = found.db_instance_identifier().unwrap_or_default();
    let incomplete = |field: &str| incomplete(&format!("database {name}"), field);
    Ok(Instance {
        identifier: name.parse()?,
        arn: found.db_instance_arn().ok_or_else(|| incomplete("DBInstanceArn"))?.to_owned(),
        resource_id: found.dbi_resource_id().map(str::to_owned),
        cluster: found.db_cluster_identifier().map(str::to_owned),
        option_groups: found
            .option_group_memberships()
            .iter()
            .filter_map(|membership| membership.option_group_name().map(str::to_owned))
            .collect(),
        status: found.db_instance_status().ok_or_else(|| incomplete("DBInstanceStatus"))?.into(),
        host: found.endpoint().and_then(|endpoint| endpoint.address()).map(str::to_owned),
        port: found.endpoint().and_then(|endpoint| endpoint.port()).and_then(|port| port.try_into().ok()),
        engine: found.engine().map(str::to_owned),
        database_name: found.db_name().map(str::to_owned),
        deletion_protection: found.deletion_protection().unwrap_or(false),
        master_username: found.master_username().map(str::to_owned),
        password_is_pending: found
            .pending_modified_values()
            .is_some_and(|pending| pending.master_user_password().is_some()),
        settings: settings::shown(found),
        allocated_storage: found.allocated_storage(),
        storage_operation: found.storage_operation_status().map(str::to_owned),
        storage_percent_progress: found.storage_operation_percent_progress(),
        log_exports: found.enabled_cloudwatch_logs_exports().to_vec(),
        read_replicas: [
            found.read_replica_db_instance_identifiers(),
            found.read_replica_db_cluster_identifiers(),
        ]
        .concat(),
        tags: read_tags(found.tag_list()),
    })
}

fn incomplete(thing: &str, field: &str) -> Error {
    Error::new(ErrorName::Rejected, format!("reading {thing}")).because(format!("the answer has no {field}"))
}

fn read_tags(tags: &[Tag]) -> Tags {
    tags.iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default()))).collect()
}

fn rfc3339(instant: &aws_sdk_rds::primitives::DateTime) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(instant.secs()).ok()?.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_lacks_what_the_model_promises_is_named() {
        let found = DbSnapshot::builder().db_snapshot_identifier("nightly").build();
        let error = read_snapshot(&found).unwrap_err();
        assert_eq!(error.name(), ErrorName::Rejected);
        assert_eq!(error.to_string(), "reading snapshot nightly: the answer has no DBSnapshotArn");
    }

    /// > The time of the data is never the time of a copy.
    #[test]
    fn the_time_of_a_copy_is_not_the_time_of_its_data() {
        let at = aws_sdk_rds::primitives::DateTime::from_secs;
        let copy = DbSnapshot::builder()
            .db_snapshot_arn("arn:aws:rds:eu-west-1:123456789012:snapshot:nightly")
            .db_instance_identifier("orders")
            .status("available")
            .snapshot_create_time(at(7_200));
        let time = |copy: &DbSnapshot| read_snapshot(copy).unwrap().data_time;
        assert_eq!(time(&copy.clone().build()), None);
        let copy = copy.original_snapshot_create_time(at(3_600));
        assert_eq!(time(&copy.clone().build()).as_deref(), Some("1970-01-01T01:00:00Z"));
        assert_eq!(
            time(&copy.snapshot_database_time(at(60)).build()).as_deref(),
            Some("1970-01-01T00:01:00Z")
        );
    }

    #[test]
    fn a_snapshot_is_read_with_its_tags() {
        let found = DbSnapshot::builder()
            .db_snapshot_arn("arn:aws:rds:eu-west-1:123456789012:snapshot:nightly")
            .db_instance_identifier("orders")
            .status("available")
            .snapshot_database_time(aws_sdk_rds::primitives::DateTime::from_secs(0))
            .tag_list(Tag::builder().key("k").value("v").build())
            .build();
        let snapshot = read_snapshot(&found).unwrap();
        assert_eq!(snapshot.identifier.as_str(), "nightly");
        assert_eq!(snapshot.data_time.as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(snapshot.tags.get("k"), Some("v"));
        assert!(!snapshot.encrypted);
    }
}
