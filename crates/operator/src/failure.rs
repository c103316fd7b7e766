//! Why a command ends, in words for whoever started it, and how the faults of AWS get into them.

use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// What went wrong and, where that is known, what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The name by which AWS or its client calls the error; empty if there is none.
    pub code: String,
    /// The words.
    pub text: String,
}

impl Failure {
    /// One that has only words.
    pub fn new(text: impl Into<String>) -> Self {
        Self { code: String::new(), text: text.into() }
    }

    /// One with a name.
    pub fn named(code: &str, text: impl Into<String>) -> Self {
        Self { code: code.to_owned(), text: text.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Names a fault of AWS, or of the way to it; `doing` is the operation.
pub fn fault<E, R>(doing: &str, error: &SdkError<E, R>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
    R: fmt::Debug + 'static,
{
    if let SdkError::ServiceError(service) = error {
        let code = service.err().code().unwrap_or("UnknownError");
        let message = service.err().message().map(|message| format!(": {message}")).unwrap_or_default();
        return Failure::named(code, format!("{doing} was refused with {code}{message}"));
    }
    let code = match (credentials_error(error), error) {
        (Some(CredentialsError::CredentialsNotLoaded(_)), _) => "NoCredentialsError",
        (Some(_), _) => "CredentialRetrievalError",
        (None, SdkError::TimeoutError(_)) => "ReadTimeoutError",
        (None, SdkError::DispatchFailure(_)) => "EndpointConnectionError",
        (None, _) => "ClientError",
    };
    Failure::named(code, format!("{doing}: {}", chain(error)))
}

/// An error with its causes, each in its own words; what they hold, such as an answer with credentials in it, is left out.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        words.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    words
}

/// The error of the credentials among the causes, if it is one.
fn credentials_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e CredentialsError> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref::<CredentialsError>() {
            return Some(found);
        }
        next = cause.source();
    }
    None
}
