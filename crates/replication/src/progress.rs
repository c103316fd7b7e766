//! The status words of RDS, each sorted once, here.
//!
//! Words and their meaning: Amazon RDS User Guide, "Viewing Amazon RDS DB instance status", and the `Status` of
//! `DBSnapshot` in the API model. A status that is in no table is judged by its form, see
//! [`InstanceStatus`].

use std::fmt;

use Progress::{Failed, Pending, Ready};
use Restored::{Broken, Busy, Deleting, FailedRestore, Stopped, Usable};

/// What a status word means for a task that waits for the thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It can be used now.
    Ready,
    /// Not yet; poll again later.
    Pending,
    /// It will not become ready by itself.
    Failed,
}

/// What the status of a restored instance means for those who wait for it, keep it or delete it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// It answers readers, once it has an endpoint.
    Usable,
    /// RDS is working on it, or has a word for it that is not known here.
    Busy,
    /// An operator has stopped it; it is whole and can be started.
    Stopped,
    /// It is on its way out.
    Deleting,
    /// The restore failed, so that it never held anything.
    FailedRestore,
    /// It does not answer, and only an operator can change that.
    Broken,
}

/// What one `DBInstanceStatus` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstanceWord {
    /// The word.
    pub word: &'static str,
    /// For a restored instance.
    pub restored: Restored,
    /// For a source instance that is to be snapshotted: `CreateDBSnapshot` takes `available` and
    /// `storage-optimization` (API model).
    pub source: Progress,
    /// Whether RDS deletes it now: `DeleteDBInstance` is refused while another change runs (API model).
    pub deletable: bool,
    /// Whether RDS can make a final snapshot of it; if not, it can only be deleted without one (API model,
    /// `DeleteDBInstance`; RDS User Guide, "Viewing Amazon RDS DB instance status").
    pub final_snapshot: bool,
}

const fn instance(word: &'static str, restored: Restored, source: Progress) -> InstanceWord {
    let deletable = matches!(restored, Broken | FailedRestore) || matches!(source, Ready);
    InstanceWord { word, restored, source, deletable, final_snapshot: true }
}

impl InstanceWord {
    const fn deletable(self) -> Self {
        Self { deletable: true, ..self }
    }

    const fn without_final_snapshot(self) -> Self {
        Self { final_snapshot: false, ..self }
    }
}

/// Every documented status of a DB instance.
pub const INSTANCE_STATUSES: &[InstanceWord] = &[
    instance("available", Usable, Ready),
    // Since 2025 a restore with backup retention can stay like this for hours, and it answers all the while.
    instance("backing-up", Usable, Pending),
    instance("configuring-enhanced-monitoring", Busy, Pending),
    instance("configuring-iam-database-auth", Busy, Pending),
    instance("configuring-log-exports", Busy, Pending),
    instance("converting-to-vpc", Busy, Pending),
    instance("creating", Busy, Pending),
    instance("delete-precheck", Deleting, Failed),
    instance("deleting", Deleting, Failed),
    instance("failed", FailedRestore, Failed).without_final_snapshot(),
    instance("inaccessible-encryption-credentials", Broken, Failed).without_final_snapshot(),
    instance("inaccessible-encryption-credentials-recoverable", Broken, Failed),
    instance("incompatible-create", FailedRestore, Failed),
    instance("incompatible-credentials", Broken, Failed),
    instance("incompatible-network", Broken, Failed).without_final_snapshot(),
    instance("incompatible-option-group", Broken, Failed),
    instance("incompatible-parameters", Broken, Failed),
    instance("incompatible-restore", FailedRestore, Failed).without_final_snapshot(),
    instance("insufficient-capacity", Broken, Failed),
    instance("maintenance", Busy, Pending),
    instance("modify-failed", Broken, Failed),
    instance("modifying", Busy, Pending),
    instance("moving-to-vpc", Busy, Pending),
    instance("rebooting", Busy, Pending),
    instance("renaming", Busy, Pending),
    instance("resetting-master-credentials", Busy, Pending),
    instance("restore-error", FailedRestore, Failed).without_final_snapshot(),
    instance("starting", Busy, Pending),
    instance("stopped", Stopped, Failed).deletable(),
    instance("stopping", Stopped, Failed),
    instance("storage-config-upgrade", Busy, Pending),
    instance("storage-full", Broken, Failed),
    // After a restore the blocks are still being fetched: it answers, only more slowly, and that can take hours.
    instance("storage-initialization", Usable, Pending),
    instance("storage-optimization", Usable, Ready),
    instance("upgrade-failed", Broken, Failed),
    instance("upgrading", Busy, Pending),
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

/// Of a database or a snapshot that can be used.
pub const AVAILABLE: &str = "available";
/// What a report says right after RDS has accepted to make a thing, if RDS says no word itself.
pub const CREATING: &str = "creating";
/// What a report says right after RDS has accepted a change.
pub const MODIFYING: &str = "modifying";
/// What a report says of a thing that RDS does not have any more.
pub const DELETED: &str = "deleted";

/// Whether the storage of an instance is still being loaded from its snapshot, so that what is read for the first time is
/// slow. `StorageOperationStatus` says so while it lasts (API model, `DBInstance`); where RDS does not give it, the status
/// does.
#[must_use]
pub fn is_initializing(status: &InstanceStatus, storage_operation: Option<&str>) -> bool {
    storage_operation == Some("Initializing") || status.0 == "storage-initialization"
}

/// What a word means that is in no table. Those of these forms are ends that do not pass by themselves, as
/// CloudFormation's own handler takes them; any other waits, and the deadline of the stage ends it. RDS itself decides
/// whether it deletes a thing in such a state, and makes a final snapshot of it.
fn unlisted(word: &str) -> InstanceWord {
    let is_end = word.starts_with("incompatible-") || word.ends_with("-failed") || word.ends_with("-error");
    let (restored, source) = if is_end { (Broken, Failed) } else { (Busy, Pending) };
    InstanceWord { word: "", restored, source, deletable: true, final_snapshot: true }
}

/// The `DBInstanceStatus` of an instance. No other file compares its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceStatus(String);

impl InstanceStatus {
    fn row(&self) -> InstanceWord {
        let listed = INSTANCE_STATUSES.iter().find(|known| known.word == self.0);
        listed.copied().unwrap_or_else(|| unlisted(&self.0))
    }

    /// The word of RDS.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it means for a restored instance.
    #[must_use]
    pub fn restored(&self) -> Restored {
        self.row().restored
    }

    /// What it means for a source instance that is to be snapshotted.
    #[must_use]
    pub fn source(&self) -> Progress {
        self.row().source
    }

    /// Whether a deletion is worth a call in this state: RDS accepts it, or the status is not known here.
    #[must_use]
    pub fn is_deletable(&self) -> bool {
        self.row().deletable
    }

    /// Whether RDS can make a final snapshot of an instance in this state.
    #[must_use]
    pub fn takes_final_snapshot(&self) -> bool {
        self.row().final_snapshot
    }
}

impl Restored {
    /// What it means for a task that waits for the instance to answer.
    #[must_use]
    pub fn progress(self) -> Progress {
        match self {
            Usable => Ready,
            Busy => Pending,
            Stopped | Deleting | FailedRestore | Broken => Failed,
        }
    }
}

/// The `Status` of a snapshot or of a copy of one. No other file compares its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotStatus(String);

impl SnapshotStatus {
    /// The word of RDS.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it means for a task that waits for the snapshot.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let listed = SNAPSHOT_STATUSES.iter().find(|(word, _)| *word == self.0);
        listed.map_or(Pending, |(_, progress)| *progress)
    }

    /// Whether it is on its way out.
    #[must_use]
    pub fn is_deleting(&self) -> bool {
        matches!(self.0.as_str(), "deleted" | "deleting")
    }
}

macro_rules! status_type {
    ($name:ident) => {
        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                Self(word.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

status_type!(InstanceStatus);
status_type!(SnapshotStatus);

#[cfg(test)]
mod tests {
    use super::*;

    fn of(word: &str) -> InstanceStatus {
        word.into()
    }

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
    fn a_word_that_is_not_known_waits_and_rds_decides_about_its_deletion() {
        let word = "a-word-of-next-year";
        assert_eq!((of(word).restored(), of(word).source()), (Busy, Pending));
        assert_eq!(SnapshotStatus::from(word).progress(), Pending);
        assert!(of(word).is_deletable());
    }

    #[test]
    fn an_unlisted_word_of_the_form_of_an_end_is_an_end() {
        for word in ["incompatible-anything", "something-failed", "something-error"] {
            assert_eq!((of(word).restored(), of(word).source()), (Broken, Failed), "{word}");
        }
    }

    #[test]
    fn only_what_is_ready_or_will_not_recover_is_deletable() {
        for status in INSTANCE_STATUSES.iter().filter(|status| status.deletable) {
            assert_ne!(status.restored, Busy, "{}", status.word);
        }
    }

    #[test]
    fn storage_is_loaded_as_long_as_one_of_both_says_so() {
        for (status, operation, is_loaded) in [
            ("available", None, true),
            ("available", Some("Initializing"), false),
            ("available", Some("Optimizing"), true),
            ("storage-initialization", None, false),
        ] {
            assert_eq!(is_initializing(&of(status), operation), !is_loaded, "{status} {operation:?}");
        }
    }

    #[test]
    fn the_ends_that_do_not_recover_fail_at_once() {
        for word in
            ["failed", "incompatible-restore", "incompatible-network", "storage-full", "restore-error"]
        {
            assert_eq!(of(word).restored().progress(), Failed, "{word}");
            assert_eq!(of(word).source(), Failed, "{word}");
        }
        assert_eq!(SnapshotStatus::from("failed").progress(), Failed);
    }
}
