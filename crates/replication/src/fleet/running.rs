//! One run of a fleet at a time.

use time::OffsetDateTime;

use crate::{Error, ErrorName, naming};

/// An execution of the fleet machine that is running.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Running {
    /// When it started.
    pub started_at: OffsetDateTime,
    /// Its name.
    pub name: String,
}

/// Refuses an execution while one that began before it is running. Of two that see each other exactly one goes on.
///
/// # Errors
/// [`ErrorName::AlreadyRunning`], with the name of the other.
pub fn check(own: &Running, running: &[Running]) -> Result<(), Error> {
    match running.iter().filter(|other| *other < own && other.name != own.name).min() {
        None => Ok(()),
        Some(first) => Err(Error::new(ErrorName::AlreadyRunning, format!("starting fleet run {}", own.name))
            .because(format!(
                "fleet run {} is running since {}",
                first.name,
                naming::id_stamp(first.started_at)
            ))
            .advise("wait for its end, or stop it and start one with {\"ContinueRun\": \"<its name>\"}")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    proptest! {
        /// > Of fleet runs that are running at once exactly one goes on; the others end with its name.
        #[test]
        fn exactly_one_of_several_runs_goes_on(starts in proptest::collection::btree_map("[a-z]{1,3}", 0i64..3, 1..6)) {
            let at = datetime!(2026-11-22 10:34 UTC);
            let running: Vec<Running> = starts
                .into_iter()
                .map(|(name, seconds)| Running { started_at: at + time::Duration::seconds(seconds), name })
                .collect();
            let (on, refused): (Vec<_>, Vec<_>) = running.iter().partition(|own| check(own, &running).is_ok());
            prop_assert_eq!(on.len(), 1);
            for own in refused {
                let error = check(own, &running).unwrap_err();
                prop_assert_eq!(error.name(), ErrorName::AlreadyRunning);
                let said = format!("fleet run {} is running", on[0].name);
                prop_assert!(error.to_string().contains(&said), "{error}");
            }
        }
    }
}
