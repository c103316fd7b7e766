//! How a function reaches AWS.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// The longest that one call may take with its retries, in seconds: a function (60 s) then has time to make a second
/// call and to report, so that a service that hangs becomes a named error and not a killed function.
const CALL_SECONDS: u64 = 20;
/// The longest that one attempt of a call may take, in seconds.
const ATTEMPT_SECONDS: u64 = 8;
/// The longest that connecting may take, in seconds.
const CONNECT_SECONDS: u64 = 3;

/// The configuration of every SDK client: credentials, Region and endpoints from the function's environment.
pub async fn config() -> SdkConfig {
    let http_client = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(CONNECT_SECONDS))
        .operation_attempt_timeout(Duration::from_secs(ATTEMPT_SECONDS))
        .operation_timeout(Duration::from_secs(CALL_SECONDS))
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client)
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
