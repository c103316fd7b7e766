//! The scripts of the checkout and other programs, run in one of the accounts.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

use super::STEP_SECONDS;
use super::interruption::Interruption;
use super::state::State;
use crate::environment::pause;
use crate::failure::Failure;

/// Between two looks whether a program has ended.
const POLL: Duration = Duration::from_millis(100);
/// How long a program may take that is asked something.
const ASKING: Duration = Duration::from_mins(5);
/// How long any other one may take: as long as a step.
const RUNNING: Duration = Duration::from_secs(STEP_SECONDS);
/// How long a pipe is read whose program has ended.
const DRAINING: Duration = Duration::from_secs(5);
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
        let side = self.state.side(role);
        match &self.state.local {
            Some(directory) => command.arg(format!("--local={}", directory.display())),
            // The empty profile, too: without it the one that is called like the role would be taken, if there is one.
            None => command
                .arg(format!("--region={}", side.region))
                .arg(format!("--profile={}", side.profile.as_deref().unwrap_or_default())),
        };
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
    let status = ended(&mut child, interruption, RUNNING, &name(&command)).await?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(format!("{} ended with {status}", name(&command))))
}

/// The script that is run or, if there is none, the program.
fn name(command: &Command) -> String {
    let words: Vec<String> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
    let program = command.get_program().to_string_lossy().into_owned();
    let script = std::iter::once(&program)
        .chain(&words)
        .find(|word| word.contains("scripts/") && !word.ends_with("local-cloud"));
    script.unwrap_or(&program).rsplit('/').next().unwrap_or_default().to_owned()
}

/// Runs a program with this input; what it has said, however it ends.
///
/// # Errors
/// If it cannot be started, does not end or is interrupted.
pub async fn ask(command: Command, input: &str, interruption: &Interruption) -> Result<Said, Failure> {
    ask_within(command, input, interruption, ASKING).await
}

async fn ask_within(
    mut command: Command,
    input: &str,
    interruption: &Interruption,
    limit: Duration,
) -> Result<Said, Failure> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = start(&mut command)?;
    if let Some(mut pipe) = child.stdin.take() {
        // Who ends without reading says why in another way.
        let _ = pipe.write_all(input.as_bytes());
    }
    let output = child.stdout.take().map(read);
    let error = child.stderr.take().map(read);
    let status = ended(&mut child, interruption, limit, &name(&command)).await?;
    Ok(Said { status, output: text(output).await, error: text(error).await })
}

/// Reads a pipe to its end, piece by piece.
fn read(mut pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, pieces) = channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 8192];
        loop {
            match pipe.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(length) if length > 0 => {
                    let piece = buffer.get(..length).unwrap_or_default().to_vec();
                    if sender.send(piece).is_err() {
                        return;
                    }
                }
                // What was read until then counts.
                _ => return,
            }
        }
    });
    pieces
}

/// What a program that has ended has written into a pipe. What it has started and left may keep the pipe open for hours (the
/// master of shared ssh connections does), so that its end is not waited for long.
async fn text(pieces: Option<Receiver<Vec<u8>>>) -> String {
    let mut bytes = Vec::new();
    let mut waited = Duration::ZERO;
    while let Some(pieces) = &pieces {
        match pieces.try_recv() {
            Ok(piece) => bytes.extend(piece),
            Err(TryRecvError::Empty) if waited < DRAINING => {
                pause(POLL).await;
                waited += POLL;
            }
            Err(_) => break,
        }
    }
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

/// Waits until a program has ended; one that does not (it may be stopped, because it wants to read from the terminal) is ended.
async fn ended(
    child: &mut Child,
    interruption: &Interruption,
    limit: Duration,
    name: &str,
) -> Result<ExitStatus, Failure> {
    let mut waited = Duration::ZERO;
    let failed = |error: std::io::Error| Failure::new(format!("waiting for a program failed: {error}"));
    loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            return Ok(status);
        }
        if let Err(failure) = interruption.check() {
            end(child).await;
            return Err(failure);
        }
        if waited >= limit {
            end(child).await;
            return Err(Failure::new(format!(
                "{name} has not ended within {} seconds, and was ended; to fix this: let it ask for nothing",
                limit.as_secs()
            )));
        }
        pause(POLL).await;
        waited += POLL;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::state::Side;

    #[test]
    fn the_stack_is_destroyed_with_the_credentials_of_the_trial() {
        let side = |profile: Option<&str>| Side {
            profile: profile.map(str::to_owned),
            region: "eu-west-1".to_owned(),
            ..Side::default()
        };
        let state = State {
            id: "x".to_owned(),
            local: None,
            source: side(None),
            destination: side(Some("two")),
            is_destroyed: false,
        };
        let commands = Commands { root: PathBuf::new(), state };
        for (role, profile) in [("source", "--profile="), ("destination", "--profile=two")] {
            let command = commands.destroy(role);
            let words: Vec<_> = command.get_args().collect();
            assert_eq!(words, [role, "--region=eu-west-1", profile]);
        }
    }

    async fn asked(script: &str, limit: Duration) -> Result<Said, Failure> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let interruption = Interruption::default();
        let asking = ask_within(command, "", &interruption, limit);
        // What is started in the background of a shell ignores Ctrl-C, and is ended by force a minute later.
        tokio::time::timeout(Duration::from_secs(100), asking).await.expect("it hangs")
    }

    #[tokio::test]
    async fn what_a_program_leaves_behind_is_not_waited_for() {
        let said = asked("sleep 60 & echo yes; echo no >&2", ASKING).await.unwrap();
        assert_eq!((said.output.as_str(), said.error.as_str()), ("yes\n", "no\n"));
    }

    #[tokio::test]
    async fn a_program_that_does_not_end_is_ended() {
        let failure = asked("exec sleep 60", Duration::from_millis(200)).await.unwrap_err();
        assert!(failure.text.contains("sh has not ended within"), "{failure}");
    }
}
