//! Instances and snapshots.

use std::collections::BTreeSet;

use aws_sdk_rds::Client;
use aws_sdk_rds::types::Tag;
use replication::lineage::Tags;
use replication::observed;

use crate::account::Account;
use crate::failure::{Failure, fault};
use crate::status::facts::{Instance, Snapshot};
use crate::times::moment;

/// How many snapshots are asked whom they are shared with: that takes a call each.
const MOST_ASKED_FOR_SHARING: usize = 20;

/// Every DB instance of the account.
///
/// # Errors
/// A fault of RDS.
pub async fn instances(account: &Account) -> Result<Vec<Instance>, Failure> {
    let client = account.rds();
    let mut pages = client.describe_db_instances().into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(described) = pages.next().await {
        let described = described.map_err(|error| fault("rds:DescribeDBInstances", &error))?;
        // What lacks what RDS promises is none of ours, and no reason to report nothing.
        let Ok(mut seen) = rds_access::read_instance(&described) else { continue };
        if seen.tags.is_empty() && observed::has_instance_form(seen.identifier.as_str()) {
            seen.tags = tags(&client, &seen.arn).await;
        }
        found.push(Instance { seen, created: described.instance_create_time().and_then(moment) });
    }
    Ok(found)
}

/// Every manual DB snapshot of the account in its Region and in these others.
///
/// # Errors
/// A fault of RDS.
pub async fn snapshots(account: &Account, others: &BTreeSet<&str>) -> Result<Vec<Snapshot>, Failure> {
    let mut found = Vec::new();
    let regions = others.iter().copied().filter(|region| *region != account.region);
    for region in [account.region.as_str()].into_iter().chain(regions) {
        let client = account.rds_in(region);
        let mut pages =
            client.describe_db_snapshots().snapshot_type("manual").into_paginator().items().send();
        while let Some(described) = pages.next().await {
            let described = described.map_err(|error| fault("rds:DescribeDBSnapshots", &error))?;
            let Ok(mut seen) = rds_access::read_snapshot(&described) else { continue };
            if seen.tags.is_empty() && observed::has_snapshot_form(seen.identifier.as_str()) {
                seen.tags = tags(&client, &seen.arn.to_string()).await;
            }
            found.push(Snapshot { seen, shared_with: None });
        }
    }
    Ok(found)
}

/// The tags of what was described without any, which RDS has done for hours; none if they cannot be read.
async fn tags(client: &Client, arn: &str) -> Tags {
    let Ok(answer) = client.list_tags_for_resource().resource_name(arn).send().await else {
        return Tags::default();
    };
    let pair = |tag: &Tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()));
    answer.tag_list().iter().filter_map(pair).collect()
}

/// These snapshots, the newest with the accounts that they are shared with.
pub async fn with_sharing(account: &Account, mut snapshots: Vec<Snapshot>) -> Vec<Snapshot> {
    for snapshot in snapshots.iter_mut().take(MOST_ASKED_FOR_SHARING) {
        let client = account.rds_in(&snapshot.seen.arn.region);
        snapshot.shared_with =
            rds_access::shared_with(&client, &snapshot.seen.identifier).await.ok().flatten();
    }
    snapshots
}
