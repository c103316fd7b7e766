//! What is observed before the copy, to judge the settings of the restore that comes after it.

use aws_sdk_rds::Client as Rds;
use rds_access::{Snapshot, preflight as reads};
use replication::Error;
use replication::preflight::{self, Facts, Report, Wanted};

/// Asks RDS what the settings depend on, judges them, and logs what could not be judged.
///
/// # Errors
/// A fault of RDS that may pass; what RDS refuses to say is in the report.
pub async fn observe(rds: &Rds, wanted: &Wanted, shared: &Snapshot) -> Result<Report, Error> {
    let mut facts = Facts::default();
    if let (Some(engine), Some(version)) = (preflight::engine(wanted, shared), &shared.engine_version) {
        if let Some(class) = &wanted.class {
            facts.offers = Some(reads::offers(rds, engine, version, class).await?);
        }
        if preflight::asks_for_release(wanted) {
            facts.release = Some(reads::release(rds, engine, version).await?);
        }
    }
    if let Some(name) = preflight::asks_for_parameter_group(wanted) {
        facts.parameter_group = Some(reads::parameter_group(rds, name).await?);
    }
    if let Some(name) = &wanted.option_group {
        facts.option_group = Some(reads::option_group(rds, name).await?);
    }
    facts.subnet_group = Some(reads::subnet_group(rds, preflight::subnet_group(wanted)).await?);
    facts.quotas = Some(reads::quotas(rds).await?);
    let report = preflight::judge(wanted, shared, &facts);
    for one in &report.not_checked {
        tracing::warn!(setting = one.what, because = one.because, "not checked before the copy");
    }
    Ok(report)
}
