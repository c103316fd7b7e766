//! Checks a KMS key before RDS is asked to use it.
//!
//! RDS answers a wrong key with one fault for many causes, and sometimes only after minutes; checking the key first
//! tells the operator at once what to change.

use aws_client::{code_and_message, fault};
use aws_sdk_kms::Client;
use aws_sdk_kms::types::{KeyManagerType, KeyMetadata, KeySpec, KeyState, KeyUsageType};
use replication::{Error, ErrorName};

/// What the caller of a copy in another account needs on the key of a shared snapshot (Amazon RDS User Guide,
/// "Sharing encrypted snapshots"): by the key's policy, and by the function's own role.
pub const NEEDED_ACTIONS: &str = "kms:DescribeKey, kms:CreateGrant, kms:Decrypt, kms:ReEncryptFrom, \
                                  kms:GenerateDataKeyWithoutPlaintext";

/// Whether other accounts have to be able to use the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUse {
    /// Only this account uses it.
    OwnAccount,
    /// Another account uses it: only a customer-managed key's policy can be changed to allow that.
    OtherAccounts,
}

/// The parameter of either stack that says which key snapshots are copied under.
pub const PARAMETER: &str = "KMSKey";
/// That of the source stack for copies in another Region, whose keys are other ones.
pub const PARAMETER_ELSEWHERE: &str = "DestinationRegionKMSKey";

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
    match problem(metadata, key_use, parameter) {
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
        "let this account and role use {key}: its key policy, and the role's own policy, have to allow {NEEDED_ACTIONS}"
    )
}

fn problem(key: &KeyMetadata, key_use: KeyUse, parameter: &str) -> Option<(String, String)> {
    let state = key.key_state().unwrap_or(&KeyState::Enabled);
    if *state != KeyState::Enabled {
        return Some((
            format!("its state is {state}"),
            format!("enable it, cancel its deletion, or give another key in the stack's {parameter}"),
        ));
    }
    let (usage, spec) = (key.key_usage(), key.key_spec());
    if usage != Some(&KeyUsageType::EncryptDecrypt) || spec != Some(&KeySpec::SymmetricDefault) {
        let said = |text: Option<&str>| text.unwrap_or("unknown").to_owned();
        return Some((
            format!(
                "it is for {} with {}, and RDS needs ENCRYPT_DECRYPT with SYMMETRIC_DEFAULT",
                said(usage.map(KeyUsageType::as_str)),
                said(spec.map(KeySpec::as_str))
            ),
            format!("give a symmetric encryption key in the stack's {parameter}"),
        ));
    }
    if key_use == KeyUse::OtherAccounts && key.key_manager() == Some(&KeyManagerType::Aws) {
        return Some((
            "AWS manages it, so no other account can be allowed to use it".to_owned(),
            format!(
                "make a customer-managed key that the destination account may use and give it in the stack's {parameter}"
            ),
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> aws_sdk_kms::types::builders::KeyMetadataBuilder {
        KeyMetadata::builder()
            .key_id("k")
            .key_state(KeyState::Enabled)
            .key_usage(KeyUsageType::EncryptDecrypt)
            .key_spec(KeySpec::SymmetricDefault)
            .key_manager(KeyManagerType::Customer)
    }

    #[test]
    fn a_key_that_cannot_work_is_described_in_words() {
        for (key, key_use, expected) in [
            (key(), KeyUse::OtherAccounts, None),
            (key().key_manager(KeyManagerType::Aws), KeyUse::OwnAccount, None),
            (key().key_manager(KeyManagerType::Aws), KeyUse::OtherAccounts, Some("AWS manages it")),
            (key().key_state(KeyState::Disabled), KeyUse::OwnAccount, Some("its state is Disabled")),
            (
                key().key_state(KeyState::PendingDeletion),
                KeyUse::OwnAccount,
                Some("its state is PendingDeletion"),
            ),
            (key().key_usage(KeyUsageType::SignVerify), KeyUse::OwnAccount, Some("it is for SIGN_VERIFY")),
            (key().key_spec(KeySpec::Rsa2048), KeyUse::OwnAccount, Some("with RSA_2048")),
        ] {
            let found = problem(&key.build().unwrap(), key_use, PARAMETER).map(|(because, _)| because);
            match expected {
                None => assert_eq!(found, None),
                Some(words) => assert!(found.as_ref().is_some_and(|f| f.contains(words)), "{found:?}"),
            }
        }
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
