//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::account::Chosen;
use crate::environment::Environment;
use crate::hints::Hints;

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
            Command::Completions { .. } => panic!("another command"),
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
