//! What the tasks share of the secret: reading it, and changing it. Its text stays inside types that cannot be printed.

mod making;
mod swapping;

use aws_client::{code_and_message, fault};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use aws_sdk_secretsmanager::operation::get_secret_value::builders::GetSecretValueFluentBuilder;
use replication::destination::LiveSecret;
use replication::passwords::{self, Passwords, StoredPasswords};
use replication::secret::Secret;
pub use replication::secret::Version;
use replication::{Error, ErrorName};

pub use making::{Making, is_made, make_if_missing};
pub use swapping::{PENDING, Swap, swap};

/// Reads what the secret says now.
///
/// # Errors
/// As [`read_version`].
pub async fn read(client: &Client, secret: &LiveSecret) -> Result<Secret, Error> {
    read_version(client, secret).await.map(|version| version.secret)
}

/// Reads the current version of the secret. Right after a change it may be an earlier one.
///
/// # Errors
/// [`ErrorName::NotFound`] if it does not exist; [`ErrorName::SecretInvalid`] if it is binary (it would be damaged
/// by writing text) or is not a JSON object; a fault of Secrets Manager.
pub async fn read_version(client: &Client, secret: &LiveSecret) -> Result<Version, Error> {
    find_version(client, secret).await?.ok_or_else(|| {
        let missing = Error::new(ErrorName::NotFound, format!("reading secret {secret}"))
            .because("it does not exist or has no value");
        if secret.is_made_by_run {
            return missing.advise("replicate its database once, which makes it; there is no version of it before that");
        }
        missing.advise(r#"give it the value {"db_host":"","db_prefix":""}, or deploy the stack with ExistingSecretArn=<the whole ARN of another one>"#)
    })
}

/// Reads the current version of the secret. There is none if the first run of the database is still to make it.
///
/// # Errors
/// As [`read_version`], if it is not a run that makes it.
pub async fn read_version_if_made(client: &Client, secret: &LiveSecret) -> Result<Option<Version>, Error> {
    if secret.is_made_by_run {
        find_version(client, secret).await
    } else {
        read_version(client, secret).await.map(Some)
    }
}

async fn find_version(client: &Client, secret: &LiveSecret) -> Result<Option<Version>, Error> {
    let doing = format!("reading secret {secret}");
    let answer = find(client.get_secret_value().secret_id(&secret.id), &doing).await?;
    answer.map(|answer| version(&answer, &doing)).transpose()
}

/// Reads what the secret said before it was moved: the version of this id, or else the one that was current before the
/// current one. There may be none.
///
/// # Errors
/// As [`read_version`].
pub async fn read_before(
    client: &Client,
    secret: &LiveSecret,
    id: Option<&str>,
) -> Result<Option<Version>, Error> {
    let doing = format!("reading what secret {secret} said before");
    let request = client.get_secret_value().secret_id(&secret.id);
    let request = match id {
        Some(id) => request.version_id(id),
        None => request.version_stage("AWSPREVIOUS"),
    };
    find(request, &doing).await?.map(|answer| version(&answer, &doing)).transpose()
}

/// Reads the passwords of versions. Right after a change they may be those from before it.
///
/// # Errors
/// [`ErrorName::SecretInvalid`] if they are not what was written; a fault of Secrets Manager.
pub async fn read_passwords(client: &Client, secret: &LiveSecret) -> Result<Option<StoredPasswords>, Error> {
    let doing = format!("reading the master passwords of the versions in secret {secret}");
    let request = client.get_secret_value().secret_id(&secret.id).version_stage(passwords::LABEL);
    let Some(answer) = find(request, &doing).await? else { return Ok(None) };
    let passwords = Passwords::parse(text(&answer, &doing)?)?;
    Ok(Some(StoredPasswords { id: id(&answer, &doing)?.to_owned(), passwords }))
}

/// A version of the secret; nothing if there is none of this id or label.
async fn find(
    request: GetSecretValueFluentBuilder,
    doing: &str,
) -> Result<Option<GetSecretValueOutput>, Error> {
    match request.send().await {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => {
            Ok(None)
        }
        Err(error) => match error.as_service_error() {
            Some(e) if e.is_decryption_failure() => Err(key_not_accessible(doing, code_and_message(e))),
            Some(e) if e.is_invalid_request_exception() => Err(fault(doing, &error).advise(
                "if the secret is scheduled for deletion, restore it with aws secretsmanager restore-secret",
            )),
            _ => Err(fault(doing, &error)),
        },
    }
}

/// The error of a version whose key cannot be used. Every version is under the key that the secret had when it was
/// written, or one that it got later, if it was current then.
fn key_not_accessible(doing: &str, said: String) -> Error {
    Error::new(ErrorName::KeyNotAccessible, doing).because(said).advise(
        "let the policy of the secret's key allow the function's role to use it; if the secret had another key before, \
         keep that enabled",
    )
}

fn version(answer: &GetSecretValueOutput, doing: &str) -> Result<Version, Error> {
    Ok(Version { id: id(answer, doing)?.to_owned(), secret: Secret::parse(text(answer, doing)?)? })
}

fn id<'a>(answer: &'a GetSecretValueOutput, doing: &str) -> Result<&'a str, Error> {
    let lacks = || Error::new(ErrorName::Rejected, doing).because("the answer has no VersionId");
    answer.version_id().ok_or_else(lacks)
}

fn text<'a>(answer: &'a GetSecretValueOutput, doing: &str) -> Result<&'a str, Error> {
    answer.secret_string().ok_or_else(|| {
        Error::new(ErrorName::SecretInvalid, doing)
            .because("it is a binary secret, which writing text would damage")
            .advise("store it as text: a JSON object")
    })
}
