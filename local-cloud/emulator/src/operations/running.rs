//! StopDBInstance, StartDBInstance and RebootDBInstance.

use std::io;
use std::sync::Arc;

use super::{Call, Operation, RESTORE};
use crate::arn::Arn;
use crate::clock;
use crate::emulator::{Emulator, locked};
use crate::groups::Values;
use crate::model::{Instance, Job, World};
use crate::query::{Parameters, Tags};
use crate::refusal::Refusal;
use crate::xml::Xml;

pub async fn stop(call: &Call, parameters: Parameters) -> Result<Xml, Refusal> {
    let arn = named(call, Operation::StopDBInstance, parameters).await?;
    let job = begin(call, &arn, "available", "stopping", |instance, has_replicas| {
        // Guide, stopping an instance.
        if instance.replica_of.is_some() || has_replicas {
            return Err(Refusal::instance_state(format!(
                "Cannot stop {}: it is a read replica or has one.",
                instance.identifier
            )));
        }
        Ok(())
    })?;
    let (emulator, end_status) = (Arc::clone(&call.emulator), call.end_status.clone());
    let (target, end_status) = (arn.clone(), end_status.unwrap_or_else(|| "stopped".to_owned()));
    tokio::spawn(async move {
        let done = clock::now() + emulator.timing().modification(false);
        let stopped = shut_down(&emulator, &target, job).await;
        clock::sleep_until(done).await;
        end(&emulator, &target, job, stopped, &end_status);
    });
    Ok(call.instance_answer(&arn))
}

pub async fn start(call: &Call, parameters: Parameters) -> Result<Xml, Refusal> {
    let arn = named(call, Operation::StartDBInstance, parameters).await?;
    // The key that its storage is under must still be there for the caller (model, KMSKeyNotAccessibleFault).
    let key = locked(&call.emulator.world).instance(&arn).and_then(|instance| instance.key.clone());
    if let Some(key) = key {
        call.find_key(&key.arn, "specified").await?;
        call.allow_key(&key.arn, RESTORE, "specified").await?;
    }
    let job = begin(call, &arn, "stopped", "starting", |_, _| Ok(()))?;
    let (emulator, end_status, target) = (Arc::clone(&call.emulator), call.end_status(), arn.clone());
    tokio::spawn(async move {
        let done = clock::now() + emulator.timing().modification(false);
        let started = start_again(&emulator, &target, job).await;
        clock::sleep_until(done).await;
        end(&emulator, &target, job, started, &end_status);
    });
    Ok(call.instance_answer(&arn))
}

pub async fn reboot(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let with_failover = parameters.flag("ForceFailover")?.unwrap_or(false);
    let arn = named(call, Operation::RebootDBInstance, parameters).await?;
    let job = begin(call, &arn, "available", "rebooting", |instance, _| {
        // Model, ForceFailover.
        if with_failover && instance.settings.flag("MultiAZ") != Some(true) {
            return Err(Refusal::invalid_combination(
                "The requested DB Instance is not a Multi-AZ DB Instance: ForceFailover cannot be specified.",
            ));
        }
        Ok(())
    })?;
    let (emulator, end_status, target) = (Arc::clone(&call.emulator), call.end_status(), arn.clone());
    tokio::spawn(async move {
        let done = clock::now() + emulator.timing().modification(false);
        let restarted = match shut_down(&emulator, &target, job).await {
            Ok(()) => start_again(&emulator, &target, job).await,
            failed => failed,
        };
        clock::sleep_until(done).await;
        end(&emulator, &target, job, restarted, &end_status);
    });
    Ok(call.instance_answer(&arn))
}

/// The instance that a request names, after its caller was found to have the right.
async fn named(call: &Call, operation: Operation, mut parameters: Parameters) -> Result<Arn, Refusal> {
    let name = parameters.required("DBInstanceIdentifier")?;
    parameters.finish(&operation.name())?;
    call.allow(&[call.check(operation, &call.scope.resolve("db", &name), &Tags::new())]).await?;
    let arn = call.own("db", &name).filter(|arn| locked(&call.emulator.world).instance(arn).is_some());
    arn.ok_or_else(|| Refusal::instance_not_found(&name))
}

/// Begins what an instance has to be in the state `from` for, and is in the state `meanwhile`.
fn begin(
    call: &Call,
    arn: &Arn,
    from: &str,
    meanwhile: &str,
    check: impl Fn(&Instance, bool) -> Result<(), Refusal>,
) -> Result<Job, Refusal> {
    let mut world = locked(&call.emulator.world);
    let job = world.new_job();
    let region = world.region(&arn.scope);
    let found = region.instances.get(&arn.name).ok_or_else(|| Refusal::instance_not_found(&arn.name))?;
    let has_replicas = region.replicas(&found.resource_id).next().is_some();
    if found.status != from || found.job.is_some() {
        return Err(Refusal::instance_state(format!("Instance {} is not in {from} state.", arn.name)));
    }
    check(found, has_replicas)?;
    if let Some(instance) = world.instance(arn) {
        instance.status = meanwhile.to_owned();
        instance.job = job;
    }
    Ok(job)
}

async fn shut_down(emulator: &Emulator, arn: &Arn, job: Job) -> io::Result<()> {
    let server = {
        let mut world = locked(&emulator.world);
        let resource_id = world.instance_in(arn, job).map(|instance| instance.resource_id.clone());
        resource_id.and_then(|resource_id| world.servers.remove(&resource_id))
    };
    match server {
        Some(server) => emulator.postgres.shut_down(server).await,
        None => Ok(()),
    }
}

/// Starts a server where the last one was. One that runs already, because an administrator has only said that it is
/// stopped, goes on.
async fn start_again(emulator: &Emulator, arn: &Arn, job: Job) -> io::Result<()> {
    let (resource_id, port, values) = {
        let mut world = locked(&emulator.world);
        let Some(instance) = world.instance_in(arn, job) else { return Ok(()) };
        let (resource_id, port) = (instance.resource_id.clone(), instance.port);
        if world.servers.contains_key(&resource_id) {
            return Ok(());
        }
        (resource_id, port, take_parameters(&mut world, arn))
    };
    let directory = emulator.instance_directory(&resource_id).join("data");
    let server = emulator.postgres.start(&directory, port, &values).await?;
    let unwanted = {
        let mut world = locked(&emulator.world);
        match world.instance_in(arn, job) {
            Some(instance) => {
                instance.port = Some(server.port);
                world.servers.insert(resource_id, server);
                None
            }
            None => Some(server),
        }
    };
    if let Some(server) = unwanted {
        emulator.postgres.stop(server).await;
    }
    Ok(())
}

/// Gives an instance all of its parameter group, as it is now.
fn take_parameters(world: &mut World, arn: &Arn) -> Values {
    let Some(instance) = world.instance(arn) else { return Values::new() };
    let group = instance.settings.text("DBParameterGroupName").unwrap_or_default().to_owned();
    let applied = world.region(&arn.scope).applied(&group);
    let values = applied.values.clone();
    if let Some(instance) = world.instance(arn) {
        instance.applied = applied;
    }
    values
}

fn end(emulator: &Emulator, arn: &Arn, job: Job, done: io::Result<()>, status: &str) {
    if let Some(instance) = locked(&emulator.world).instance_in(arn, job) {
        instance.status = status.to_owned();
        instance.job = None;
        if let Err(error) = done {
            tracing::error!(%arn, %error, "an instance has failed");
            instance.status = instance.failure().to_owned();
        }
    }
}
