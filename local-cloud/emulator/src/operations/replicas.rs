//! CreateDBInstanceReadReplica: a copy of a running server that stays bound to its source. It does not follow it: what is
//! written to the source later is not in it.

use std::sync::Arc;

use super::creating::{Born, hand_over, unborn};
use super::{Call, Operation, add_instance, placing, restoring, snapshotting};
use crate::clock;
use crate::emulator::locked;
use crate::model::Instance;
use crate::query::Parameters;
use crate::refusal::Refusal;
use crate::rules;
use crate::settings::{Settings, Taker};
use crate::xml::Xml;

/// Guide, quotas.
const MOST_REPLICAS: usize = 15;

pub async fn create(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::CreateDBInstanceReadReplica;
    let identifier = parameters.required("DBInstanceIdentifier")?;
    let source_name = parameters.required("SourceDBInstanceIdentifier")?;
    let chosen = Settings::take(&mut parameters, Taker::Replica)?;
    let tags = parameters.tags()?;
    parameters.finish(&operation.name())?;

    let source_text = call.scope.resolve("db", &source_name);
    let mut checks = call.creation_checks(operation, &call.scope.resolve("db", &identifier), &tags);
    checks.push(call.check(operation, &source_text, &tags));
    let release = call.emulator.postgres.release.clone();
    checks.extend(call.group_checks(operation, &call.default_settings(&release).overlaid(&chosen), &tags));
    call.allow(&checks).await?;

    let identifier = rules::instance_identifier(&identifier)?;
    rules::tag_count(tags.len())?;
    let not_found = || Refusal::instance_not_found(&source_name);
    let source_arn = call.own("db", &source_name).ok_or_else(not_found)?;
    let source = {
        let mut world = locked(&call.emulator.world);
        let region = world.region(&call.scope);
        let source = region.instances.get(&source_arn.name).ok_or_else(not_found)?;
        may_have_replica(source, region.replicas(&source.resource_id).count())?;
        source.clone()
    };
    let inherited = source.settings.inherited_by(&chosen);
    let settings = call.default_settings(&source.release).overlaid(&inherited).overlaid(&chosen);
    // RDS creates read replicas with backups disabled (model).
    let settings = call.with_windows(settings).without_backups();
    let placed = placing::place(call, source.release, settings, &chosen, source.key.is_some()).await?;
    let replica = Instance {
        master_username: source.master_username,
        database_name: source.database_name,
        key: source.key,
        replica_of: Some(source.resource_id),
        tags,
        ..unborn(call, identifier, placed)?
    };
    let port = chosen.number("Port");
    add_instance(call, replica.clone())?;

    let answer = call.instance_answer(&replica.arn());
    let (emulator, end_status) = (Arc::clone(&call.emulator), call.end_status());
    tokio::spawn(async move {
        let timing = emulator.timing();
        let done = clock::now() + timing.duration(timing.restore_seconds, 0);
        let packed = snapshotting::pack(&emulator, &source_arn).await;
        let (restored_from, started) = match packed {
            Ok((archive, _)) => {
                let archive = Arc::new(archive);
                let port = port.and_then(|port| u16::try_from(port).ok()).unwrap_or_default();
                let started = restoring::start(&emulator, Arc::clone(&archive), &replica, port).await;
                (Some(archive), started)
            }
            Err(error) => (None, Err(error)),
        };
        clock::sleep_until(done).await;
        hand_over(&emulator, Born::of(&replica, restored_from), started, &end_status).await;
    });
    Ok(answer)
}

/// Model and guide, read replicas.
fn may_have_replica(source: &Instance, replicas: usize) -> Result<(), Refusal> {
    let problem = if source.status != "available" || source.job.is_some() {
        format!("The source instance {} is not in the available state.", source.identifier)
    } else if source.settings.number("BackupRetentionPeriod") == Some(0) {
        format!("Automated backups are not enabled for the source instance {}.", source.identifier)
    } else if replicas >= MOST_REPLICAS {
        format!("The source instance {} has {replicas} read replicas already.", source.identifier)
    } else {
        return Ok(());
    };
    Err(Refusal::instance_state(problem))
}
