//! The options of `trial`.

use std::path::PathBuf;

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
    /// Begin nothing; destroy what the trial of this id has made, which was killed or could not destroy all of it.
    #[arg(long, value_name = "ID")]
    pub resume_destroy: Option<String>,
}
