//! One error type for every task: a name that Step Functions matches on, and a text for operators.

use std::fmt;

use strum::{IntoStaticStr, VariantArray, VariantNames};

/// The name of an error as Step Functions sees it (`Error` in a Catch, `errorType` of the function).
///
/// The variant's own name goes over the wire, so the two cannot drift. Names differ only where a machine or a
/// operator would act differently; `docs/errors.md` has one row for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray, VariantNames)]
pub enum ErrorName {
    /// The event does not have the form the task needs; the text names the field.
    InvalidInput,
    /// An environment variable of the function (a stack parameter) is missing or wrong.
    InvalidConfiguration,
    /// A database, snapshot or secret that must exist does not, or is not visible to this account.
    NotFound,
    /// Something with the name this run needs exists and was not made by this run.
    NameTaken,
    /// The source snapshot ended in a state that will not become available.
    SnapshotFailed,
    /// A snapshot copy ended in a state that will not become available.
    CopyFailed,
    /// The restored instance ended in a state that will not become available.
    RestoreFailed,
    /// An instance is in a state that only an operator can end (for example `stopped`).
    InstanceNotReady,
    /// A stage took longer than its deadline.
    DeadlineExceeded,
    /// A KMS key is disabled, pending deletion, of the wrong kind, or managed by AWS where it must be shared.
    KeyUnusable,
    /// This account or role may not use a KMS key.
    KeyNotAccessible,
    /// RDS does not allow this snapshot to be shared.
    NotShareable,
    /// The role of the function may not make the call.
    AccessDenied,
    /// A service quota is used up.
    QuotaExceeded,
    /// The secret has no JSON object in text form, or our fields in it are not text.
    SecretInvalid,
    /// The secret was written but reading it back showed something else.
    SecretNotMoved,
    /// What opens the version that the secret is to name is not known.
    CredentialsUnknown,
    /// Somebody else has put the secret back to an older version after the run had moved it.
    SecretMovedBack,
    /// There is no version of this number that one could roll back to.
    VersionNotFound,
    /// So many restored versions are newer than the live one that no further one is made.
    TooManyVersionsAhead,
    /// A version of the database has the largest number there is, so that no next one can be named.
    VersionsExhausted,
    /// The snapshot, or what is asked for, belongs to another source database than the one this stack holds copies of.
    SourceMismatch,
    /// The source database asks for a setting of its versions that the destination stack does not allow, or a wrong one.
    OverrideRefused,
    /// A message on the topic that this account does not accept.
    MessageRefused,
    /// Some of the deletion tags could not be set or taken off; the rest were.
    PruneIncomplete,
    /// Another run of the fleet began before and is running.
    AlreadyRunning,
    /// More databases of a fleet have failed than are tolerated.
    ReplicationsFailed,
    /// A service refused the call for a reason that has no name of its own here.
    Rejected,
    /// A service asked to be called less often. Retried by the machine.
    Throttled,
    /// A service failed or could not be reached. Retried by the machine.
    ServiceFault,
    /// Something that must be there is not shown yet by a service whose reads lag behind. Retried by the machine.
    NotVisibleYet,
}

impl ErrorName {
    /// The name as it goes over the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether doing the same again may succeed without an operator changing anything first.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Throttled | Self::ServiceFault | Self::NotVisibleYet)
    }

    /// Whether the machines try the task again after it: also after a refusal, because a role that is seconds old may
    /// still lack its rights. The error of the last try is what ends the run.
    #[must_use]
    pub fn is_retried(self) -> bool {
        self.is_retryable() || self == Self::AccessDenied
    }
}

/// What went wrong, in the order an operator asks: what was being done, what the service said, what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    name: ErrorName,
    doing: String,
    said: Option<String>,
    advice: Option<String>,
}

impl Error {
    /// Every name an error can have, for the machines' Retry and Catch and for the documentation.
    pub const NAMES: &'static [&'static str] = <ErrorName as VariantNames>::VARIANTS;

    /// The names after which every machine tries the task again.
    #[must_use]
    pub fn retried() -> Vec<&'static str> {
        <ErrorName as VariantArray>::VARIANTS
            .iter()
            .filter(|name| name.is_retried())
            .map(|name| name.as_str())
            .collect()
    }

    /// An error met while `doing` something to a named thing ("copying snapshot x to y").
    pub fn new(name: ErrorName, doing: impl Into<String>) -> Self {
        Self { name, doing: doing.into(), said: None, advice: None }
    }

    /// Adds what the service said, or what was found instead of what was needed.
    #[must_use]
    pub fn because(mut self, said: impl Into<String>) -> Self {
        self.said = Some(said.into());
        self
    }

    /// Adds what an operator can do about it.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// The name that Step Functions matches on.
    #[must_use]
    pub fn name(&self) -> ErrorName {
        self.name
    }

    /// What the service said, or what was found; nothing if that was not added.
    #[must_use]
    pub fn said(&self) -> Option<&str> {
        self.said.as_deref()
    }

    /// What an operator can do about it; nothing if that was not added.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.advice.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.doing)?;
        if let Some(said) = &self.said {
            write!(f, ": {said}")?;
        }
        if let Some(advice) = &self.advice {
            write!(f, "; to fix this: {advice}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_says_what_was_done_what_was_said_and_what_to_do() {
        let error = Error::new(ErrorName::NotFound, "snapshotting database orders")
            .because("DBInstanceNotFound")
            .advise("check SourceDBIdentifier");
        assert_eq!(
            error.to_string(),
            "snapshotting database orders: DBInstanceNotFound; to fix this: check SourceDBIdentifier"
        );
    }

    #[test]
    fn the_documentation_has_one_row_for_each_name_and_no_other() {
        let table = include_str!("../../../docs/errors.md");
        let documented: Vec<&str> = table
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
            .map(|(name, _)| name)
            .collect();
        assert_eq!(documented, Error::NAMES);
    }

    #[test]
    fn what_passes_by_itself_is_retried_and_a_fresh_roles_refusal_too() {
        assert_eq!(Error::retried(), ["AccessDenied", "Throttled", "ServiceFault", "NotVisibleYet"]);
        assert!(!ErrorName::AccessDenied.is_retryable(), "only an operator gives it the rights");
        assert!(!ErrorName::Rejected.is_retried() && !ErrorName::DeadlineExceeded.is_retried());
    }
}
