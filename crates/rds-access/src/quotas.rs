//! How much of the quotas of the account is used.

use aws_client::fault;
use aws_sdk_rds::Client;
use replication::Error;
use replication::preflight::Quota;
use replication::quota::SnapshotQuota;

/// The name of the quota (API model, `AccountQuota`).
const MANUAL_SNAPSHOTS: &str = "ManualSnapshots";

/// Reads how many manual snapshots the account has in this Region, and how many it may have. RDS refuses a snapshot with
/// the same code when the account has too many and when too many copies run at once; this distinguishes the two.
///
/// # Errors
/// A fault of RDS.
pub async fn snapshot_quota(client: &Client) -> Result<Option<SnapshotQuota>, Error> {
    let quotas = quotas(client).await?;
    let quota = quotas.iter().find(|quota| quota.name == MANUAL_SNAPSHOTS);
    Ok(quota.map(|quota| SnapshotQuota { used: quota.used, max: quota.max }))
}

/// Reads the quotas of the account in this Region that RDS says in full.
pub(crate) async fn quotas(client: &Client) -> Result<Vec<Quota>, Error> {
    let answer = client.describe_account_attributes().send().await;
    let answer = answer.map_err(|error| fault("reading the quotas of the account", &error))?;
    let quotas = answer.account_quotas().iter().filter_map(|quota| {
        Some(Quota { name: quota.account_quota_name()?.to_owned(), used: quota.used()?, max: quota.max()? })
    });
    Ok(quotas.collect())
}
