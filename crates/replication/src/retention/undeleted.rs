//! How often a thing could not be deleted, and when operators are to hear of it.

/// After how many runs that could not delete a thing operators are told, once.
const RUNS_BEFORE_TELLING: u32 = 3;

/// What a run that could not delete a thing does about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undeleted {
    /// The value to be written into the tag; nothing if it stays as it is.
    pub tag: Option<String>,
    /// Whether operators are to hear of it in this run.
    pub is_to_be_told: bool,
}

/// Counts one more run that could not delete a thing. The tag names the last run that was counted, so that a repeated
/// call counts once and tells again what its lost answer told.
#[must_use]
pub fn count_undeleted(tag: Option<&str>, run: &str) -> Undeleted {
    let earlier = tag.and_then(|tag| tag.split_once(':'));
    let earlier = earlier.and_then(|(count, run)| Some((count.parse::<u32>().ok()?, run)));
    let (count, is_counted) = match earlier {
        Some((count, counted)) if counted == run => (count, true),
        // They were told; from here on counting says nothing new.
        Some((count, _)) if count >= RUNS_BEFORE_TELLING => (RUNS_BEFORE_TELLING + 1, true),
        Some((count, _)) => (count + 1, false),
        None => (1, false),
    };
    Undeleted {
        tag: (!is_counted).then(|| format!("{count}:{run}")),
        is_to_be_told: count == RUNS_BEFORE_TELLING,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// > What several runs could not delete is told to operators once, by name and with the reason.
    #[test]
    fn what_stays_undeleted_is_told_once() {
        let mut tag: Option<String> = None;
        let mut told = Vec::new();
        for run in ["a", "b", "b", "c", "c", "d", "e"] {
            let counted = count_undeleted(tag.as_deref(), run);
            tag = counted.tag.or(tag);
            if counted.is_to_be_told {
                told.push(run);
            }
        }
        assert_eq!(told, ["c", "c"], "once in the third run, and again where its answer may have been lost");
        assert_eq!(tag.as_deref(), Some("3:c"));
        assert_eq!(count_undeleted(Some("written by hand"), "a").tag.as_deref(), Some("1:a"));
        assert!(!count_undeleted(Some("4294967295:x"), "a").is_to_be_told);
    }
}
