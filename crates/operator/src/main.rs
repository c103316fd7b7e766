//! `rds-replication`: what an operator does with replications from a shell.

mod account;
mod arguments;
mod doctor;
mod environment;
mod execution;
mod failure;
mod following;
mod functions;
mod hints;
mod output;
mod plan;
mod question;
mod replicate;
mod rollback;
mod screen;
mod settings;
mod status;
mod terminal;
#[cfg(test)]
mod tests;
mod times;
mod trial;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::arguments::{Arguments, Command};
use crate::environment::Environment;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let environment = Environment::of_process();
    match Arguments::parse().command {
        Command::Status(given) => status::run(&given, &environment).await.into(),
        Command::Replicate(given) => replicate::run(&given, &environment).await.into(),
        Command::Plan(given) => plan::run(&given, &environment).await.into(),
        Command::Rollback(given) => rollback::run(&given, &environment).await.into(),
        Command::Doctor(given) => Box::pin(doctor::run(&given, &environment)).await.into(),
        Command::Trial(given) => Box::pin(trial::run(&given, &environment)).await.into(),
        Command::Completions { shell } => {
            let mut command = Arguments::command();
            let name = command.get_name().to_owned();
            let mut words = Vec::new();
            clap_complete::generate(shell, &mut command, name, &mut words);
            match output::print(&String::from_utf8_lossy(&words)) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("failed: the completions cannot be written: {error}");
                    ExitCode::FAILURE
                }
            }
        }
    }
}
