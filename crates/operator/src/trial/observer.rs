//! Polls what a trial makes as long as it runs, so that the recording has every status and every field of it. What it is
//! answered goes nowhere else.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::plan::{Names, VERSIONS};
use crate::account::Account;
use crate::environment::pause;

/// So many polls of RDS for one of the secret.
const POLLS_FOR_SECRET: u32 = 5;

/// The state machines of the stacks, each with the role of its account: nobody knows them before the stacks are there.
pub type Machines = Arc<Mutex<Vec<(&'static str, String)>>>;

/// Polls for ever. Only what the trial has made is asked for, by its names.
pub async fn watch(source: Account, destination: Account, names: Names, machines: Machines, poll: Duration) {
    let mut round = 0;
    loop {
        look(&source, &names, &[names.base(), names.question()]).await;
        let versions: Vec<String> = (1..=VERSIONS).map(|version| names.version(version)).collect();
        look(&destination, &names, &versions).await;
        shared(&destination, &names).await;
        if round % POLLS_FOR_SECRET == 0 {
            // What is not there yet is an answer as well.
            let _ = destination.secrets().describe_secret().secret_id(names.secret()).send().await;
        }
        let known = machines.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (role, machine) in known {
            let account = if role == "source" { &source } else { &destination };
            let _ = account.machines().list_executions().state_machine_arn(machine).send().await;
        }
        round += 1;
        pause(poll).await;
    }
}

async fn look(account: &Account, names: &Names, instances: &[String]) {
    let client = account.rds();
    for name in instances {
        let _ = client.describe_db_instances().db_instance_identifier(name).send().await;
    }
    // Copies are found by the name of the database, too.
    let _ = client
        .describe_db_snapshots()
        .db_instance_identifier(names.base())
        .snapshot_type("manual")
        .send()
        .await;
}

/// What the source account shares.
async fn shared(account: &Account, names: &Names) {
    let request = account.rds().describe_db_snapshots().db_instance_identifier(names.base());
    let _ = request.snapshot_type("shared").include_shared(true).send().await;
}
