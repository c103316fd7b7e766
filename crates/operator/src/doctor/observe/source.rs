//! The source account.

use std::collections::BTreeMap;

use replication::naming::SnapshotArn;
use replication::observed::Snapshot;
use replication::preflight::{Known, OptionGroup};

use super::common::{environment, said, unseen};
use super::services;
use crate::account::Account;
use crate::doctor::facts::{Common, Database, Source, Unread};
use crate::failure::{Failure, fault};
use crate::functions::READ_FUNCTION;
use crate::settings;
use crate::status::observe::single;

/// What every instance has, and what has no options (RDS names it so).
const DEFAULT_OPTIONS: &str = "default:";

/// Everything about the source stack; and a snapshot as one of its database would be.
pub async fn read(
    account: &Account,
    mut common: Common,
    database: Option<&str>,
) -> (Source, Option<Snapshot>) {
    let said = said(settings::Source::of(|function| environment(&common, function)));
    if let Some(settings) = said.settings() {
        common.keep = Some(settings.keep);
        common.copies_into.clone_from(&settings.copies_into);
    }
    let stack = &common.stack;
    let shared = said.settings().map(|settings| settings.key.as_str());
    let name = database.map_or_else(|| stack.database(), str::to_ascii_lowercase);
    let (found, snapshot) = match self::database(account, &name, shared).await {
        Ok(Some((database, snapshot))) => (Ok(Some(database)), snapshot),
        Ok(None) => (Ok(None), None),
        Err(failure) => (Err(failure.into()), None),
    };
    let (key, key_policy) = match shared {
        Some(key) => (services::key(account, key).await, services::key_policy(account, key).await),
        None => (Err(unknown()), Err(unknown())),
    };
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
        key,
        key_policy,
        topic_policy: services::topic_policy(account, topic).await,
        subscriptions: services::subscriptions(account, topic).await,
        schedules,
        said,
        common,
    };
    (source, snapshot)
}

/// Takes the place of what is known from the functions only.
fn unknown() -> Unread {
    unseen(READ_FUNCTION, "what the functions read is not known".to_owned())
}

async fn database(
    account: &Account,
    name: &str,
    shared: Option<&str>,
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
    let unreadable = |error: replication::Error| Failure::new(error.to_string());
    let seen = rds_access::read_instance(described).map_err(unreadable)?;
    let Some(seen) = rds_access::with_own_tags(&client, seen).await.map_err(unreadable)? else {
        return Ok(None);
    };
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
        key_arn: shared.map(str::to_owned),
        engine: seen.engine.clone(),
        engine_version: described.engine_version().map(str::to_owned),
        license_model: described.license_model().map(str::to_owned),
        allocated_storage: seen.allocated_storage,
        full_bytes: None,
        storage_type: described.storage_type().map(str::to_owned),
        iops: described.iops(),
        data_time: None,
        // By them the database chooses how its versions come up.
        tags: seen.tags.clone(),
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
