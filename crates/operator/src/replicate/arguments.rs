//! The options of `replicate`.

use clap::Args;

use crate::arguments::{Accounts, Stacks, seconds};

/// The options of `replicate`.
#[derive(Debug, Args)]
pub struct Replicate {
    /// Print one JSON document at the end; what happens meanwhile goes to the standard error.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub accounts: Accounts,
    #[command(flatten)]
    pub stacks: Stacks,
    /// Database to replicate [default: the source stack's parameter].
    #[arg(long, value_name = "NAME", conflicts_with = "fleet")]
    pub source_db: Option<String>,
    /// Start the source stack's state machine for many databases, or find the run that is under way, and follow it.
    #[arg(long, help_heading = "Many databases")]
    pub fleet: bool,
    /// With --fleet: continue this run of it, which was stopped or has failed; what that one has sent is not sent again.
    #[arg(long, value_name = "NAME", requires = "fleet", help_heading = "Many databases")]
    pub continue_run: Option<String>,
    /// How long all of it may take.
    #[arg(long, value_name = "SECONDS", default_value = "86400", value_parser = seconds, allow_hyphen_values = true)]
    pub timeout: f64,
    /// How long the destination may take to start once the source has sent its message.
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = seconds, allow_hyphen_values = true)]
    pub arrival: f64,
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use clap::error::ErrorKind;

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn replicate(words: &[&str]) -> Result<Replicate, clap::Error> {
        let words = ["rds-replication", "replicate"].into_iter().chain(words.iter().copied());
        match Arguments::try_parse_from(words)?.command {
            Command::Replicate(given) => Ok(given),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_number_that_makes_no_sense_is_wrong_usage() {
        for option in ["--timeout", "--arrival"] {
            for seconds in ["0", "-1", "-0.5", "nan", "inf", "soon", ""] {
                let error = replicate(&[option, seconds]).unwrap_err();
                assert_eq!(error.exit_code(), 2, "{option} {seconds:?}");
                assert!(error.to_string().contains(option), "{error}");
            }
        }
        let given = replicate(&["--timeout", "0.5", "--arrival=7"]).unwrap();
        assert!((given.timeout - 0.5).abs() < f64::EPSILON && (given.arrival - 7.0).abs() < f64::EPSILON);
    }

    #[test]
    fn one_database_and_many_exclude_each_other() {
        assert_eq!(
            replicate(&["--fleet", "--source-db", "orders"]).unwrap_err().kind(),
            ErrorKind::ArgumentConflict
        );
        assert_eq!(
            replicate(&["--continue-run", "before"]).unwrap_err().kind(),
            ErrorKind::MissingRequiredArgument
        );
        assert_eq!(replicate(&["--no-fleet"]).unwrap_err().kind(), ErrorKind::UnknownArgument);
        let given = replicate(&["--fleet", "--continue-run", "before"]).unwrap();
        assert!(given.fleet && given.continue_run.as_deref() == Some("before"));
    }
}
