//! The RDS query API over real PostgreSQL servers, for the local two-account cloud: every instance is a server of its
//! own, a snapshot is a base backup of it, a copy is a copy, and whoever asks is checked by the local cloud.
//!
//! `rds-emulator --listen 127.0.0.1:PORT --data-dir DIR --cloud-url http://127.0.0.1:PORT --postgres-bin DIR [--config FILE]
//! [--available-flaps false ...]`: every timing, quota and switch is an option too.

mod admin;
mod answers;
mod api;
mod archive;
mod arn;
mod clock;
mod cloud;
mod emulator;
mod engines;
mod faults;
mod groups;
mod http;
mod kms;
mod model;
mod network;
mod operations;
mod parameters;
mod past;
mod postgres;
mod query;
mod refusal;
mod rules;
mod settings;
mod switches;
mod timing;
mod windows;
mod xml;

use std::collections::BTreeMap;
use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::cloud::Cloud;
use crate::emulator::{Config, Emulator};
use crate::kms::Keys;
use crate::postgres::Postgres;

const USAGE: &str = "usage: rds-emulator --listen 127.0.0.1:PORT --data-dir DIR --cloud-url http://127.0.0.1:PORT \
                     --postgres-bin DIR [--config FILE] [--NAME-OF-A-SWITCH VALUE ...]";

/// One thread serves everything; what blocks runs on threads of its own.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(tracing::Level::INFO).init();
    match run(std::env::args().skip(1).collect()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rds-emulator: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Vec<String>) -> Result<(), Box<dyn Error>> {
    let mut options = options(&arguments).ok_or(USAGE)?;
    let mut option = |name: &str| options.remove(name).ok_or_else(|| format!("{name} is missing\n{USAGE}"));
    let listen: SocketAddr = option("--listen")?.parse()?;
    let data_directory = std::path::absolute(PathBuf::from(option("--data-dir")?))?;
    let cloud_url = option("--cloud-url")?;
    let postgres = Postgres::find(&std::path::absolute(option("--postgres-bin")?)?)?;
    let config = options.remove("--config").map(|file| read_config(Path::new(&file))).transpose()?;
    let config =
        config.unwrap_or_default().with_options(&options).map_err(|error| format!("{error}\n{USAGE}"))?;
    config.timing.check()?;
    if !listen.ip().is_loopback() {
        return Err(format!("{listen} is not a loopback address, and nothing else is ever served").into());
    }
    let cloud =
        Cloud::new(&cloud_url).ok_or_else(|| format!("{cloud_url} is not of the form http://host:port"))?;

    let listener = TcpListener::bind(listen).await?;
    let (mut terminated, mut interrupted) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let emulator =
        Arc::new(Emulator::new(&data_directory, cloud, Keys::new(&cloud_url), postgres, config).await?);
    println!(
        "rds-emulator with PostgreSQL {} is ready on http://{}",
        emulator.postgres.version,
        listener.local_addr()?
    );
    let recorder = tokio::spawn(past::record(Arc::clone(&emulator)));
    tokio::select! {
        served = http::serve(listener, Arc::clone(&emulator)) => served?,
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    recorder.abort();
    emulator.stop().await?;
    Ok(())
}

/// Reads `--name value` pairs.
fn options(arguments: &[String]) -> Option<BTreeMap<String, String>> {
    arguments
        .chunks(2)
        .map(|pair| match pair {
            [name, value] if name.starts_with("--") => Some((name.clone(), value.clone())),
            _ => None,
        })
        .collect()
}

fn read_config(file: &Path) -> Result<Config, Box<dyn Error>> {
    Ok(serde_json::from_slice(&std::fs::read(file)?)?)
}
