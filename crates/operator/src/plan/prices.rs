//! What AWS asks for what a run does and for what it leaves: a small table, which is not read from AWS.

use replication::observed::Snapshot;

/// Whose prices these are.
pub const WHOSE: &str = "list prices of us-east-1 as they were known in November 2026, for every Region; not read from AWS, \
                         without tax, free tier and discounts, snapshots without the part that \
                         is free with the storage of instances; instances as RDS for PostgreSQL on demand";

/// Dollars of a state transition (Step Functions, Standard).
pub const TRANSITION: f64 = 0.000_025;
/// Dollars of a call of a function.
pub const FUNCTION_CALL: f64 = 0.000_000_2;
/// Dollars of a GB-second of a function, on x86.
pub const FUNCTION_GB_SECOND: f64 = 0.000_016_666_7;
/// Dollars of a GB-second of a function, on ARM.
pub const FUNCTION_GB_SECOND_ARM: f64 = 0.000_013_333_4;
/// How long a call of a function takes, in seconds: what the model of docs/performance.md assumes too.
pub const FUNCTION_SECONDS: f64 = 0.3;
/// Dollars of a GiB of snapshots in a month.
pub const SNAPSHOT_GIB_MONTH: f64 = 0.095;
/// Dollars of a GiB of storage of an instance in a month (gp2, gp3), Single-AZ.
pub const STORAGE_GIB_MONTH: f64 = 0.115;
/// Hours of a month, as AWS counts them.
pub const HOURS_OF_MONTH: u32 = 730;

/// Dollars of an hour of an instance, Single-AZ.
#[expect(clippy::approx_constant, reason = "it is a price")]
const CLASSES: &[(&str, f64)] = &[
    ("db.m5.large", 0.178),
    ("db.m5.xlarge", 0.356),
    ("db.m6g.large", 0.159),
    ("db.m6g.xlarge", 0.318),
    ("db.m6i.large", 0.178),
    ("db.m6i.xlarge", 0.356),
    ("db.m7g.large", 0.168),
    ("db.m7g.xlarge", 0.337),
    ("db.r5.large", 0.25),
    ("db.r5.xlarge", 0.5),
    ("db.r6g.large", 0.225),
    ("db.r6g.xlarge", 0.45),
    ("db.r6i.large", 0.25),
    ("db.r6i.xlarge", 0.5),
    ("db.t3.large", 0.145),
    ("db.t3.medium", 0.072),
    ("db.t3.micro", 0.018),
    ("db.t3.small", 0.036),
    ("db.t4g.large", 0.129),
    ("db.t4g.medium", 0.065),
    ("db.t4g.micro", 0.016),
    ("db.t4g.small", 0.032),
];

/// How many I/O operations a second are in the price of gp3, and from how many GiB on there are more.
const GP3_IOPS: (i32, i32, i32) = (3_000, 400, 12_000);

/// Whether the table is about an instance that is restored from this snapshot: other engines pay licences, other storage and more
/// operations a second cost more.
pub fn are_of(snapshot: &Snapshot, wanted_iops: Option<i32>, wanted_storage: Option<&str>) -> bool {
    let (usual, from_gib, above) = GP3_IOPS;
    let included = if snapshot.allocated_storage.is_some_and(|gib| gib >= from_gib) { above } else { usual };
    let storage = match wanted_storage.or(snapshot.storage_type.as_deref()) {
        Some("gp2") => true,
        Some("gp3") => wanted_iops.or(snapshot.iops).is_none_or(|iops| iops <= included),
        _ => false,
    };
    storage && snapshot.engine.as_deref() == Some("postgres")
}

/// Dollars of an hour of an instance of this class; nothing for one that is not in the table.
pub fn instance_hour(class: &str, multi_az: bool) -> Option<f64> {
    let (_, price) = CLASSES.iter().find(|(name, _)| *name == class)?;
    Some(if multi_az { 2.0 * price } else { *price })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_that_is_not_in_the_table_has_no_price() {
        assert_eq!(instance_hour("db.m6i.large", false), Some(0.178));
        assert_eq!(instance_hour("db.m6i.large", true), Some(0.356));
        assert_eq!(instance_hour("db.x2iedn.metal", false), None);
        assert!(CLASSES.is_sorted_by_key(|(name, _)| name), "each once, where one looks for it");
    }
}
