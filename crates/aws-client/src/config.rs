//! How a function reaches AWS.

use std::time::Duration;

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};

use crate::trust;

/// The longest that one call may take with its retries, in seconds: a function (60 s) then has time to make a second
/// call and to report, so that a service that hangs becomes a named error and not a killed function.
const CALL_SECONDS: u64 = 20;
/// The longest that one attempt of a call may take, in seconds.
const ATTEMPT_SECONDS: u64 = 8;
/// The longest that connecting may take, in seconds.
const CONNECT_SECONDS: u64 = 3;

/// The configuration of every SDK client: credentials, Region and endpoints from the function's environment. The Lambda
/// runtime has neither profiles nor other sources of credentials, so that none is looked for.
/// Where the environment itself names the certificates that count (`SSL_CERT_FILE`, `SSL_CERT_DIR`), only those do.
pub async fn config(environment_names_certificates: bool) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(CONNECT_SECONDS))
        .operation_attempt_timeout(Duration::from_secs(ATTEMPT_SECONDS))
        .operation_timeout(Duration::from_secs(CALL_SECONDS))
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(trust::http_client(environment_names_certificates))
        .region(EnvironmentVariableRegionProvider::new())
        .credentials_provider(EnvironmentVariableCredentialsProvider::new())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .load()
        .await
}

/// The same configuration for clients that speak to another Region.
#[must_use]
pub fn in_region(config: &SdkConfig, region: &str) -> SdkConfig {
    config.to_builder().region(Region::new(region.to_owned())).build()
}
