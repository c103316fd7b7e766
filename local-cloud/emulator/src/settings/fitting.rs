//! Which options an engine has, and which of them go together. Where RDS's own words are not known, ours are plain.

use super::Settings;
use crate::engines::{self, Brand, Release};
use crate::refusal::Refusal;

/// Model, MonitoringInterval.
const INTERVALS: &[u32] = &[0, 1, 5, 10, 15, 30, 60];
const SELF_MANAGED: &[&str] = &["DomainFqdn", "DomainOu", "DomainAuthSecretArn", "DomainDnsIps"];
const DIRECTORY: &[&str] = &["Domain", "DomainIAMRoleName"];

impl Settings {
    /// Whether the release can be had with this class and type of storage.
    pub fn check_class(&self, release: &Release) -> Result<(), Refusal> {
        let (class, storage) =
            (self.text("DBInstanceClass").unwrap_or_default(), self.text("StorageType").unwrap_or("gp3"));
        if release.engine.storage(storage).is_none() {
            return self.check_storage(release.engine);
        }
        if release.is_orderable(class, storage) {
            return Ok(());
        }
        let license = self.text("LicenseModel").unwrap_or_default();
        Err(Refusal::invalid_combination(format!(
            "RDS does not support creating a DB instance with the following combination: DBInstanceClass={class}, \
             Engine={}, EngineVersion={}, LicenseModel={license}. For supported combinations of instance class and \
             database engine version, see the documentation.",
            release.engine.name, release.version
        )))
    }

    /// Whether encrypted storage can be had with this class.
    pub fn check_encryption(&self) -> Result<(), Refusal> {
        let class = self.text("DBInstanceClass").unwrap_or_default();
        if engines::encrypts(class) {
            return Ok(());
        }
        let message = format!("DB Instance class {class} does not support encryption at rest");
        Err(Refusal::invalid_combination(message))
    }

    /// Whether the release has what was chosen, and the choices go together. `self` is all that the instance is to have,
    /// `chosen` what the request names.
    pub fn check_options(&self, release: &Release, chosen: &Self) -> Result<(), Refusal> {
        let engine = release.engine;
        check_logs(release, chosen.names("EnableCloudwatchLogsExports").iter())?;
        if let Some(odd) = chosen.text("LicenseModel").filter(|license| !engine.licenses.contains(license)) {
            let message = format!("Invalid license model '{odd}' for engine '{}'.", engine.name);
            return Err(Refusal::invalid_combination(message));
        }
        if chosen.flag("EnableIAMDatabaseAuthentication") == Some(true) && !engine.has_iam_authentication() {
            return Err(Refusal::invalid_combination(
                "IAM Database Authentication is not supported for this configuration.",
            ));
        }
        if chosen.has(&["EngineLifecycleSupport"]) && !engine.has_extended_support() {
            return Err(unsupported("EngineLifecycleSupport", release));
        }
        if chosen.flag("MultiAZ") == Some(true) && !engine.has_multi_az() {
            return Err(unsupported("MultiAZ", release));
        }
        // Recorded, for SQL Server.
        if chosen.flag("MultiAZ") == Some(true)
            && engine.brand == Brand::SqlServer
            && self.number("BackupRetentionPeriod") == Some(0)
        {
            return Err(Refusal::invalid_value(
                "Mirroring cannot be applied to instances with backup retention set to zero.",
            ));
        }
        let kind = self.text("StorageType").unwrap_or("gp3");
        let is_changed = chosen.has(&["DedicatedLogVolume", "StorageType"]);
        if is_changed
            && self.flag("DedicatedLogVolume") == Some(true)
            && !engine.has_log_volume(release.line, kind)
        {
            return Err(Refusal::invalid_combination(format!(
                "A dedicated log volume is not supported for engine {} {} with the storage type {kind}.",
                engine.name, release.version
            )));
        }
        self.check_domain(release, chosen)?;
        self.check_insights(release, chosen)?;
        self.check_monitoring(chosen)
    }

    fn check_domain(&self, release: &Release, chosen: &Self) -> Result<(), Refusal> {
        let leaves = chosen.text("Domain") == Some("none");
        if leaves || !chosen.has(SELF_MANAGED) && !chosen.has(DIRECTORY) {
            return Ok(());
        }
        if !release.engine.has_kerberos() {
            return Err(unsupported("Domain", release));
        }
        // Guide, self-managed Active Directory.
        if chosen.has(SELF_MANAGED) && release.engine.brand != Brand::SqlServer {
            return Err(unsupported("DomainFqdn", release));
        }
        if self.has(SELF_MANAGED) && self.has(DIRECTORY) {
            return Err(Refusal::invalid_combination(
                "Domain and DomainIAMRoleName can't be specified together with DomainFqdn, DomainOu, DomainAuthSecretArn \
                 and DomainDnsIps.",
            ));
        }
        for together in [SELF_MANAGED, DIRECTORY] {
            if self.has(together) && !together.iter().all(|name| self.has(&[name])) {
                let message = format!("You must specify {} together.", together.join(", "));
                return Err(Refusal::invalid_combination(message));
            }
        }
        let servers = self.names("DomainDnsIps").len();
        if self.has(SELF_MANAGED) && servers != 2 {
            // Model, DomainDnsIps.
            return Err(Refusal::invalid_value("DomainDnsIps must have two IP addresses."));
        }
        let directory = |name: &&str| {
            name.strip_prefix("d-").is_some_and(|rest| {
                rest.len() == 10 && rest.chars().all(|one| one.is_ascii_digit() || ('a'..='f').contains(&one))
            })
        };
        if let Some(odd) = self.text("Domain").filter(|name| !directory(name)) {
            return Err(Refusal::new("DomainNotFoundFault", 404, format!("Domain {odd} not found")));
        }
        Ok(())
    }

    fn check_insights(&self, release: &Release, chosen: &Self) -> Result<(), Refusal> {
        let named = ["PerformanceInsightsKMSKeyId", "PerformanceInsightsRetentionPeriod"];
        let is_on = self.flag("EnablePerformanceInsights") == Some(true);
        if chosen.has(&named) && !is_on {
            return Err(Refusal::invalid_combination(
                "You must enable Performance Insights to specify its KMS key or its retention period.",
            ));
        }
        let is_concerned = chosen.has(&["EnablePerformanceInsights", "DBInstanceClass"]);
        let class = self.text("DBInstanceClass").unwrap_or_default();
        if is_on && is_concerned && !release.engine.has_insights_on(class) {
            return Err(Refusal::invalid_combination(
                "Performance Insights not supported for this configuration.",
            ));
        }
        // Model: 7, months of 31 days, or 731.
        match chosen.number("PerformanceInsightsRetentionPeriod") {
            Some(days)
                if days != 7 && days != 731 && !(days % 31 == 0 && (1..=23).contains(&(days / 31))) =>
            {
                Err(Refusal::invalid_value(format!(
                    "Invalid Performance Insights retention period: {days}. It is 7, a multiple of 31 up to 713, or 731."
                )))
            }
            _ => Ok(()),
        }
    }

    fn check_monitoring(&self, chosen: &Self) -> Result<(), Refusal> {
        if let Some(odd) = chosen.number("MonitoringInterval").filter(|one| !INTERVALS.contains(one)) {
            return Err(Refusal::invalid_value(format!("Invalid MonitoringInterval: {odd}")));
        }
        let interval = self.number("MonitoringInterval").unwrap_or_default();
        if chosen.has(&["MonitoringRoleArn"]) && interval == 0 {
            return Err(Refusal::invalid_combination(
                "You must specify a MonitoringInterval value other than 0 when you specify a MonitoringRoleARN value.",
            ));
        }
        if interval > 0 && !self.has(&["MonitoringRoleArn"]) {
            return Err(Refusal::invalid_combination(
                "A MonitoringRoleARN value is required if you specify a MonitoringInterval value other than 0.",
            ));
        }
        Ok(())
    }

    /// What a modification has come to: an instance that leaves its domain, or is not watched any more, keeps nothing of
    /// it.
    pub fn tidied(mut self) -> Self {
        if self.text("Domain") == Some("none") {
            self.0.retain(|name, _| !SELF_MANAGED.contains(name) && !DIRECTORY.contains(name));
        }
        if self.number("MonitoringInterval") == Some(0) {
            self.0.remove("MonitoringRoleArn");
        }
        if self.flag("EnablePerformanceInsights") == Some(false) {
            self.0.remove("PerformanceInsightsKMSKeyId");
            self.0.remove("PerformanceInsightsRetentionPeriod");
        }
        self
    }
}

/// Whether the engine has these logs.
pub fn check_logs<'a>(release: &Release, mut logs: impl Iterator<Item = &'a String>) -> Result<(), Refusal> {
    match logs.find(|log| !release.engine.logs.contains(&log.as_str())) {
        Some(log) => Err(Refusal::unknown_log(log, release.engine.name)),
        None => Ok(()),
    }
}

fn unsupported(parameter: &str, release: &Release) -> Refusal {
    let name = release.engine.name;
    Refusal::invalid_combination(format!("{parameter} isn't supported for DB instances of engine {name}."))
}
