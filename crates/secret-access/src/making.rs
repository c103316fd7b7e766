//! Making the secret of a database, in a stack that replicates several.

use aws_client::{code_and_message, fault};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::create_secret::CreateSecretError;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::Tag;
use replication::destination::Replicated;
use replication::lineage::{self, Tags};
use replication::secret::Secret;
use replication::{Error, ErrorName};

use crate::key_not_accessible;

/// What it says until a version is live: what the stack for one database writes into its own.
const EMPTY: &str = r#"{"db_host":"","db_prefix":""}"#;
const DESCRIPTION: &str = "Names the current copy of the replicated database (db_host, db_prefix); other fields are kept as they are.";

/// How a secret is made.
#[derive(Debug, Clone, Copy)]
pub struct Making<'a> {
    /// The key; the default key of the account without one.
    pub key_arn: Option<&'a str>,
    /// The tags that the stack gives to everything that it makes.
    pub extra_tags: &'a Tags,
}

/// Whether the secret of the database is there, and this stack's.
///
/// # Errors
/// [`ErrorName::NameTaken`] if a secret of the name is there without the tag of the stack, or is scheduled for deletion; a
/// fault of Secrets Manager.
pub async fn is_made(client: &Client, replicated: &Replicated) -> Result<bool, Error> {
    let name = &replicated.secret.id;
    let doing = format!("making secret {name} for database {}", replicated.database);
    match client.describe_secret().secret_id(name).send().await {
        Ok(found) => judge(replicated, &found, &doing).map(|()| true),
        Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => {
            Ok(false)
        }
        Err(error) => Err(fault(doing, &error)),
    }
}

/// Makes the secret of the database if there is none, and refuses one that is not this stack's. What a new one says,
/// because reading it may come too early.
///
/// # Errors
/// [`ErrorName::NameTaken`] if a secret of the name is there without the tag of the stack, or is scheduled for deletion;
/// [`ErrorName::NotVisibleYet`] if a concurrent call has just made it; [`ErrorName::KeyNotAccessible`]; a fault of Secrets
/// Manager.
pub async fn make_if_missing(
    client: &Client,
    replicated: &Replicated,
    making: &Making<'_>,
) -> Result<Option<Secret>, Error> {
    let name = &replicated.secret.id;
    let doing = format!("making secret {name} for database {}", replicated.database);
    if is_made(client, replicated).await? {
        return Ok(None);
    }
    let tags = Tags::default()
        .with(lineage::STACK, &replicated.stack)
        .with(lineage::SOURCE_DATABASE, replicated.database.as_str())
        .merged_under(making.extra_tags);
    let tags = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let request = client
        .create_secret()
        .name(name)
        .description(DESCRIPTION)
        .secret_string(EMPTY)
        .set_kms_key_id(making.key_arn.map(str::to_owned))
        .set_tags(Some(tags));
    let Err(error) = request.send().await else { return Secret::parse(EMPTY).map(Some) };
    Err(match error.as_service_error() {
        Some(said @ CreateSecretError::ResourceExistsException(_)) => {
            Error::new(ErrorName::NotVisibleYet, doing).because(code_and_message(said))
        }
        Some(said @ (CreateSecretError::EncryptionFailure(_) | CreateSecretError::DecryptionFailure(_))) => {
            key_not_accessible(&doing, code_and_message(said))
        }
        _ => fault(doing, &error),
    })
}

/// Refuses what is not the stack's: whoever reads the secret would be sent to our copies.
fn judge(replicated: &Replicated, found: &DescribeSecretOutput, doing: &str) -> Result<(), Error> {
    let Replicated { stack, secret, .. } = replicated;
    let taken = |because: String| Error::new(ErrorName::NameTaken, doing).because(because);
    if found.deleted_date().is_some() {
        return Err(taken("it is scheduled for deletion".to_owned())
            .advise(format!("restore it with `aws secretsmanager restore-secret --secret-id {secret}`")));
    }
    let is_ours = found
        .tags()
        .iter()
        .any(|tag| tag.key() == Some(lineage::STACK) && tag.value() == Some(stack.as_str()));
    if is_ours {
        return Ok(());
    }
    Err(taken(format!("there is a secret of this name without the tag {}={stack}", lineage::STACK)).advise(format!(
        "if this stack is to write db_host and db_prefix into it, tag it: aws secretsmanager tag-resource --secret-id \
         {secret} --tags Key={},Value={stack}; otherwise deploy the stack with another SecretName",
        lineage::STACK
    )))
}

#[cfg(test)]
mod tests {
    use replication::destination::{Destination, LiveSecret};

    use super::*;

    fn replicated() -> Replicated {
        let destination = Destination {
            stack: "stack".to_owned(),
            databases: "*".parse().unwrap(),
            database_name: "copy".parse().unwrap(),
            secret: "read".to_owned(),
        };
        destination.of(Some(&"orders".parse().unwrap()), "copying").unwrap()
    }

    fn tagged(tags: &[(&str, &str)]) -> DescribeSecretOutput {
        let tags = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build()).collect();
        DescribeSecretOutput::builder().set_tags(Some(tags)).build()
    }

    /// > A secret that is not tagged as the stack's is refused, with what would give it to the stack.
    #[test]
    fn a_secret_of_somebody_else_is_refused() {
        let replicated = replicated();
        assert_eq!(replicated.secret, LiveSecret { id: "read/orders".to_owned(), is_made_by_run: true });
        assert!(judge(&replicated, &tagged(&[(lineage::STACK, "stack")]), "making").is_ok());
        for other in [&[][..], &[("team", "data")], &[(lineage::STACK, "another")]] {
            let error = judge(&replicated, &tagged(other), "making").unwrap_err();
            assert_eq!(error.name(), ErrorName::NameTaken);
            let wanted = "--secret-id read/orders --tags Key=rds-replication:stack,Value=stack";
            assert!(error.to_string().contains(wanted), "{error}");
        }
    }

    #[test]
    fn a_secret_that_is_being_deleted_is_refused() {
        let leaving = DescribeSecretOutput::builder()
            .deleted_date(aws_sdk_secretsmanager::primitives::DateTime::from_secs(0))
            .tags(Tag::builder().key(lineage::STACK).value("stack").build())
            .build();
        let error = judge(&replicated(), &leaving, "making").unwrap_err();
        assert!(error.to_string().contains("restore-secret --secret-id read/orders"), "{error}");
    }
}
