//! How a function reaches AWS.

use std::time::Duration;

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::identity::IdentityCache;
use aws_config::meta::region::ProvideRegion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::env_config::EnvConfigValue;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::SystemTimeSource;
use aws_types::os_shim_internal::Env;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::trust;

/// The longest that one call may take with its retries, in seconds: a function (60 s) then has time to make a second
/// call and to report, so that a service that hangs becomes a named error and not a killed function.
const CALL_SECONDS: u64 = 20;
/// The longest that one attempt of a call may take, in seconds.
const ATTEMPT_SECONDS: u64 = 8;
/// The longest that connecting may take, in seconds.
const CONNECT_SECONDS: u64 = 3;

/// The variable for the address of all services or, with the name of a service at its end, of one.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// The configuration of every SDK client: credentials, Region and endpoints from the function's environment. The Lambda
/// runtime has neither profiles nor other sources of credentials, so that none is looked for.
/// Where the environment itself names the certificates that count (`SSL_CERT_FILE`, `SSL_CERT_DIR`), only those do.
///
/// It is put together here and not by the loader of the SDK, which would bring every source of credentials that any command
/// of this workspace has into every function.
pub async fn config(environment_names_certificates: bool) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(CONNECT_SECONDS))
        .operation_attempt_timeout(Duration::from_secs(ATTEMPT_SECONDS))
        .operation_timeout(Duration::from_secs(CALL_SECONDS))
        .build();
    let endpoints = Endpoints { are_ignored: is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") };
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(trust::http_client(environment_names_certificates))
        .region(EnvironmentVariableRegionProvider::new().region().await)
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .identity_cache(IdentityCache::lazy().build())
        .sleep_impl(TokioSleep::new())
        .time_source(SystemTimeSource::new())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .use_fips(is_true("AWS_USE_FIPS_ENDPOINT"))
        .use_dual_stack(is_true("AWS_USE_DUALSTACK_ENDPOINT"));
    builder.set_endpoint_url(endpoints.of(&EnvConfigValue::new().env(ENDPOINT)));
    builder.set_app_name(text("AWS_SDK_UA_APP_ID").and_then(|name| AppName::new(name).ok()));
    builder.service_config(endpoints).build()
}

/// The addresses that the environment has for services instead of those of AWS.
#[derive(Debug)]
struct Endpoints {
    are_ignored: bool,
}

impl Endpoints {
    fn of(&self, variable: &EnvConfigValue<'_>) -> Option<String> {
        if self.are_ignored { None } else { read(variable) }
    }
}

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let variable = EnvConfigValue::new().env(key.env()).service_id(key.service_id());
        if key.env() == ENDPOINT { self.of(&variable) } else { read(&variable) }
    }
}

fn read(variable: &EnvConfigValue<'_>) -> Option<String> {
    variable.load(&Env::real(), None).map(|(value, _)| value.into_owned())
}

fn text(name: &str) -> Option<String> {
    Env::real().get(name).ok()
}

fn is_true(name: &str) -> bool {
    text(name).is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// The same configuration for clients that speak to another Region.
#[must_use]
pub fn in_region(config: &SdkConfig, region: &str) -> SdkConfig {
    config.to_builder().region(Region::new(region.to_owned())).build()
}
