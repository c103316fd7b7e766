//! ModifyDBInstance: other settings, another password.

use std::sync::Arc;

use super::{Call, Operation};
use crate::clock;
use crate::emulator::locked;
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
    let (job, port, master_username) = {
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
        instance.settings = instance.settings.overlaid(&now);
        if logs_on.is_some() || logs_off.is_some() {
            let logs =
                instance.settings.change_logs(&logs_on.unwrap_or_default(), &logs_off.unwrap_or_default())?;
            instance.settings = instance.settings.overlaid(&logs);
        }
        instance.pending = instance.pending.overlaid(&later);
        instance.password_pending = password.is_some();
        let only_password = password.is_some() && (instance.pending.is_empty() || !immediately);
        instance.status = if only_password { "resetting-master-credentials" } else { "modifying" }.to_owned();
        instance.job = job;
        (job, instance.server.as_ref().map(|server| server.port), instance.master_username.clone())
    };

    let (emulator, end_status, job_arn) = (Arc::clone(&call.emulator), call.end_status(), arn.clone());
    tokio::spawn(async move {
        let timing = emulator.timing();
        let done = clock::now() + timing.duration(timing.modify_seconds, 0);
        if let (Some(password), Some(port)) = (password, port)
            && let Err(error) = emulator.postgres.change_password(port, &master_username, &password).await
        {
            tracing::error!(arn = %job_arn, %error, "the master password was not changed");
        }
        clock::sleep_until(done).await;
        if let Some(instance) = locked(&emulator.world).instance_in(&job_arn, job) {
            if immediately {
                instance.settings = instance.settings.overlaid(&instance.pending);
                instance.pending = Settings::default();
            }
            instance.password_pending = false;
            instance.status = end_status;
            instance.job = None;
        }
    });
    Ok(call.instance_answer(&arn))
}
