//! The options of `trial`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::arguments::Accounts;

/// The options of `trial`.
#[derive(Debug, Args)]
pub struct Trial {
    #[command(flatten)]
    pub accounts: Accounts,
    /// Begin without asking.
    #[arg(long)]
    pub yes: bool,
    /// What reads and writes rows, as psql does: it gets psql's options, PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE, and
    /// SQL on its standard input. Where it reaches no database, rows are not checked.
    #[arg(long, value_name = "COMMAND", default_value = "psql")]
    pub psql: String,
    /// DB subnet group of the source database [default: the account's default one].
    #[arg(long, value_name = "NAME")]
    pub source_subnet_group: Option<String>,
    /// A parameter of the source stack; may be given more than once.
    #[arg(long, value_name = "KEY=VALUE")]
    pub source_parameter: Vec<String>,
    /// A parameter of the destination stack, such as Subnetgroups=...; may be given more than once.
    #[arg(long, value_name = "KEY=VALUE")]
    pub destination_parameter: Vec<String>,
    /// Deploy the functions in target/lambda as they are.
    #[arg(long)]
    pub no_build: bool,
    /// Deploy what scripts/release has made there.
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "no_build")]
    pub release: Option<PathBuf>,
    /// Where the recording is written, and what a trial that was killed has made [default: target/trial].
    #[arg(long, value_name = "DIRECTORY")]
    pub directory: Option<PathBuf>,
    /// How often what the trial makes is polled, for its recording: a status that is shorter may be missed [default: 5, in the
    /// local cloud 0.3].
    #[arg(long, value_name = "SECONDS", value_parser = poll)]
    pub poll: Option<Duration>,
    /// Print one JSON document at the end and nothing else; what happens meanwhile goes to the standard error.
    #[arg(long)]
    pub json: bool,
    /// Begin nothing; destroy what the trial of this id has made, which was killed or could not destroy all of it.
    #[arg(long, value_name = "ID")]
    pub resume_destroy: Option<String>,
}

/// The shortest and the longest time between two polls, in seconds: with less AWS throttles what others do in the account, too.
const POLL: [f64; 2] = [0.1, 60.0];

fn poll(text: &str) -> Result<Duration, String> {
    let [shortest, longest] = POLL;
    let seconds = text.parse::<f64>().ok().filter(|seconds| (shortest..=longest).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("a number of seconds from {shortest} to {longest} is needed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_is_neither_always_nor_never() {
        assert_eq!(poll("0.3"), Ok(Duration::from_millis(300)));
        for wrong in ["0", "-1", "61", "NaN", "inf", "5s", ""] {
            assert!(poll(wrong).unwrap_err().contains("from 0.1 to 60"), "{wrong}");
        }
    }
}
