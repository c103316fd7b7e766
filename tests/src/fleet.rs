//! A pair of stacks for many databases, and the runs of its fleet machine through both accounts.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::{Value, json};

use crate::account::{Account, Database, LIMIT, text};
use crate::aws::{Aws, Execution};
use crate::cloud::Cloud;
use crate::waiting::wait_for;

/// A source stack with a fleet machine, and a destination stack that takes whatever it replicates.
pub struct Fleet<'a> {
    cloud: &'a Cloud,
    name: String,
    /// Outputs of the source stack.
    pub source: BTreeMap<String, String>,
    /// Outputs of the destination stack.
    pub destination: BTreeMap<String, String>,
    /// How long a run may take.
    pub patience: Duration,
    source_account: Aws,
    destination_account: Aws,
}

impl<'a> Fleet<'a> {
    /// Deploys both stacks for the databases `<name>-*`. Versions are called `<name>-copy-<database>-<version>`, and secrets
    /// `<name>/read/<database>`.
    pub fn deploy(
        cloud: &'a Cloud,
        name: &str,
        for_source: &[(&str, &str)],
        for_destination: &[(&str, &str)],
    ) -> Self {
        let (a, b) = (&cloud.source, &cloud.destination);
        let (account, pattern) = (b.number(), format!("{name}-*"));
        let stacks = [format!("{name}-source"), format!("{name}-destination")];
        let snapshots = format!("{name}-snapshot");
        let usual = [
            ("SourceDBSnapshotName", snapshots.as_str()),
            ("DestinationAccountNumber", account.as_str()),
            ("Fleet", "true"),
            ("FleetNamePattern", pattern.as_str()),
        ];
        a.deploy(&stacks[0], &[&usual[..], for_source].concat());
        let source = a.outputs(&stacks[0]);
        let (copies, secrets) = (format!("{name}-copy"), format!("{name}/read"));
        let usual = [
            ("SourceTopicArn", source["TopicArn"].as_str()),
            ("SourceDBIdentifier", pattern.as_str()),
            ("DatabaseName", copies.as_str()),
            ("SecretName", secrets.as_str()),
        ];
        b.deploy(&stacks[1], &[&usual[..], for_destination].concat());
        let destination = b.outputs(&stacks[1]);
        Self {
            cloud,
            name: name.to_owned(),
            source,
            destination,
            patience: LIMIT * 4,
            source_account: Aws::new(a),
            destination_account: Aws::new(b),
        }
    }

    /// The name of the stack in an account.
    pub fn stack(&self, account: &Account) -> String {
        format!("{}-{}", self.name, account.role())
    }

    /// How the names of what is made of a database begin.
    pub fn copies(&self, database: &str) -> String {
        format!("{}-copy-{database}-", self.name)
    }

    /// Starts a run of the fleet, of these databases or of all, and waits for its end in the source account.
    pub fn run(&self, databases: &[&str]) -> Execution {
        let input = if databases.is_empty() { json!({}) } else { json!({"SourceDBIdentifiers": databases}) };
        self.ended(&self.source_account.start(&self.source["FleetStateMachineArn"], &input))
    }

    /// Runs the source machine for one database, as an operator does; its execution, however it has ended.
    pub fn run_alone(&self, database: &str) -> Execution {
        let input = json!({"SourceDBIdentifier": database});
        self.ended(&self.source_account.start(&self.source["StateMachineArn"], &input))
    }

    fn ended(&self, arn: &str) -> Execution {
        wait_for(&format!("{arn} ends"), self.patience, || {
            let execution = self.source_account.execution(arn)?;
            (execution.status != ExecutionStatus::Running).then_some(execution)
        })
    }

    /// The result of `report` in a run that has ended.
    pub fn report(&self, run: &Execution) -> Value {
        self.source_account.document(&run.arn)["report"].clone()
    }

    /// Waits until the destination machine has ended so many executions in all, however they have ended.
    pub fn wait_for_arrivals(&self, number: usize) {
        let machine = &self.destination["StateMachineArn"];
        let mut statuses = Vec::new();
        wait_for(&format!("{number} executions of {machine} have ended"), self.patience, || {
            statuses = self.destination_account.statuses(machine);
            let ended = statuses.iter().filter(|(_, status)| *status != ExecutionStatus::Running);
            (ended.count() >= number).then_some(())
        });
        assert_eq!(statuses.len(), number, "{statuses:?}");
    }

    /// How many states all executions of the fleet machine and those that it has started have entered, in both accounts.
    pub fn transitions(&self) -> usize {
        let (a, b) = (&self.source_account, &self.destination_account);
        let of_source = ["FleetStateMachineArn", "StateMachineArn"].map(|output| (a, &self.source[output]));
        let machines = of_source.into_iter().chain([(b, &self.destination["StateMachineArn"])]);
        let of_machine = |(account, machine): (&Aws, &String)| -> usize {
            let names = account.statuses(machine).into_iter().map(|(name, _)| execution_arn(machine, &name));
            names.map(|execution| account.transitions(&execution)).sum()
        };
        machines.map(of_machine).sum()
    }

    /// The executions of the destination machine that have not succeeded: their errors and causes.
    pub fn failed_arrivals(&self) -> Vec<(String, String)> {
        let machine = &self.destination["StateMachineArn"];
        let statuses = self.destination_account.statuses(machine).into_iter();
        let failed = statuses.filter(|(_, status)| *status != ExecutionStatus::Succeeded);
        let described =
            failed.filter_map(|(name, _)| self.destination_account.execution(&execution_arn(machine, &name)));
        described.map(|execution| (execution.error, execution.cause)).collect()
    }

    /// The database that the secret of a database names, and the identifier of the version.
    pub fn current(&self, database: &str) -> (Database, String) {
        let id = format!("{}/read/{database}", self.name);
        let secret: Value =
            serde_json::from_str(&self.destination_account.secret(&id, "AWSCURRENT")).unwrap();
        let host = text(&secret["db_host"]);
        let version = host.split('.').next().unwrap().to_owned();
        let port = self.destination_account.port(&version).unwrap();
        (Database { host, port: port.to_string() }, version)
    }

    /// The instances of the destination account whose names are those of versions of a database; foreign ones too.
    pub fn versions(&self, database: &str) -> Vec<String> {
        let (prefix, all) = (self.copies(database), self.destination_account.instances());
        let is_number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
        let names = all.into_iter().map(|instance| instance.identifier.as_str().to_owned());
        let mut found: Vec<String> =
            names.filter(|name| name.strip_prefix(&prefix).is_some_and(is_number)).collect();
        found.sort();
        found
    }

    /// The cloud that it is in.
    pub fn cloud(&self) -> &'a Cloud {
        self.cloud
    }
}

fn execution_arn(machine: &str, name: &str) -> String {
    format!("{}:{name}", machine.replace(":stateMachine:", ":execution:"))
}
