//! How often a thing could not be deleted, and when operators are alerted about it.

use crate::Error;

/// After how many runs that could not delete a thing operators are alerted, once.
const RUNS_BEFORE_ALERT: u32 = 3;

/// What a run that could not delete a thing does about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undeleted {
    /// The value to be written into the tag; nothing if it stays as it is.
    pub tag: Option<String>,
    /// Whether operators are alerted about it in this run.
    pub is_to_be_reported: bool,
}

impl Undeleted {
    /// The alert to operators about a thing that stays for this reason, if there is one. `uncounted` is why the count could not be
    /// written, where it could not: then it is not known whether they were alerted, so they are in every run, unless
    /// the cause passes by itself.
    #[must_use]
    pub fn alert_text(&self, identifier: &str, reason: &str, uncounted: Option<&Error>) -> Option<String> {
        match uncounted {
            None => self.is_to_be_reported.then(|| format!("{identifier}: {reason}")),
            Some(error) if error.name().is_retryable() => None,
            Some(error) => Some(format!(
                "{identifier}: {reason}; every run reports this, because the count of runs cannot be written on it: {error}"
            )),
        }
    }
}

/// Counts one more run that could not delete a thing. The tag names the last run that was counted, so that a repeated
/// call counts once and repeats the alert of its lost answer.
#[must_use]
pub fn count_undeleted(tag: Option<&str>, run: &str) -> Undeleted {
    let earlier = tag.and_then(|tag| tag.split_once(':'));
    let earlier = earlier.and_then(|(count, run)| Some((count.parse::<u32>().ok()?, run)));
    let (count, is_counted) = match earlier {
        Some((count, counted)) if counted == run => (count, true),
        // They were alerted; from here on counting adds nothing.
        Some((count, _)) if count >= RUNS_BEFORE_ALERT => (RUNS_BEFORE_ALERT + 1, true),
        Some((count, _)) => (count + 1, false),
        None => (1, false),
    };
    Undeleted {
        tag: (!is_counted).then(|| format!("{count}:{run}")),
        is_to_be_reported: count == RUNS_BEFORE_ALERT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorName;

    /// > What cannot be deleted is reported in every run where the count of runs cannot be written on it, with the reason.
    #[test]
    fn what_cannot_be_counted_is_reported_and_not_skipped() {
        let first = count_undeleted(None, "a");
        assert_eq!(first.alert_text("db-1", "it is protected", None), None);
        for (name, is_told) in [
            (ErrorName::AccessDenied, true),
            (ErrorName::Rejected, true),
            (ErrorName::Throttled, false),
            (ErrorName::ServiceFault, false),
        ] {
            let error = Error::new(name, "tagging db-1").because("as RDS said");
            let told = first.alert_text("db-1", "it is protected", Some(&error));
            assert_eq!(told.is_some(), is_told, "{name:?}");
            if let Some(told) = told {
                assert!(
                    told.starts_with("db-1: it is protected; every run") && told.ends_with("as RDS said"),
                    "{told}"
                );
            }
        }
        let third = count_undeleted(Some("2:b"), "c");
        assert_eq!(
            third.alert_text("db-1", "it is protected", None).as_deref(),
            Some("db-1: it is protected")
        );
    }

    /// > What several runs could not delete is reported to operators once, by name and with the reason.
    #[test]
    fn what_stays_undeleted_is_reported_once() {
        let mut tag: Option<String> = None;
        let mut told = Vec::new();
        for run in ["a", "b", "b", "c", "c", "d", "e"] {
            let counted = count_undeleted(tag.as_deref(), run);
            tag = counted.tag.or(tag);
            if counted.is_to_be_reported {
                told.push(run);
            }
        }
        assert_eq!(told, ["c", "c"], "once in the third run, and again where its answer may have been lost");
        assert_eq!(tag.as_deref(), Some("3:c"));
        assert_eq!(count_undeleted(Some("written by hand"), "a").tag.as_deref(), Some("1:a"));
        assert!(!count_undeleted(Some("4294967295:x"), "a").is_to_be_reported);
    }
}
