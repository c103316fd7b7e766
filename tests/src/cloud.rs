//! The local cloud of these stories, started and ended with the command that users have.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::account::Account;

/// A running local cloud; ends with its value.
pub struct Cloud {
    directory: PathBuf,
    /// The source account.
    pub source: Account,
    /// The destination account.
    pub destination: Account,
    aws_server: Child,
}

impl Cloud {
    /// Builds what ships, and starts a cloud of its own next to any other, in `target/<name>`.
    pub fn start(name: &str, wait_scale: &str) -> Self {
        let directory = root().join("target").join(name);
        run(script("build"));
        // What an interrupted run has left.
        local_cloud(&["down"], &directory);
        // Nobody else gets the directory as long as these stories run.
        let owner = std::process::id().to_string();
        local_cloud(&["up", "--wait-scale", wait_scale, "--owner", &owner], &directory);
        let aws_server = start_aws_server(&directory);
        let account = |role: &str| {
            let exports = local_cloud(&["env", role], &directory);
            Account::new(role, &String::from_utf8(exports.stdout).unwrap(), &directory)
        };
        let (source, destination) = (account("source"), account("destination"));
        Self { directory, source, destination, aws_server }
    }

    /// Where the cloud keeps its state and its logs.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A directory for `--local=` with which the commands have the credentials of these accounts and no others.
    pub fn with_credentials(&self, name: &str, source: &str, destination: &str) -> PathBuf {
        let directory = self.directory.join(name);
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::copy(self.directory.join("state.json"), directory.join("state.json")).unwrap();
        let profiles = format!("[profile source]\n{source}\n[profile destination]\n{destination}");
        std::fs::write(directory.join("aws-config"), profiles).unwrap();
        directory
    }

    /// The major version of the PostgreSQL that databases run on.
    pub fn postgres_major_version(&self) -> String {
        let health =
            ask(self.source.variable("AWS_ENDPOINT_URL_RDS"), "GET", "/_emulator/health", &Value::Null);
        health["postgres"].as_str().unwrap().split('.').next().unwrap().to_owned()
    }

    /// What the RDS emulator measured of every snapshot: RDS itself does not report it.
    pub fn measured_snapshots(&self) -> Value {
        ask(self.source.variable("AWS_ENDPOINT_URL_RDS"), "GET", "/_emulator/snapshots", &Value::Null)
    }
}

/// Asks one of the local cloud's own interfaces, which want no credentials.
pub fn ask(url: &str, method: &str, path: &str, body: &Value) -> Value {
    let address = url.strip_prefix("http://").unwrap().trim_end_matches('/');
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let length = body.len();
    write!(
        connection,
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.lines().next().is_some_and(|status| status.contains(" 200")), "{method} {path}: {answer}");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

/// Starts what runs the `aws` commands of the tests, and waits until it can: each of them would load the CLI again, which is
/// most of what it costs.
fn start_aws_server(directory: &Path) -> Child {
    let mut command = Command::new(root().join("target/tools/bin/python"));
    command.args(["-m", "local_cloud.aws_server"]).arg(directory).stdout(Stdio::piped());
    command.env("PYTHONPATH", root().join("local-cloud")).env("PYTHONDONTWRITEBYTECODE", "1");
    // `local-cloud down` ends it, too, where these tests cannot.
    command.env("LOCAL_CLOUD_DIRECTORY", directory);
    let mut server = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n", "the server of aws commands did not start");
    server
}

impl Drop for Cloud {
    fn drop(&mut self) {
        // It may have been ended already, and is ended below in any case.
        let _ = self.aws_server.kill();
        let _ = self.aws_server.wait();
        let ended = script("local-cloud").arg("down").arg("--directory").arg(&self.directory).status();
        if !ended.is_ok_and(|status| status.success()) {
            eprintln!("the local cloud in {} did not end", self.directory.display());
        }
    }
}

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// One of the repository's scripts.
pub fn script(name: &str) -> Command {
    let mut command = Command::new(root().join("scripts").join(name));
    // What cargo sets in this test's environment about its package would make a cargo below it build its dependencies anew.
    for (variable, _) in std::env::vars().filter(|(variable, _)| is_about_a_package(variable)) {
        command.env_remove(variable);
    }
    command
}

fn is_about_a_package(variable: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"]
        .iter()
        .any(|start| variable.starts_with(start))
}

fn local_cloud(arguments: &[&str], directory: &Path) -> Output {
    let mut command = script("local-cloud");
    command.args(arguments).arg("--directory").arg(directory);
    run(command)
}

/// Runs a command that must succeed.
pub fn run(mut command: Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{} ended with {}\n{}{}",
        command.get_program().display(),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}
