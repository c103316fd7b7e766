//! Data keys from the KMS of the local cloud. What a caller may do with a key is asked of the cloud on behalf of the
//! caller first (authorisation.rs); afterwards the service itself uses the key, as RDS does with its grant.

use std::collections::HashMap;
use std::sync::Mutex;

use aws_credential_types::Credentials;
use aws_sdk_kms::Client;
use aws_sdk_kms::config::{BehaviorVersion, Region};
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DataKeySpec, KeyManagerType, KeySpec, KeyState, KeyUsageType};

use crate::arn::Scope;
use crate::emulator::locked;

/// The alias of the key that is used when a client names none.
pub const DEFAULT_KEY: &str = "alias/aws/rds";

/// A KMS key that can encrypt storage.
#[derive(Debug, Clone)]
pub struct Key {
    pub arn: String,
    pub scope: Scope,
    /// Whether it is the account's default key for RDS, whose snapshots cannot be shared.
    pub is_default: bool,
}

/// A data key as it may be stored: encrypted by its KMS key.
#[derive(Debug, Clone)]
pub struct SealedDataKey {
    pub key_arn: String,
    pub blob: Vec<u8>,
    /// The instance whose data it protects, which is bound into it as encryption context.
    pub resource_id: String,
}

/// The key cannot be used; the text is for the log.
#[derive(Debug)]
pub struct Unusable(pub String);

/// The KMS of the local cloud.
pub struct Keys {
    endpoint: String,
    clients: Mutex<HashMap<Scope, Client>>,
}

impl Keys {
    pub fn new(endpoint: &str) -> Self {
        Self { endpoint: endpoint.to_owned(), clients: Mutex::default() }
    }

    /// Finds the key that `name` (ARN, alias ARN, key ID or alias) means in `scope`, and that it can encrypt storage.
    pub async fn find(&self, scope: &Scope, name: &str) -> Result<Key, Unusable> {
        let owner = key_scope(name).unwrap_or_else(|| scope.clone());
        let answer = self.client(&owner).describe_key().key_id(name).send().await.map_err(unusable)?;
        let Some(metadata) = answer.key_metadata else {
            return Err(Unusable(format!("KMS described no key {name}")));
        };
        let arn = metadata.arn().unwrap_or_default().to_owned();
        let usable = metadata.key_state() == Some(&KeyState::Enabled)
            && metadata.key_usage() == Some(&KeyUsageType::EncryptDecrypt)
            && metadata.key_spec() == Some(&KeySpec::SymmetricDefault);
        let Some(scope) = key_scope(&arn).filter(|_| usable) else {
            return Err(Unusable(format!("{arn} is not an enabled symmetric encryption key")));
        };
        Ok(Key { arn, scope, is_default: metadata.key_manager() == Some(&KeyManagerType::Aws) })
    }

    /// Makes a data key for the storage of the instance `resource_id`.
    pub async fn generate(
        &self,
        key_arn: &str,
        resource_id: &str,
    ) -> Result<([u8; 32], SealedDataKey), Unusable> {
        let answer = self
            .client_of(key_arn)?
            .generate_data_key()
            .key_id(key_arn)
            .key_spec(DataKeySpec::Aes256)
            .encryption_context(CONTEXT, resource_id)
            .send()
            .await
            .map_err(unusable)?;
        let blob = answer.ciphertext_blob.map(Blob::into_inner).unwrap_or_default();
        let sealed = SealedDataKey { key_arn: key_arn.to_owned(), blob, resource_id: resource_id.to_owned() };
        Ok((data_key(answer.plaintext)?, sealed))
    }

    /// Opens a stored data key.
    pub async fn open(&self, sealed: &SealedDataKey) -> Result<[u8; 32], Unusable> {
        let answer = self
            .client_of(&sealed.key_arn)?
            .decrypt()
            .key_id(&sealed.key_arn)
            .ciphertext_blob(Blob::new(sealed.blob.clone()))
            .encryption_context(CONTEXT, &sealed.resource_id)
            .send()
            .await
            .map_err(unusable)?;
        data_key(answer.plaintext)
    }

    fn client_of(&self, key_arn: &str) -> Result<Client, Unusable> {
        let scope =
            key_scope(key_arn).ok_or_else(|| Unusable(format!("{key_arn} is not the ARN of a key")))?;
        Ok(self.client(&scope))
    }

    /// A client that acts for the service in the account that owns a key. In the local cloud an account's number is
    /// the access key of its root.
    fn client(&self, scope: &Scope) -> Client {
        let build = || {
            let credentials = Credentials::new(&scope.account, "rds-service", None, None, "rds-emulator");
            let config = aws_sdk_kms::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new(scope.region.clone()))
                .endpoint_url(&self.endpoint)
                .http_client(aws_smithy_http_client::Builder::new().build_http())
                .credentials_provider(credentials)
                .build();
            Client::from_conf(config)
        };
        locked(&self.clients).entry(scope.clone()).or_insert_with(build).clone()
    }
}

const CONTEXT: &str = "aws:rds:db-id";

fn data_key(plaintext: Option<Blob>) -> Result<[u8; 32], Unusable> {
    let bytes = plaintext.map(Blob::into_inner).unwrap_or_default();
    bytes.try_into().map_err(|_| Unusable("KMS returned no 256 bit data key".to_owned()))
}

/// KMS's own words, and nothing of the answer beside them: it may hold key material.
#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn unusable<E: ProvideErrorMetadata + std::fmt::Display>(error: SdkError<E>) -> Unusable {
    Unusable(match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        _ => error.to_string(),
    })
}

/// The account and Region in an ARN of KMS.
fn key_scope(arn: &str) -> Option<Scope> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, "kms", region, account, _] = parts[..] else { return None };
    Some(Scope { account: account.to_owned(), region: region.to_owned() })
}
