//! One of the two AWS accounts: its credentials, its Region, and the clients that speak to it.

pub mod local;
mod remembered;

use std::path::PathBuf;
use std::time::Duration;

use aws_client::http_client;
use aws_config::meta::region::ProvideRegion;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::os_shim_internal::{Env, Fs};

use self::remembered::Remembered;
use crate::environment::Environment;
use crate::failure::{Failure, fault};

/// Following a run takes hours in a real account; one lost answer must not end it.
const ATTEMPTS: u32 = 8;
/// The longest that connecting may take, in seconds.
const CONNECT_SECONDS: u64 = 10;
/// The longest that one attempt of a call may take, in seconds.
const ATTEMPT_SECONDS: u64 = 60;

/// What the options say about one account.
#[derive(Debug, Clone, Default)]
pub struct Chosen {
    /// The role of the account, which is also the name of the profile that is tried: `source` or `destination`.
    pub role: &'static str,
    /// An AWS profile; an empty one stands for the credentials of the environment.
    pub profile: Option<String>,
    /// A Region.
    pub region: Option<String>,
    /// The directory of the local cloud, if it is that.
    pub local: Option<PathBuf>,
}

/// The account in which one of the two stacks lives.
#[derive(Debug, Clone)]
pub struct Account {
    /// `source` or `destination`.
    pub role: &'static str,
    /// The profile whose credentials are used; empty for those of the environment.
    pub profile: String,
    /// Whose credentials are used, as it is printed.
    pub whose: String,
    /// What every client has in common.
    pub config: SdkConfig,
    /// Where RDS answers, if not where AWS has it.
    pub rds_endpoint: Option<String>,
    /// The Region that the clients speak to.
    pub region: String,
}

impl Account {
    /// Finds the credentials and the Region of an account; nothing is asked of AWS.
    ///
    /// # Errors
    /// If there is no such profile, no Region, or no local cloud.
    pub async fn open(chosen: &Chosen, environment: &Environment) -> Result<Self, Failure> {
        if let Some(directory) = &chosen.local {
            return local::account(directory, chosen, environment);
        }
        let http = SharedHttpClient::new(http_client(environment.names_certificates));
        Self::of_profiles(chosen, environment, http, EnvConfigFiles::default()).await
    }

    /// The same, with what these files say about profiles.
    async fn of_profiles(
        chosen: &Chosen,
        environment: &Environment,
        http: SharedHttpClient,
        files: EnvConfigFiles,
    ) -> Result<Self, Failure> {
        let profile = profile(chosen, &files).await?;
        let whose = match (&profile, &chosen.profile) {
            (Some(profile), _) => format!("profile {profile}"),
            (None, Some(_)) => "credentials of the environment".to_owned(),
            (None, None) => {
                format!("credentials of the environment, as there is no profile {}", chosen.role)
            }
        };
        let region = match (chosen.region.as_ref().or(environment.region.as_ref()), &profile) {
            (Some(region), _) => Some(Region::new(region.clone())),
            (None, Some(profile)) => {
                let provider = ProfileFileRegionProvider::builder().profile_files(files.clone());
                provider.profile_name(profile).build().region().await
            }
            (None, None) => None,
        };
        let mut loader = settings(&http).profile_files(files.clone());
        if let Some(region) = &region {
            loader = loader.region(region.clone());
        }
        if let Some(profile) = &profile {
            // A profile that assumes a role asks STS for it, in this Region.
            // Credentials of the environment do not take the place of those of a profile.
            let provider = ProfileFileCredentialsProvider::builder()
                .configure(&ProviderConfig::default().with_region(region).with_http_client(http))
                .profile_files(files)
                .profile_name(profile);
            loader = loader.profile_name(profile).credentials_provider(provider.build());
        }
        let config = remembering(&loader.load().await);
        // A variable that is empty names none, but the SDK takes it.
        let named = config.region().map(ToString::to_string).filter(|region| !region.is_empty());
        let Some(region) = named else {
            return Err(Failure::named(
                "NoRegionError",
                format!(
                    "the {} account cannot be used ({whose}): no Region is named; to fix this: set AWS_REGION, or give the \
                     profile a region",
                    chosen.role
                ),
            ));
        };
        let (role, profile) = (chosen.role, profile.unwrap_or_default());
        Ok(Self { role, profile, whose, config, rds_endpoint: None, region })
    }

    /// The account's twelve digits.
    ///
    /// # Errors
    /// A fault of STS.
    pub async fn number(&self) -> Result<String, Failure> {
        let client = aws_sdk_sts::Client::new(&self.config);
        let found = client.get_caller_identity().send().await;
        let found = found.map_err(|error| fault("sts:GetCallerIdentity", &error))?;
        Ok(found.account.unwrap_or_default())
    }

    /// A client of CloudFormation.
    pub fn stacks(&self) -> aws_sdk_cloudformation::Client {
        aws_sdk_cloudformation::Client::new(&self.config)
    }

    /// A client of Step Functions.
    pub fn machines(&self) -> aws_sdk_sfn::Client {
        aws_sdk_sfn::Client::new(&self.config)
    }

    /// A client of Secrets Manager.
    pub fn secrets(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.config)
    }

    /// A client of RDS.
    pub fn rds(&self) -> aws_sdk_rds::Client {
        self.rds_in(&self.region)
    }

    /// A client of RDS in another Region.
    pub fn rds_in(&self, region: &str) -> aws_sdk_rds::Client {
        let builder = aws_sdk_rds::config::Builder::from(&self.config);
        let mut builder = builder.region(Region::new(region.to_owned()));
        if let Some(endpoint) = &self.rds_endpoint {
            builder = builder.endpoint_url(endpoint);
        }
        aws_sdk_rds::Client::from_conf(builder.build())
    }
}

/// The same, with credentials that are fetched once and not for every client and question.
fn remembering(config: &SdkConfig) -> SdkConfig {
    let mut builder = config.to_builder();
    if let Some(provider) = config.credentials_provider() {
        builder.set_credentials_provider(Some(SharedCredentialsProvider::new(Remembered::of(provider))));
    }
    builder.build()
}

/// What is the same whatever the credentials are.
fn settings(http: &SharedHttpClient) -> aws_config::ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(CONNECT_SECONDS))
        .operation_attempt_timeout(Duration::from_secs(ATTEMPT_SECONDS))
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.clone())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
}

/// The profile whose credentials are used: the one that is named, else the one that is called like the role, if there is one.
async fn profile(chosen: &Chosen, files: &EnvConfigFiles) -> Result<Option<String>, Failure> {
    if chosen.profile.as_deref() == Some("") {
        return Ok(None);
    }
    let name = chosen.profile.as_deref().unwrap_or(chosen.role);
    let unusable = |code: &str, why: String| {
        Failure::named(code, format!("the {} account cannot be used (profile {name}): {why}", chosen.role))
    };
    let found = aws_config::profile::load(&Fs::real(), &Env::real(), files, None).await;
    let found = found.map_err(|error| unusable("ConfigParseError", error.to_string()))?;
    match (found.get_profile(name), &chosen.profile) {
        (Some(_), _) => Ok(Some(name.to_owned())),
        (None, None) => Ok(None),
        (None, Some(_)) => {
            Err(unusable("ProfileNotFound", format!("The config profile ({name}) could not be found")))
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_credential_types::provider::ProvideCredentials;
    use aws_runtime::env_config::file::EnvConfigFileKind;
    use serde_json::json;

    use super::*;
    use crate::tests::FakeAccount;

    const PROFILES: &str = "\
[profile base]
aws_access_key_id = of-base
aws_secret_access_key = x

[profile source]
role_arn = arn:aws:iam::111111111111:role/operator
source_profile = base
region = eu-west-3
";

    async fn opened(region: Option<&str>, of_environment: Option<&str>) -> (Account, FakeAccount) {
        let sts = FakeAccount::new("111111111111");
        let credentials = json!({
            "AccessKeyId": "of-role", "SecretAccessKey": "y", "SessionToken": "z", "Expiration": "2099-01-01T00:00:00Z",
        });
        let user =
            json!({"AssumedRoleId": "AROA:x", "Arn": "arn:aws:sts::111111111111:assumed-role/operator/x"});
        sts.answer("AssumeRole", json!({"Credentials": credentials, "AssumedRoleUser": user}));
        let files = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, PROFILES).build();
        let environment = Environment {
            region: of_environment.map(str::to_owned),
            names_certificates: false,
            local_cloud: PathBuf::new(),
            is_without_colour: true,
        };
        let chosen = Chosen { role: "source", region: region.map(str::to_owned), ..Chosen::default() };
        let http = SharedHttpClient::new(sts.clone());
        (Account::of_profiles(&chosen, &environment, http, files).await.unwrap(), sts)
    }

    /// A profile that assumes a role has no Region of its own: STS is asked in the one that the command works in.
    #[tokio::test]
    async fn a_role_is_assumed_in_the_region_of_the_command() {
        for (region, of_environment, expected) in [
            (None, None, "eu-west-3"),
            (None, Some("us-east-2"), "us-east-2"),
            (Some("ap-south-1"), Some("us-east-2"), "ap-south-1"),
        ] {
            let (account, sts) = opened(region, of_environment).await;
            let provider = account.config.credentials_provider().unwrap();
            let found = provider.provide_credentials().await.unwrap();
            assert_eq!(found.access_key_id(), "of-role");
            // Every question asks for them, and STS is asked once.
            provider.provide_credentials().await.unwrap();
            assert_eq!((account.region.as_str(), account.whose.as_str()), (expected, "profile source"));
            assert_eq!(sts.calls(), ["AssumeRole"]);
            let scopes = sts.scopes();
            let is_there = |scope: &String| {
                scope.contains("Credential=of-base/") && scope.contains(&format!("/{expected}/sts/"))
            };
            assert!(!scopes.is_empty() && scopes.iter().all(is_there), "{scopes:?}");
        }
    }
}
