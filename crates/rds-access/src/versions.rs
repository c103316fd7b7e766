//! The instances of one database, without reading the account wherever that can be done.

use std::collections::BTreeSet;

use aws_client::fault;
use aws_sdk_rds::Client;
use aws_sdk_rds::types::{DbInstance, Filter};
use replication::Error;
use replication::looking::{Look, Seen};
use replication::naming::InstanceIdentifier;
use replication::observed::Instance;

use crate::{listed_tags, read_instance, read_tags};

/// How many names one call asks for: as many as an answer has instances at most (API model, `MaxRecords`).
const NAMES_A_CALL: usize = 100;

/// Reads the instances of a database: all of the account where one answer has them all, or the poll is to see all; and the
/// names that there may be where there are more. RDS answers a filter for names that do not exist with those that do.
///
/// # Errors
/// A fault of RDS.
pub async fn versions(client: &Client, look: &Look<'_>) -> Result<Seen, Error> {
    let mut seen = Seen::default();
    let mut marker = None;
    loop {
        let answer = client.describe_db_instances().set_marker(marker).send().await;
        let answer = answer.map_err(|error| fault("listing the databases", &error))?;
        add(client, look, &mut seen.instances, answer.db_instances()).await?;
        marker = answer.marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(Seen { is_all: true, ..seen });
        }
        if !look.reads_all() {
            break;
        }
    }
    let mut asked = BTreeSet::new();
    loop {
        let names: Vec<_> = look.names(&seen.instances).difference(&asked).cloned().collect();
        if names.is_empty() {
            return Ok(seen);
        }
        for names in names.chunks(NAMES_A_CALL) {
            add(client, look, &mut seen.instances, &named(client, names).await?).await?;
        }
        asked.extend(names);
    }
}

/// Reads the instances of these names that there are, in one call.
///
/// # Errors
/// A fault of RDS.
pub async fn instances_named(client: &Client, names: &[InstanceIdentifier]) -> Result<Vec<Instance>, Error> {
    let mut instances = Vec::new();
    if names.is_empty() {
        return Ok(instances);
    }
    for found in named(client, names).await? {
        instances.extend(crate::with_tags(client, read_instance(&found)?).await?);
    }
    Ok(instances)
}

/// Reads the instances of these resource ids that there are.
///
/// # Errors
/// A fault of RDS.
pub async fn instances_of_ids(client: &Client, ids: Vec<String>) -> Result<Vec<Instance>, Error> {
    let mut instances = Vec::new();
    for ids in ids.chunks(NAMES_A_CALL) {
        for found in filtered(client, "dbi-resource-id", ids.to_vec()).await? {
            instances.extend(crate::with_tags(client, read_instance(&found)?).await?);
        }
    }
    Ok(instances)
}

/// Reads every instance of the account with the tag of a stack, all pages. Of one that is described without its tags it is not
/// asked whose it is: this is to count what is on its way or being deleted.
///
/// # Errors
/// A fault of RDS.
pub async fn instances_of_stack(client: &Client, stack: &str) -> Result<Vec<Instance>, Error> {
    let mut pages = client.describe_db_instances().into_paginator().items().send();
    let mut instances = Vec::new();
    while let Some(instance) = pages.next().await {
        let instance = instance.map_err(|error| fault("listing the databases", &error))?;
        if read_tags(instance.tag_list()).tagged_with_stack(stack) {
            instances.push(read_instance(&instance)?);
        }
    }
    Ok(instances)
}

async fn named(client: &Client, names: &[InstanceIdentifier]) -> Result<Vec<DbInstance>, Error> {
    filtered(client, "db-instance-id", names.iter().map(ToString::to_string).collect()).await
}

/// The instances that pass a filter of RDS.
async fn filtered(client: &Client, filter: &str, values: Vec<String>) -> Result<Vec<DbInstance>, Error> {
    let doing = match values.as_slice() {
        [one] => format!("reading database {one}"),
        all => format!("reading {} databases by {filter}", all.len()),
    };
    let filter = Filter::builder().name(filter).set_values(Some(values)).build();
    let mut pages = client.describe_db_instances().filters(filter).into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(instance) = pages.next().await {
        found.push(instance.map_err(|error| fault(&doing, &error))?);
    }
    Ok(found)
}

/// Adds what was found, in place of what an earlier answer said of it. What could be a version is not judged without its tags.
async fn add(
    client: &Client,
    look: &Look<'_>,
    instances: &mut Vec<Instance>,
    found: &[DbInstance],
) -> Result<(), Error> {
    for one in found {
        let one = read_instance(one)?;
        instances.retain(|known| known.identifier != one.identifier);
        if look.could_be_version(one.identifier.as_str()) {
            instances.extend(listed_tags(client, one).await?);
        } else if look.needs_all {
            // The versions of the stack's other databases are looked at too.
            instances.extend(crate::with_tags(client, one).await?);
        } else {
            instances.push(one);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
