//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use replication::rollback::RequestedVersion;
use serde_json::Value;

use crate::account::Chosen;
use crate::environment::Environment;
use crate::hints::{DESTINATION_STACK, Hints, SOURCE_STACK};
use crate::replicate::Replicate;
use crate::trial::options::Trial;

/// Replicates Amazon RDS databases between AWS accounts: what runs them, as far as an operator has to.
#[derive(Debug, Parser)]
#[command(name = "rds-replication", version, max_term_width = 120, disable_help_subcommand = true)]
pub struct Arguments {
    /// What is to be done.
    #[command(subcommand)]
    pub command: Command,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Says which version is live, which can be rolled back to, and how the last replications went, for every destination
    /// stack of the destination account.
    #[command(after_long_help = include_str!("status/help.txt"))]
    Status(Status),
    /// Starts one replication, or with --fleet those of many databases, and follows it through both accounts.
    #[command(after_long_help = include_str!("replicate/help.txt"))]
    Replicate(Replicate),
    /// Makes another version of the database live: moves the secret to it and follows that to its end.
    ///
    /// Nothing is deleted, and the next replication still makes the next free version.
    ///
    /// It goes in every direction: back to an older version, forward again to a newer one, and to a version that a stack with
    /// Promote=manual holds back. A version whose instance is gone but whose snapshot is kept is restored as a new version
    /// first. scripts/status lists the versions.
    #[command(after_long_help = include_str!("rollback/help.txt"))]
    Rollback(Rollback),
    /// Tries everything in two accounts with a small database of its own, records what AWS answers, and destroys all of it.
    ///
    /// It says first what it makes, how long that takes and what it costs, and asks. docs/trial.md has the rights that it needs
    /// and what becomes of the recording.
    #[command(after_long_help = include_str!("trial/help.txt"))]
    Trial(Box<Trial>),
    /// Says what a replication would do if it began now, and changes nothing: every call that changes something, with the names;
    /// what RDS is expected to copy, in full or only what changed; what would be deleted and marked, and why; how long it takes
    /// by the last runs; what it costs; and how near the quotas are.
    #[command(after_long_help = include_str!("plan/help.txt"))]
    Plan(Plan),
    /// Says what a first run will stumble over, and what a failed one has stumbled over, each with its remedy.
    ///
    /// It reads both accounts and changes nothing. What it may not read is a warning with the right that is missing.
    #[command(after_help = "\
Examples:
  scripts/doctor both                               after both stacks were deployed, or after a run has failed
  scripts/doctor source                             by whoever may enter the source account only
  scripts/doctor both --source-db orders            about a database of a fleet

Exits with 0 if there is no error, warnings or not, and with 1 if there is one. --json prints one document: errors, warnings
(how many), and findings, each with check, severity (ok, warning, error), place (source, destination, both), subject, what and,
if there is something to do, remedy.")]
    Doctor(Doctor),
    /// Prints what a shell needs to complete the words of this command.
    #[command(
        after_help = "Example: rds-replication completions bash > ~/.local/share/bash-completion/completions/rds-replication"
    )]
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// The options of `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// Print one JSON document instead of text.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub accounts: Accounts,
    /// Only this stack of the destination account; may be given more than once [default: every destination stack].
    #[arg(long, value_name = "NAME")]
    pub destination_stack: Vec<String>,
    /// Only this database; where the source stack replicates many, all that there is about this one [default: of many
    /// databases one line each, the worst first].
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub source_db: String,
    /// How many replications to report.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub last: u16,
}

/// The options of `rollback`.
#[derive(Debug, Args)]
pub struct Rollback {
    /// The version to make live; previous is the one whose data are next older than the live one's.
    #[arg(value_name = "VERSION|previous", default_value = "previous", value_parser = requested, allow_hyphen_values = true)]
    pub version: RequestedVersion,
    /// Print one JSON document at the end instead of text; what happens meanwhile goes to the standard error.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub account: DestinationAccount,
    /// Stack in the destination account.
    #[arg(long, value_name = "NAME", default_value = DESTINATION_STACK)]
    pub destination_stack: String,
    /// The database, where the stack holds versions of several; fail unless it holds versions of this one.
    #[arg(long, value_name = "NAME")]
    pub source_db: Option<String>,
    /// How long all of it may take.
    #[arg(long, value_name = "SECONDS", default_value = "86400", value_parser = seconds, allow_hyphen_values = true)]
    pub timeout: f64,
}

/// Which two stacks a command is about.
#[derive(Debug, Args)]
pub struct Stacks {
    /// Stack in the source account.
    #[arg(long, value_name = "NAME", default_value = SOURCE_STACK)]
    pub source_stack: String,
    /// Stack in the destination account.
    #[arg(long, value_name = "NAME", default_value = DESTINATION_STACK)]
    pub destination_stack: String,
}

/// The options of `plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// Print one JSON document instead of text.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub accounts: Accounts,
    #[command(flatten)]
    pub stacks: Stacks,
    /// The database to replicate [default: the source stack's parameter].
    #[arg(long, value_name = "NAME")]
    pub source_db: Option<String>,
    /// What a run of the source stack's fleet would do: which databases it chooses, and a line for each.
    #[arg(long, conflicts_with = "source_db")]
    pub fleet: bool,
    /// How many runs a month has, for the costs [default: as many as the schedule starts, if it is on].
    #[arg(long, value_name = "N")]
    pub runs_per_month: Option<u64>,
}

/// Which accounts the doctor examines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Examined {
    /// The source account.
    Source,
    /// The destination account.
    Destination,
    /// Both, and what is between them.
    Both,
}

/// The options of `doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Which accounts are examined.
    #[arg(value_enum, value_name = "ACCOUNT")]
    pub examined: Examined,
    /// Print one JSON document instead of text.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub accounts: Accounts,
    #[command(flatten)]
    pub stacks: Stacks,
    /// Another database of the source account than that of the source stack.
    #[arg(long, value_name = "NAME")]
    pub source_db: Option<String>,
}

fn requested(text: &str) -> Result<RequestedVersion, String> {
    if text != "previous" && !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("it is neither previous nor a version number from 1".to_owned());
    }
    RequestedVersion::try_from(Value::from(text)).map_err(|error| error.to_string())
}

/// A length of time that a command may take.
pub fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds > 0.0);
    seconds.ok_or_else(|| "it is not a number of seconds above 0".to_owned())
}

/// The options by which a command is given the destination account alone.
#[derive(Debug, Clone, Default, Args)]
pub struct DestinationAccount {
    /// Use the local cloud, started with scripts/local-cloud up (there: --directory).
    #[arg(long, value_name = "DIRECTORY", num_args = 0..=1, require_equals = true)]
    #[expect(clippy::option_option, reason = "clap tells an option without a value from none by it")]
    pub local: Option<Option<PathBuf>>,
    /// AWS profile of the destination account [default: destination or, if there is none, the credentials of the environment].
    #[arg(long, value_name = "NAME")]
    pub destination_profile: Option<String>,
    /// Region of the destination stack [default: AWS_REGION, else AWS_DEFAULT_REGION, else the profile's].
    #[arg(long, value_name = "REGION")]
    pub destination_region: Option<String>,
}

impl DestinationAccount {
    /// The same, where nothing is said about the source account.
    pub fn accounts(&self) -> Accounts {
        Accounts {
            local: self.local.clone(),
            destination_profile: self.destination_profile.clone(),
            destination_region: self.destination_region.clone(),
            ..Accounts::default()
        }
    }
}

/// The options by which every command is given the accounts that it works with.
#[derive(Debug, Clone, Default, Args)]
pub struct Accounts {
    /// Use the local cloud, started with scripts/local-cloud up (there: --directory).
    #[arg(long, value_name = "DIRECTORY", num_args = 0..=1, require_equals = true)]
    #[expect(clippy::option_option, reason = "clap tells an option without a value from none by it")]
    pub local: Option<Option<PathBuf>>,
    /// AWS profile of the source account [default: source or, if there is none, the credentials of the environment].
    #[arg(long, value_name = "NAME")]
    pub source_profile: Option<String>,
    /// Region of the source stack [default: AWS_REGION, else AWS_DEFAULT_REGION, else the profile's].
    #[arg(long, value_name = "REGION")]
    pub source_region: Option<String>,
    /// AWS profile of the destination account [default: destination or, if there is none, the credentials of the environment].
    #[arg(long, value_name = "NAME")]
    pub destination_profile: Option<String>,
    /// Region of the destination stack [default: AWS_REGION, else AWS_DEFAULT_REGION, else the profile's].
    #[arg(long, value_name = "REGION")]
    pub destination_region: Option<String>,
}

impl Accounts {
    /// What they say about the source account.
    pub fn source(&self, environment: &Environment) -> Chosen {
        Chosen {
            role: "source",
            profile: self.source_profile.clone(),
            region: self.source_region.clone(),
            local: self.local_cloud(environment),
        }
    }

    /// What they say about the destination account.
    pub fn destination(&self, environment: &Environment) -> Chosen {
        Chosen {
            role: "destination",
            profile: self.destination_profile.clone(),
            region: self.destination_region.clone(),
            local: self.local_cloud(environment),
        }
    }

    /// What a command that is printed has to be given too.
    pub fn hints(&self, environment: &Environment) -> Hints {
        let option = |directory: PathBuf| {
            if directory == environment.local_cloud {
                "--local".to_owned()
            } else {
                format!("--local={}", directory.display())
            }
        };
        Hints {
            local: self.local_cloud(environment).map(option),
            source_profile: self.source_profile.clone(),
            destination_profile: self.destination_profile.clone(),
            source_region: self.source_region.clone(),
            destination_region: self.destination_region.clone(),
            one_of_several: String::new(),
        }
    }

    fn local_cloud(&self, environment: &Environment) -> Option<PathBuf> {
        self.local.clone().map(|named| named.unwrap_or_else(|| environment.local_cloud.clone()))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn status(words: &[&str]) -> Result<Status, clap::Error> {
        let words = ["rds-replication", "status"].into_iter().chain(words.iter().copied());
        match Arguments::try_parse_from(words)?.command {
            Command::Status(status) => Ok(status),
            other => panic!("{other:?}"),
        }
    }

    fn environment() -> Environment {
        Environment {
            region: None,
            names_certificates: false,
            local_cloud: "/checkout/target/local-cloud".into(),
            is_without_colour: false,
        }
    }

    #[test]
    fn the_options_go_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_word_after_local_is_not_its_directory() {
        let local =
            |words: &[&str]| status(words).map(|given| given.accounts.destination(&environment()).local);
        assert_eq!(local(&["--local"]).unwrap(), Some("/checkout/target/local-cloud".into()));
        assert_eq!(local(&["--local=/tmp/one"]).unwrap(), Some("/tmp/one".into()));
        assert_eq!(local(&[]).unwrap(), None);
        assert_eq!(local(&["--local", "word"]).unwrap_err().kind(), ErrorKind::UnknownArgument);
    }

    fn rollback(words: &[&str]) -> Result<Rollback, clap::Error> {
        let words = ["rds-replication", "rollback"].into_iter().chain(words.iter().copied());
        match Arguments::try_parse_from(words)?.command {
            Command::Rollback(rollback) => Ok(rollback),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_no_version_and_no_length_is_wrong_usage() {
        for version in ["0", "-1", "1.5", "seven", "٣", "", "last", "+5"] {
            assert_eq!(rollback(&[version]).unwrap_err().exit_code(), 2, "{version:?}");
        }
        for version in ["4294967296", &"9".repeat(5000)] {
            let error = rollback(&[version]).unwrap_err();
            assert!(error.to_string().contains("larger than 4294967295"), "{error}");
        }
        for timeout in ["0", "-1", "-0.5", "nan", "inf", "soon", ""] {
            assert_eq!(rollback(&["--timeout", timeout]).unwrap_err().exit_code(), 2, "{timeout:?}");
        }
        assert_eq!(rollback(&[]).unwrap().version, RequestedVersion::Previous);
        assert_eq!(rollback(&["7", "--local"]).unwrap().version, RequestedVersion::Version(7));
        let help =
            Arguments::command().find_subcommand("rollback").unwrap().clone().render_long_help().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for words in [
            "back to an older version",
            "forward again to a newer one",
            "Promote=manual holds back",
            "previous",
        ] {
            assert!(help.contains(words), "{words}: {help}");
        }
    }

    #[test]
    fn hints_are_about_the_same_accounts() {
        let hints = |words: &[&str]| status(words).unwrap().accounts.hints(&environment()).rollback("7", "s");
        assert_eq!(hints(&["--local"]), "scripts/rollback 7 --destination-stack s --local");
        assert_eq!(
            hints(&["--local=/tmp/a cloud", "--destination-profile", "b"]),
            "scripts/rollback 7 --destination-stack s --destination-profile b '--local=/tmp/a cloud'"
        );
    }

    #[test]
    fn what_makes_no_sense_is_wrong_usage() {
        for last in ["0", "101", "-1", "x", "1.5", ""] {
            assert_eq!(status(&["--last", last]).unwrap_err().exit_code(), 2, "{last:?}");
        }
        assert_eq!(status(&["--last", "100"]).unwrap().last, 100);
        assert_eq!(
            status(&["--destination-stack", "a", "--destination-stack", "b"]).unwrap().destination_stack,
            ["a", "b"]
        );
    }
}
