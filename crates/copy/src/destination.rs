//! The destination account: its own copy of the shared snapshot, under its own key.

use aws_sdk_kms::Client as Kms;
use aws_sdk_rds::Client as Rds;
use rds_access::Snapshot;
use replication::contract::{DbSnapshot, DestinationInput, DestinationState, Envelope, StageReport};
use replication::copying::{EarlierCopy, Expectation};
use replication::lineage::{self, Tags};
use replication::naming::{self, InstanceIdentifier, SnapshotIdentifier};
use replication::pacing::{Stage, StageName};
use replication::progress::Progress;
use replication::{Error, ErrorName};
use time::OffsetDateTime;

use crate::convergence::{self, Order};
use crate::{Config, key};

/// What the destination stack keeps copies of, and under which name.
pub struct Place<'a> {
    /// The base of every name.
    pub database_name: &'a str,
    /// The one source database whose copies this stack holds.
    pub source_database: &'a InstanceIdentifier,
    /// Whether the option group of the source database is copied too.
    pub copy_option_group: bool,
}

pub async fn run(
    rds: &Rds,
    kms: &Kms,
    config: &Config,
    place: &Place<'_>,
    input: Envelope<DestinationState>,
    now: OffsetDateTime,
) -> Result<DbSnapshot, Error> {
    let earlier = input.state.db_snapshot;
    let message = input.state.input;
    let started_at = earlier.as_ref().map_or(now, |earlier| earlier.stage.started_at);
    let stage = Stage { name: StageName::Copy, started_at, now, deadline_seconds: config.deadline_seconds };
    let id = &message.replication.id;
    let name = naming::destination_copy(place.database_name, id)?;

    if let Some(found) = rds_access::snapshot(rds, name.as_str()).await? {
        let is_ours = found.is_of_replication(&config.stack, id);
        let report = convergence::judge(&found, is_ours, &stage)?;
        let copy = match earlier {
            Some(earlier) => earlier.copy,
            // The first answer was lost: work out again what was to be expected.
            None => {
                let key_arn = found.key_arn.as_deref().unwrap_or_default();
                expectation(rds, config, &message, &found.source_database, &name, key_arn).await?
            }
        };
        return Ok(describe(found, report, copy));
    }

    let shared = shared_snapshot(rds, place, &message).await?;
    let pending = |report: StageReport, copy: Expectation| DbSnapshot {
        identifier: name.clone(),
        arn: None,
        source_db_identifier: shared.source_database.clone(),
        stage: report,
        copy,
        snapshot_database_time: shared.data_time.clone(),
    };
    let key_arn = key::usable(kms, &config.key, key::Reach::OwnAccount).await?;
    let copy = expectation(rds, config, &message, &shared.source_database, &name, &key_arn).await?;
    if shared.status.progress() == Progress::Pending {
        return Ok(pending(convergence::not_started(&name, &stage)?, copy));
    }
    if let Some(source_key) = &shared.key_arn {
        key::usable(kms, source_key, key::Reach::OtherAccounts).await?;
    }
    let from = message.target_db_snapshot.arn.to_string();
    let tags = Tags::of_replication(&config.stack, id, &shared.source_database)
        .named(name.as_str())
        .with(lineage::SOURCE_SNAPSHOT, &from);
    let order = Order {
        from: &from,
        to: &name,
        key_arn: &key_arn,
        source_key_arn: shared.key_arn.as_deref(),
        copy_option_group: place.copy_option_group,
        tags: &tags,
    };
    match convergence::start(rds, &order).await? {
        Some(found) => {
            let report = convergence::judge(&found, true, &stage)?;
            Ok(describe(found, report, copy))
        }
        None => Ok(pending(convergence::not_started(&name, &stage)?, copy)),
    }
}

fn describe(found: Snapshot, report: StageReport, copy: Expectation) -> DbSnapshot {
    DbSnapshot {
        identifier: found.identifier,
        arn: Some(found.arn),
        source_db_identifier: found.source_database,
        stage: report,
        copy,
        snapshot_database_time: found.data_time,
    }
}

/// The snapshot that the source account has shared, if it is one that this stack is for.
async fn shared_snapshot(
    rds: &Rds,
    place: &Place<'_>,
    message: &DestinationInput,
) -> Result<Snapshot, Error> {
    let arn = &message.target_db_snapshot.arn;
    let doing = format!("copying shared snapshot {arn}");
    let Some(shared) = rds_access::snapshot(rds, &arn.to_string()).await? else {
        return Err(Error::new(ErrorName::NotFound, doing)
            .because("no such snapshot is shared with this account")
            .advise("check that it still exists in the source account and is shared with this one"));
    };
    if shared.source_database != *place.source_database {
        return Err(Error::new(ErrorName::SourceMismatch, doing)
            .because(format!(
                "it is of database {}, and this stack holds copies of {}",
                shared.source_database, place.source_database
            ))
            .advise(
                "deploy another destination stack for it with its own SourceDBIdentifier, DatabaseName and SecretName, \
                 or correct this stack's SourceDBIdentifier",
            ));
    }
    if shared.status.progress() == Progress::Failed {
        return Err(Error::new(ErrorName::CopyFailed, doing)
            .because(format!("it is {} in the source account", shared.status))
            .advise("start the source execution again"));
    }
    Ok(shared)
}

/// What RDS is expected to move, judged by our newest earlier copy of the same database.
async fn expectation(
    rds: &Rds,
    config: &Config,
    message: &DestinationInput,
    source_database: &InstanceIdentifier,
    this_copy: &SnapshotIdentifier,
    key_arn: &str,
) -> Result<Expectation, Error> {
    let all = rds_access::snapshots_of_stack(rds, &config.stack).await?;
    let earlier = EarlierCopy::newest(&all, &config.stack, source_database, this_copy);
    Ok(Expectation::across_accounts(message.replication.shared_snapshot_is_copy, earlier.as_ref(), key_arn))
}
