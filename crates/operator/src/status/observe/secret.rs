//! The secret by which readers find the current version: two fields of it, and why it cannot be read.
//!
//! Of a secret's value only `db_host` and `db_prefix` leave this file, and nothing here raises an error that has seen more.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use replication::secret::Pointer;
use serde_json::Value;

use crate::failure::fault;
use crate::status::facts::{Named, Read, Unreadable};
use crate::status::report::secret::{
    CREATED_ANEW, DELETED, INVALID, SCHEDULED_FOR_DELETION, WITHOUT_VALUE, plain_name,
};

/// What AWS says of a secret that is scheduled for deletion, and of much else.
const INVALID_REQUEST: &str = "InvalidRequestException";
/// What AWS says of a secret without a value, and of none.
const NOT_FOUND: &str = "ResourceNotFoundException";

/// The two fields of the secret that are ours. Any other field, and any text that holds one, ends here. `secret` is the ARN
/// that the functions hold, `name` the name under which one may have been created anew.
pub async fn read(client: &Client, secret: &str, name: &str) -> Read<Named> {
    let answer = match client.get_secret_value().secret_id(secret).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let code = fault("secretsmanager:GetSecretValue", &error).code;
            return Err(Unreadable(why_unreadable(client, secret, name, code).await));
        }
    };
    let version_id = answer.version_id().unwrap_or_default().to_owned();
    let pointer = answer.secret_string().and_then(pointer);
    pointer.map(|pointer| Named { pointer, version_id }).ok_or_else(|| Unreadable(INVALID.to_owned()))
}

/// The fields in the text of a secret, where one that is not there is empty.
fn pointer(text: &str) -> Option<Pointer> {
    let fields: Value = serde_json::from_str(text).ok()?;
    let fields = fields.as_object()?;
    let field = |name: &str| match fields.get(name) {
        None => Some(String::new()),
        Some(value) => value.as_str().map(str::to_owned),
    };
    Some(Pointer { host: field("db_host")?, prefix: field("db_prefix")? })
}

async fn why_unreadable(client: &Client, secret: &str, name: &str, code: String) -> String {
    if code != INVALID_REQUEST && code != NOT_FOUND {
        return code;
    }
    let is_to_be_deleted = |found: &DescribeSecretOutput| found.deleted_date().is_some();
    match described(client, secret).await {
        Ok(found) if is_to_be_deleted(&found) => SCHEDULED_FOR_DELETION.to_owned(),
        Ok(_) if code == NOT_FOUND => WITHOUT_VALUE.to_owned(),
        Err(reason) if code == NOT_FOUND && reason == NOT_FOUND => {
            let named = if name.is_empty() { None } else { described(client, &plain_name(name)).await.ok() };
            let is_another = named.is_some_and(|named| named.arn() != Some(secret));
            if is_another { CREATED_ANEW } else { DELETED }.to_owned()
        }
        _ => code,
    }
}

/// What DescribeSecret says, or the code of its error.
async fn described(client: &Client, secret: &str) -> Result<DescribeSecretOutput, String> {
    let answer = client.describe_secret().secret_id(secret).send().await;
    answer.map_err(|error| error.code().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_none_of_ours_is_not_read() {
        let found = pointer(r#"{"db_host": "h", "db_prefix": "p", "password": "canary"}"#).unwrap();
        assert_eq!(found, Pointer { host: "h".to_owned(), prefix: "p".to_owned() });
        assert_eq!(pointer(r#"{"password": "canary"}"#), Some(Pointer::default()));
        let invalid = [
            r#"{"db_host": {"password": "canary"}, "db_prefix": "copy"}"#,
            r#"{"db_host": "h", "db_prefix": ["p", "canary"]}"#,
            r#"["canary"]"#,
            r#""canary""#,
            "{'password': 'canary'",
            "canary",
            "",
        ];
        assert!(invalid.iter().all(|text| pointer(text).is_none()));
    }
}
