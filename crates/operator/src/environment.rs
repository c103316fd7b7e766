//! The clock and the environment of the process; nothing else reads them.

use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use time::OffsetDateTime;

/// Where the local cloud of the checkout is; the scripts of the repository set it.
const LOCAL_CLOUD: &str = "RDS_REPLICATION_LOCAL_CLOUD";

/// What the commands want to know of the environment.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The Region that it names.
    pub region: Option<String>,
    /// Whether it says by whose certificates AWS is known.
    pub names_certificates: bool,
    /// The directory of the local cloud unless another one is named.
    pub local_cloud: PathBuf,
    /// Whether somebody does not want colour.
    pub is_without_colour: bool,
}

impl Environment {
    /// Reads the environment of the process.
    pub fn of_process() -> Self {
        let is_set = |name: &str| variable(name).is_some();
        Self {
            // Of the two names of the Region the AWS CLI knows only the second, and other SDKs only the first.
            region: variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")),
            names_certificates: is_set("SSL_CERT_FILE") || is_set("SSL_CERT_DIR"),
            local_cloud: variable(LOCAL_CLOUD).unwrap_or_else(|| "target/local-cloud".to_owned()).into(),
            is_without_colour: is_set("NO_COLOR"),
        }
    }
}

/// A variable that is set and not empty.
fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// Until something is polled again.
pub type Pause = Pin<Box<dyn Future<Output = ()>>>;

/// Waits until something is polled again.
pub fn pause(length: Duration) -> Pause {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that waits: no function runs meanwhile"
    )]
    Box::pin(tokio::time::sleep(length))
}

/// Ends when the operator interrupts the command.
pub async fn interruption() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The name of an execution that a command starts, which no other one has: a request that is sent again, because its answer was
/// lost, must not start a second one.
pub fn execution_name(command: &str) -> String {
    format!("{command}-{:x}-{:x}", now().unix_timestamp_nanos(), std::process::id())
}

/// How many columns and lines the terminal has that the process is in.
pub fn terminal_size() -> (usize, usize) {
    let found = terminal_size::terminal_size();
    found.map_or((80, 24), |(width, height)| (width.0.into(), height.0.into()))
}

/// The time.
pub fn now() -> OffsetDateTime {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    OffsetDateTime::now_utc()
}
