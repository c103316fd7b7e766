//! Whether a snapshot may be shared with the destination account, and whether it already is.

use std::fmt;

use crate::observed::Snapshot;
use crate::{Error, ErrorName};

/// What to do about a snapshot that is to be shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// The account may restore it already.
    IsShared,
    /// The time is written on it, and then it is shared.
    Share,
}

impl fmt::Display for Sharing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IsShared => "nothing: the account may restore it already",
            Self::Share => "share: the account may not restore it yet",
        })
    }
}

/// Decides about the snapshot of a run. `shared_with` are the accounts that may restore it; nothing if RDS does not show it.
///
/// Sharing gives another account all the data, so it is done only to what this stack has made.
///
/// # Errors
/// [`ErrorName::NotVisibleYet`], [`ErrorName::NameTaken`].
pub fn decide(
    doing: &str,
    stack: &str,
    account: &str,
    found: Option<&Snapshot>,
    shared_with: Option<&[String]>,
) -> Result<Sharing, Error> {
    let (Some(found), Some(shared_with)) = (found, shared_with) else {
        return Err(not_visible(doing, "RDS does not show the snapshot"));
    };
    if found.is_of_stack(stack) {
        let is_shared = shared_with.iter().any(|with| with == account);
        return Ok(if is_shared { Sharing::IsShared } else { Sharing::Share });
    }
    if found.tags.is_empty() {
        return Err(not_visible(
            doing,
            "RDS does not show the tags that say that this stack has made the snapshot",
        ));
    }
    Err(Error::new(ErrorName::NameTaken, doing)
        .because("the snapshot does not carry this stack's tag")
        .advise("start a new execution; this project shares only snapshots that it has made"))
}

/// The error of a snapshot that the run has made and RDS does not show: it will do so soon, or it is gone.
#[must_use]
pub fn not_visible(doing: &str, because: &str) -> Error {
    Error::new(ErrorName::NotVisibleYet, doing)
        .because(because)
        .advise("if somebody has deleted the snapshot, start a new execution")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::lineage::{self, Tags};
    use crate::observed::testing::snapshot;

    proptest! {
        /// Sharing gives all the data away, so it is done only to what carries this stack's tag.
        #[test]
        fn nothing_is_shared_that_another_has_made(
            stack in prop::option::of("stack|another"), others in prop::collection::vec("[0-9]{12}", 0..3),
            is_shared: bool,
        ) {
            let id = "20261122t103400z-1f2e3d";
            let name = format!("nightly-{id}");
            let tags = Tags::default().with("team", "data");
            let tags = match &stack {
                Some(stack) => Tags::of_replication(stack, &id.parse().unwrap(), &"orders".parse().unwrap()).named(&name),
                None => tags,
            };
            let found = snapshot(&name, "available", tags);
            let account = "111122223333".to_owned();
            let with: Vec<String> = others.into_iter().chain(is_shared.then(|| account.clone())).collect();
            let decided = decide("sharing", "stack", &account, Some(&found), Some(&with));
            match decided {
                Ok(Sharing::Share) => prop_assert!(stack.as_deref() == Some("stack") && !with.contains(&account)),
                Ok(Sharing::IsShared) => prop_assert!(stack.as_deref() == Some("stack") && with.contains(&account)),
                Err(error) => {
                    prop_assert_ne!(stack.as_deref(), Some("stack"));
                    prop_assert_eq!(error.name(), ErrorName::NameTaken);
                }
            }
        }
    }

    /// > What is not visible yet is polled again before it counts as missing.
    #[test]
    fn only_what_this_stack_has_made_is_shared() {
        let id = "20261122t103400z-1f2e3d";
        let name = format!("nightly-{id}");
        let ours =
            Tags::of_replication("stack", &id.parse().unwrap(), &"orders".parse().unwrap()).named(&name);
        let with = |tags: Tags| Some(snapshot(&name, "available", tags));
        let (me, other) = (["1".repeat(12)], ["2".repeat(12)]);
        for (found, shared_with, expected) in [
            (with(ours.clone()), Some(&other[..]), Ok(Sharing::Share)),
            (with(ours.clone()), Some(&me[..]), Ok(Sharing::IsShared)),
            (with(ours.clone()), None, Err(ErrorName::NotVisibleYet)),
            (None, Some(&other[..]), Err(ErrorName::NotVisibleYet)),
            (with(Tags::default()), Some(&other[..]), Err(ErrorName::NotVisibleYet)),
            (with(ours.with(lineage::STACK, "another")), Some(&other[..]), Err(ErrorName::NameTaken)),
        ] {
            let decided = decide("sharing", "stack", &me[0], found.as_ref(), shared_with);
            assert_eq!(decided.map_err(|error| error.name()), expected);
        }
    }
}
