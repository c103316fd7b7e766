//! Checks a KMS key before RDS is asked to use it.
//!
//! RDS answers a wrong key with one fault for many causes, and sometimes only after minutes; checking the key first
//! tells the operator at once what to change.

use aws_client::{code_and_message, fault};
use aws_sdk_kms::Client;
use replication::keys::{self, Key};
pub use replication::keys::{KeyUse, NEEDED_ACTIONS, PARAMETER, PARAMETER_ELSEWHERE};
use replication::{Error, ErrorName};

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
                keys::missing(&doing, &code_and_message(e), parameter)
            }
            _ => not_accessible(&doing, key, fault(&doing, &error)),
        })?;
    let metadata = answer.key_metadata().ok_or_else(|| {
        Error::new(ErrorName::Rejected, &doing).because("the answer of KMS has no KeyMetadata")
    })?;
    let key_of_kms = Key {
        state: metadata.key_state().map(|state| state.as_str()),
        usage: metadata.key_usage().map(|usage| usage.as_str()),
        spec: metadata.key_spec().map(|spec| spec.as_str()),
        manager: metadata.key_manager().map(|manager| manager.as_str()),
    };
    key_of_kms.check(&doing, key_use, parameter)?;
    Ok(metadata.arn().unwrap_or(key).to_owned())
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
        "let this account and role use {key}: its key policy, and the role's own policy, have to allow {NEEDED_ACTIONS}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

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
