//! The status words of RDS, each sorted once, here, into ready, pending or failed.
//!
//! Words and their meaning: Amazon RDS User Guide, "Viewing Amazon RDS DB instance status", and the `Status` of
//! `DBSnapshot` in the API model. A word that is in no table is one RDS has not taught us yet: it counts as pending,
//! and the deadline of the stage ends it.

use Progress::{Failed, Pending, Ready};

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

/// What one `DBInstanceStatus` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstanceStatus {
    /// The word.
    pub word: &'static str,
    /// For a restored instance that the secret is to name.
    pub restored: Progress,
    /// For a source instance that is to be snapshotted: `CreateDBSnapshot` takes `available` and
    /// `storage-optimization` (API model).
    pub source: Progress,
    /// Whether RDS deletes it now: `DeleteDBInstance` is refused while another change runs (API model).
    pub deletable: bool,
}

const fn instance(
    word: &'static str,
    restored: Progress,
    source: Progress,
    deletable: bool,
) -> InstanceStatus {
    InstanceStatus { word, restored, source, deletable }
}

/// Every documented status of a DB instance.
pub const INSTANCE_STATUSES: &[InstanceStatus] = &[
    instance("available", Ready, Ready, true),
    instance("backing-up", Pending, Pending, false),
    instance("configuring-enhanced-monitoring", Pending, Pending, false),
    instance("configuring-iam-database-auth", Pending, Pending, false),
    instance("configuring-log-exports", Pending, Pending, false),
    instance("converting-to-vpc", Pending, Pending, false),
    instance("creating", Pending, Pending, false),
    instance("delete-precheck", Failed, Failed, false),
    instance("deleting", Failed, Failed, false),
    instance("failed", Failed, Failed, true),
    instance("inaccessible-encryption-credentials", Failed, Failed, true),
    instance("inaccessible-encryption-credentials-recoverable", Failed, Failed, true),
    instance("incompatible-create", Failed, Failed, true),
    instance("incompatible-network", Failed, Failed, true),
    instance("incompatible-option-group", Failed, Failed, true),
    instance("incompatible-parameters", Failed, Failed, true),
    instance("incompatible-restore", Failed, Failed, true),
    instance("insufficient-capacity", Failed, Failed, true),
    instance("maintenance", Pending, Pending, false),
    instance("modifying", Pending, Pending, false),
    instance("moving-to-vpc", Pending, Pending, false),
    instance("rebooting", Pending, Pending, false),
    instance("renaming", Pending, Pending, false),
    instance("resetting-master-credentials", Pending, Pending, false),
    instance("restore-error", Failed, Failed, true),
    instance("starting", Pending, Pending, false),
    instance("stopped", Failed, Failed, true),
    instance("stopping", Failed, Failed, false),
    instance("storage-config-upgrade", Pending, Pending, false),
    instance("storage-full", Failed, Failed, true),
    // After a restore the blocks are still being fetched: it answers, only more slowly, and that can take hours.
    instance("storage-initialization", Ready, Pending, false),
    instance("storage-optimization", Ready, Ready, true),
    instance("upgrading", Pending, Pending, false),
];

/// Every known `Status` of a DB snapshot or of a copy of one.
pub const SNAPSHOT_STATUSES: &[(&str, Progress)] = &[
    ("available", Ready),
    ("copying", Pending),
    ("creating", Pending),
    ("deleted", Failed),
    ("deleting", Failed),
    ("failed", Failed),
    ("incompatible-parameters", Failed),
    ("incompatible-restore", Failed),
    ("pending", Pending),
];

fn known(status: &str) -> Option<&'static InstanceStatus> {
    INSTANCE_STATUSES.iter().find(|known| known.word == status)
}

/// Sorts the status of a restored instance that the secret is to name.
#[must_use]
pub fn of_restored_instance(status: &str) -> Progress {
    known(status).map_or(Pending, |known| known.restored)
}

/// Sorts the status of a source instance that is to be snapshotted.
#[must_use]
pub fn of_source_instance(status: &str) -> Progress {
    known(status).map_or(Pending, |known| known.source)
}

/// Sorts the status of a snapshot or of a copy of one.
#[must_use]
pub fn of_snapshot(status: &str) -> Progress {
    SNAPSHOT_STATUSES.iter().find(|(word, _)| *word == status).map_or(Pending, |(_, progress)| *progress)
}

/// Whether RDS accepts a deletion of an instance in this status.
#[must_use]
pub fn instance_is_deletable(status: &str) -> bool {
    known(status).is_some_and(|known| known.deletable)
}

/// Whether RDS can make a final snapshot of an instance in this status; if not, it can only be deleted without one
/// (API model, `DeleteDBInstance`; RDS User Guide, "Viewing Amazon RDS DB instance status").
#[must_use]
pub fn takes_final_snapshot(status: &str) -> bool {
    !matches!(
        status,
        "failed"
            | "inaccessible-encryption-credentials"
            | "incompatible-network"
            | "incompatible-restore"
            | "restore-error"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_sorted_once() {
        let words: Vec<&str> = INSTANCE_STATUSES.iter().map(|status| status.word).collect();
        let mut sorted = words.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(words, sorted, "in order and without repetition");
        assert!(SNAPSHOT_STATUSES.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn a_word_that_is_not_known_waits_and_is_not_deleted() {
        assert_eq!(of_restored_instance("a-word-of-next-year"), Pending);
        assert_eq!(of_source_instance("a-word-of-next-year"), Pending);
        assert_eq!(of_snapshot("a-word-of-next-year"), Pending);
        assert!(!instance_is_deletable("a-word-of-next-year"));
    }

    #[test]
    fn only_what_is_ready_or_will_not_mend_itself_is_deletable() {
        for status in INSTANCE_STATUSES.iter().filter(|status| status.deletable) {
            assert_ne!(status.restored, Pending, "{}", status.word);
        }
    }

    #[test]
    fn the_ends_that_do_not_mend_themselves_fail_at_once() {
        for word in
            ["failed", "incompatible-restore", "incompatible-network", "storage-full", "restore-error"]
        {
            assert_eq!(of_restored_instance(word), Failed, "{word}");
            assert_eq!(of_source_instance(word), Failed, "{word}");
        }
        assert_eq!(of_snapshot("failed"), Failed);
    }
}
