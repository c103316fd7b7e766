//! The errors of the service, with the codes and HTTP statuses of the service model.

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: String,
    pub http_status: u16,
    pub message: String,
}

impl Refusal {
    pub fn new(code: &str, http_status: u16, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), http_status, message: message.into() }
    }

    pub fn invalid_value(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValue", 400, message)
    }

    pub fn invalid_combination(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterCombination", 400, message)
    }

    pub fn missing(parameter: &str) -> Self {
        Self::new("MissingParameter", 400, format!("The request must contain the parameter {parameter}."))
    }

    pub fn access_denied(message: impl Into<String>) -> Self {
        Self::new("AccessDenied", 403, message)
    }

    /// Something broke in the emulator or beneath it. The details are in the log, not in the answer.
    pub fn internal() -> Self {
        Self::new(
            "InternalFailure",
            500,
            "An internal error has occurred. Please try your query again at a later time.",
        )
    }

    pub fn instance_not_found(identifier: &str) -> Self {
        Self::new("DBInstanceNotFound", 404, format!("DBInstance {identifier} not found."))
    }

    pub fn instance_exists() -> Self {
        Self::new("DBInstanceAlreadyExists", 400, "DB instance already exists")
    }

    pub fn instance_state(message: impl Into<String>) -> Self {
        Self::new("InvalidDBInstanceState", 400, message)
    }

    pub fn instance_quota(limit: usize) -> Self {
        Self::new(
            "InstanceQuotaExceeded",
            400,
            format!("DB Instance quota exceeded: {limit} instances are allowed."),
        )
    }

    pub fn storage_quota(limit: u32) -> Self {
        Self::new(
            "StorageQuotaExceeded",
            400,
            format!("Storage quota exceeded: {limit} GiB of storage are allowed."),
        )
    }

    pub fn unknown_log(log: &str, engine: &str) -> Self {
        Self::invalid_combination(format!("You cannot use the log type {log} with engine {engine}."))
    }

    pub fn snapshot_not_found(identifier: &str) -> Self {
        Self::new("DBSnapshotNotFound", 404, format!("DBSnapshot {identifier} not found."))
    }

    pub fn snapshot_exists(identifier: &str) -> Self {
        let message = format!(
            "Cannot create the snapshot because a snapshot with the identifier {identifier} already exists."
        );
        Self::new("DBSnapshotAlreadyExists", 400, message)
    }

    pub fn snapshot_state(message: impl Into<String>) -> Self {
        Self::new("InvalidDBSnapshotState", 400, message)
    }

    pub fn snapshot_quota(message: impl Into<String>) -> Self {
        Self::new("SnapshotQuotaExceeded", 400, message)
    }

    /// RDS does not tell a missing key from a forbidden one, so neither do we. `which` is "source snapshot",
    /// "target snapshot" or "specified".
    pub fn key_not_accessible(which: &str, key: &str) -> Self {
        let message = format!(
            "The {which} KMS key [{key}] does not exist, is not enabled or you do not have permissions to access it."
        );
        Self::new("KMSKeyNotAccessibleFault", 400, message)
    }
}
