//! The accounts of the local cloud. Nothing of the environment is read for them, so that nothing can speak to AWS by mistake.

use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::TokioSleep;
use serde::Deserialize;

use super::{Account, Chosen};
use crate::environment::Environment;
use crate::failure::Failure;
use crate::screen::shell_words;

/// How long a process of this machine may take to answer.
const CONNECT_SECONDS: u64 = 2;

/// What a local cloud has written about itself.
#[derive(Debug, Deserialize)]
struct State {
    region: String,
    cloud: Process,
    rds: Option<Process>,
}

#[derive(Debug, Deserialize)]
struct Process {
    url: String,
}

/// An account of the cloud that lives in a directory.
pub fn account(directory: &Path, chosen: &Chosen, environment: &Environment) -> Result<Account, Failure> {
    let profiles = std::fs::read_to_string(directory.join("aws-config")).ok();
    let Some((state, profiles)) = state(directory).zip(profiles) else {
        let directory_text = directory.display().to_string();
        let mut words = vec!["scripts/local-cloud", "up"];
        if directory != environment.local_cloud {
            words.extend(["--directory", &directory_text]);
        }
        return Err(Failure::new(format!(
            "the local cloud is not up in {directory_text}; start it with {}",
            shell_words(words)
        )));
    };
    let key = |name: &str| setting(&profiles, chosen.role, name).unwrap_or_default();
    let session = setting(&profiles, chosen.role, "aws_session_token").map(str::to_owned);
    let (id, secret) = (key("aws_access_key_id"), key("aws_secret_access_key"));
    let credentials = Credentials::new(id, secret, session, None, "local-cloud");
    let region = chosen.region.clone().unwrap_or(state.region);
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_client::http_client(environment.names_certificates))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .sleep_impl(TokioSleep::new())
        .region(Region::new(region.clone()))
        .endpoint_url(state.cloud.url)
        .build();
    Ok(Account {
        role: chosen.role,
        profile: chosen.role.to_owned(),
        whose: format!("profile {}", chosen.role),
        config,
        rds_endpoint: state.rds.map(|rds| rds.url),
        region,
    })
}

/// A setting of a profile that the cloud has written.
fn setting<'p>(profiles: &'p str, profile: &str, name: &str) -> Option<&'p str> {
    let head = format!("[profile {profile}]");
    let of_profile = profiles.lines().skip_while(|line| *line != head).skip(1);
    let mut settings =
        of_profile.take_while(|line| !line.starts_with('[')).filter_map(|line| line.split_once(" = "));
    settings.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// What the cloud has written, if it answers: it may have been killed, and its file left.
fn state(directory: &Path) -> Option<State> {
    let text = std::fs::read_to_string(directory.join("state.json")).ok()?;
    let state: State = serde_json::from_str(&text).ok()?;
    let address = state.cloud.url.split_once("://")?.1.trim_end_matches('/').to_owned();
    let mut addresses = address.to_socket_addrs().ok()?;
    let answers =
        |address| TcpStream::connect_timeout(&address, Duration::from_secs(CONNECT_SECONDS)).is_ok();
    addresses.any(answers).then_some(state)
}

#[cfg(test)]
mod tests {
    use super::setting;

    #[test]
    fn each_account_has_credentials_of_its_own() {
        let profiles = "[profile source]\nkey = 1\nregion = a\n\n[profile destination]\nkey = 2\n";
        assert_eq!(setting(profiles, "source", "key"), Some("1"));
        assert_eq!(setting(profiles, "destination", "key"), Some("2"));
        assert_eq!(setting(profiles, "destination", "region"), None);
        assert_eq!(setting(profiles, "other", "key"), None);
    }
}
