//! The scripts of the checkout and other programs, run in one of the accounts.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::interruption::Interruption;
use super::state::State;
use crate::environment::pause;
use crate::failure::Failure;

/// Between two looks whether a program has ended.
const POLL: Duration = Duration::from_millis(100);
/// How long a program may take to end that is told to.
const ENDING: Duration = Duration::from_mins(1);
/// Runs a program with what `scripts/local-cloud env` prints for an account.
const IN_LOCAL_CLOUD: &str =
    r#"exports=$("$1" env "$2" --directory "$3") || exit; eval "$exports"; shift 3; exec "$@""#;

/// What is run.
#[derive(Debug, Clone)]
pub struct Commands {
    root: PathBuf,
    state: State,
}

/// How a program has ended, and what it has said.
#[derive(Debug)]
pub struct Said {
    /// How.
    pub status: ExitStatus,
    /// Its standard output.
    pub output: String,
    /// Its standard error.
    pub error: String,
}

impl Commands {
    /// Those of the checkout in which this program was built.
    ///
    /// # Errors
    /// If it is in none: what deploys and destroys the stacks is not in this program.
    pub fn find(program: Option<&Path>, state: &State) -> Result<Self, Failure> {
        let is_root = |directory: &&Path| directory.join("scripts/deploy").is_file();
        let root = program.and_then(|program| program.ancestors().find(is_root)).map(Path::to_owned);
        let root = root.or_else(|| Path::new("scripts/deploy").is_file().then(|| ".".into()));
        let root = root.ok_or_else(|| {
            Failure::new("there is no scripts/deploy around this program; to fix this: run scripts/trial of a checkout")
        })?;
        Ok(Self { root, state: state.clone() })
    }

    /// A file of the checkout.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// A script that is told the accounts by the options of all commands.
    pub fn with_accounts(&self, script: &str) -> Command {
        let mut command = Command::new(self.path(&format!("scripts/{script}")));
        match &self.state.local {
            Some(directory) => {
                command.arg(format!("--local={}", directory.display()));
            }
            None => {
                for role in ["source", "destination"] {
                    let side = self.state.side(role);
                    command.arg(format!("--{role}-region={}", side.region));
                    // The empty one stands for the credentials of the environment.
                    command.arg(format!("--{role}-profile={}", side.profile.as_deref().unwrap_or_default()));
                }
            }
        }
        command
    }

    /// `scripts/rollback`, which is told the destination account alone.
    pub fn with_destination(&self, script: &str) -> Command {
        let mut command = Command::new(self.path(&format!("scripts/{script}")));
        let side = &self.state.destination;
        match &self.state.local {
            Some(directory) => command.arg(format!("--local={}", directory.display())),
            None => command
                .arg(format!("--destination-region={}", side.region))
                .arg(format!("--destination-profile={}", side.profile.as_deref().unwrap_or_default())),
        };
        command
    }

    /// `scripts/deploy` of an account.
    pub fn deploy(&self, role: &str) -> Command {
        let script = self.path("scripts/deploy").display().to_string();
        let mut command = self.in_account(role, &script);
        command.arg(role);
        self.with_profile(role, &mut command);
        command
    }

    /// `scripts/destroy` of an account.
    pub fn destroy(&self, role: &str) -> Command {
        let mut command = Command::new(self.path("scripts/destroy"));
        command.arg(role);
        if let Some(directory) = &self.state.local {
            command.arg(format!("--local={}", directory.display()));
        }
        self.with_profile(role, &mut command);
        command
    }

    /// `aws` in an account.
    pub fn aws(&self, role: &str, words: &[&str]) -> Command {
        let program = self.path("target/tools/bin/aws").display().to_string();
        let mut command = self.in_account(role, &program);
        command.args(words).args(["--output", "json"]);
        self.with_profile(role, &mut command);
        command
    }

    /// A program in the environment of an account.
    pub fn in_account(&self, role: &str, program: &str) -> Command {
        let Some(directory) = &self.state.local else { return Command::new(program) };
        let mut command = Command::new("bash");
        command.args(["-c", IN_LOCAL_CLOUD, "bash"]).arg(self.path("scripts/local-cloud"));
        command.arg(role).arg(directory).arg(program);
        command
    }

    fn with_profile(&self, role: &str, command: &mut Command) {
        if self.state.local.is_some() {
            return;
        }
        let side = self.state.side(role);
        command.args(["--region", &side.region]);
        if let Some(profile) = &side.profile {
            command.args(["--profile", profile]);
        }
    }
}

/// Runs a program whose output is the operator's to read, and whose input the caller has set.
///
/// # Errors
/// If it cannot be started, ends badly or is interrupted.
pub async fn run(mut command: Command, interruption: &Interruption) -> Result<(), Failure> {
    let mut child = start(&mut command)?;
    let status = ended(&mut child, interruption).await?;
    if status.success() {
        return Ok(());
    }
    let words: Vec<String> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
    let program = command.get_program().to_string_lossy().into_owned();
    let script = std::iter::once(&program)
        .chain(&words)
        .find(|word| word.contains("scripts/") && !word.ends_with("local-cloud"));
    let name = script.unwrap_or(&program).rsplit('/').next().unwrap_or_default();
    Err(Failure::new(format!("{name} ended with {status}")))
}

/// Runs a program with this input; what it has said, however it ends.
///
/// # Errors
/// If it cannot be started or is interrupted.
pub async fn ask(mut command: Command, input: &str, interruption: &Interruption) -> Result<Said, Failure> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = start(&mut command)?;
    if let Some(mut pipe) = child.stdin.take() {
        // Who ends without reading says why in another way.
        let _ = pipe.write_all(input.as_bytes());
    }
    let output = child.stdout.take().map(|pipe| std::thread::spawn(|| read(pipe)));
    let error = child.stderr.take().map(|pipe| std::thread::spawn(|| read(pipe)));
    let status = ended(&mut child, interruption).await?;
    let text = |reader: Option<std::thread::JoinHandle<String>>| {
        reader.and_then(|reader| reader.join().ok()).unwrap_or_default()
    };
    Ok(Said { status, output: text(output), error: text(error) })
}

fn read(mut pipe: impl Read) -> String {
    let mut bytes = Vec::new();
    // What was read until then counts.
    let _ = pipe.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// In a group of its own: Ctrl-C in the terminal is for this command, which decides what ends and what has to go on.
fn start(command: &mut Command) -> Result<Child, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    command
        .process_group(0)
        .spawn()
        .map_err(|error| Failure::new(format!("{program} cannot be started: {error}")))
}

async fn ended(child: &mut Child, interruption: &Interruption) -> Result<ExitStatus, Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("waiting for a program failed: {error}"));
    loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            return Ok(status);
        }
        if let Err(failure) = interruption.check() {
            end(child).await;
            return Err(failure);
        }
        pause(POLL).await;
    }
}

/// Ends a program and what it has started, as Ctrl-C does; by force where that does not help.
async fn end(child: &mut Child) {
    let group = format!("-{}", child.id());
    for signal in ["-INT", "-KILL"] {
        let _ = Command::new("kill").args([signal, "--", &group]).status();
        let mut waited = Duration::ZERO;
        while waited < ENDING {
            if child.try_wait().is_ok_and(|status| status.is_some()) {
                return;
            }
            pause(POLL).await;
            waited += POLL;
        }
    }
}
