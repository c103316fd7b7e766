//! The settings of a restored instance, one row each: where the value comes from, which calls take it, and how RDS shows it.
//! What the restore call takes, and what only `ModifyDBInstance` takes, is in the API model.

use aws_sdk_rds::operation::modify_db_instance::builders::ModifyDBInstanceFluentBuilder as Modification;
use aws_sdk_rds::operation::restore_db_instance_from_db_snapshot::builders::RestoreDBInstanceFromDBSnapshotFluentBuilder as Restoration;
use aws_sdk_rds::types::DbInstance;
use replication::settings::{Settings, Value};

/// A setting.
#[derive(Debug)]
pub struct Setting {
    /// The parameter of the stack.
    pub parameter: &'static str,
    /// The variable in the environment of the functions.
    pub variable: &'static str,
    /// What it holds, and which calls take it.
    pub kind: Kind,
}

/// What a setting holds.
#[derive(Debug)]
pub enum Kind {
    /// A text.
    Text(Takers<String>),
    /// The name of a group, which RDS stores in lower case.
    Group(Takers<String>),
    /// A whole number.
    Number(Takers<i32>),
    /// On or off, and always said, because RDS would otherwise decide by the snapshot or the network.
    Flag(Takers<bool>),
    /// On or off, and said only where it is on: off is RDS's own default.
    Switch(Takers<bool>),
    /// Several texts.
    List(Takers<Vec<String>>),
}

/// The calls that take a setting.
#[derive(Debug)]
pub struct Takers<T> {
    restore: Option<fn(Restoration, Option<T>) -> Restoration>,
    modify: Option<fn(Modification, Option<T>) -> Modification>,
    shown: Option<fn(&DbInstance) -> Option<T>>,
}

/// What only the restore takes, or what is only asked of the restore.
const fn in_restore<T>(restore: fn(Restoration, Option<T>) -> Restoration) -> Takers<T> {
    Takers { restore: Some(restore), modify: None, shown: None }
}

/// What only a change afterwards takes.
const fn afterwards<T>(
    modify: fn(Modification, Option<T>) -> Modification,
    shown: fn(&DbInstance) -> Option<T>,
) -> Takers<T> {
    Takers { restore: None, modify: Some(modify), shown: Some(shown) }
}

/// What both take. Not every engine takes it at the restore.
const fn either<T>(
    restore: fn(Restoration, Option<T>) -> Restoration,
    modify: fn(Modification, Option<T>) -> Modification,
    shown: fn(&DbInstance) -> Option<T>,
) -> Takers<T> {
    Takers { restore: Some(restore), modify: Some(modify), shown: Some(shown) }
}

const fn row(parameter: &'static str, variable: &'static str, kind: Kind) -> Setting {
    Setting { parameter, variable, kind }
}

/// Every setting. Public access is always said, because RDS otherwise decides by the kind of the subnet group (API model).
#[rustfmt::skip]
pub static SETTINGS: &[Setting] = &[
    row("Engine", "ENGINE", Kind::Text(in_restore(Restoration::set_engine))),
    row("EngineLifecycleSupport", "ENGINE_LIFECYCLE_SUPPORT", Kind::Text(in_restore(Restoration::set_engine_lifecycle_support))),
    row("DBInstanceClass", "DB_INSTANCE_CLASS", Kind::Text(in_restore(Restoration::set_db_instance_class))),
    row("MultiAZ", "MULTI_AZ", Kind::Switch(either(Restoration::set_multi_az, Modification::set_multi_az, DbInstance::multi_az))),
    row("Port", "PORT", Kind::Number(in_restore(Restoration::set_port))),
    row("Subnetgroups", "DB_SUBNET_GROUP", Kind::Text(in_restore(Restoration::set_db_subnet_group_name))),
    row("SGID", "SECURITY_GROUP_IDS", Kind::List(in_restore(Restoration::set_vpc_security_group_ids))),
    row("NetworkType", "NETWORK_TYPE", Kind::Text(in_restore(Restoration::set_network_type))),
    row("PubliclyAccessible", "PUBLICLY_ACCESSIBLE", Kind::Flag(in_restore(Restoration::set_publicly_accessible))),
    row("DBParameterGroupName", "DB_PARAMETER_GROUP_NAME", Kind::Group(in_restore(Restoration::set_db_parameter_group_name))),
    row("OptionGroupName", "OPTION_GROUP_NAME", Kind::Group(in_restore(Restoration::set_option_group_name))),
    row("StorageType", "STORAGE_TYPE",
        Kind::Text(either(Restoration::set_storage_type, Modification::set_storage_type, |found| owned(found.storage_type())))),
    row("Iops", "IOPS", Kind::Number(either(Restoration::set_iops, Modification::set_iops, DbInstance::iops))),
    row("StorageThroughput", "STORAGE_THROUGHPUT",
        Kind::Number(either(Restoration::set_storage_throughput, Modification::set_storage_throughput, DbInstance::storage_throughput))),
    row("DedicatedLogVolume", "DEDICATED_LOG_VOLUME", Kind::Switch(in_restore(Restoration::set_dedicated_log_volume))),
    row("MaxAllocatedStorage", "MAX_ALLOCATED_STORAGE",
        Kind::Number(afterwards(Modification::set_max_allocated_storage, DbInstance::max_allocated_storage))),
    row("IAMDatabaseAuthentication", "IAM_DATABASE_AUTHENTICATION",
        Kind::Flag(in_restore(Restoration::set_enable_iam_database_authentication))),
    row("Domain", "DOMAIN", Kind::Text(in_restore(Restoration::set_domain))),
    row("DomainIAMRoleName", "DOMAIN_IAM_ROLE_NAME", Kind::Text(in_restore(Restoration::set_domain_iam_role_name))),
    row("DomainFqdn", "DOMAIN_FQDN", Kind::Text(in_restore(Restoration::set_domain_fqdn))),
    row("DomainOu", "DOMAIN_OU", Kind::Text(in_restore(Restoration::set_domain_ou))),
    row("DomainAuthSecretArn", "DOMAIN_AUTH_SECRET_ARN", Kind::Text(in_restore(Restoration::set_domain_auth_secret_arn))),
    row("DomainDnsIps", "DOMAIN_DNS_IPS", Kind::List(in_restore(Restoration::set_domain_dns_ips))),
    row("CloudwatchLogsExports", "CLOUDWATCH_LOGS_EXPORTS", Kind::List(in_restore(Restoration::set_enable_cloudwatch_logs_exports))),
    row("EnablePerformanceInsights", "ENABLE_PERFORMANCE_INSIGHTS",
        Kind::Switch(afterwards(Modification::set_enable_performance_insights, DbInstance::performance_insights_enabled))),
    row("PerformanceInsightsKMSKeyId", "PERFORMANCE_INSIGHTS_KMS_KEY_ID",
        Kind::Text(afterwards(Modification::set_performance_insights_kms_key_id, |found| owned(found.performance_insights_kms_key_id())))),
    row("PerformanceInsightsRetentionPeriod", "PERFORMANCE_INSIGHTS_RETENTION_PERIOD",
        Kind::Number(afterwards(Modification::set_performance_insights_retention_period, DbInstance::performance_insights_retention_period))),
    row("MonitoringInterval", "MONITORING_INTERVAL",
        Kind::Number(afterwards(Modification::set_monitoring_interval, DbInstance::monitoring_interval))),
    row("MonitoringRoleArn", "MONITORING_ROLE_ARN",
        Kind::Text(afterwards(Modification::set_monitoring_role_arn, |found| owned(found.monitoring_role_arn())))),
    row("DeletionProtection", "DELETION_PROTECTION", Kind::Flag(in_restore(Restoration::set_deletion_protection))),
    row("CACertificateIdentifier", "CA_CERTIFICATE_IDENTIFIER", Kind::Text(in_restore(Restoration::set_ca_certificate_identifier))),
    row("BackupRetentionPeriod", "BACKUP_RETENTION_PERIOD", Kind::Number(in_restore(Restoration::set_backup_retention_period))),
    row("PreferredBackupWindow", "PREFERRED_BACKUP_WINDOW", Kind::Text(in_restore(Restoration::set_preferred_backup_window))),
    // RDS writes the days of the week in lower case.
    row("PreferredMaintenanceWindow", "PREFERRED_MAINTENANCE_WINDOW",
        Kind::Text(afterwards(Modification::set_preferred_maintenance_window, |found| found.preferred_maintenance_window().map(str::to_lowercase)))),
    row("AutoMinorVersionUpgrade", "AUTO_MINOR_VERSION_UPGRADE", Kind::Flag(in_restore(Restoration::set_auto_minor_version_upgrade))),
    row("CopyTagsToSnapshot", "COPY_TAGS_TO_SNAPSHOT", Kind::Flag(in_restore(Restoration::set_copy_tags_to_snapshot))),
];

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

impl Setting {
    fn takers(&self) -> &dyn Take {
        match &self.kind {
            Kind::Text(takers) | Kind::Group(takers) => takers,
            Kind::Number(takers) => takers,
            Kind::Flag(takers) | Kind::Switch(takers) => takers,
            Kind::List(takers) => takers,
        }
    }

    /// Whether the restore call takes it, of some engine at least.
    #[must_use]
    pub fn is_taken_by_restore(&self) -> bool {
        self.takers().is_taken_by_restore()
    }
}

/// Puts settings into the request of a restore.
#[must_use]
pub fn restored_with(request: Restoration, settings: &Settings) -> Restoration {
    let rows = SETTINGS.iter().filter_map(|row| Some((row, settings.get(row.parameter)?)));
    rows.fold(request, |request, (row, value)| row.takers().restore(request, value))
}

/// Puts settings into the request of a change. `storage` is that of the instance, in GiB, which RDS wants to hear together
/// with `Iops` (recorded refusal).
#[must_use]
pub fn changed_to(request: Modification, settings: &Settings, storage: Option<i32>) -> Modification {
    let request = match settings.get("Iops") {
        Some(_) => request.set_allocated_storage(storage),
        None => request,
    };
    let rows = SETTINGS.iter().filter_map(|row| Some((row, settings.get(row.parameter)?)));
    rows.fold(request, |request, (row, value)| row.takers().modify(request, value))
}

/// The settings that can be changed after a restore, as RDS shows them.
pub(crate) fn shown(found: &DbInstance) -> Settings {
    SETTINGS.iter().filter_map(|row| Some((row.parameter, row.takers().shown(found)?))).collect()
}

/// What can be said of the calls without knowing what the setting holds.
trait Take {
    fn is_taken_by_restore(&self) -> bool;
    fn restore(&self, request: Restoration, value: &Value) -> Restoration;
    fn modify(&self, request: Modification, value: &Value) -> Modification;
    fn shown(&self, found: &DbInstance) -> Option<Value>;
}

impl<T: Held> Take for Takers<T> {
    fn is_taken_by_restore(&self) -> bool {
        self.restore.is_some()
    }

    fn restore(&self, request: Restoration, value: &Value) -> Restoration {
        match self.restore {
            Some(set) => set(request, T::of(value)),
            None => request,
        }
    }

    fn modify(&self, request: Modification, value: &Value) -> Modification {
        match self.modify {
            Some(set) => set(request, T::of(value)),
            None => request,
        }
    }

    fn shown(&self, found: &DbInstance) -> Option<Value> {
        self.shown.and_then(|shown| shown(found)).map(T::into_value)
    }
}

/// What a setting may hold.
trait Held: Sized {
    fn of(value: &Value) -> Option<Self>;
    fn into_value(self) -> Value;
}

macro_rules! held {
    ($($held:ty, $variant:ident;)*) => {$(
        impl Held for $held {
            fn of(value: &Value) -> Option<Self> {
                match value {
                    Value::$variant(value) => Some(value.clone()),
                    _ => None,
                }
            }

            fn into_value(self) -> Value {
                Value::$variant(self)
            }
        }
    )*};
}

held! {
    String, Text;
    i32, Number;
    bool, Flag;
    Vec<String>, List;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_taken_by_a_call_and_what_is_changed_afterwards_is_shown() {
        for row in SETTINGS {
            let others = SETTINGS
                .iter()
                .filter(|other| other.parameter == row.parameter || other.variable == row.variable);
            assert_eq!(others.count(), 1, "{}", row.parameter);
        }
        let found = DbInstance::builder()
            .multi_az(true)
            .iops(16_000)
            .preferred_maintenance_window("Sun:04:00-Sun:04:30")
            .build();
        let shown: Vec<_> = shown(&found).into_iter().collect();
        assert_eq!(
            shown,
            [
                ("Iops", Value::Number(16_000)),
                ("MultiAZ", Value::Flag(true)),
                ("PreferredMaintenanceWindow", Value::Text("sun:04:00-sun:04:30".to_owned())),
            ]
        );
    }
}
