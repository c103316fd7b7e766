//! ModifyDBInstance: other settings, another password.

use std::sync::Arc;

use super::creating::make_log_groups;
use super::{Call, Operation, automated, placing};
use crate::arn::Arn;
use crate::clock;
use crate::emulator::{Emulator, locked};
use crate::engines::Release;
use crate::model::{Instance, Job, Region};
use crate::query::{Parameters, Tags};
use crate::refusal::Refusal;
use crate::rules;
use crate::settings::{Settings, Taker};
use crate::xml::Xml;

/// What a request asks for.
struct Change {
    chosen: Settings,
    immediately: bool,
    password: Option<String>,
    new_name: Option<String>,
    engine_version: Option<String>,
    logs_on: Option<Vec<String>>,
    logs_off: Option<Vec<String>>,
}

impl Change {
    fn take(parameters: &mut Parameters) -> Result<Self, Refusal> {
        Ok(Self {
            chosen: Settings::take(parameters, Taker::Modify)?,
            immediately: parameters.flag("ApplyImmediately")?.unwrap_or(false),
            password: parameters.text("MasterUserPassword"),
            new_name: parameters.text("NewDBInstanceIdentifier"),
            engine_version: parameters.text("EngineVersion"),
            logs_on: parameters.list("CloudwatchLogsExportConfiguration.EnableLogTypes", "member"),
            logs_off: parameters.list("CloudwatchLogsExportConfiguration.DisableLogTypes", "member"),
        })
    }

    /// Whether the request names nothing to be changed.
    fn is_empty(&self) -> bool {
        self.chosen.is_empty()
            && self.password.is_none()
            && self.new_name.is_none()
            && self.engine_version.is_none()
            && self.logs_on.is_none()
            && self.logs_off.is_none()
    }

    /// Whether an instance is already all that the request asks for.
    fn is_already(&self, instance: &Instance) -> Result<bool, Refusal> {
        let now = instance.settings.overlaid(&instance.pending).overlaid(&instance.coming);
        let waits = self.immediately && instance.pending.has_any_of(&self.chosen);
        let is_same = self.password.is_none() && self.new_name.is_none() && !waits;
        Ok(is_same && now.overlaid(&self.chosen) == now && self.logs(&instance.release, &now)? == now)
    }

    /// The settings with the logs that the request turns on and off.
    fn logs(&self, release: &Release, settings: &Settings) -> Result<Settings, Refusal> {
        if self.logs_on.is_none() && self.logs_off.is_none() {
            return Ok(settings.clone());
        }
        let (on, off) = (self.logs_on.clone().unwrap_or_default(), self.logs_off.clone().unwrap_or_default());
        Ok(settings.overlaid(&settings.change_logs(release, &on, &off)?))
    }

    /// Begins the change of an instance. Nothing is changed when it is refused.
    fn begin(self, instance: &mut Instance, job: Job) -> Result<(), Refusal> {
        let wanted = instance.settings.overlaid(&instance.pending).overlaid(&self.chosen);
        wanted.check_windows()?;
        let with_logs = self.logs(&instance.release, &instance.settings)?;
        let (now, later) = self.chosen.parted();
        instance.settings = with_logs.grown(instance.release.engine, &now)?.tidied();
        // What is to be as it is waits no longer.
        instance.pending = instance.pending.overlaid(&later).without(&instance.settings);
        instance.pending_name = self.new_name.or(instance.pending_name.take());
        if self.immediately {
            instance.coming_name = instance.pending_name.take().or(instance.coming_name.take());
            // Everything that waits is applied with it (model, ApplyImmediately).
            instance.coming = instance.coming.overlaid(&std::mem::take(&mut instance.pending));
        }
        // A password that an earlier request gave is not lost to a request without one.
        instance.pending_password = self.password.or(instance.pending_password.take());
        instance.job = job;
        Ok(())
    }
}

pub async fn modify(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::ModifyDBInstance;
    let name = parameters.required("DBInstanceIdentifier")?;
    let mut change = Change::take(&mut parameters)?;
    parameters.finish(&operation.name())?;

    let mut checks = vec![call.check(operation, &call.scope.resolve("db", &name), &Tags::new())];
    checks.extend(call.group_checks(operation, &change.chosen, &Tags::new()));
    call.allow(&checks).await?;

    if let Some(new_name) = change.new_name.take() {
        change.new_name = Some(rules::instance_identifier(&new_name)?);
    }
    change.password.as_deref().map(rules::master_password).transpose()?;
    let not_found = || Refusal::instance_not_found(&name);
    let arn = call.own("db", &name).ok_or_else(not_found)?;
    let was_on = locked(&call.emulator.world)
        .instance(&arn)
        .is_some_and(|instance| instance.settings.flag("EnablePerformanceInsights") == Some(true));
    if !was_on {
        change.chosen = placing::with_insights_key(call, change.chosen.clone()).await?;
    }
    let surroundings = call.surroundings(&call.roles(&change.chosen)).await?;
    let same_values_refused = call.emulator.switches().same_values_refused;
    let (job, status) = {
        let mut world = locked(&call.emulator.world);
        let job = world.new_job();
        check_relations(world.region(&call.scope), &arn.name, &change)?;
        let options = change.chosen.text("OptionGroupName").map(str::to_owned);
        let instance = world.instance(&arn).ok_or_else(not_found)?;
        if !rules::may_be_modified(&instance.status) {
            let message = format!("Database instance is not in available state: it is {}.", instance.status);
            return Err(Refusal::instance_state(message));
        }
        if change.is_empty() || (same_values_refused && change.is_already(instance)?) {
            return Err(Refusal::invalid_combination("No modifications were requested"));
        }
        check_version(instance, change.engine_version.as_deref())?;
        placing::check_change(instance, &change.chosen, &surroundings, &call.emulator.switches())?;
        let before = instance.settings.clone();
        change.begin(instance, job)?;
        let status = if instance.coming_name.is_some() {
            Some("renaming")
        } else if instance.settings != before || !instance.coming.is_empty() {
            Some("modifying")
        } else {
            instance.pending_password.as_ref().map(|_| "resetting-master-credentials")
        };
        let vpc = instance.vpc.clone();
        if let Some(options) = options {
            world.region(&call.scope).bind_option_group(&options, &vpc);
        }
        (job, status)
    };

    // RDS takes note of a change at once, and shows some time later that it is at it (recorded answers).
    let answer = call.instance_answer(&arn);
    let (emulator, end_status) = (Arc::clone(&call.emulator), call.end_status());
    tokio::spawn(async move { carry_out(&emulator, &arn, job, status, end_status).await });
    Ok(answer)
}

/// Refuses what the other instances forbid.
fn check_relations(region: &Region, name: &str, change: &Change) -> Result<(), Refusal> {
    if change.new_name.as_ref().is_some_and(|name| region.instances.contains_key(name)) {
        return Err(Refusal::instance_exists());
    }
    let Some(instance) = region.instances.get(name) else { return Ok(()) };
    let has_replicas = region.replicas(&instance.resource_id).next().is_some();
    if has_replicas && change.chosen.number("BackupRetentionPeriod") == Some(0) {
        // Model, BackupRetentionPeriod.
        return Err(Refusal::invalid_combination(
            "BackupRetentionPeriod cannot be 0 for an instance that is a source of read replicas.",
        ));
    }
    // An instance that cannot be modified now is not checked any further.
    if !rules::may_be_modified(&instance.status) {
        return Ok(());
    }
    if let Some(group) = change.chosen.text("DBParameterGroupName") {
        region.check_parameter_group(group, &instance.release)?;
    }
    if let Some(group) = change.chosen.text("OptionGroupName") {
        region.check_option_group(group, &instance.release, Some(&instance.vpc))?;
    }
    Ok(())
}

/// Refuses another version than the instance has: nothing is upgraded here.
fn check_version(instance: &Instance, wanted: Option<&str>) -> Result<(), Refusal> {
    let Release { version, line, .. } = &instance.release;
    match wanted.filter(|wanted| wanted != version && *wanted != line.major) {
        // Recorded.
        Some(wanted) => {
            Err(Refusal::invalid_combination(format!("Cannot find upgrade path from {version} to {wanted}.")))
        }
        None => Ok(()),
    }
}

/// Lets the time of a modification pass, and then makes it.
async fn carry_out(emulator: &Arc<Emulator>, arn: &Arn, job: Job, status: Option<&str>, end_status: String) {
    let with_password = locked(&emulator.world)
        .instance_in(arn, job)
        .is_some_and(|instance| instance.pending_password.is_some());
    // What only waits for the maintenance window is noted, and that is all.
    let duration = status.map(|_| emulator.timing().modification(with_password)).unwrap_or_default();
    let started = clock::now();
    clock::sleep_until(started + duration / 4).await;
    if let (Some(instance), Some(status)) = (locked(&emulator.world).instance_in(arn, job), status) {
        instance.status = status.to_owned();
    }
    clock::sleep_until(started + duration).await;
    let password = locked(&emulator.world).instance_in(arn, job).and_then(|instance| {
        let password = instance.pending_password.clone()?;
        Some((instance.port?, instance.master_username.clone(), password))
    });
    if let Some((port, master_username, password)) = password
        && let Err(error) = emulator.postgres.change_password(port, &master_username, &password).await
    {
        tracing::error!(%arn, %error, "the master password was not changed");
    }
    finish(emulator, arn, job, &end_status);
    make_log_groups(emulator, arn).await;
}

/// Makes what a modification has changed the present state, and gives the instance its new name.
fn finish(emulator: &Emulator, arn: &Arn, job: Job, end_status: &str) {
    let without_backups = {
        let mut world = locked(&emulator.world);
        let Some(instance) = world.instance_in(arn, job) else { return };
        instance.settings = instance.settings.changed_by(&std::mem::take(&mut instance.coming)).tidied();
        instance.pending_password = None;
        instance.status = end_status.to_owned();
        instance.job = None;
        let backs_up = instance.settings.number("BackupRetentionPeriod") != Some(0);
        let without_backups = (!backs_up).then(|| instance.resource_id.clone());
        if let Some(new_name) = instance.coming_name.take() {
            world.region(&arn.scope).rename(&arn.name, new_name);
        }
        without_backups
    };
    if let Some(resource_id) = without_backups {
        automated::end(emulator, arn, &resource_id);
    }
}
