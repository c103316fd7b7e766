//! The settings of an instance that a client may choose: one table says how each is called in a request, what it
//! may hold, how it is called in an answer, and when a modification of it takes effect.

mod classes;
mod fitting;
mod storage;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::engines::Release;
use crate::query::Parameters;
use crate::refusal::Refusal;
use crate::windows;
use crate::xml::Xml;
pub use classes::all_classes;
#[cfg(test)]
pub use classes::is_class;
pub use storage::wrong_size;
use table::{EXTENDED_SUPPORT, SETTINGS, Shown};
pub use table::{Taker, WITHOUT_EXTENDED_SUPPORT};

/// What the client chose, by the name of the parameter of CreateDBInstance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<&'static str, Value>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Text(String),
    Number(u32),
    Flag(bool),
    Names(Vec<String>),
}

impl Settings {
    /// Takes the settings that `taker` knows out of a request.
    pub fn take(parameters: &mut Parameters, taker: Taker) -> Result<Self, Refusal> {
        let mut settings = Self::default();
        for setting in SETTINGS.iter().filter(|setting| setting.takers.contains(&taker)) {
            if let Some(value) = setting.kind.take(setting.parameter, parameters)? {
                settings.0.insert(setting.parameter, value);
            }
        }
        if let (Taker::Create | Taker::Restore | Taker::Replica, Some(true), Some(_)) =
            (taker, settings.flag("MultiAZ"), settings.text("AvailabilityZone"))
        {
            return Err(Refusal::invalid_combination(
                "Requesting a specific availability zone is not valid for Multi-AZ instances.",
            ));
        }
        Ok(settings)
    }

    /// What an instance has when nothing was chosen. Model, CreateDBInstance and RestoreDBInstanceFromDBSnapshot.
    pub fn defaults(release: &Release, region: &str) -> Self {
        let text = |value: &str| Value::Text(value.to_owned());
        Self(BTreeMap::from([
            ("StorageType", text("gp3")),
            ("MultiAZ", Value::Flag(false)),
            ("AvailabilityZone", Value::Text(format!("{region}a"))),
            ("PubliclyAccessible", Value::Flag(false)),
            ("DBSubnetGroupName", text("default")),
            ("BackupRetentionPeriod", Value::Number(1)),
            ("AutoMinorVersionUpgrade", Value::Flag(true)),
            ("CopyTagsToSnapshot", Value::Flag(false)),
            ("DeletionProtection", Value::Flag(false)),
            ("EnableIAMDatabaseAuthentication", Value::Flag(false)),
            ("CACertificateIdentifier", text("rds-ca-rsa2048-g1")),
            ("NetworkType", text("IPV4")),
            ("DedicatedLogVolume", Value::Flag(false)),
            ("EnablePerformanceInsights", Value::Flag(false)),
            ("MonitoringInterval", Value::Number(0)),
        ]))
        .overlaid(&Self::of_release(release))
    }

    /// What goes with the engine and its version where nothing is chosen.
    pub fn of_release(release: &Release) -> Self {
        let license = release.engine.licenses.first().copied().unwrap_or_default();
        let mut settings = Self(BTreeMap::from([
            ("DBParameterGroupName", Value::Text(release.default_parameters())),
            ("OptionGroupName", Value::Text(release.default_options())),
            ("LicenseModel", Value::Text(license.to_owned())),
        ]));
        if release.engine.has_extended_support() {
            settings.0.insert("EngineLifecycleSupport", Value::Text(EXTENDED_SUPPORT.to_owned()));
        }
        settings
    }

    /// What a restore takes from the instance of which the snapshot was made (model, RestoreDBInstanceFromDBSnapshot);
    /// network, groups, availability and protection begin again from the defaults, and another type of storage from its own.
    pub fn inherited_by(&self, chosen: &Self) -> Self {
        let kept = [
            "DBInstanceClass",
            "AllocatedStorage",
            "StorageType",
            "BackupRetentionPeriod",
            "LicenseModel",
            "Port",
        ];
        let same_storage =
            chosen.text("StorageType").is_none_or(|kind| Some(kind) == self.text("StorageType"));
        let performance = |name: &str| same_storage && ["Iops", "StorageThroughput"].contains(&name);
        Self(
            self.0
                .iter()
                .filter(|(name, _)| kept.contains(*name) || performance(name))
                .map(|(name, value)| (*name, value.clone()))
                .collect(),
        )
    }

    /// These settings, with those of `newer` in their place where it has any.
    pub fn overlaid(&self, newer: &Self) -> Self {
        let mut all = self.clone();
        all.0.extend(newer.0.iter().map(|(name, value)| (*name, value.clone())));
        all
    }

    /// The same for a modification of storage: another type begins with its own performance.
    pub fn changed_by(&self, newer: &Self) -> Self {
        let is_other = newer.text("StorageType").is_some_and(|kind| Some(kind) != self.text("StorageType"));
        let mut kept = self.clone();
        kept.0.retain(|name, _| !is_other || !["Iops", "StorageThroughput"].contains(name));
        kept.overlaid(newer)
    }

    /// Parts a modification into what always takes effect at once, and what waits for the maintenance window unless
    /// the client asks for it now.
    pub fn parted(self) -> (Self, Self) {
        let waits = |name: &str| SETTINGS.iter().any(|row| row.parameter == name && row.waits);
        let (later, now): (BTreeMap<_, _>, BTreeMap<_, _>) =
            self.0.into_iter().partition(|(name, _)| waits(name));
        (Self(now), Self(later))
    }

    /// These settings with windows: where none is chosen, RDS picks one at random (model), or the one of `fixed_backup`.
    pub fn with_windows(mut self, fixed_backup: Option<&str>, random: impl Fn(u32) -> u32) -> Self {
        let maintenance = self.text("PreferredMaintenanceWindow").map(str::to_owned);
        let backup = self.text("PreferredBackupWindow").or(fixed_backup).map(str::to_owned);
        let backup = backup.unwrap_or_else(|| windows::pick_backup(maintenance.as_deref(), &random));
        let maintenance = maintenance.unwrap_or_else(|| windows::pick_maintenance(&backup, &random));
        self.0.insert("PreferredBackupWindow", Value::Text(backup));
        self.0.insert("PreferredMaintenanceWindow", Value::Text(maintenance));
        self
    }

    /// Whether the two windows leave each other alone.
    pub fn check_windows(&self) -> Result<(), Refusal> {
        windows::check(self.text("PreferredBackupWindow"), self.text("PreferredMaintenanceWindow"))
    }

    /// These settings without what another engine may not have.
    pub fn without_release(&self) -> Self {
        let mut settings = self.clone();
        for name in ["EngineLifecycleSupport", "EnableCloudwatchLogsExports"] {
            settings.0.remove(name);
        }
        settings
    }

    /// These settings with another text for one of them.
    pub fn with_text(mut self, parameter: &'static str, text: String) -> Self {
        self.0.insert(parameter, Value::Text(text));
        self
    }

    /// These settings with the time for which Performance Insights keeps its data.
    pub fn with_insights_retention(mut self) -> Self {
        self.0.entry("PerformanceInsightsRetentionPeriod").or_insert(Value::Number(7));
        self
    }

    /// These settings with the security groups of an instance for which none was chosen.
    pub fn with_security_group(mut self, group: &str) -> Self {
        let names = || Value::Names(vec![group.to_owned()]);
        self.0.entry("VpcSecurityGroupIds").or_insert_with(names);
        self
    }

    /// Whether one of these parameters is among the settings.
    pub fn has(&self, parameters: &[&str]) -> bool {
        parameters.iter().any(|name| self.0.contains_key(name))
    }

    /// Whether a setting of `other` is among these.
    pub fn has_any_of(&self, other: &Self) -> bool {
        other.0.keys().any(|name| self.0.contains_key(name))
    }

    /// These settings without automated backups.
    pub fn without_backups(mut self) -> Self {
        self.0.insert("BackupRetentionPeriod", Value::Number(0));
        self
    }

    /// These settings without those that `other` has with the same value.
    pub fn without(mut self, other: &Self) -> Self {
        self.0.retain(|name, value| other.0.get(name) != Some(value));
        self
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn flag(&self, parameter: &str) -> Option<bool> {
        match self.0.get(parameter) {
            Some(Value::Flag(flag)) => Some(*flag),
            _ => None,
        }
    }

    pub fn number(&self, parameter: &str) -> Option<u32> {
        match self.0.get(parameter) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    pub fn text(&self, parameter: &str) -> Option<&str> {
        match self.0.get(parameter) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub fn names(&self, parameter: &str) -> &[String] {
        match self.0.get(parameter) {
            Some(Value::Names(names)) => names,
            _ => &[],
        }
    }

    /// The logs that are exported, after some were turned on and others off.
    pub fn change_logs(&self, release: &Release, on: &[String], off: &[String]) -> Result<Self, Refusal> {
        const NAME: &str = "EnableCloudwatchLogsExports";
        fitting::check_logs(release, on.iter().chain(off))?;
        let mut logs = self.names(NAME).to_vec();
        logs.retain(|log| !off.contains(log));
        logs.extend(on.iter().filter(|log| !off.contains(log)).cloned());
        logs.sort();
        logs.dedup();
        if logs.is_empty() && !self.0.contains_key(NAME) {
            return Ok(Self::default());
        }
        Ok(Self(BTreeMap::from([(NAME, Value::Names(logs))])))
    }

    /// Writes every setting under the name that answers use.
    pub fn write(&self, xml: &mut Xml) {
        for setting in SETTINGS {
            let Some(value) = self.0.get(setting.parameter) else { continue };
            match (&setting.shown, value) {
                (Shown::Elsewhere, _) => {}
                (Shown::As(name), Value::Text(text)) => xml.text(name, text),
                (Shown::As(name), Value::Number(number)) => xml.text(name, number),
                (Shown::As(name), Value::Flag(flag)) => xml.text(name, flag),
                (Shown::As(name), Value::Names(names)) => xml.texts(name, "member", names),
                (Shown::Membership(list, member, name, state), value) => {
                    let names = match value {
                        Value::Names(names) => names.clone(),
                        Value::Text(text) => vec![text.clone()],
                        Value::Number(_) | Value::Flag(_) => Vec::new(),
                    };
                    xml.list(list, member, names, |xml, member| {
                        xml.text(name, member);
                        xml.text(state.0, state.1);
                    });
                }
            }
        }
    }
}
