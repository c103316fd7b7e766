//! How much of the quota of manual snapshots is used.

use aws_client::fault;
use aws_sdk_rds::Client;
use replication::Error;
use replication::quota::SnapshotQuota;

/// The name of the quota (API model, `AccountQuota`).
const MANUAL_SNAPSHOTS: &str = "ManualSnapshots";

/// Reads how many manual snapshots the account has in this Region, and how many it may have. RDS refuses a snapshot with
/// the same code when the account has too many and when too many copies run at once; this distinguishes the two.
///
/// # Errors
/// A fault of RDS.
pub async fn snapshot_quota(client: &Client) -> Result<Option<SnapshotQuota>, Error> {
    let answer = client.describe_account_attributes().send().await;
    let answer = answer.map_err(|error| fault("reading the quotas of the account", &error))?;
    let quota =
        answer.account_quotas().iter().find(|quota| quota.account_quota_name() == Some(MANUAL_SNAPSHOTS));
    Ok(quota.and_then(|quota| Some(SnapshotQuota { used: quota.used()?, max: quota.max()? })))
}
