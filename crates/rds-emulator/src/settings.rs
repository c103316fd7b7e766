//! The settings of an instance that a client may choose: one table says how each is called in a request, what it
//! may hold, how it is called in an answer, and when a modification of it takes effect.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::query::Parameters;
use crate::refusal::Refusal;
use crate::windows::{self, is_backup_window, is_maintenance_window};
use crate::xml::Xml;

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

/// The operations that take settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taker {
    Create,
    Restore,
    Modify,
}

struct Setting {
    parameter: &'static str,
    kind: Kind,
    /// How an answer shows it.
    shown: Shown,
    takers: &'static [Taker],
    /// Whether ModifyDBInstance without ApplyImmediately leaves it pending (model, ModifyDBInstance).
    waits: bool,
}

enum Kind {
    /// A text, and what it must look like.
    Text(fn(&str) -> bool),
    /// The same, stored in lower case.
    Name(fn(&str) -> bool),
    Number(RangeInclusive<u32>),
    Flag,
    /// A list with the element name of its members, and what each must look like.
    Names(&'static str, fn(&str) -> bool),
}

enum Shown {
    /// As an element of this name.
    As(&'static str),
    /// In a structure of its own: list element, member element, name element, and the word of its state.
    Membership(&'static str, &'static str, &'static str, (&'static str, &'static str)),
    /// By the answer itself.
    Elsewhere,
}

const ALL: &[Taker] = &[Taker::Create, Taker::Restore, Taker::Modify];
const AT_BIRTH: &[Taker] = &[Taker::Create, Taker::Restore];
const NOT_RESTORE: &[Taker] = &[Taker::Create, Taker::Modify];

/// From this size on gp3 storage lies on several volumes, and its performance can be chosen.
const STRIPED_GIB: u32 = 400;
/// The least storage with provisioned operations.
const SMALLEST_PROVISIONED_GIB: u32 = 100;

const fn row(
    parameter: &'static str,
    kind: Kind,
    shown: Shown,
    takers: &'static [Taker],
    waits: bool,
) -> Setting {
    Setting { parameter, kind, shown, takers, waits }
}

#[rustfmt::skip]
static SETTINGS: &[Setting] = &[
    row("DBInstanceClass", Kind::Text(is_class), Shown::As("DBInstanceClass"), ALL, true),
    row("AllocatedStorage", Kind::Number(20..=65_536), Shown::As("AllocatedStorage"), ALL, true),
    row("MaxAllocatedStorage", Kind::Number(20..=65_536), Shown::As("MaxAllocatedStorage"), NOT_RESTORE, false),
    row("StorageType", Kind::Text(is_storage_type), Shown::As("StorageType"), ALL, true),
    row("Iops", Kind::Number(0..=256_000), Shown::As("Iops"), ALL, true),
    row("StorageThroughput", Kind::Number(0..=4_000), Shown::As("StorageThroughput"), ALL, true),
    row("MultiAZ", Kind::Flag, Shown::As("MultiAZ"), ALL, true),
    row("AvailabilityZone", Kind::Text(is_zone), Shown::As("AvailabilityZone"), AT_BIRTH, false),
    row("Port", Kind::Number(1150..=65_535), Shown::Elsewhere, AT_BIRTH, false),
    row("PubliclyAccessible", Kind::Flag, Shown::As("PubliclyAccessible"), ALL, false),
    row("DBSubnetGroupName", Kind::Name(is_name), Shown::Elsewhere, AT_BIRTH, false),
    row("VpcSecurityGroupIds", Kind::Names("VpcSecurityGroupId", is_security_group),
        Shown::Membership("VpcSecurityGroups", "VpcSecurityGroupMembership", "VpcSecurityGroupId", ("Status", "active")), ALL, false),
    row("DBParameterGroupName", Kind::Name(is_name),
        Shown::Membership("DBParameterGroups", "DBParameterGroup", "DBParameterGroupName", ("ParameterApplyStatus", "in-sync")), ALL, false),
    row("OptionGroupName", Kind::Name(is_name),
        Shown::Membership("OptionGroupMemberships", "OptionGroupMembership", "OptionGroupName", ("Status", "in-sync")), ALL, false),
    row("BackupRetentionPeriod", Kind::Number(0..=35), Shown::As("BackupRetentionPeriod"), ALL, true),
    row("PreferredBackupWindow", Kind::Name(is_backup_window), Shown::As("PreferredBackupWindow"), ALL, false),
    row("PreferredMaintenanceWindow", Kind::Name(is_maintenance_window), Shown::As("PreferredMaintenanceWindow"), NOT_RESTORE, false),
    row("AutoMinorVersionUpgrade", Kind::Flag, Shown::As("AutoMinorVersionUpgrade"), ALL, false),
    row("CopyTagsToSnapshot", Kind::Flag, Shown::As("CopyTagsToSnapshot"), ALL, false),
    row("DeletionProtection", Kind::Flag, Shown::As("DeletionProtection"), ALL, false),
    row("EnableIAMDatabaseAuthentication", Kind::Flag, Shown::As("IAMDatabaseAuthenticationEnabled"), ALL, true),
    row("EnableCloudwatchLogsExports", Kind::Names("member", is_log), Shown::As("EnabledCloudwatchLogsExports"), AT_BIRTH, false),
    row("CACertificateIdentifier", Kind::Text(is_certificate), Shown::As("CACertificateIdentifier"), ALL, true),
    row("LicenseModel", Kind::Text(is_license), Shown::As("LicenseModel"), ALL, true),
];

impl Settings {
    /// Takes the settings that `taker` knows out of a request.
    pub fn take(parameters: &mut Parameters, taker: Taker) -> Result<Self, Refusal> {
        let mut settings = Self::default();
        for setting in SETTINGS.iter().filter(|setting| setting.takers.contains(&taker)) {
            if let Some(value) = setting.kind.take(setting.parameter, parameters)? {
                settings.0.insert(setting.parameter, value);
            }
        }
        if let (Taker::Create | Taker::Restore, Some(true), Some(_)) =
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

impl Kind {
    fn take(&self, name: &str, parameters: &mut Parameters) -> Result<Option<Value>, Refusal> {
        let refuse = |value: &str| match name {
            "CACertificateIdentifier" => {
                Refusal::new("CertificateNotFound", 404, format!("Certificate not found: {value}"))
            }
            "EnableCloudwatchLogsExports" => Refusal::unknown_log(value),
            _ => Refusal::invalid_value(format!("Invalid value {value} for {name}.")),
        };
        Ok(match self {
            Self::Text(fits) | Self::Name(fits) => match parameters.text(name) {
                Some(text) if !fits(&text) => return Err(refuse(&text)),
                Some(text) if matches!(self, Self::Name(_)) => Some(Value::Text(text.to_ascii_lowercase())),
                text => text.map(Value::Text),
            },
            Self::Number(range) => parameters.integer(name, range.clone())?.map(Value::Number),
            Self::Flag => parameters.flag(name)?.map(Value::Flag),
            Self::Names(element, fits) => match parameters.list(name, element) {
                Some(names) => match names.iter().find(|name| !fits(name)) {
                    Some(odd) => return Err(refuse(odd)),
                    None => Some(Value::Names(names)),
                },
                None => None,
            },
        })
    }
}

fn is_class(text: &str) -> bool {
    text.split('.').count() == 3 && text.starts_with("db.") && is_name(text)
}

fn is_storage_type(text: &str) -> bool {
    ["gp2", "gp3", "io1", "io2", "standard"].contains(&text)
}

fn is_zone(text: &str) -> bool {
    text.ends_with(|last: char| last.is_ascii_lowercase()) && is_name(text)
}

/// A name of something that lives outside this emulator (a parameter or option group, a window of time).
fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text.chars().all(|one| one.is_ascii_alphanumeric() || "-_.: ".contains(one))
}

fn is_security_group(text: &str) -> bool {
    text.strip_prefix("sg-")
        .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|one| one.is_ascii_alphanumeric()))
}

fn is_log(text: &str) -> bool {
    ["postgresql", "upgrade", "iam-db-auth-error"].contains(&text)
}

fn is_certificate(text: &str) -> bool {
    ["rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"].contains(&text)
}

fn is_license(text: &str) -> bool {
    text == "postgresql-license"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(body: &str, taker: Taker) -> Result<Settings, Refusal> {
        let mut parameters = Parameters::parse("", body);
        let settings = Settings::take(&mut parameters, taker)?;
        parameters.finish("X").map(|()| settings)
    }

    #[test]
    fn values_are_checked_and_settings_of_other_operations_refused() {
        for (body, taker) in [
            ("DBInstanceClass=m6i", Taker::Create),
            ("StorageType=tape", Taker::Restore),
            ("BackupRetentionPeriod=36", Taker::Modify),
            ("VpcSecurityGroupIds.VpcSecurityGroupId.1=web", Taker::Restore),
            ("Port=80", Taker::Create),
            ("Port=5432", Taker::Modify),
            ("MaxAllocatedStorage=100", Taker::Restore),
            ("MultiAZ=true&AvailabilityZone=us-east-1a", Taker::Create),
        ] {
            assert!(taken(body, taker).is_err(), "{body}");
        }
    }

    #[test]
    fn a_restore_inherits_size_but_not_protection() {
        let source = taken(
            "DBInstanceClass=db.m6i.large&AllocatedStorage=20&DeletionProtection=true&MultiAZ=true",
            Taker::Create,
        );
        let source = source.unwrap();
        let settings =
            Settings::defaults("15", "us-east-1").overlaid(&source.inherited_by(&Settings::default()));
        assert_eq!(settings.text("DBInstanceClass"), Some("db.m6i.large"));
        assert_eq!(settings.flag("DeletionProtection"), Some(false));
        assert_eq!(settings.flag("MultiAZ"), Some(false));
    }

    #[test]
    fn protection_changes_at_once_and_size_does_not() {
        let change = taken("DBInstanceClass=db.r6i.large&DeletionProtection=true", Taker::Modify).unwrap();
        let (now, later) = change.parted();
        assert_eq!((now.flag("DeletionProtection"), now.text("DBInstanceClass")), (Some(true), None));
        assert_eq!(
            (later.flag("DeletionProtection"), later.text("DBInstanceClass")),
            (None, Some("db.r6i.large"))
        );
    }

    #[test]
    fn storage_settings_must_fit_together() {
        for (body, fits) in [
            ("StorageType=gp3&AllocatedStorage=400&Iops=12000&StorageThroughput=500", true),
            ("StorageType=gp3&AllocatedStorage=399&Iops=3000", false),
            ("StorageType=gp3&AllocatedStorage=20&StorageThroughput=125", false),
            ("StorageType=gp3&AllocatedStorage=20&Iops=0", true),
            ("StorageType=io2&AllocatedStorage=100&Iops=3000", true),
            ("StorageType=io2&AllocatedStorage=99&Iops=3000", false),
            ("StorageType=io1&AllocatedStorage=100", false),
            ("StorageType=io1&AllocatedStorage=100&Iops=3000&StorageThroughput=500", false),
            ("StorageType=gp2&AllocatedStorage=20&Iops=3000", false),
            ("StorageType=gp2&AllocatedStorage=20&StorageThroughput=500", false),
        ] {
            assert_eq!(taken(body, Taker::Create).unwrap().check_storage().is_ok(), fits, "{body}");
        }
    }

    #[test]
    fn storage_grows_by_a_tenth_at_least_or_not_at_all() {
        let now = taken("AllocatedStorage=20&MaxAllocatedStorage=50", Taker::Create).unwrap();
        assert!(now.check_growth().is_ok());
        let grown = |limit: &str| {
            let change = taken(&format!("MaxAllocatedStorage={limit}"), Taker::Modify).unwrap();
            now.grown(&change).map(|settings| settings.number("MaxAllocatedStorage"))
        };
        assert_eq!(grown("22"), Ok(Some(22)));
        assert_eq!(grown("20"), Ok(None));
        assert!(grown("21").is_err());
        let larger = taken("AllocatedStorage=100&MaxAllocatedStorage=100", Taker::Create).unwrap();
        assert!(larger.check_growth().is_err());
        assert_eq!(now.grown(&Settings::default()).unwrap(), now);
    }

    #[test]
    fn another_type_of_storage_begins_with_its_own_performance() {
        let text = "AllocatedStorage=100&StorageType=io2&Iops=3000";
        let source = taken(text, Taker::Create).unwrap();
        let inherited = |chosen: &str| source.inherited_by(&taken(chosen, Taker::Restore).unwrap());
        assert_eq!(inherited("").number("Iops"), Some(3000));
        assert_eq!(inherited("StorageType=io2").number("Iops"), Some(3000));
        assert_eq!(inherited("StorageType=gp3").number("Iops"), None);
        assert_eq!(inherited("").baseline(), None);
        let baseline = |text: &str| taken(text, Taker::Create).unwrap().baseline();
        assert_eq!(baseline("StorageType=gp3&AllocatedStorage=20"), Some((3_000, 125)));
        assert_eq!(baseline("StorageType=gp3&AllocatedStorage=400"), Some((12_000, 500)));
        assert_eq!(baseline("StorageType=gp3&AllocatedStorage=400&Iops=13000"), None);
    }

    #[test]
    fn answers_name_settings_as_the_model_does() {
        let mut xml = Xml::default();
        let body = "EnableIAMDatabaseAuthentication=true&VpcSecurityGroupIds.VpcSecurityGroupId.1=sg-1";
        taken(body, Taker::Create).unwrap().write(&mut xml);
        let text = format!("{xml:?}");
        assert!(text.contains("<IAMDatabaseAuthenticationEnabled>true"));
        assert!(text.contains(
            "<VpcSecurityGroupMembership><VpcSecurityGroupId>sg-1</VpcSecurityGroupId><Status>active"
        ));
    }
}
