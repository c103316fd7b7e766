//! What is observed before the copy, to judge the settings of the restore that comes after it.

use aws_sdk_rds::Client as Rds;
use rds_access::{Snapshot, preflight as reads};
use replication::Error;
use replication::preflight::{self, Report, Wanted};

/// Asks RDS what the settings depend on, judges them, and logs what could not be judged.
///
/// # Errors
/// A fault of RDS that may pass; what RDS refuses to say is in the report.
pub async fn observe(rds: &Rds, wanted: &Wanted, shared: &Snapshot) -> Result<Report, Error> {
    let facts = reads::facts(rds, wanted, shared).await?;
    let report = preflight::judge(wanted, shared, &facts);
    for one in &report.not_checked {
        tracing::warn!(setting = one.what, because = one.because, "not checked before the copy");
    }
    Ok(report)
}
