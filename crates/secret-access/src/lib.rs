//! What the tasks share of the secret: reading it. Its text stays inside [`Secret`], which cannot be printed.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use lambda_task::fault;
use replication::secret::Secret;
use replication::{Error, ErrorName};

/// A version of the secret.
pub struct Version {
    /// Its id.
    pub id: String,
    /// What it says.
    pub secret: Secret,
}

/// Reads what the secret says now.
///
/// # Errors
/// As [`read_version`].
pub async fn read(client: &Client, secret_arn: &str) -> Result<Secret, Error> {
    read_version(client, secret_arn).await.map(|version| version.secret)
}

/// Reads the current version of the secret.
///
/// # Errors
/// [`ErrorName::NotFound`] if it does not exist; [`ErrorName::SecretInvalid`] if it is binary (it would be damaged
/// by writing text) or is not a JSON object; a fault of Secrets Manager.
pub async fn read_version(client: &Client, secret_arn: &str) -> Result<Version, Error> {
    let doing = format!("reading secret {secret_arn}");
    let answer = client.get_secret_value().secret_id(secret_arn).send().await.map_err(|error| {
        if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) {
            Error::new(ErrorName::NotFound, &doing)
                .because("it does not exist or has no value")
                .advise(r#"create it, or give it the value {"db_host":"","db_prefix":""}"#)
        } else {
            fault(&doing, &error)
        }
    })?;
    let secret = Secret::parse(text(&answer, &doing)?)?;
    let id = answer
        .version_id
        .ok_or_else(|| Error::new(ErrorName::Rejected, doing).because("the answer has no VersionId"))?;
    Ok(Version { id, secret })
}

/// The text of a version of the secret.
///
/// # Errors
/// [`ErrorName::SecretInvalid`] if it is binary.
pub fn text<'a>(answer: &'a GetSecretValueOutput, doing: &str) -> Result<&'a str, Error> {
    answer.secret_string().ok_or_else(|| {
        Error::new(ErrorName::SecretInvalid, doing)
            .because("it is a binary secret, which writing text would damage")
            .advise("store it as text: a JSON object")
    })
}
