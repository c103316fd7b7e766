//! Whether RDS will copy a whole snapshot or only what changed since the last one.
//!
//! The rule (Amazon RDS User Guide, "Incremental snapshot copying", 2026): a copy is incremental if it is of the same
//! lineage as the newest earlier copy, at the same depth (a copy of a snapshot, or a copy of a copy), with the same key at
//! each level, and that newest copy still exists. So the first copy under a key is full, and encrypting what is not encrypted
//! is full every time. The guide of 2023 said that a copy of a copy is never incremental. We cannot choose which RDS does,
//! nor does RDS report which it did: this says what is to be expected, so that operators see in the run what it will cost,
//! and it is not proven.

use serde::{Deserialize, Serialize};

use crate::lineage;
use crate::naming::{self, InstanceIdentifier, SnapshotArn, SnapshotIdentifier};
use crate::observed::Snapshot;
use crate::progress::Progress;

/// What RDS is expected to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Nothing: no copy is needed.
    None,
    /// Only what changed since the newest earlier copy.
    Incremental,
    /// All of the database.
    Full,
}

/// What RDS is expected to move, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// What is moved.
    pub expected: Kind,
    /// Why, for operators.
    pub reason: String,
}

impl Expectation {
    fn new(expected: Kind, reason: &str) -> Self {
        Self { expected, reason: reason.to_owned() }
    }

    /// The source snapshot is shared as it is.
    #[must_use]
    pub fn shared_directly() -> Self {
        Self::new(
            Kind::None,
            "the source snapshot is already encrypted under the shared key and is shared as it is",
        )
    }

    /// The source snapshot has to be brought under the shared key first; `earlier` is the newest earlier copy of the same
    /// database under that key's account.
    #[must_use]
    pub fn re_encryption(source_is_encrypted: bool, earlier: Option<&EarlierCopy>, key_arn: &str) -> Self {
        if !source_is_encrypted {
            return Self::new(
                Kind::Full,
                "the source database is not encrypted, and encrypting a snapshot is a full copy every time",
            );
        }
        Self::after(earlier, key_arn, "")
    }

    /// Nothing is copied, because newer data are live, or the same data are there.
    #[must_use]
    pub fn not_copied() -> Self {
        Self::new(Kind::None, "newer or the same data are there, so nothing is copied")
    }

    /// The destination's copy of a shared snapshot; `earlier` is its newest earlier copy of the same database.
    #[must_use]
    pub fn across_accounts(
        source_is_copy: Option<bool>,
        earlier: Option<&EarlierCopy>,
        key_arn: &str,
    ) -> Self {
        let of_copy = earlier.and_then(|earlier| earlier.of_copy);
        if let (Some(now), Some(before)) = (source_is_copy, of_copy)
            && now != before
        {
            let is_copy = |is_copy| if is_copy { "itself a copy" } else { "not a copy" };
            let reason = format!(
                "the shared snapshot is {}, and that of the newest earlier copy was {}",
                is_copy(now),
                is_copy(before)
            );
            return Self { expected: Kind::Full, reason };
        }
        let caution = match source_is_copy {
            Some(false) => "",
            Some(true) => {
                "; only if the shared snapshot, which is itself a copy, was copied incrementally too"
            }
            None => "; the message does not say whether the shared snapshot is itself a copy",
        };
        Self::after(earlier, key_arn, caution)
    }

    /// What is to be expected after the newest earlier copy of the same lineage and depth.
    fn after(earlier: Option<&EarlierCopy>, key_arn: &str, caution: &str) -> Self {
        match earlier {
            None => Self::new(Kind::Full, "no earlier copy of this database exists in this account"),
            Some(earlier) if earlier.key_arn.as_deref() != Some(key_arn) => Self::new(
                Kind::Full,
                "the newest earlier copy is under another key, and the first copy under a key is full",
            ),
            Some(earlier) => Self {
                expected: Kind::Incremental,
                reason: format!(
                    "expected, not proven: the newest earlier copy, {}, exists under the same key{caution}",
                    earlier.identifier
                ),
            },
        }
    }
}

/// An available copy that was made before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierCopy {
    /// Its identifier.
    pub identifier: String,
    /// The key it is under.
    pub key_arn: Option<String>,
    /// Whether it was copied from what was itself a copy; nothing if that is not known.
    pub of_copy: Option<bool>,
}

impl EarlierCopy {
    /// The newest available copy of a database that a stack has made, but for the one that is being made now.
    #[must_use]
    pub fn newest(
        snapshots: &[Snapshot],
        stack: &str,
        database: &InstanceIdentifier,
        but: &SnapshotIdentifier,
    ) -> Option<Self> {
        let source = |copy: &Snapshot| copy.tags.get(lineage::SOURCE_SNAPSHOT)?.parse::<SnapshotArn>().ok();
        snapshots
            .iter()
            .filter(|copy| copy.is_of_stack(stack) && copy.source_database == *database)
            .filter(|copy| copy.identifier != *but && copy.tags.get(lineage::SOURCE_SNAPSHOT).is_some())
            .filter(|copy| copy.status.progress() == Progress::Ready)
            .max_by_key(|copy| copy.tags.get(lineage::REPLICATION_ID))
            .map(|copy| Self {
                identifier: copy.identifier.to_string(),
                key_arn: copy.key_arn.clone(),
                of_copy: source(copy).map(|arn| naming::is_encrypted_copy(&arn.identifier)),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lineage::Tags;
    use crate::observed::testing::snapshot;

    #[expect(clippy::unnecessary_wraps, reason = "as it is looked for")]
    fn earlier(key: &str, of_copy: Option<bool>) -> Option<EarlierCopy> {
        Some(EarlierCopy { identifier: "copy-1".into(), key_arn: Some(key.into()), of_copy })
    }

    #[test]
    fn a_copy_is_incremental_only_if_all_of_the_rule_holds() {
        let (yes, no) = (Some(true), Some(false));
        for (source_is_copy, earlier, expected, words) in [
            (no, earlier("key", no), Kind::Incremental, "expected, not proven"),
            (
                yes,
                earlier("key", yes),
                Kind::Incremental,
                "only if the shared snapshot, which is itself a copy",
            ),
            (None, earlier("key", no), Kind::Incremental, "the message does not say"),
            (no, earlier("key", None), Kind::Incremental, "not proven"),
            (
                no,
                earlier("key", yes),
                Kind::Full,
                "is not a copy, and that of the newest earlier copy was itself a",
            ),
            (yes, earlier("key", no), Kind::Full, "is itself a copy, and"),
            (no, earlier("other", no), Kind::Full, "the first copy under a key is full"),
            (no, None, Kind::Full, "no earlier copy"),
        ] {
            let expectation = Expectation::across_accounts(source_is_copy, earlier.as_ref(), "key");
            assert_eq!(expectation.expected, expected, "{}", expectation.reason);
            assert!(expectation.reason.contains(words), "{}", expectation.reason);
        }
        assert_eq!(Expectation::shared_directly().expected, Kind::None);
    }

    #[test]
    fn re_encryption_under_the_same_keys_may_be_incremental_and_encryption_never_is() {
        for (is_encrypted, earlier, expected) in [
            (true, earlier("key", Some(false)), Kind::Incremental),
            (true, earlier("other", Some(false)), Kind::Full),
            (true, None, Kind::Full),
            (false, earlier("key", Some(false)), Kind::Full),
        ] {
            let expectation = Expectation::re_encryption(is_encrypted, earlier.as_ref(), "key");
            assert_eq!(expectation.expected, expected, "{}", expectation.reason);
        }
    }

    #[test]
    fn the_newest_earlier_copy_is_an_available_one_of_this_database() {
        let id = |day: u32| format!("202611{day:02}t000000z-aaaaaa");
        let copy = |day: u32, status: &str, source: Option<&str>| {
            let name = format!("orders-{}", id(day));
            let from = source.map(|name| format!("arn:aws:rds:eu-west-1:123456789012:snapshot:{name}"));
            let tags = Tags::of_replication("stack", &id(day).parse().unwrap(), &"orders".parse().unwrap());
            snapshot(&name, status, tags.named(&name).with_some(lineage::SOURCE_SNAPSHOT, from))
        };
        let all = [
            copy(1, "available", Some("s-1")),
            copy(2, "available", Some("s-2-copy-in")),
            copy(3, "available", None),
            copy(4, "creating", Some("s-4")),
            copy(5, "available", Some("s-5")),
        ];
        let newest = |all: &[Snapshot]| {
            EarlierCopy::newest(all, "stack", &"orders".parse().unwrap(), &all[all.len() - 1].identifier)
        };
        let found = newest(&all).unwrap();
        assert_eq!((found.identifier.as_str(), found.of_copy), (all[1].identifier.as_str(), Some(true)));
        assert_eq!(newest(&all[..1]), None);
        assert_eq!(newest(&all[..2]).unwrap().of_copy, Some(false));
    }
}
