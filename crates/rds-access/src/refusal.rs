//! What the faults of RDS mean for whoever has called it, each named once, here.

use aws_client::{code_and_message, fault};
use aws_sdk_rds::config::http::HttpResponse;
use aws_sdk_rds::error::{ProvideErrorMetadata, SdkError};
use replication::{Error, ErrorName};

/// Why a call was refused. The texts are what RDS said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A thing of that name exists.
    AlreadyThere,
    /// RDS cannot do it in the present state of a thing; a later call may succeed.
    NotNow(String),
    /// What the call is about does not exist, or RDS does not show it yet.
    Gone(String),
    /// A quota is used up.
    Quota(String),
    /// A KMS key may not be used.
    Key(String),
    /// The parameters do not go together for this thing.
    Combination(String),
    /// A value is not one that RDS takes.
    Value(String),
    /// There is no such group of subnets, or no default one.
    Network(String),
    /// Anything else, under its name.
    Other(Error),
}

/// What a code means, with what RDS said.
type Meaning = fn(String) -> Refusal;

/// The codes (API model, the errors of each operation) and what they mean.
const CODES: &[(&str, Meaning)] = &[
    ("DBInstanceAlreadyExists", |_| Refusal::AlreadyThere),
    ("DBInstanceNotFound", Refusal::Gone),
    ("DBSnapshotAlreadyExists", |_| Refusal::AlreadyThere),
    ("DBSnapshotNotFound", Refusal::Gone),
    ("DBSubnetGroupNotFound", Refusal::Network),
    ("InstanceQuotaExceeded", Refusal::Quota),
    // It passes in minutes to hours.
    ("InsufficientDBInstanceCapacity", Refusal::NotNow),
    ("InvalidDBInstanceState", Refusal::NotNow),
    ("InvalidDBSnapshotState", Refusal::NotNow),
    // The two are in no model of an operation.
    ("InvalidParameterCombination", Refusal::Combination),
    ("InvalidParameterValue", Refusal::Value),
    ("InvalidSubnet", Refusal::Network),
    ("InvalidVPCNetworkState", Refusal::Network),
    ("KMSKeyNotAccessibleFault", Refusal::Key),
    ("SharedSnapshotQuotaExceeded", Refusal::Quota),
    ("SnapshotQuotaExceeded", Refusal::Quota),
    ("StorageQuotaExceeded", Refusal::Quota),
];

/// Names a fault that any call of RDS was answered with; `doing` says what was being done to which thing.
pub fn refusal<E>(doing: impl Into<String>, error: &SdkError<E, HttpResponse>) -> Refusal
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    // A few operations say their codes with this ending.
    let code = error.code().unwrap_or_default();
    let known = CODES.iter().find(|(known, _)| code == *known || code.strip_suffix("Fault") == Some(known));
    match (known, error.as_service_error()) {
        (Some((_, meaning)), Some(service)) => meaning(code_and_message(service)),
        _ => Refusal::Other(fault(doing, error)),
    }
}

impl Refusal {
    /// The refusal as an error of what was being done, for whoever knows nothing better to do about it.
    #[must_use]
    pub fn into_error(self, doing: impl Into<String>) -> Error {
        let (name, said) = match self {
            Self::Other(error) => return error,
            Self::AlreadyThere => (ErrorName::NameTaken, "a thing of this name exists".to_owned()),
            Self::Gone(said) => (ErrorName::NotFound, said),
            Self::Quota(said) => (ErrorName::QuotaExceeded, said),
            Self::Key(said) => (ErrorName::KeyNotAccessible, said),
            Self::NotNow(said) | Self::Combination(said) | Self::Value(said) | Self::Network(said) => {
                (ErrorName::Rejected, said)
            }
        };
        Error::new(name, doing).because(said)
    }

    /// Whether the caller may not do it, or IAM cannot decide because the thing is gone.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Other(error) if error.name() == ErrorName::AccessDenied)
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_rds::error::ErrorMetadata;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn answered(code: &str) -> Refusal {
        let metadata = ErrorMetadata::builder().code(code).message("as RDS said").build();
        let raw = HttpResponse::new(400.try_into().unwrap(), SdkBody::empty());
        refusal("copying snapshot s", &SdkError::service_error(metadata, raw))
    }

    #[test]
    fn each_code_means_one_thing() {
        let said = |code: &str| format!("{code}: as RDS said");
        for (code, meaning) in [
            ("DBSnapshotAlreadyExists", Refusal::AlreadyThere),
            ("InvalidDBInstanceState", Refusal::NotNow(said("InvalidDBInstanceState"))),
            ("InvalidDBInstanceStateFault", Refusal::NotNow(said("InvalidDBInstanceStateFault"))),
            ("DBSnapshotNotFound", Refusal::Gone(said("DBSnapshotNotFound"))),
            ("InvalidVPCNetworkStateFault", Refusal::Network(said("InvalidVPCNetworkStateFault"))),
            ("SnapshotQuotaExceeded", Refusal::Quota(said("SnapshotQuotaExceeded"))),
            ("KMSKeyNotAccessibleFault", Refusal::Key(said("KMSKeyNotAccessibleFault"))),
        ] {
            assert_eq!(answered(code), meaning, "{code}");
        }
        for (code, name) in [
            ("Throttling", ErrorName::Throttled),
            ("SomethingNew", ErrorName::Rejected),
            ("AccessDenied", ErrorName::AccessDenied),
        ] {
            assert_eq!(answered(code).into_error("").name(), name, "{code}");
        }
        assert!(answered("AccessDenied").is_denied() && !answered("DBSnapshotNotFound").is_denied());
        let error = answered("DBSnapshotNotFound").into_error("copying snapshot s");
        assert_eq!(error.to_string(), "copying snapshot s: DBSnapshotNotFound: as RDS said");
    }
}
