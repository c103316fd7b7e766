//! All instances of the account in one read, for the choice among them.

use aws_client::fault;
use aws_sdk_rds::Client;
use aws_sdk_rds::types::DbInstance;
use replication::fleet::Candidate;
use replication::{Error, ErrorName};

use crate::{incomplete, read_tags, tags_of};

/// Reads every instance of the account in this Region, all pages, with its tags: there is no call for each, and no filter
/// for tags (API model, `DescribeDBInstances`). Only where the answer leaves the tags out they are asked for, because without them
/// a database of the fleet would be passed over.
///
/// # Errors
/// A fault of RDS; [`ErrorName::Rejected`] if the answer lacks what the API model promises.
pub async fn candidates(client: &Client) -> Result<Vec<Candidate>, Error> {
    let mut pages = client.describe_db_instances().into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(instance) = pages.next().await {
        let instance = instance.map_err(|error| fault("listing the databases", &error))?;
        let mut candidate = read(&instance)?;
        if instance.tag_list.is_none() {
            let Some(tags) = tags_of(client, instance.db_instance_arn().unwrap_or_default()).await? else {
                continue;
            };
            candidate.tags = tags;
        }
        found.push(candidate);
    }
    Ok(found)
}

fn read(found: &DbInstance) -> Result<Candidate, Error> {
    let name = found.db_instance_identifier().unwrap_or_default();
    let missing = |field: &str| incomplete(&format!("database {name}"), field);
    let replica_of = found
        .read_replica_source_db_instance_identifier()
        .or(found.read_replica_source_db_cluster_identifier());
    Ok(Candidate {
        database: name.parse().map_err(|error: Error| {
            Error::new(ErrorName::Rejected, "listing the databases").because(error.to_string())
        })?,
        engine: found.engine().ok_or_else(|| missing("Engine"))?.to_owned(),
        cluster: found.db_cluster_identifier().map(str::to_owned),
        replica_of: replica_of.map(str::to_owned),
        status: found.db_instance_status().ok_or_else(|| missing("DBInstanceStatus"))?.into(),
        storage: found.allocated_storage().unwrap_or_default(),
        tags: read_tags(found.tag_list()),
    })
}
