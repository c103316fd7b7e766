//! Whether RDS will copy a whole snapshot or only what changed since the last one.
//!
//! The rule (Amazon RDS User Guide, "Incremental snapshot copying"): a copy in another account is incremental if
//! another snapshot of the same instance was copied there before, the newest such copy still exists, and the copies
//! are under one key. A copy of a copy is never incremental. We do not tell RDS which to do, nor does RDS tell us
//! which it did: this says what is to be expected, so that a person sees in the run what it will cost.

use serde::{Deserialize, Serialize};

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
    /// Why, for a person.
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

    /// The source snapshot has to be brought under the shared key first.
    #[must_use]
    pub fn re_encryption(source_is_encrypted: bool) -> Self {
        Self::new(
            Kind::Full,
            if source_is_encrypted {
                "the source database is under another key than the shared one, and a changed key means a full copy"
            } else {
                "the source database is not encrypted, and encrypting a snapshot means a full copy"
            },
        )
    }

    /// Nothing is copied, because newer data are live.
    #[must_use]
    pub fn not_copied() -> Self {
        Self::new(Kind::None, "newer data are live, so nothing is copied")
    }

    /// The destination's copy of a shared snapshot; `earlier` is its newest earlier copy of the same database.
    #[must_use]
    pub fn across_accounts(
        source_is_copy: Option<bool>,
        earlier: Option<&EarlierCopy>,
        key_arn: &str,
    ) -> Self {
        match (source_is_copy, earlier) {
            (Some(true), _) => {
                Self::new(Kind::Full, "the shared snapshot is itself a copy, which is never incremental")
            }
            (None, _) => Self::new(
                Kind::Full,
                "the message does not say whether the shared snapshot is itself a copy, which is never incremental",
            ),
            (Some(false), None) => {
                Self::new(Kind::Full, "no earlier copy of this database exists in this account")
            }
            (Some(false), Some(earlier)) if earlier.key_arn.as_deref() != Some(key_arn) => {
                Self::new(Kind::Full, "the newest earlier copy is under another key")
            }
            (Some(false), Some(earlier)) => Self {
                expected: Kind::Incremental,
                reason: format!("the newest earlier copy, {}, exists under the same key", earlier.identifier),
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_incremental_only_if_all_of_the_rule_holds() {
        let earlier = |key: &str| EarlierCopy { identifier: "copy-1".into(), key_arn: Some(key.into()) };
        for (source_is_copy, earlier, expected) in [
            (Some(false), Some(earlier("key")), Kind::Incremental),
            (Some(false), Some(earlier("other")), Kind::Full),
            (Some(false), None, Kind::Full),
            (Some(true), Some(earlier("key")), Kind::Full),
            (None, Some(earlier("key")), Kind::Full),
        ] {
            let expectation = Expectation::across_accounts(source_is_copy, earlier.as_ref(), "key");
            assert_eq!(expectation.expected, expected, "{}", expectation.reason);
        }
        assert_eq!(Expectation::shared_directly().expected, Kind::None);
        assert_eq!(Expectation::re_encryption(true).expected, Kind::Full);
    }
}
