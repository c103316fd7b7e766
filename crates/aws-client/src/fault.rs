//! How the faults of AWS get their names.
//!
//! A task first looks for the faults it knows what to do about; what is left comes here. Faults are distinguished by
//! their code or by where they happened, never by their message.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use replication::{Error, ErrorName};

/// Codes by which services ask to be called less often (SDK reference guide, "Retry behavior").
const THROTTLING: &[&str] = &[
    "BandwidthLimitExceeded",
    // What SNS says when the key of an encrypted topic is used too often.
    "KMSThrottling",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttled",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// Codes by which services say that the caller may not do this.
const DENIED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    // What SNS says when the publisher may not use the key of an encrypted topic.
    "KMSAccessDenied",
    "NotAuthorized",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
];

/// Codes by which services say that they failed themselves, also where the answer's status does not say so.
const BROKEN: &[&str] = &[
    "DependencyTimeoutException",
    "InternalError",
    "InternalErrorException",
    "InternalFailure",
    "InternalServerError",
    "InternalServiceError",
    "KMSInternalException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
];

/// Names a fault that the task has no better name for; `doing` says what was being done to which thing.
pub fn fault<E>(doing: impl Into<String>, error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let SdkError::ServiceError(service) = error else {
        return match error {
            SdkError::ConstructionFailure(_) => Error::new(ErrorName::Rejected, doing),
            _ => Error::new(ErrorName::ServiceFault, doing),
        }
        .because(DisplayErrorContext(error).to_string());
    };
    let code = service.err().code().unwrap_or_default();
    let name = if THROTTLING.contains(&code) {
        ErrorName::Throttled
    } else if DENIED.contains(&code) {
        ErrorName::AccessDenied
    } else if BROKEN.contains(&code) || service.raw().status().is_server_error() {
        ErrorName::ServiceFault
    } else {
        ErrorName::Rejected
    };
    let named = Error::new(name, doing).because(code_and_message(service.err()));
    match name {
        ErrorName::AccessDenied => named.advise(
            "compare the role of the function with the stack's template, and look for a permissions boundary or a \
             service control policy that denies the call",
        ),
        _ => named,
    }
}

/// What the service said: its code and its message.
pub fn code_and_message(error: &impl ProvideErrorMetadata) -> String {
    let code = error.code().unwrap_or("unknown fault");
    match error.message() {
        Some(message) => format!("{code}: {message}"),
        None => code.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    fn answered(code: &str, status: u16) -> Error {
        let metadata = ErrorMetadata::builder().code(code).message("as RDS said").build();
        let raw = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty());
        fault("copying snapshot s", &SdkError::service_error(metadata, raw))
    }

    #[test]
    fn faults_are_named_by_their_code() {
        for (code, status, name) in [
            ("Throttling", 400, ErrorName::Throttled),
            ("KMSThrottling", 400, ErrorName::Throttled),
            ("AccessDenied", 403, ErrorName::AccessDenied),
            ("KMSAccessDenied", 400, ErrorName::AccessDenied),
            ("InternalFailure", 500, ErrorName::ServiceFault),
            ("KMSInternalException", 400, ErrorName::ServiceFault),
            ("SomethingNew", 503, ErrorName::ServiceFault),
            ("SomethingNew", 400, ErrorName::Rejected),
        ] {
            let error = answered(code, status);
            assert_eq!(error.name(), name, "{code} {status}");
            assert!(
                error.to_string().starts_with(&format!("copying snapshot s: {code}: as RDS said")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_service_that_cannot_be_reached_is_retried() {
        let error: SdkError<ErrorMetadata, HttpResponse> = SdkError::timeout_error("no answer in 8 s");
        assert_eq!(fault("reading", &error).name(), ErrorName::ServiceFault);
    }
}
