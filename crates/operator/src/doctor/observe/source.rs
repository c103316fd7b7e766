//! The source account.

use std::collections::BTreeMap;

use replication::naming::SnapshotArn;
use replication::observed::Snapshot;
use replication::preflight::{Known, OptionGroup};

use super::services;
use crate::account::Account;
use crate::doctor::checks::shared_key;
use crate::doctor::facts::{Common, Database, Source};
use crate::failure::{Failure, fault};
use crate::status::observe::single;

/// What every instance has, and what has no options (RDS names it so).
const DEFAULT_OPTIONS: &str = "default:";

/// Everything about the source stack; and a snapshot as one of its database would be.
pub async fn read(account: &Account, common: Common, database: Option<&str>) -> (Source, Option<Snapshot>) {
    let stack = &common.stack;
    let name = database.map_or_else(|| stack.database(), str::to_ascii_lowercase);
    let (found, snapshot) = match self::database(account, &name, &common).await {
        Ok(Some((database, snapshot))) => (Ok(Some(database)), snapshot),
        Ok(None) => (Ok(None), None),
        Err(failure) => (Err(failure.into()), None),
    };
    let key = shared_key(stack).1;
    let topic = stack.output("TopicArn");
    let mut schedules =
        BTreeMap::from([("ScheduleState", single::schedule(account, stack).await.map_err(Into::into))]);
    if !stack.output("FleetStateMachineArn").is_empty() {
        let schedule = single::schedule_of(account, stack, "FleetScheduleRule").await;
        schedules.insert("FleetScheduleState", schedule.map_err(Into::into));
    }
    let source = Source {
        database_name: name,
        database: found,
        key: services::key(account, key).await,
        key_policy: services::key_policy(account, key).await,
        topic_policy: services::topic_policy(account, topic).await,
        subscriptions: services::subscriptions(account, topic).await,
        schedules,
        common,
    };
    (source, snapshot)
}

async fn database(
    account: &Account,
    name: &str,
    common: &Common,
) -> Result<Option<(Database, Option<Snapshot>)>, Failure> {
    let client = account.rds();
    let answer = client.describe_db_instances().db_instance_identifier(name).send().await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if error.as_service_error().is_some_and(|e| e.is_db_instance_not_found_fault()) => {
            return Ok(None);
        }
        Err(error) => return Err(fault("rds:DescribeDBInstances", &error)),
    };
    let Some(described) = answer.db_instances().first() else { return Ok(None) };
    let seen = rds_access::read_instance(described).map_err(|error| Failure::new(error.to_string()))?;
    let mut groups = Vec::new();
    for group in seen.option_groups.iter().filter(|group| !group.starts_with(DEFAULT_OPTIONS)) {
        groups.extend(option_group(account, group).await);
    }
    let key = match described.kms_key_id() {
        Some(key) => Some(services::key(account, key).await),
        None => None,
    };
    let arn: Option<SnapshotArn> = seen.arn.replace(":db:", ":snapshot:").parse().ok();
    let snapshot = arn.map(|arn| Snapshot {
        identifier: arn.identifier.clone(),
        arn,
        // Nothing is judged by it.
        status: described.db_instance_status().unwrap_or_default().into(),
        percent_progress: None,
        source_database: seen.identifier.clone(),
        // What is shared is always encrypted.
        encrypted: true,
        key_arn: Some(shared_key(&common.stack).1.to_owned()),
        engine: seen.engine.clone(),
        engine_version: described.engine_version().map(str::to_owned),
        license_model: described.license_model().map(str::to_owned),
        allocated_storage: seen.allocated_storage,
        full_bytes: None,
        storage_type: described.storage_type().map(str::to_owned),
        iops: described.iops(),
        data_time: None,
        tags: replication::lineage::Tags::default(),
    });
    Ok(Some((Database { seen, key, groups }, snapshot)))
}

/// An option group, or why RDS does not show it; nothing if there is none.
async fn option_group(account: &Account, name: &str) -> Option<Known<OptionGroup>> {
    match rds_access::preflight::option_group(&account.rds(), name).await {
        Ok(Known::Seen(None)) => None,
        Ok(Known::Seen(Some(group))) => Some(Known::Seen(group)),
        Ok(Known::Unseen(why)) => Some(Known::Unseen(why)),
        Err(error) => Some(Known::Unseen(error.to_string())),
    }
}
