//! The settings of an instance that a client may choose: one table says how each is called in a request, what it
//! may hold, how it is called in an answer, and when a modification of it takes effect.

mod classes;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::query::Parameters;
use crate::refusal::Refusal;
use crate::windows;
use crate::xml::Xml;
pub use table::Taker;
use table::{SETTINGS, Shown, is_log};

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

/// From this size on gp3 storage lies on several volumes, and its performance can be chosen.
const STRIPED_GIB: u32 = 400;
/// The least storage with provisioned operations.
const SMALLEST_PROVISIONED_GIB: u32 = 100;

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
    pub fn defaults(major_version: &str, region: &str) -> Self {
        let text = |value: &str| Value::Text(value.to_owned());
        Self(BTreeMap::from([
            ("StorageType", text("gp3")),
            ("MultiAZ", Value::Flag(false)),
            ("AvailabilityZone", Value::Text(format!("{region}a"))),
            ("PubliclyAccessible", Value::Flag(false)),
            ("DBSubnetGroupName", text("default")),
            ("VpcSecurityGroupIds", Value::Names(vec!["sg-default".to_owned()])),
            ("DBParameterGroupName", Value::Text(format!("default.postgres{major_version}"))),
            ("OptionGroupName", Value::Text(format!("default:postgres-{major_version}"))),
            ("BackupRetentionPeriod", Value::Number(1)),
            ("AutoMinorVersionUpgrade", Value::Flag(true)),
            ("CopyTagsToSnapshot", Value::Flag(false)),
            ("DeletionProtection", Value::Flag(false)),
            ("EnableIAMDatabaseAuthentication", Value::Flag(false)),
            ("CACertificateIdentifier", text("rds-ca-rsa2048-g1")),
            ("LicenseModel", text("postgresql-license")),
        ]))
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

    /// The logs that are exported, after some were turned on and others off.
    pub fn change_logs(&self, on: &[String], off: &[String]) -> Result<Self, Refusal> {
        const NAME: &str = "EnableCloudwatchLogsExports";
        if let Some(unknown) = on.iter().chain(off).find(|log| !is_log(log)) {
            return Err(Refusal::unknown_log(unknown));
        }
        let mut logs = match self.0.get(NAME) {
            Some(Value::Names(logs)) => logs.clone(),
            _ => Vec::new(),
        };
        logs.retain(|log| !off.contains(log));
        logs.extend(on.iter().filter(|log| !off.contains(log)).cloned());
        logs.sort();
        logs.dedup();
        if logs.is_empty() && !self.0.contains_key(NAME) {
            return Ok(Self::default());
        }
        Ok(Self(BTreeMap::from([(NAME, Value::Names(logs))])))
    }

    /// Whether the storage settings fit together. Guide, storage types, for PostgreSQL.
    pub fn check_storage(&self) -> Result<(), Refusal> {
        let kind = self.text("StorageType").unwrap_or("gp3");
        let size = self.number("AllocatedStorage").unwrap_or_default();
        let iops = self.number("Iops").filter(|iops| *iops > 0);
        let throughput = self.number("StorageThroughput").filter(|throughput| *throughput > 0);
        let problem = match kind {
            "io1" | "io2" if iops.is_none() => {
                format!("The storage type {kind} requires iops to be specified.")
            }
            "io1" | "io2" if size < SMALLEST_PROVISIONED_GIB => {
                format!("Invalid storage size for engine name postgres and storage type {kind}: {size}")
            }
            "gp2" | "standard" if iops.is_some() => {
                format!("You can't specify Iops with the storage type {kind}.")
            }
            "gp3" if size < STRIPED_GIB && (iops.is_some() || throughput.is_some()) => format!(
                "You can't specify IOPS or storage throughput for engine postgres and a storage size less than \
                 {STRIPED_GIB}."
            ),
            "gp2" | "standard" | "io1" | "io2" if throughput.is_some() => {
                format!("You can't specify StorageThroughput with the storage type {kind}.")
            }
            _ => return Ok(()),
        };
        Err(Refusal::invalid_combination(problem))
    }

    /// Whether the storage has room to grow by itself, if it is to.
    pub fn check_growth(&self) -> Result<(), Refusal> {
        let size = self.number("AllocatedStorage").unwrap_or_default();
        match self.number("MaxAllocatedStorage") {
            Some(most) if most <= size => {
                Err(Refusal::invalid_combination("Max storage size must be greater than storage size"))
            }
            Some(most) if most * 10 < size * 11 => Err(Refusal::invalid_combination(
                "The maximum allocated storage must be increased by at least 10 percent.",
            )),
            _ => Ok(()),
        }
    }

    /// These settings with those of a modification that takes effect at once. A limit of growth that is the present size
    /// ends the growth (guide, storage autoscaling).
    pub fn grown(&self, newer: &Self) -> Result<Self, Refusal> {
        let mut all = self.overlaid(newer);
        let limit = newer.number("MaxAllocatedStorage");
        if limit.is_some() && limit == all.number("AllocatedStorage") {
            all.0.remove("MaxAllocatedStorage");
        } else if limit.is_some() {
            all.check_growth()?;
        }
        Ok(all)
    }

    /// The operations and megabytes a second of gp3 storage for which nothing else was chosen. Guide, storage types.
    pub fn baseline(&self) -> Option<(u32, u32)> {
        let chosen =
            self.number("Iops").or(self.number("StorageThroughput")).is_some_and(|number| number > 0);
        let size = self.number("AllocatedStorage").unwrap_or_default();
        (self.text("StorageType") == Some("gp3") && !chosen).then_some(if size < STRIPED_GIB {
            (3_000, 125)
        } else {
            (12_000, 500)
        })
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
