//! The status words of RDS, each sorted once into ready, pending or failed.
//!
//! Words and their meaning: Amazon RDS User Guide, "Viewing Amazon RDS DB instance status", and the `Status` of
//! `DBSnapshot` in the API model. A word that is in neither list is one RDS has not taught us yet: it counts as
//! pending, and the deadline of the stage ends it.

/// What a status word means for a task that waits for the thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It can be used now.
    Ready,
    /// Not yet; look again later.
    Pending,
    /// It will not become ready by itself.
    Failed,
}

/// Statuses of a DB instance that do not mend themselves.
const FAILED_INSTANCE: &[&str] = &[
    "failed",
    "inaccessible-encryption-credentials",
    "inaccessible-encryption-credentials-recoverable",
    "incompatible-create",
    "incompatible-network",
    "incompatible-option-group",
    "incompatible-parameters",
    "incompatible-restore",
    "insufficient-capacity",
    "restore-error",
    "storage-full",
];

/// Statuses in which an instance waits for a person, or is on its way out.
const RESTING_INSTANCE: &[&str] = &["stopped", "stopping", "deleting", "deleted", "delete-precheck"];

/// Sorts the `DBInstanceStatus` of an instance that is to be used: snapshotted, or pointed at by the secret.
///
/// `CreateDBSnapshot` needs `available` or `storage-optimization` (API model), which is what "ready" means here.
#[must_use]
pub fn of_instance(status: &str) -> Progress {
    match status {
        // An instance in storage-optimization is fully usable; RDS itself says so.
        "available" | "storage-optimization" => Progress::Ready,
        failed if FAILED_INSTANCE.contains(&failed) || RESTING_INSTANCE.contains(&failed) => Progress::Failed,
        _ => Progress::Pending,
    }
}

/// Sorts the `Status` of a DB snapshot or of a copy of one.
#[must_use]
pub fn of_snapshot(status: &str) -> Progress {
    match status {
        "available" => Progress::Ready,
        "failed" | "incompatible-restore" | "incompatible-parameters" | "deleting" | "deleted" => {
            Progress::Failed
        }
        _ => Progress::Pending,
    }
}

/// Whether RDS accepts a deletion of an instance in this status.
///
/// `DeleteDBInstance` is refused with `InvalidDBInstanceState` while another change runs (API model).
#[must_use]
pub fn instance_is_deletable(status: &str) -> bool {
    status == "available"
        || status == "stopped"
        || status == "storage-optimization"
        || FAILED_INSTANCE.contains(&status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_sorted() {
        for (word, expected) in [
            ("available", Progress::Ready),
            ("storage-optimization", Progress::Ready),
            ("creating", Progress::Pending),
            ("backing-up", Progress::Pending),
            ("modifying", Progress::Pending),
            ("configuring-enhanced-monitoring", Progress::Pending),
            ("a-word-of-next-year", Progress::Pending),
            ("failed", Progress::Failed),
            ("incompatible-restore", Progress::Failed),
            ("storage-full", Progress::Failed),
            ("deleting", Progress::Failed),
            ("stopped", Progress::Failed),
        ] {
            assert_eq!(of_instance(word), expected, "{word}");
        }
        for (word, expected) in [
            ("available", Progress::Ready),
            ("creating", Progress::Pending),
            ("copying", Progress::Pending),
            ("pending", Progress::Pending),
            ("failed", Progress::Failed),
            ("deleting", Progress::Failed),
        ] {
            assert_eq!(of_snapshot(word), expected, "{word}");
        }
    }

    #[test]
    fn a_busy_instance_is_not_deletable() {
        assert!(instance_is_deletable("available") && instance_is_deletable("failed"));
        assert!(!instance_is_deletable("modifying") && !instance_is_deletable("deleting"));
    }
}
