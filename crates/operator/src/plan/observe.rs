//! AWS to facts: everything that the functions of a run would read, and nothing that they would change.
//!
//! Needs in the source account: `cloudformation:DescribeStacks`, `cloudformation:ListStackResources`,
//! `lambda:GetFunctionConfiguration`, `rds:DescribeDBInstances`, `rds:DescribeDBSnapshots`, `rds:ListTagsForResource`,
//! `rds:DescribeOptionGroups`, `rds:DescribeAccountAttributes`, `kms:DescribeKey`; in the destination account the same, and
//! `secretsmanager:GetSecretValue`, `states:ListExecutions`, `rds:DescribeOrderableDBInstanceOptions`,
//! `rds:DescribeDBEngineVersions`, `rds:DescribeDBParameterGroups`, `rds:DescribeDBSubnetGroups`.

use std::collections::BTreeSet;

use aws_sdk_rds::Client as Rds;
use aws_sdk_sfn::types::ExecutionStatus;
use rds_access::Regions;
use replication::destination::Replicated;
use replication::keys::{self, Key, KeyUse};
use replication::looking::Look;
use replication::naming::InstanceIdentifier;
use replication::observed::Instance;
use replication::place::Place;
use replication::preflight::{self, Known};
use replication::retention::InUse;
use replication::{Error, ErrorName};

use super::destination::Facts as DestinationFacts;
use super::source::{Announced, Described, Facts as SourceFacts};
use crate::account::Account;
use crate::failure::{Failure, fault};
use crate::settings::{Receiving, Source};
use crate::status::facts::Stack;
use crate::status::observe::single;

/// How KMS calls a key that is not there, and a name that is none.
const NO_KEY: [&str; 2] = ["NotFoundException", "InvalidArnException"];
/// How RDS calls an instance that is not there.
const NO_INSTANCE: &str = "DBInstanceNotFound";

/// What could not be read, in the words of the domain.
pub fn unreadable(error: &Error) -> Failure {
    Failure::named(error.name().as_str(), error.to_string())
}

/// What there is in the source account.
///
/// # Errors
/// A fault of AWS.
pub async fn source(
    account: &Account,
    settings: &Source,
    database: &InstanceIdentifier,
) -> Result<SourceFacts, Failure> {
    let rds = account.rds();
    let other = settings.copies_into.clone().map(|region| {
        let client = account.rds_in(&region);
        (region, client)
    });
    let regions = Regions::of_clients(rds.clone(), other);
    let found = instance(&rds, database).await?;
    let mut option_groups = Vec::new();
    if let Some((instance, _)) = &found {
        for name in preflight::own_option_groups(instance) {
            match rds_access::preflight::option_group(&rds, name).await.map_err(|error| unreadable(&error))? {
                Known::Seen(None) => {}
                Known::Seen(Some(group)) => option_groups.push(Known::Seen(group)),
                Known::Unseen(because) => option_groups.push(Known::Unseen(because)),
            }
        }
    }
    let snapshots = regions.snapshots_of_database(&settings.stack, database).await;
    let (parameter, of_key) = match &settings.copies_into {
        Some(region) => (keys::PARAMETER_ELSEWHERE, Account { region: region.clone(), ..account.clone() }),
        None => (keys::PARAMETER, account.clone()),
    };
    let quota = rds_access::snapshot_quota(&rds).await.map_err(|error| unreadable(&error))?;
    let quota_elsewhere = match regions.other() {
        Some((_, client)) => rds_access::snapshot_quota(client).await.map_err(|error| unreadable(&error))?,
        None => None,
    };
    Ok(SourceFacts {
        database: found,
        option_groups,
        snapshots: snapshots.map_err(|error| unreadable(&error))?,
        key: key(&of_key, &settings.key, KeyUse::OtherAccounts, parameter).await?,
        quota,
        quota_elsewhere,
    })
}

/// An instance with its tags, and what else there is to know of it.
async fn instance(
    rds: &Rds,
    database: &InstanceIdentifier,
) -> Result<Option<(Instance, Described)>, Failure> {
    let answer = rds.describe_db_instances().db_instance_identifier(database.as_str()).send().await;
    let answer = match answer.map_err(|error| fault("rds:DescribeDBInstances", &error)) {
        Ok(answer) => answer,
        Err(failure) if failure.code.starts_with(NO_INSTANCE) => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let Some(found) = answer.db_instances().first() else { return Ok(None) };
    let described = Described {
        encrypted: found.storage_encrypted().unwrap_or_default(),
        key_arn: found.kms_key_id().map(str::to_owned),
        engine_version: found.engine_version().map(str::to_owned),
        license_model: found.license_model().map(str::to_owned),
        storage_type: found.storage_type().map(str::to_owned),
        iops: found.iops(),
        class: found.db_instance_class().map(str::to_owned),
    };
    let read = rds_access::read_instance(found).map_err(|error| unreadable(&error))?;
    let tagged = rds_access::with_own_tags(rds, read).await.map_err(|error| unreadable(&error))?;
    Ok(tagged.map(|instance| (instance, described)))
}

/// The ARN of a key, or why a snapshot cannot be under it.
async fn key(
    account: &Account,
    key: &str,
    key_use: KeyUse,
    parameter: &str,
) -> Result<Result<String, Error>, Failure> {
    let doing = format!("checking KMS key {key}");
    let said = match single::key(account, key).await {
        Ok(said) => said,
        Err(failure) if NO_KEY.contains(&failure.code.as_str()) => {
            return Ok(Err(keys::missing(&doing, &failure.text, parameter)));
        }
        Err(failure) => return Err(failure),
    };
    let text = |name: &str| said[name].as_str();
    let found = Key {
        state: text("KeyState"),
        usage: text("KeyUsage"),
        spec: text("KeySpec"),
        manager: text("KeyManager"),
    };
    let arn = text("Arn").unwrap_or(key).to_owned();
    Ok(found.check(&doing, key_use, parameter).map(|()| arn))
}

/// What there is in the destination account.
///
/// # Errors
/// A fault of AWS.
pub async fn destination(
    account: &Account,
    stack: &Stack,
    settings: &Receiving,
    replicated: &Replicated,
    announced: &Announced,
) -> Result<DestinationFacts, Failure> {
    let failed = |error: Error| unreadable(&error);
    let (rds, secrets) = (account.rds(), account.secrets());
    let machine = stack.output("StateMachineArn");
    let replications = running(account, machine).await?;
    let rollbacks = running(account, stack.output("RollbackStateMachineArn")).await?;
    let in_use = InUse::of_executions(
        "",
        replications.iter().map(String::as_str),
        rollbacks.iter().map(String::as_str),
    );
    // The secret is read before the instances, as the functions do.
    let secret = secret_access::read_version_if_made(&secrets, &replicated.secret).await.map_err(failed)?;
    let passwords = match &secret {
        Some(_) => secret_access::read_passwords(&secrets, &replicated.secret).await.map_err(failed)?,
        None => None,
    };
    let Replicated { stack: name, database, .. } = replicated;
    let snapshots = rds_access::snapshots_of_database(&rds, name, database, None).await.map_err(failed)?;
    let pointer = secret.as_ref().map(|version| version.secret.pointer.clone()).unwrap_or_default();
    let look = Look {
        scope: replicated.scope(),
        hosts: &[&pointer.host],
        live_prefix: &pointer.prefix,
        snapshots: &snapshots,
        execution: machine,
        needs_all: false,
    };
    let mut instances = rds_access::versions(&rds, &look).await.map_err(failed)?.instances;
    let known: BTreeSet<&str> =
        instances.iter().filter_map(|instance| instance.resource_id.as_deref()).collect();
    let owners = passwords.iter().flat_map(|stored| stored.passwords.owners());
    let owners = owners.filter(|id| !known.contains(id)).map(str::to_owned).collect();
    instances.extend(rds_access::instances_of_ids(&rds, owners).await.map_err(failed)?);
    let shared = &announced.shared;
    Ok(DestinationFacts {
        place: Place::of_arn(machine),
        instances,
        snapshots,
        secret,
        passwords,
        in_use,
        key: key(account, &settings.key, KeyUse::OwnAccount, keys::PARAMETER).await?,
        shared_key: shared_key(account, shared.key_arn.as_deref()).await?,
        offered: rds_access::preflight::facts(&rds, &settings.wanted, shared).await.map_err(failed)?,
        quota: rds_access::snapshot_quota(&rds).await.map_err(failed)?,
    })
}

/// Why a key of the other account cannot be used from this one. Its policy is for the functions, so that a refusal to show it to
/// whoever asks here says nothing.
async fn shared_key(account: &Account, arn: Option<&str>) -> Result<Result<(), Error>, Failure> {
    let Some(arn) = arn else { return Ok(Ok(())) };
    let account = Account { region: Place::of_arn(arn).region, ..account.clone() };
    match key(&account, arn, KeyUse::OtherAccounts, keys::PARAMETER).await {
        Ok(judged) => Ok(judged.map(drop)),
        Err(failure) if failure.code.starts_with(ErrorName::AccessDenied.as_str()) => Ok(Ok(())),
        Err(failure) => Err(failure),
    }
}

/// The names of the running executions of a machine.
async fn running(account: &Account, machine: &str) -> Result<Vec<String>, Failure> {
    let client = account.machines();
    let request = client.list_executions().state_machine_arn(machine).status_filter(ExecutionStatus::Running);
    let mut pages = request.into_paginator().items().send();
    let mut names = Vec::new();
    while let Some(execution) = pages.next().await {
        let execution = execution.map_err(|error| fault("states:ListExecutions", &error))?;
        names.push(execution.name().to_owned());
    }
    Ok(names)
}
