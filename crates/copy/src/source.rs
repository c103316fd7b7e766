//! The source account: the snapshot that leaves it is under the shared key.

use aws_sdk_kms::Client as Kms;
use aws_sdk_rds::Client as Rds;
use replication::contract::{Envelope, SourceDbSnapshot, SourceState, StageReport, Status, TargetDbSnapshot};
use replication::copying::Expectation;
use replication::lineage::{self, Tags};
use replication::naming::{self, SnapshotArn};
use replication::pacing::{Stage, StageName};
use replication::{Error, ErrorName};
use time::OffsetDateTime;

use crate::convergence::{self, Order};
use crate::{Config, key};

pub async fn run(
    rds: &Rds,
    kms: &Kms,
    config: &Config,
    input: Envelope<SourceState>,
    now: OffsetDateTime,
) -> Result<TargetDbSnapshot, Error> {
    let (source, source_arn) = source_snapshot(input.state.source_db_snapshot)?;
    let earlier = input.state.target_db_snapshot;
    let started_at = earlier.as_ref().map_or(now, |earlier| earlier.stage.started_at);
    let stage = Stage { name: StageName::Copy, started_at, now, deadline_seconds: config.deadline_seconds };
    let id = input.execution.replication_id();

    let copy = Expectation::re_encryption(source.encrypted);
    let name = naming::encrypted_copy(&source.identifier)?;
    let mut found = rds_access::snapshot(rds, name.as_str()).await?;
    if found.is_none() {
        let key_arn = key::usable(kms, &config.key, key::Reach::OtherAccounts).await?;
        if source.encrypted && source.kms_key_id.as_deref() == Some(&key_arn) {
            return Ok(TargetDbSnapshot {
                identifier: source.identifier,
                arn: Some(source_arn),
                stage: StageReport { started_at, ..StageReport::available(&stage, &source.stage.rds_status) },
                copy: Expectation::shared_directly(),
            });
        }
        let tags = Tags::of_replication(&config.stack, &id, &source.source_db_identifier)
            .with(lineage::SOURCE_SNAPSHOT, source_arn.to_string())
            .named(name.as_str());
        let order = Order {
            from: source.identifier.as_str(),
            to: &name,
            key_arn: &key_arn,
            source_key_arn: source.kms_key_id.as_deref(),
            copy_option_group: false,
            tags: &tags,
        };
        found = convergence::start(rds, &order).await?;
    }
    Ok(match found {
        Some(found) => {
            let is_ours = found.is_of_replication(&config.stack, &id);
            let stage = convergence::judge(&found, is_ours, &stage)?;
            TargetDbSnapshot { identifier: name, arn: Some(found.arn), stage, copy }
        }
        None => {
            let stage = convergence::not_started(&name, &stage)?;
            TargetDbSnapshot { identifier: name, arn: None, stage, copy }
        }
    })
}

/// The source snapshot as `CreateLatestSnapshot` left it: it exists and is available.
fn source_snapshot(snapshot: Option<SourceDbSnapshot>) -> Result<(SourceDbSnapshot, SnapshotArn), Error> {
    let invalid = |because: &str| {
        Error::new(ErrorName::InvalidInput, "copying the source snapshot")
            .because(format!("field state.SourceDBSnapshot{because}"))
    };
    let snapshot = snapshot.ok_or_else(|| invalid(" is missing"))?;
    if snapshot.stage.status != Status::Available {
        return Err(invalid(".status is not Available"));
    }
    let arn = snapshot.arn.clone().ok_or_else(|| invalid(".SourceDBSnapshotArn is missing"))?;
    Ok((snapshot, arn))
}
