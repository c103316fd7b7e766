//! The table of settings: how each is called in a request, what it may hold, how an answer shows it.

use std::ops::RangeInclusive;

use super::Value;
use super::classes::is_class;
use crate::query::Parameters;
use crate::refusal::Refusal;
use crate::windows::{is_backup_window, is_maintenance_window};

/// Model, EngineLifecycleSupport.
pub const EXTENDED_SUPPORT: &str = "open-source-rds-extended-support";
pub const WITHOUT_EXTENDED_SUPPORT: &str = "open-source-rds-extended-support-disabled";

/// The operations that take settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taker {
    Create,
    Restore,
    Replica,
    Modify,
}

pub struct Setting {
    pub parameter: &'static str,
    pub kind: Kind,
    /// How an answer shows it.
    pub shown: Shown,
    pub takers: &'static [Taker],
    /// Whether ModifyDBInstance without ApplyImmediately leaves it pending (model, ModifyDBInstance).
    pub waits: bool,
}

pub enum Kind {
    /// A text, and its form.
    Text(fn(&str) -> bool),
    /// The same, stored in lower case.
    Name(fn(&str) -> bool),
    Number(RangeInclusive<u32>),
    Flag,
    /// A list with the element name of its members, and the form of each.
    Names(&'static str, fn(&str) -> bool),
}

pub enum Shown {
    /// As an element of this name.
    As(&'static str),
    /// In a structure of its own: list element, member element, name element, and the word of its state.
    Membership(&'static str, &'static str, &'static str, (&'static str, &'static str)),
    /// By the answer itself.
    Elsewhere,
}

const ALL: &[Taker] = &[Taker::Create, Taker::Restore, Taker::Replica, Taker::Modify];
const AT_BIRTH: &[Taker] = &[Taker::Create, Taker::Restore, Taker::Replica];
const NOT_REPLICA: &[Taker] = &[Taker::Create, Taker::Restore, Taker::Modify];
const NOT_RESTORE: &[Taker] = &[Taker::Create, Taker::Modify];
/// Model: a restore takes neither Performance Insights nor enhanced monitoring.
const NOT_RESTORED: &[Taker] = &[Taker::Create, Taker::Replica, Taker::Modify];

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
pub static SETTINGS: &[Setting] = &[
    row("DBInstanceClass", Kind::Text(is_class), Shown::As("DBInstanceClass"), ALL, true),
    row("AllocatedStorage", Kind::Number(5..=65_536), Shown::As("AllocatedStorage"), ALL, true),
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
    row("DBParameterGroupName", Kind::Name(is_name), Shown::Elsewhere, ALL, false),
    row("OptionGroupName", Kind::Name(is_name),
        Shown::Membership("OptionGroupMemberships", "OptionGroupMembership", "OptionGroupName", ("Status", "in-sync")), ALL, false),
    row("BackupRetentionPeriod", Kind::Number(0..=35), Shown::As("BackupRetentionPeriod"), NOT_REPLICA, true),
    row("PreferredBackupWindow", Kind::Name(is_backup_window), Shown::As("PreferredBackupWindow"), NOT_REPLICA, false),
    row("PreferredMaintenanceWindow", Kind::Name(is_maintenance_window), Shown::As("PreferredMaintenanceWindow"), NOT_RESTORE, false),
    row("AutoMinorVersionUpgrade", Kind::Flag, Shown::As("AutoMinorVersionUpgrade"), ALL, false),
    row("CopyTagsToSnapshot", Kind::Flag, Shown::As("CopyTagsToSnapshot"), ALL, false),
    row("DeletionProtection", Kind::Flag, Shown::As("DeletionProtection"), ALL, false),
    row("EnableIAMDatabaseAuthentication", Kind::Flag, Shown::As("IAMDatabaseAuthenticationEnabled"), ALL, true),
    row("EnableCloudwatchLogsExports", Kind::Names("member", is_log), Shown::As("EnabledCloudwatchLogsExports"), AT_BIRTH, false),
    row("CACertificateIdentifier", Kind::Text(is_certificate), Shown::As("CACertificateIdentifier"), ALL, true),
    row("LicenseModel", Kind::Text(is_license), Shown::As("LicenseModel"), NOT_REPLICA, true),
    row("EngineLifecycleSupport", Kind::Text(is_lifecycle), Shown::As("EngineLifecycleSupport"), NOT_REPLICA, false),
    row("NetworkType", Kind::Text(is_network_type), Shown::As("NetworkType"), ALL, false),
    row("DedicatedLogVolume", Kind::Flag, Shown::As("DedicatedLogVolume"), ALL, true),
    row("Domain", Kind::Text(is_anything), Shown::Elsewhere, ALL, false),
    row("DomainIAMRoleName", Kind::Text(is_role_name), Shown::Elsewhere, ALL, false),
    row("DomainFqdn", Kind::Text(is_short), Shown::Elsewhere, ALL, false),
    row("DomainOu", Kind::Text(is_short), Shown::Elsewhere, ALL, false),
    row("DomainAuthSecretArn", Kind::Text(is_secret_arn), Shown::Elsewhere, ALL, false),
    row("DomainDnsIps", Kind::Names("member", is_address), Shown::Elsewhere, ALL, false),
    row("EnablePerformanceInsights", Kind::Flag, Shown::As("PerformanceInsightsEnabled"), NOT_RESTORED, false),
    row("PerformanceInsightsKMSKeyId", Kind::Text(is_anything), Shown::As("PerformanceInsightsKMSKeyId"), NOT_RESTORED, false),
    row("PerformanceInsightsRetentionPeriod", Kind::Number(0..=999), Shown::As("PerformanceInsightsRetentionPeriod"),
        NOT_RESTORED, false),
    row("MonitoringInterval", Kind::Number(0..=60), Shown::As("MonitoringInterval"), NOT_RESTORED, false),
    row("MonitoringRoleArn", Kind::Text(is_role_arn), Shown::As("MonitoringRoleArn"), NOT_RESTORED, false),
];

impl Kind {
    pub fn take(&self, name: &str, parameters: &mut Parameters) -> Result<Option<Value>, Refusal> {
        let refuse = |value: &str| match name {
            "CACertificateIdentifier" => {
                Refusal::new("CertificateNotFound", 404, format!("Certificate not found: {value}"))
            }
            "DBInstanceClass" => Refusal::invalid_value(format!("Invalid DB Instance class: {value}")),
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

/// Which of them an engine has is checked later.
fn is_log(text: &str) -> bool {
    !text.is_empty()
}

fn is_certificate(text: &str) -> bool {
    ["rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"].contains(&text)
}

fn is_license(text: &str) -> bool {
    ["postgresql-license", "general-public-license", "license-included", "bring-your-own-license"]
        .contains(&text)
}

fn is_lifecycle(text: &str) -> bool {
    [EXTENDED_SUPPORT, WITHOUT_EXTENDED_SUPPORT].contains(&text)
}

fn is_network_type(text: &str) -> bool {
    ["IPV4", "DUAL"].contains(&text)
}

fn is_anything(_: &str) -> bool {
    true
}

/// Model, DomainFqdn and its companions.
fn is_short(text: &str) -> bool {
    text.len() <= 64
}

fn is_role_name(text: &str) -> bool {
    text.len() <= 64 && text.chars().all(|one| one.is_ascii_alphanumeric() || "+=,.@_-".contains(one))
}

fn is_role_arn(text: &str) -> bool {
    text.starts_with("arn:") && text.contains(":iam::") && text.contains(":role/")
}

fn is_secret_arn(text: &str) -> bool {
    text.starts_with("arn:") && text.contains(":secretsmanager:")
}

fn is_address(text: &str) -> bool {
    text.parse::<std::net::Ipv4Addr>().is_ok()
}
