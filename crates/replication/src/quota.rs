//! What it means that RDS refuses one more snapshot for a quota.

use crate::{Error, ErrorName};

/// How many manual snapshots the account has in the Region, and how many it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotQuota {
    /// How many it has.
    pub used: i64,
    /// How many it may have.
    pub max: i64,
}

/// What to do about a refusal for a quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// There is room: too many copies run at the moment, so the call is made again later.
    TooManyCopies,
    /// There is no room for a snapshot.
    Full(Error),
}

/// How many polls a full quota is waited for: what was pruned just before still counts until RDS has deleted it.
pub const ROOM_POLLS: u32 = 8;

/// Judges a refusal of a copy. RDS has one code for "too many manual snapshots" and for "too many copies at a time" (20 to
/// one Region, RDS User Guide, "Copying a DB snapshot"). `quota` is nothing where RDS does not say it.
#[must_use]
pub fn judge(doing: &str, said: &str, quota: Option<SnapshotQuota>) -> Refused {
    if quota.is_some_and(|quota| quota.used < quota.max) {
        Refused::TooManyCopies
    } else {
        Refused::Full(full(doing, said, quota))
    }
}

/// The error of a quota that is used up, with its numbers.
#[must_use]
pub fn full(doing: &str, said: &str, quota: Option<SnapshotQuota>) -> Error {
    let numbers = quota.map_or_else(String::new, |SnapshotQuota { used, max }| {
        format!("; the account has {used} of {max} manual snapshots")
    });
    Error::new(ErrorName::QuotaExceeded, doing).because(format!("{said}{numbers}")).advise(
        "delete manual snapshots that nobody needs, or ask AWS for a larger quota of manual snapshots",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// > Too many copies at a time are waited for, and a full quota of snapshots is an error with its numbers.
    #[test]
    fn one_code_of_rds_has_two_meanings() {
        let judge = |quota| judge("copying snapshot s", "SnapshotQuotaExceeded", quota);
        assert_eq!(judge(Some(SnapshotQuota { used: 99, max: 100 })), Refused::TooManyCopies);
        let Refused::Full(error) = judge(Some(SnapshotQuota { used: 100, max: 100 })) else {
            panic!("it is full");
        };
        assert_eq!(error.name(), ErrorName::QuotaExceeded);
        assert!(error.to_string().contains("has 100 of 100 manual snapshots"), "{error}");
        assert!(matches!(judge(None), Refused::Full(_)));
    }
}
