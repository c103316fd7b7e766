//! Tries the whole product in two accounts with a database of its own: two replications, a rollback, and everything destroyed
//! again. What AWS answers meanwhile is recorded, without anything that says whose it is.

mod answers;
mod command;
mod destruction;
mod interruption;
mod observer;
pub mod options;
mod plan;
mod redaction;
mod report;
mod rows;
mod state;
mod steps;
mod tape;
mod xml;

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use self::command::Commands;
use self::interruption::{INTERRUPTED, Interruption};
use self::observer::{Machines, watch};
use self::options::Trial;
use self::plan::{Names, STEPS, refuse_parameters, statement};
use self::redaction::Redaction;
use self::report::{Outcome, Report};
use self::state::{Side, State};
use self::tape::{Tape, recorded};
use crate::account::Account;
use crate::environment::{self, Environment, pause};
use crate::failure::Failure;
use crate::output::{self, End, failed, followed};
use crate::screen::shell_words;
use crate::terminal::Terminal;

/// How long one step may take in seconds: in AWS none takes half of it.
const STEP_SECONDS: u64 = 3 * 3600;
/// Between two polls of what is observed, in an account and in the local cloud, in milliseconds.
const POLL: [u64; 2] = [5_000, 300];

/// A trial that is under way.
struct Running<'t, 'w> {
    given: &'t Trial,
    names: Names,
    state: State,
    /// Where the state is written.
    directory: PathBuf,
    source: Account,
    destination: Account,
    commands: Commands,
    tape: Arc<Tape>,
    interruption: Interruption,
    terminal: &'t mut Terminal<'w>,
    poll: Duration,
    /// Held by this command and by everything that it has started.
    lock: File,
    /// When the step began, in seconds.
    began: f64,
    password: String,
    /// What the source database held for each version, where rows can be read.
    contents: BTreeMap<u32, String>,
    /// The machines of the stacks, once they are there, for the observer.
    machines: Machines,
    /// What has happened.
    report: Report,
}

/// The command. Answers with its exit code.
pub async fn run(given: &Trial, environment: &Environment) -> u8 {
    followed(given.json, async |terminal| {
        let mut document = None;
        let code = match Box::pin(whole(given, environment, terminal, &mut document)).await {
            Ok(()) => 0,
            Err(failure) if failure.code == INTERRUPTED => {
                failed(terminal, &failure);
                output::INTERRUPTED
            }
            Err(failure) => failed(terminal, &failure),
        };
        Ok(End { code, document })
    })
    .await
}

/// Where a trial writes.
fn directory(given: &Trial, commands: &Commands) -> PathBuf {
    given.directory.clone().unwrap_or_else(|| commands.path("target/trial"))
}

/// Destroys an earlier trial.
async fn resumed(
    given: &Trial,
    id: &str,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
    document: &mut Option<Value>,
) -> Result<(), Failure> {
    let program = std::env::current_exe().ok();
    let nothing = State {
        id: String::new(),
        local: None,
        source: Side::default(),
        destination: Side::default(),
        is_destroyed: false,
    };
    let directory = directory(given, &Commands::find(program.as_deref(), &nothing)?);
    let state = State::read(&directory, id)?;
    if state.is_destroyed {
        // What has its names or its place by now, such as the bucket, is of somebody else.
        terminal.line(&format!("the trial {id} is destroyed already; nothing was changed"));
        return Ok(());
    }
    let recording = directory.join(format!("destroying-{id}.jsonl"));
    let accounts = reopened(&state, environment).await?;
    let mut running =
        Running::new(given, state, directory, &accounts, &recording, program.as_deref(), terminal)?;
    running.lock().await?;
    let ended = running.end(Ok(())).await;
    *document = Some(running.conclusion(&recording, &ended));
    ended
}

async fn whole(
    given: &Trial,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
    document: &mut Option<Value>,
) -> Result<(), Failure> {
    if let Some(id) = &given.resume_destroy {
        return resumed(given, id, environment, terminal, document).await;
    }
    let program = std::env::current_exe().ok();
    refuse_parameters("--source-parameter", &given.source_parameter)?;
    refuse_parameters("--destination-parameter", &given.destination_parameter)?;
    let (source, destination) = (given.accounts.source(environment), given.accounts.destination(environment));
    let accounts =
        (Account::open(&source, environment).await?, Account::open(&destination, environment).await?);
    let mut state = State {
        id: id(environment::now().unix_timestamp_nanos(), std::process::id()),
        local: source.local.clone().map(|directory| std::path::absolute(&directory).unwrap_or(directory)),
        source: side(&source, &accounts.0).await?,
        destination: side(&destination, &accounts.1).await?,
        is_destroyed: false,
    };
    refuse(&state)?;
    let directory = directory(given, &Commands::find(program.as_deref(), &state)?);
    std::fs::create_dir_all(&directory)
        .map_err(|error| Failure::new(format!("{} cannot be made: {error}", directory.display())))?;
    for line in statement(&state.names(), &state.source.account, &state.destination.account) {
        terminal.plain(&line);
    }
    confirm(given, terminal)?;
    // Another trial may be under way in the same directory.
    let recording = directory.join(format!("{}.jsonl", state.id));
    let mut running =
        Running::new(given, state.clone(), directory, &accounts, &recording, program.as_deref(), terminal)?;
    running.lock().await?;
    for role in ["source", "destination"] {
        state.side_mut(role).makes_bucket = running.makes_bucket(role).await?;
    }
    running.state = state;
    running.state.write(&running.directory)?;
    let (source, destination) = (running.source.clone(), running.destination.clone());
    let machines = Arc::clone(&running.machines);
    let observing = watch(source, destination, running.names.clone(), machines, running.poll);
    let ended = tokio::select! {
        ended = running.whole() => ended,
        // It goes on as long as there is something to observe.
        () = observing => Ok(()),
    };
    *document = Some(running.conclusion(&recording, &ended));
    ended.and(keep_as_newest(&recording))
}

/// The recording of the trial that has ended last has a name that can be known before.
fn keep_as_newest(recording: &Path) -> Result<(), Failure> {
    let newest = recording.with_file_name("recording.jsonl");
    std::fs::copy(recording, &newest)
        .map(|_| ())
        .map_err(|error| Failure::new(format!("{} cannot be written: {error}", newest.display())))
}

/// An id that no other trial has: what carries the id of a trial is what that trial destroys, so that two with the same one,
/// begun in the same moment, would destroy each other's.
fn id(nanoseconds: i128, process: u32) -> String {
    format!("{nanoseconds:x}{:04x}", process & 0xffff)
}

/// What a trial cannot be of.
fn refuse(state: &State) -> Result<(), Failure> {
    if state.source.account == state.destination.account {
        return Err(Failure::new(format!(
            "both profiles are of the account {}; to fix this: name profiles of two accounts with --source-profile and \
             --destination-profile",
            state.source.account
        )));
    }
    if state.source.region != state.destination.region {
        return Err(Failure::new(format!(
            "a trial is within one Region, and these are {} and {}; to fix this: name one with --source-region and \
             --destination-region",
            state.source.region, state.destination.region
        )));
    }
    Ok(())
}

fn confirm(given: &Trial, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    if given.yes {
        return Ok(());
    }
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Err(Failure::new(
            "nothing was changed: there is no terminal to confirm it on; to go on, add --yes",
        ));
    }
    terminal.plain("");
    let mut error = std::io::stderr();
    // A question that cannot be shown is not answered with yes either.
    let _ = write!(error, "Type yes to go on: ").and_then(|()| error.flush());
    let mut typed = String::new();
    let is_read = input.read_line(&mut typed).is_ok();
    if is_read && typed.trim() == "yes" {
        Ok(())
    } else {
        Err(Failure::new("that is not yes; nothing was changed"))
    }
}

async fn side(chosen: &crate::account::Chosen, account: &Account) -> Result<Side, Failure> {
    Ok(Side {
        profile: Some(account.profile.clone()).filter(|name| chosen.local.is_none() && !name.is_empty()),
        region: account.region.clone(),
        account: account.number().await?,
        ..Side::default()
    })
}

/// The accounts of a trial that has ended before it was destroyed.
async fn reopened(state: &State, environment: &Environment) -> Result<(Account, Account), Failure> {
    let mut opened = Vec::new();
    for role in ["source", "destination"] {
        let side = state.side(role);
        let chosen = crate::account::Chosen {
            role,
            profile: Some(side.profile.clone().unwrap_or_default()),
            region: Some(side.region.clone()),
            local: state.local.clone(),
        };
        let account = Account::open(&chosen, environment).await?;
        let number = account.number().await?;
        if number != side.account {
            return Err(Failure::new(format!(
                "the trial was in the {role} account {}, and these credentials are of {number}; nothing was changed",
                side.account
            )));
        }
        opened.push(account);
    }
    match <[Account; 2]>::try_from(opened) {
        Ok([source, destination]) => Ok((source, destination)),
        Err(_) => Err(Failure::new("there are two accounts")),
    }
}

impl<'t, 'w> Running<'t, 'w> {
    fn new(
        given: &'t Trial,
        state: State,
        directory: PathBuf,
        accounts: &(Account, Account),
        recording: &Path,
        program: Option<&Path>,
        terminal: &'t mut Terminal<'w>,
    ) -> Result<Self, Failure> {
        let (source, destination) = (&state.source, &state.destination);
        let redaction = Redaction::new(&source.account, &destination.account, &[&state.id]);
        let tape = Tape::begin(recording, redaction, environment::now)
            .map_err(|error| Failure::new(format!("{} cannot be written: {error}", recording.display())))?;
        let tape = Arc::new(tape);
        let lock = directory.join(format!("{}.lock", state.id));
        let lock = File::create(&lock)
            .map_err(|error| Failure::new(format!("{} cannot be written: {error}", lock.display())))?;
        let [of_account, of_local] = POLL;
        Ok(Self {
            given,
            names: state.names(),
            directory,
            source: recorded(&accounts.0, "source", &tape),
            destination: recorded(&accounts.1, "destination", &tape),
            commands: Commands::find(program, &state)?,
            tape,
            interruption: Interruption::listen(),
            poll: given.poll.unwrap_or_else(|| {
                Duration::from_millis(if state.local.is_some() { of_local } else { of_account })
            }),
            state,
            lock,
            began: terminal.elapsed(),
            terminal,
            password: String::new(),
            contents: BTreeMap::new(),
            machines: Arc::new(Mutex::new(Vec::new())),
            report: Report::default(),
        })
    }

    fn account(&self, role: &str) -> &Account {
        if role == "source" { &self.source } else { &self.destination }
    }

    /// Runs a program, which holds the trial's lock as long as it runs, even if this command is killed.
    async fn run(&self, mut command: std::process::Command) -> Result<(), Failure> {
        let lock =
            self.lock.try_clone().map_err(|error| Failure::new(format!("the lock is lost: {error}")))?;
        command.stdin(lock);
        command::run(command, &self.interruption).await
    }

    /// The same for one whose output is the operator's to read: never where a program reads the report.
    async fn run_shown(&self, mut command: std::process::Command) -> Result<(), Failure> {
        if self.given.json {
            command.stdout(Stdio::from(std::io::stderr()));
        }
        self.run(command).await
    }

    /// Waits until no command of this trial runs that was started before this one.
    async fn lock(&mut self) -> Result<(), Failure> {
        loop {
            match self.lock.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    return Err(Failure::new(format!("the trial cannot be locked: {error}")));
                }
            }
            self.wait("another command of this trial is still running").await?;
        }
    }

    fn begin_step(&mut self) {
        self.began = self.terminal.elapsed();
    }

    /// Waits until something is polled again.
    async fn wait(&mut self, words: &str) -> Result<(), Failure> {
        self.interruption.check()?;
        if self.terminal.elapsed() - self.began > Duration::from_secs(STEP_SECONDS).as_secs_f64() {
            return Err(Failure::new(format!("it took too long: {words}")));
        }
        self.terminal.waiting(words);
        pause(self.poll).await;
        Ok(())
    }

    /// All of it, while what it makes is observed.
    async fn whole(&mut self) -> Result<(), Failure> {
        let ended = self.all_steps().await;
        self.end(ended).await
    }

    /// Every step until one fails.
    async fn all_steps(&mut self) -> Result<(), Failure> {
        let mut ended = Ok(());
        for step in STEPS {
            let words = step.words(&self.names);
            if ended.is_err() {
                self.report.step(&words, Outcome::NotBegun);
                continue;
            }
            self.terminal.line(&format!("== {words}"));
            self.begin_step();
            let done = self.step(*step).await;
            let seconds = self.terminal.elapsed() - self.began;
            self.report.step(&words, outcome(seconds, done.as_ref().err()));
            ended = done.map_err(|failure| Failure { text: format!("{words}: {failure}"), ..failure });
        }
        ended
    }

    /// Destroys all of it, and says how the trial has ended.
    async fn end(&mut self, ended: Result<(), Failure>) -> Result<(), Failure> {
        if let Err(failure) = &ended {
            self.terminal.plain(&format!("\n{failure}\n"));
        }
        self.terminal.line("== destroy everything");
        let began = self.terminal.elapsed();
        let left = self.destroy().await;
        let seconds = self.terminal.elapsed() - began;
        let failure = (!left.is_empty()).then(|| Failure::new("something is left"));
        self.report.step("destroy everything", outcome(seconds, failure.as_ref()));
        self.report.left.clone_from(&left);
        if !left.is_empty() {
            let again = shell_words(["scripts/trial", "--resume-destroy", &self.names.id]);
            let how = ended.err().map(|failure| format!("{failure}\n")).unwrap_or_default();
            return Err(Failure::new(format!(
                "{how}not everything could be destroyed:\n  {}\nto fix this: {again}",
                left.join("\n  ")
            )));
        }
        self.state.is_destroyed = true;
        self.state.write(&self.directory)?;
        self.terminal.line("nothing of the trial is left");
        ended?;
        if self.given.resume_destroy.is_none() {
            let rows = match self.report.compared {
                0 => "rows were not checked".to_owned(),
                number => format!("rows were compared {number} times, and are the same"),
            };
            self.terminal.line(&format!("the trial has ended well: two replications and a rollback; {rows}"));
        }
        Ok(())
    }
}

fn outcome(seconds: f64, failure: Option<&Failure>) -> Outcome {
    failure.map_or(Outcome::Succeeded(seconds), |failure| Outcome::Failed(seconds, failure.text.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_of_the_same_moment_have_ids_of_their_own() {
        let at = 1_795_711_234_567_890_123;
        let ids = [id(at, 1), id(at, 2), id(at + 1, 1)];
        assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids[1] != ids[2], "{ids:?}");
        assert!(ids.iter().all(|id| id.chars().all(|c| c.is_ascii_alphanumeric())), "{ids:?}");
    }

    #[test]
    fn a_trial_is_of_two_accounts_and_one_region() {
        let side = |account: &str, region: &str| Side {
            account: account.to_owned(),
            region: region.to_owned(),
            ..Side::default()
        };
        let of = |source, destination| {
            refuse(&State { id: "1".to_owned(), local: None, source, destination, is_destroyed: false })
        };
        of(side("1", "a"), side("2", "a")).unwrap();
        assert!(of(side("1", "a"), side("1", "a")).unwrap_err().text.contains("--destination-profile"));
        assert!(of(side("1", "a"), side("2", "b")).unwrap_err().text.contains("--destination-region"));
    }
}
