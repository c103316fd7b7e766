//! Checks a KMS key before RDS is asked to use it.
//!
//! RDS answers a wrong key with one fault for many causes, and sometimes only after minutes; checking the key first
//! tells the operator at once what to change.

use aws_client::{code_and_message, fault};
use aws_sdk_kms::Client;
use aws_sdk_kms::types::{KeyManagerType, KeyMetadata, KeySpec, KeyState, KeyUsageType};
use replication::keys::{Key, NEEDED_ACTIONS};
use replication::{Error, ErrorName};

pub use replication::keys::{KeyUse, PARAMETER, PARAMETER_ELSEWHERE};

/// Checks that a key exists and can encrypt a snapshot; returns its ARN, also if it was given by an alias or an id.
/// `parameter` is the one of the stack that names the key.
///
/// # Errors
/// [`ErrorName::KeyUnusable`], [`ErrorName::KeyNotAccessible`] or a fault of KMS.
pub async fn usable(kms: &Client, key: &str, key_use: KeyUse, parameter: &str) -> Result<String, Error> {
    let doing = format!("checking KMS key {key}");
    let answer =
        kms.describe_key().key_id(key).send().await.map_err(|error| match error.as_service_error() {
            Some(e) if e.is_not_found_exception() || e.is_invalid_arn_exception() => {
                Error::new(ErrorName::KeyUnusable, &doing)
                    .because(code_and_message(e))
                    .advise(format!("give the ARN of a key of the copy's Region in the stack's {parameter}"))
            }
            _ => not_accessible(&doing, key, fault(&doing, &error)),
        })?;
    let metadata = answer.key_metadata().ok_or_else(|| {
        Error::new(ErrorName::Rejected, &doing).because("the answer of KMS has no KeyMetadata")
    })?;
    match read(metadata).problem(key_use, parameter) {
        None => Ok(metadata.arn().unwrap_or(key).to_owned()),
        Some((because, advice)) => {
            Err(Error::new(ErrorName::KeyUnusable, doing).because(because).advise(advice))
        }
    }
}

/// Turns a refusal by KMS into the error that names the key and what is missing; leaves other faults as they are.
fn not_accessible(doing: &str, key: &str, error: Error) -> Error {
    if error.name() != ErrorName::AccessDenied {
        return error;
    }
    Error::new(ErrorName::KeyNotAccessible, doing)
        .because(format!("kms:DescribeKey was refused ({error})"))
        .advise(advice(key))
}

/// The error for a copy that RDS refused because of a key.
#[must_use]
pub fn refused_by_rds(doing: &str, keys: &[&str], said: String) -> Error {
    Error::new(ErrorName::KeyNotAccessible, doing).because(said).advise(advice(&keys.join(" and ")))
}

fn advice(key: &str) -> String {
    format!(
        "let this account and role use {key}: its key policy, and the role's own policy, have to allow {}",
        NEEDED_ACTIONS.join(", ")
    )
}

fn read(found: &KeyMetadata) -> Key {
    Key {
        arn: found.arn().unwrap_or_default().to_owned(),
        state: found.key_state().map(KeyState::as_str).map(str::to_owned),
        usage: found.key_usage().map(KeyUsageType::as_str).map(str::to_owned),
        spec: found.key_spec().map(KeySpec::as_str).map(str::to_owned),
        manager: found.key_manager().map(KeyManagerType::as_str).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_in_the_words_of_kms() {
        let found = KeyMetadata::builder()
            .key_id("k")
            .arn("arn:key")
            .key_state(KeyState::Disabled)
            .key_usage(KeyUsageType::EncryptDecrypt)
            .key_spec(KeySpec::SymmetricDefault)
            .key_manager(KeyManagerType::Customer);
        let said = |text: &str| Some(text.to_owned());
        let expected = Key {
            arn: "arn:key".to_owned(),
            state: said("Disabled"),
            usage: said("ENCRYPT_DECRYPT"),
            spec: said("SYMMETRIC_DEFAULT"),
            manager: said("CUSTOMER"),
        };
        assert_eq!(read(&found.build().unwrap()), expected);
    }

    #[test]
    fn a_refusal_names_the_key_and_the_missing_permission() {
        let denied = Error::new(ErrorName::AccessDenied, "checking").because("AccessDeniedException");
        let error = not_accessible("checking KMS key arn:key", "arn:key", denied);
        assert_eq!(error.name(), ErrorName::KeyNotAccessible);
        for words in ["arn:key", "kms:DescribeKey", "kms:CreateGrant", "AccessDeniedException"] {
            assert!(error.to_string().contains(words), "{words} in {error}");
        }
        let throttled = Error::new(ErrorName::Throttled, "checking");
        assert_eq!(not_accessible("checking", "arn:key", throttled.clone()), throttled);
    }
}
