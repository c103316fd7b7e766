//! Whether a KMS key can do what a copy needs of it, and what other accounts need on the key of what they copy.

/// What the caller of a copy in another account needs on the key of a shared snapshot (Amazon RDS User Guide,
/// "Sharing encrypted snapshots"): by the key's policy, and by the function's own role.
pub const NEEDED_ACTIONS: [&str; 5] = [
    "kms:DescribeKey",
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:ReEncryptFrom",
    "kms:GenerateDataKeyWithoutPlaintext",
];

/// The parameter of either stack that says which key snapshots are copied under.
pub const PARAMETER: &str = "KMSKey";
/// That of the source stack for copies in another Region, whose keys are other ones.
pub const PARAMETER_ELSEWHERE: &str = "DestinationRegionKMSKey";

/// The state of a key that works (API model, `KeyState`).
const ENABLED: &str = "Enabled";
/// What RDS needs a key to be for (API model, `KeyUsageType` and `KeySpec`).
const USAGE: &str = "ENCRYPT_DECRYPT";
const SPEC: &str = "SYMMETRIC_DEFAULT";
/// The manager of a key whose policy nobody can change (API model, `KeyManagerType`).
const AWS: &str = "AWS";

/// Whether other accounts have to be able to use the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUse {
    /// Only this account uses it.
    OwnAccount,
    /// Another account uses it: only a customer-managed key's policy can be changed to allow that.
    OtherAccounts,
}

/// A key as KMS describes it, in its words (`KeyMetadata`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Key {
    /// Its ARN.
    pub arn: String,
    /// `KeyState`; nothing where KMS does not say it.
    pub state: Option<String>,
    /// `KeyUsage`.
    pub usage: Option<String>,
    /// `KeySpec`.
    pub spec: Option<String>,
    /// `KeyManager`.
    pub manager: Option<String>,
}

impl Key {
    /// Whether AWS manages it.
    #[must_use]
    pub fn is_of_aws(&self) -> bool {
        self.manager.as_deref() == Some(AWS)
    }

    /// What keeps a copy from being made under it, and what to do about that; `parameter` is the one of the stack that names it.
    #[must_use]
    pub fn problem(&self, key_use: KeyUse, parameter: &str) -> Option<(String, String)> {
        let state = self.state.as_deref().unwrap_or(ENABLED);
        if state != ENABLED {
            return Some((
                format!("its state is {state}"),
                format!("enable it, cancel its deletion, or give another key in the stack's {parameter}"),
            ));
        }
        let (usage, spec) = (self.usage.as_deref(), self.spec.as_deref());
        if usage != Some(USAGE) || spec != Some(SPEC) {
            let said = |text: Option<&str>| text.unwrap_or("unknown").to_owned();
            return Some((
                format!("it is for {} with {}, and RDS needs {USAGE} with {SPEC}", said(usage), said(spec)),
                format!("give a symmetric encryption key in the stack's {parameter}"),
            ));
        }
        if key_use == KeyUse::OtherAccounts && self.is_of_aws() {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn key(state: &str, usage: &str, spec: &str, manager: &str) -> Key {
        let said = |text: &str| Some(text.to_owned());
        Key {
            arn: "arn:key".to_owned(),
            state: said(state),
            usage: said(usage),
            spec: said(spec),
            manager: said(manager),
        }
    }

    #[test]
    fn a_key_that_cannot_work_is_described_in_words() {
        let usual = |state| key(state, USAGE, SPEC, "CUSTOMER");
        for (key, key_use, expected) in [
            (usual(ENABLED), KeyUse::OtherAccounts, None),
            (key(ENABLED, USAGE, SPEC, AWS), KeyUse::OwnAccount, None),
            (key(ENABLED, USAGE, SPEC, AWS), KeyUse::OtherAccounts, Some("AWS manages it")),
            (usual("Disabled"), KeyUse::OwnAccount, Some("its state is Disabled")),
            (usual("PendingDeletion"), KeyUse::OwnAccount, Some("its state is PendingDeletion")),
            (
                key(ENABLED, "SIGN_VERIFY", SPEC, "CUSTOMER"),
                KeyUse::OwnAccount,
                Some("it is for SIGN_VERIFY"),
            ),
            (key(ENABLED, USAGE, "RSA_2048", "CUSTOMER"), KeyUse::OwnAccount, Some("with RSA_2048")),
        ] {
            let found = key.problem(key_use, PARAMETER).map(|(because, _)| because);
            match expected {
                None => assert_eq!(found, None),
                Some(words) => assert!(found.as_ref().is_some_and(|f| f.contains(words)), "{found:?}"),
            }
        }
    }
}
