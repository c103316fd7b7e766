//! Whether an instance can be as a request wants it, and where it is put: class, storage, groups, network and roles.

use super::{Call, ENCRYPT, MONITORING};
use crate::emulator::locked;
use crate::engines::Release;
use crate::groups::Applied;
use crate::kms::DEFAULT_KEY;
use crate::model::Instance;
use crate::network::{self, Surroundings};
use crate::refusal::Refusal;
use crate::settings::Settings;
use crate::switches::Switches;

/// A new instance that can be.
pub struct Placed {
    pub release: Release,
    pub settings: Settings,
    pub vpc: String,
    pub applied: Applied,
}

/// Places a new instance. `settings` is all that it is to have, `chosen` what the request names.
pub async fn place(
    call: &Call,
    release: Release,
    settings: Settings,
    chosen: &Settings,
    is_encrypted: bool,
) -> Result<Placed, Refusal> {
    settings.check_class(&release)?;
    settings.check_storage(release.engine)?;
    settings.check_windows()?;
    settings.check_options(&release, chosen)?;
    if is_encrypted {
        settings.check_encryption()?;
    }
    let settings = with_insights_key(call, settings).await?;
    let surroundings = call.surroundings(&call.roles(&settings)).await?;
    check_roles(&settings, &surroundings)?;
    let switches = call.emulator.switches();
    let mut world = locked(&call.emulator.world);
    let region = world.region(&call.scope);
    let vpc = surroundings.vpc(region, &settings, &switches)?;
    network::check_network_type(&settings, &switches)?;
    surroundings.check_security_groups(settings.names("VpcSecurityGroupIds"), &vpc, &switches)?;
    let parameters = settings.text("DBParameterGroupName").unwrap_or_default();
    region.check_parameter_group(parameters, &release)?;
    let options = settings.text("OptionGroupName").unwrap_or_default();
    region.check_option_group(options, &release, Some(&vpc))?;
    let applied = region.applied(parameters);
    let settings = settings.with_security_group(surroundings.default_security_group(&vpc));
    Ok(Placed { release, settings: settings.tidied(), vpc, applied })
}

/// Refuses a change of an instance that it cannot have. What has to do with its groups is not checked here.
pub fn check_change(
    instance: &Instance,
    chosen: &Settings,
    surroundings: &Surroundings,
    switches: &Switches,
) -> Result<(), Refusal> {
    let wanted = instance.settings.changed_by(&instance.pending).changed_by(chosen);
    let release = &instance.release;
    if chosen.has(&["DBInstanceClass", "StorageType"]) {
        wanted.check_class(release)?;
        if instance.key.is_some() {
            wanted.check_encryption()?;
        }
    }
    check_storage_change(instance, chosen, &wanted)?;
    wanted.check_options(release, chosen)?;
    check_roles(chosen, surroundings)?;
    if chosen.has(&["NetworkType"]) {
        network::check_network_type(&wanted, switches)?;
    }
    surroundings.check_security_groups(chosen.names("VpcSecurityGroupIds"), &instance.vpc, switches)
}

fn check_storage_change(instance: &Instance, chosen: &Settings, wanted: &Settings) -> Result<(), Refusal> {
    if !chosen.has(&["AllocatedStorage", "StorageType", "Iops", "StorageThroughput"]) {
        return Ok(());
    }
    let kind =
        |settings: &Settings| settings.text("StorageType").is_some_and(|kind| ["io1", "io2"].contains(&kind));
    let size = chosen.number("AllocatedStorage");
    // Recorded.
    if kind(&instance.settings) && kind(wanted) && size.is_some() != chosen.has(&["Iops"]) {
        return Err(Refusal::invalid_combination(
            "You must specify both the storage size and iops when modifying the storage size or iops on a DB instance \
             that has iops.",
        ));
    }
    if size.is_some() && size < instance.settings.number("AllocatedStorage") {
        return Err(Refusal::invalid_combination("Requested size cannot be less than the current size."));
    }
    wanted.check_storage(instance.release.engine)
}

/// Refuses roles that the service may not assume.
fn check_roles(settings: &Settings, surroundings: &Surroundings) -> Result<(), Refusal> {
    let named = [("MonitoringRoleArn", "ENHANCED_MONITORING"), ("DomainIAMRoleName", "DIRECTORY_SERVICE")];
    let mut used =
        named.iter().filter(|(parameter, _)| settings.has(&[parameter])).zip(&surroundings.trusted);
    match used.find(|(_, trusted)| !**trusted) {
        // Recorded, for monitoring.
        Some(((_, purpose), _)) => Err(Refusal::invalid_value(format!(
            "IAM role ARN value is invalid or does not include the required permissions for: {purpose}"
        ))),
        None => Ok(()),
    }
}

/// These settings with the key and the retention of Performance Insights, if it is to be on. Model: the default key where
/// none is chosen, 7 days.
pub async fn with_insights_key(call: &Call, settings: Settings) -> Result<Settings, Refusal> {
    const KEY: &str = "PerformanceInsightsKMSKeyId";
    if settings.flag("EnablePerformanceInsights") != Some(true) {
        return Ok(settings);
    }
    let name = settings.text(KEY).unwrap_or(DEFAULT_KEY).to_owned();
    let key = call.storage_key(&name, ENCRYPT, "specified").await?;
    Ok(settings.with_text(KEY, key.arn).with_insights_retention())
}

impl Call {
    /// What RDS finds in the caller's account. Each role comes with the service that is to assume it.
    pub async fn surroundings(&self, roles: &[(String, &'static str)]) -> Result<Surroundings, Refusal> {
        let is_own = |role: &str| role.split(':').nth(4) == Some(&self.scope.account);
        let question = network::Question {
            account: &self.scope.account,
            region: &self.scope.region,
            roles: roles
                .iter()
                .map(|(arn, service)| network::RoleUse { arn: if is_own(arn) { arn } else { "" }, service })
                .collect(),
        };
        self.emulator.cloud.surroundings(&question).await
    }

    /// The roles among some settings, each with the service that is to assume it.
    pub fn roles(&self, settings: &Settings) -> Vec<(String, &'static str)> {
        let monitoring = settings.text("MonitoringRoleArn").map(|role| (role.to_owned(), MONITORING));
        let domain =
            settings.text("DomainIAMRoleName").map(|name| (self.scope.role(name), "rds.amazonaws.com"));
        monitoring.into_iter().chain(domain).collect()
    }
}
