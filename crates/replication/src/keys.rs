//! Whether a KMS key can encrypt a snapshot that other accounts may have to use.

use crate::{Error, ErrorName};

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

/// What KMS says of a key, in its own words (`KeyMetadata`); nothing is what it does not say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Key<'a> {
    /// Its state; a key without one is enabled.
    pub state: Option<&'a str>,
    /// What it is for.
    pub usage: Option<&'a str>,
    /// What kind of key it is.
    pub spec: Option<&'a str>,
    /// Who manages it.
    pub manager: Option<&'a str>,
}

impl Key<'_> {
    /// Refuses a key that cannot encrypt a snapshot. `parameter` is the one of the stack that names it.
    ///
    /// # Errors
    /// [`ErrorName::KeyUnusable`].
    pub fn check(&self, doing: &str, key_use: KeyUse, parameter: &str) -> Result<(), Error> {
        match self.problem(key_use, parameter) {
            None => Ok(()),
            Some((because, advice)) => {
                Err(Error::new(ErrorName::KeyUnusable, doing).because(because).advise(advice))
            }
        }
    }

    fn problem(&self, key_use: KeyUse, parameter: &str) -> Option<(String, String)> {
        if let Some(state) = self.state.filter(|state| *state != "Enabled") {
            return Some((
                format!("its state is {state}"),
                format!("enable it, cancel its deletion, or give another key in the stack's {parameter}"),
            ));
        }
        if (self.usage, self.spec) != (Some("ENCRYPT_DECRYPT"), Some("SYMMETRIC_DEFAULT")) {
            return Some((
                format!(
                    "it is for {} with {}, and RDS needs ENCRYPT_DECRYPT with SYMMETRIC_DEFAULT",
                    self.usage.unwrap_or("unknown"),
                    self.spec.unwrap_or("unknown")
                ),
                format!("give a symmetric encryption key in the stack's {parameter}"),
            ));
        }
        if key_use == KeyUse::OtherAccounts && self.manager == Some("AWS") {
            return Some((
                "AWS manages it, so no other account can be allowed to use it".to_owned(),
                format!(
                    "make a customer-managed key that the destination account may use and give it in the stack's {parameter}"
                ),
            ));
        }
        None
    }
}

/// The error of a key that is not there.
#[must_use]
pub fn missing(doing: &str, said: &str, parameter: &str) -> Error {
    Error::new(ErrorName::KeyUnusable, doing)
        .because(said)
        .advise(format!("give the ARN of a key of the copy's Region in the stack's {parameter}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_cannot_work_is_described_in_words() {
        let key = Key {
            state: Some("Enabled"),
            usage: Some("ENCRYPT_DECRYPT"),
            spec: Some("SYMMETRIC_DEFAULT"),
            manager: Some("CUSTOMER"),
        };
        for (key, key_use, expected) in [
            (key, KeyUse::OtherAccounts, None),
            (Key { state: None, ..key }, KeyUse::OtherAccounts, None),
            (Key { manager: Some("AWS"), ..key }, KeyUse::OwnAccount, None),
            (Key { manager: Some("AWS"), ..key }, KeyUse::OtherAccounts, Some("AWS manages it")),
            (Key { state: Some("Disabled"), ..key }, KeyUse::OwnAccount, Some("its state is Disabled")),
            (
                Key { state: Some("PendingDeletion"), ..key },
                KeyUse::OwnAccount,
                Some("its state is PendingDeletion"),
            ),
            (Key { usage: Some("SIGN_VERIFY"), ..key }, KeyUse::OwnAccount, Some("it is for SIGN_VERIFY")),
            (Key { spec: Some("RSA_2048"), ..key }, KeyUse::OwnAccount, Some("with RSA_2048")),
        ] {
            let found = key.check("checking", key_use, PARAMETER).err().map(|error| error.to_string());
            match expected {
                None => assert_eq!(found, None),
                Some(words) => assert!(found.as_ref().is_some_and(|f| f.contains(words)), "{found:?}"),
            }
        }
    }
}
