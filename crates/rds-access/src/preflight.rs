//! What RDS says of the account and of what can be had in it, for [`replication::preflight`].
//!
//! These reads only warn early: where RDS refuses to answer, which a service control policy may want, nobody is stopped.

use aws_client::fault;
use aws_sdk_rds::Client;
use aws_sdk_rds::types::OrderableDbInstanceOption;
use replication::observed::Snapshot;
use replication::preflight::{
    self, Facts, Known, Offer, Offers, OptionGroup, Quota, Range, Release, SubnetGroup, Wanted,
};
use replication::{Error, ErrorName};

use crate::quotas;

/// A refusal as something that is not known; what may pass stays an error, so that the machine tries again.
fn known<T>(answer: Result<T, Error>) -> Result<Known<T>, Error> {
    match answer {
        Ok(seen) => Ok(Known::Seen(seen)),
        Err(error) if matches!(error.name(), ErrorName::AccessDenied | ErrorName::Rejected) => {
            Ok(Known::Unseen(error.to_string()))
        }
        Err(error) => Err(error),
    }
}

/// Everything that the judgement of the settings for a restore goes by.
///
/// # Errors
/// A fault of RDS that may pass.
pub async fn facts(client: &Client, wanted: &Wanted, shared: &Snapshot) -> Result<Facts, Error> {
    let mut facts = Facts::default();
    if let (Some(engine), Some(version)) = (preflight::engine(wanted, shared), &shared.engine_version) {
        if let Some(class) = &wanted.class {
            facts.offers = Some(offers(client, engine, version, class).await?);
        }
        if preflight::asks_for_release(wanted) {
            facts.release = Some(release(client, engine, version).await?);
        }
    }
    if let Some(name) = preflight::asks_for_parameter_group(wanted) {
        facts.parameter_group = Some(parameter_group(client, name).await?);
    }
    if let Some(name) = &wanted.option_group {
        facts.option_group = Some(option_group(client, name).await?);
    }
    facts.subnet_group = Some(subnet_group(client, preflight::subnet_group(wanted)).await?);
    facts.quotas = Some(quotas(client).await?);
    Ok(facts)
}

/// What can be ordered of a class for an engine version; if nothing can, every class that can.
///
/// # Errors
/// A fault of RDS that may pass.
pub async fn offers(
    client: &Client,
    engine: &str,
    version: &str,
    class: &str,
) -> Result<Known<Offers>, Error> {
    let of_class = match known(orderable(client, engine, version, Some(class)).await)? {
        Known::Unseen(because) => return Ok(Known::Unseen(because)),
        Known::Seen(options) => options.iter().map(read_offer).collect::<Vec<_>>(),
    };
    if !of_class.is_empty() {
        return Ok(Known::Seen(Offers { of_class, ..Offers::default() }));
    }
    let all = known(orderable(client, engine, version, None).await)?;
    Ok(match all {
        Known::Unseen(because) => Known::Unseen(because),
        Known::Seen(options) => {
            let classes = options.iter().filter_map(|option| option.db_instance_class().map(str::to_owned));
            Known::Seen(Offers { of_class, classes: classes.collect() })
        }
    })
}

async fn orderable(
    client: &Client,
    engine: &str,
    version: &str,
    class: Option<&str>,
) -> Result<Vec<OrderableDbInstanceOption>, Error> {
    let request = client
        .describe_orderable_db_instance_options()
        .engine(engine)
        .engine_version(version)
        .set_db_instance_class(class.map(str::to_owned));
    let mut pages = request.into_paginator().items().send();
    let mut options = Vec::new();
    while let Some(option) = pages.next().await {
        let doing = || format!("asking what can be ordered for {engine} {version}");
        options.push(option.map_err(|error| fault(doing(), &error))?);
    }
    Ok(options)
}

fn read_offer(option: &OrderableDbInstanceOption) -> Offer {
    Offer {
        license: option.license_model().map(str::to_owned),
        storage: option.storage_type().map(str::to_owned),
        multi_az: option.multi_az_capable(),
        encryption: option.supports_storage_encryption(),
        size: Range { least: option.min_storage_size(), most: option.max_storage_size() },
        iops: Range { least: option.min_iops_per_db_instance(), most: option.max_iops_per_db_instance() },
        iops_per_gib: Range { least: option.min_iops_per_gib(), most: option.max_iops_per_gib() },
        throughput: Range {
            least: option.min_storage_throughput_per_db_instance(),
            most: option.max_storage_throughput_per_db_instance(),
        },
        throughput_per_iops: option.max_storage_throughput_per_iops(),
    }
}

/// What an engine version needs of groups; nothing if RDS does not list it.
///
/// # Errors
/// A fault of RDS that may pass.
pub async fn release(client: &Client, engine: &str, version: &str) -> Result<Known<Option<Release>>, Error> {
    // Also a version that is not offered any more, because its snapshots are restored all the same.
    let request =
        client.describe_db_engine_versions().engine(engine).engine_version(version).include_all(true);
    let answer = request.send().await;
    let answer =
        answer.map_err(|error| fault(format!("asking about the engine version {engine} {version}"), &error));
    known(answer.map(|answer| {
        let found = answer.db_engine_versions().first()?;
        let family = found.db_parameter_group_family()?.to_owned();
        Some(Release { family, major: found.major_engine_version().map(str::to_owned) })
    }))
}

/// The family of a parameter group; nothing if there is none of this name.
///
/// # Errors
/// A fault of RDS that may pass.
pub async fn parameter_group(client: &Client, name: &str) -> Result<Known<Option<String>>, Error> {
    match client.describe_db_parameter_groups().db_parameter_group_name(name).send().await {
        Ok(answer) => {
            let found = answer.db_parameter_groups().first();
            let family = found.and_then(|group| group.db_parameter_group_family());
            Ok(Known::Seen(family.map(str::to_owned)))
        }
        Err(error) if error.as_service_error().is_some_and(|e| e.is_db_parameter_group_not_found_fault()) => {
            Ok(Known::Seen(None))
        }
        Err(error) => known(Err(fault(format!("reading DB parameter group {name}"), &error))),
    }
}

/// An option group; nothing if there is none of this name.
///
/// # Errors
/// A fault of RDS that may pass.
pub async fn option_group(client: &Client, name: &str) -> Result<Known<Option<OptionGroup>>, Error> {
    match client.describe_option_groups().option_group_name(name).send().await {
        Ok(answer) => Ok(Known::Seen(answer.option_groups_list().first().map(|group| {
            let lasting = group.options().iter().filter(|option| {
                option.persistent().unwrap_or_default() || option.permanent().unwrap_or_default()
            });
            OptionGroup {
                name: name.to_owned(),
                engine: group.engine_name().unwrap_or_default().to_owned(),
                major: group.major_engine_version().unwrap_or_default().to_owned(),
                vpc: group.vpc_id().map(str::to_owned),
                lasting_options: lasting
                    .filter_map(|option| option.option_name().map(str::to_owned))
                    .collect(),
            }
        }))),
        Err(error) if error.as_service_error().is_some_and(|e| e.is_option_group_not_found_fault()) => {
            Ok(Known::Seen(None))
        }
        Err(error) => known(Err(fault(format!("reading option group {name}"), &error))),
    }
}

/// A DB subnet group; nothing if there is none of this name.
///
/// # Errors
/// A fault of RDS that may pass.
pub async fn subnet_group(client: &Client, name: &str) -> Result<Known<Option<SubnetGroup>>, Error> {
    match client.describe_db_subnet_groups().db_subnet_group_name(name).send().await {
        Ok(answer) => Ok(Known::Seen(answer.db_subnet_groups().first().map(|group| {
            let zones = group.subnets().iter().filter_map(|subnet| subnet.subnet_availability_zone()?.name());
            SubnetGroup { vpc: group.vpc_id().map(str::to_owned), zones: zones.map(str::to_owned).collect() }
        }))),
        Err(error) if error.as_service_error().is_some_and(|e| e.is_db_subnet_group_not_found_fault()) => {
            Ok(Known::Seen(None))
        }
        Err(error) => known(Err(fault(format!("reading DB subnet group {name}"), &error))),
    }
}

/// The quotas of the account in this Region.
///
/// # Errors
/// A fault of RDS that may pass.
pub async fn quotas(client: &Client) -> Result<Known<Vec<Quota>>, Error> {
    known(quotas::quotas(client).await)
}
