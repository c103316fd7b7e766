//! ModifyDBInstance: other settings, another password.

use std::sync::Arc;

use super::{Call, Operation};
use crate::arn::Arn;
use crate::clock;
use crate::emulator::{Emulator, locked};
use crate::model::Job;
use crate::query::{Parameters, Tags};
use crate::refusal::Refusal;
use crate::rules;
use crate::settings::{Settings, Taker};
use crate::xml::Xml;

pub async fn modify(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::ModifyDBInstance;
    let name = parameters.required("DBInstanceIdentifier")?;
    let chosen = Settings::take(&mut parameters, Taker::Modify)?;
    let immediately = parameters.flag("ApplyImmediately")?.unwrap_or(false);
    let password = parameters.text("MasterUserPassword");
    let engine_version = parameters.text("EngineVersion");
    let logs_on = parameters.list("CloudwatchLogsExportConfiguration.EnableLogTypes", "member");
    let logs_off = parameters.list("CloudwatchLogsExportConfiguration.DisableLogTypes", "member");
    parameters.finish(&operation.name())?;

    let mut checks = vec![call.check(operation, &call.scope.resolve("db", &name), &Tags::new())];
    checks.extend(call.group_checks(operation, &chosen, &Tags::new()));
    call.allow(&checks).await?;

    password.as_deref().map(rules::master_password).transpose()?;
    super::creating::known_engine(&call.emulator, "postgres", engine_version.as_deref())?;
    let not_found = || Refusal::instance_not_found(&name);
    let arn = call.own("db", &name).ok_or_else(not_found)?;
    let job = {
        let mut world = locked(&call.emulator.world);
        let job = world.new_job();
        let instance = world.instance(&arn).ok_or_else(not_found)?;
        if !rules::may_be_modified(&instance.status) {
            let message = format!("Database instance is not in available state: it is {}.", instance.status);
            return Err(Refusal::instance_state(message));
        }
        instance.settings.overlaid(&instance.pending).overlaid(&chosen).check_storage()?;
        let storage = chosen.number("AllocatedStorage");
        if storage.is_some() && storage < instance.settings.number("AllocatedStorage") {
            return Err(Refusal::invalid_combination("Requested size cannot be less than the current size."));
        }
        let (now, later) = chosen.parted();
        instance.settings = instance.settings.grown(&now)?;
        if logs_on.is_some() || logs_off.is_some() {
            let logs =
                instance.settings.change_logs(&logs_on.unwrap_or_default(), &logs_off.unwrap_or_default())?;
            instance.settings = instance.settings.overlaid(&logs);
        }
        instance.pending = instance.pending.overlaid(&later);
        let only_password = password.is_some() && (instance.pending.is_empty() || !immediately);
        // A password that an earlier request gave is not lost to a request without one.
        instance.pending_password = password.or(instance.pending_password.take());
        // RDS takes note of a new password at once, and shows some time later that it is at it.
        if !only_password {
            instance.status = "modifying".to_owned();
        }
        instance.job = job;
        job
    };

    let answer = call.instance_answer(&arn);
    let (emulator, end_status) = (Arc::clone(&call.emulator), call.end_status());
    tokio::spawn(async move { carry_out(&emulator, &arn, job, immediately, end_status).await });
    Ok(answer)
}

/// Lets the time of a modification pass, and then makes it.
async fn carry_out(emulator: &Arc<Emulator>, arn: &Arn, job: Job, immediately: bool, end_status: String) {
    let timing = emulator.timing();
    let with_password =
        locked(&emulator.world).instance(arn).is_some_and(|instance| instance.pending_password.is_some());
    let duration = timing.modification(with_password);
    let started = clock::now();
    clock::sleep_until(started + duration / 4).await;
    if let Some(instance) = locked(&emulator.world).instance_in(arn, job)
        && instance.status != "modifying"
    {
        instance.status = "resetting-master-credentials".to_owned();
    }
    clock::sleep_until(started + duration).await;
    let change = locked(&emulator.world).instance_in(arn, job).and_then(|instance| {
        let password = instance.pending_password.clone()?;
        Some((instance.port?, instance.master_username.clone(), password))
    });
    if let Some((port, master_username, password)) = change
        && let Err(error) = emulator.postgres.change_password(port, &master_username, &password).await
    {
        tracing::error!(%arn, %error, "the master password was not changed");
    }
    if let Some(instance) = locked(&emulator.world).instance_in(arn, job) {
        if immediately {
            instance.settings = instance.settings.overlaid(&instance.pending);
            instance.pending = Settings::default();
        }
        instance.pending_password = None;
        instance.status = end_status;
        instance.job = None;
    }
}
