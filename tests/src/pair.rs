//! A pair of stacks, source and destination, and the replications between them.

use std::collections::BTreeMap;
use std::process::Output;

use serde_json::Value;

use crate::account::{Account, Database, LIMIT, tags, text};
use crate::aws::Aws;
use crate::cloud::{Cloud, run, script};
use crate::waiting::wait_for;

/// A source stack in the source account and a destination stack in the destination account that listens to it.
pub struct Pair<'a> {
    cloud: &'a Cloud,
    source_account: &'a Account,
    destination_account: &'a Account,
    name: String,
    /// Outputs of the source stack.
    pub source: BTreeMap<String, String>,
    /// Outputs of the destination stack.
    pub destination: BTreeMap<String, String>,
}

/// A replication that has ended.
pub struct Replication {
    /// Whether `scripts/replicate` exited with 0.
    pub succeeded: bool,
    /// What it printed.
    pub printed: String,
    /// The ARN of the source machine's execution.
    pub source: String,
    /// The ARN of the destination machine's execution, if it started.
    pub destination: Option<String>,
}

impl<'a> Pair<'a> {
    /// Deploys both stacks for the database `<name>-db`, whose copies are called `<name>-copy-<version>`.
    pub fn deploy(
        cloud: &'a Cloud,
        name: &str,
        for_source: &[(&str, &str)],
        for_destination: &[(&str, &str)],
    ) -> Self {
        Self::deploy_to(cloud, &cloud.destination, name, for_source, for_destination)
    }

    /// The same, like the stacks of the pair with the name `made`.
    pub fn deploy_like(
        made: &str,
        cloud: &'a Cloud,
        name: &str,
        for_source: &[(&str, &str)],
        for_destination: &[(&str, &str)],
    ) -> Self {
        let deploy = |account: &Account, stack: &str, parameters: &[(&str, &str)]| {
            account.deploy_like(&format!("{made}-{}", account.role()), stack, parameters);
        };
        let accounts = [&cloud.source, &cloud.destination];
        Self::deploy_with(deploy, cloud, accounts, name, for_source, for_destination)
    }

    /// The same, with the destination stack in this account and its Region.
    pub fn deploy_to(
        cloud: &'a Cloud,
        destination_account: &'a Account,
        name: &str,
        for_source: &[(&str, &str)],
        for_destination: &[(&str, &str)],
    ) -> Self {
        Self::deploy_between(cloud, [&cloud.source, destination_account], name, for_source, for_destination)
    }

    /// The same, with the stacks in these two accounts and their Regions.
    pub fn deploy_between(
        cloud: &'a Cloud,
        accounts: [&'a Account; 2],
        name: &str,
        for_source: &[(&str, &str)],
        for_destination: &[(&str, &str)],
    ) -> Self {
        Self::deploy_with(Account::deploy, cloud, accounts, name, for_source, for_destination)
    }

    fn deploy_with(
        deploy: impl Fn(&Account, &str, &[(&str, &str)]),
        cloud: &'a Cloud,
        [source_account, destination_account]: [&'a Account; 2],
        name: &str,
        for_source: &[(&str, &str)],
        for_destination: &[(&str, &str)],
    ) -> Self {
        let database = format!("{name}-db");
        let account = destination_account.number();
        let stack = format!("{name}-source");
        let snapshot_name = format!("{name}-snapshot");
        let usual = [
            ("SourceDBIdentifier", database.as_str()),
            ("SourceDBSnapshotName", snapshot_name.as_str()),
            ("DestinationAccountNumber", account.as_str()),
        ];
        deploy(source_account, &stack, &[&usual[..], for_source].concat());
        let source = source_account.outputs(&stack);

        let stack = format!("{name}-destination");
        let (copies, secret) = (format!("{name}-copy"), format!("{name}/db/read"));
        let usual = [
            ("SourceTopicArn", source["TopicArn"].as_str()),
            ("SourceDBIdentifier", database.as_str()),
            ("DatabaseName", copies.as_str()),
            ("SecretName", secret.as_str()),
        ];
        deploy(destination_account, &stack, &[&usual[..], for_destination].concat());
        let destination = destination_account.outputs(&stack);
        Self { cloud, source_account, destination_account, name: name.to_owned(), source, destination }
    }

    /// The source database's identifier.
    pub fn database(&self) -> String {
        format!("{}-db", self.name)
    }

    /// How the names of the versions in the destination begin, instances and snapshots alike.
    pub fn copies(&self) -> String {
        format!("{}-copy-", self.name)
    }

    /// How the names of the snapshots in the source begin.
    pub fn snapshots(&self) -> String {
        format!("{}-snapshot-", self.name)
    }

    /// The name of the stack in an account.
    pub fn stack(&self, account: &Account) -> String {
        format!("{}-{}", self.name, account.role())
    }

    /// What `scripts/status` reports of this pair.
    pub fn status(&self) -> Value {
        let mut command = script("status");
        command.arg("--json").arg(format!("--local={}", self.cloud.directory().display()));
        command.args(["--destination-stack", &self.stack(self.destination_account)]);
        command.args(["--destination-region", self.destination_account.variable("AWS_REGION")]);
        let report: Value = serde_json::from_slice(&run(command).stdout).unwrap();
        report["databases"][0].clone()
    }

    /// What `scripts/plan` says of the next run, and whether it exits with 0.
    pub fn plan(&self) -> (Value, bool) {
        let region = self.destination_account.variable("AWS_REGION");
        let stack = |account: &Account| self.stack(account);
        let (source, destination) = (stack(self.source_account), stack(self.destination_account));
        let output = plan(self.cloud, [&source, &destination], &["--json", "--destination-region", region]);
        let plan = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        (plan, output.status.success())
    }

    /// Runs `scripts/replicate`, however it ends.
    pub fn try_replicate(&self) -> Replication {
        let mut command = script("replicate");
        command.arg(format!("--local={}", self.cloud.directory().display()));
        command.args(["--timeout", "180", "--arrival", "60"]);
        command.args(["--source-stack", &self.stack(self.source_account)]);
        command.args(["--destination-stack", &self.stack(self.destination_account)]);
        command.args(["--source-region", self.source_account.variable("AWS_REGION")]);
        command.args(["--destination-region", self.destination_account.variable("AWS_REGION")]);
        let output = command.output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
        let started = |role: &str| {
            printed.lines().find_map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                let &[_, who, "started", arn] = words.as_slice() else { return None };
                (who == role).then(|| arn.to_owned())
            })
        };
        let source =
            started("source").unwrap_or_else(|| panic!("the source machine did not start:\n{printed}"));
        Replication {
            succeeded: output.status.success(),
            destination: started("destination"),
            source,
            printed,
        }
    }

    /// Runs `scripts/replicate`, which must succeed.
    pub fn replicate(&self) -> Replication {
        let replication = self.try_replicate();
        assert!(replication.succeeded, "{}", replication.printed);
        replication
    }

    /// The output of the source machine.
    pub fn source_document(&self, replication: &Replication) -> Value {
        document(self.source_account, &replication.source)
    }

    /// The output of the destination machine.
    pub fn destination_document(&self, replication: &Replication) -> Value {
        document(self.destination_account, replication.destination.as_ref().unwrap())
    }

    /// Starts the rollback machine with the plain command; the description of the execution that has ended.
    pub fn try_roll_back(&self, input: &Value) -> Value {
        let destination = self.destination_account;
        destination.ended(&destination.start(&self.destination["RollbackStateMachineArn"], input))
    }

    /// Starts the rollback machine with the plain command, which must succeed; its output.
    pub fn roll_back(&self, input: &Value) -> Value {
        let execution = self.try_roll_back(input);
        assert_eq!(execution["status"], "SUCCEEDED", "{execution}");
        output(&execution)
    }

    /// A copy, as RDS describes it.
    pub fn copy(&self, version: u32) -> Value {
        self.destination_account.instance(&format!("{}{version}", self.copies()))
    }

    /// The versions that exist.
    pub fn versions(&self) -> Vec<u32> {
        let names = self.destination_account.instances(&self.copies());
        names.iter().map(|name| name.strip_prefix(&self.copies()).unwrap().parse().unwrap()).collect()
    }

    /// Waits until only the copies of these versions are left.
    pub fn wait_for_versions(&self, expected: &[u32]) {
        let (asked, prefix) = (Aws::new(self.destination_account), self.copies());
        wait_for(&format!("only {expected:?} of {prefix}"), LIMIT, || {
            let all = asked.instances().into_iter();
            let found = all.filter(|instance| instance.identifier.as_str().starts_with(&prefix));
            (found.count() <= expected.len()).then_some(())
        });
        assert_eq!(self.versions(), expected);
    }

    /// The versions that carry the deletion tag.
    pub fn marked(&self) -> Vec<u32> {
        let is_marked = |version: &u32| tags(&self.copy(*version)).contains_key("to-be-deleted");
        self.versions().into_iter().filter(is_marked).collect()
    }

    /// The secret's text.
    pub fn secret(&self) -> String {
        self.secret_at("AWSCURRENT")
    }

    /// The text of the secret's version with a label.
    pub fn secret_at(&self, label: &str) -> String {
        let named = ["--secret-id", &self.destination["SecretArn"], "--version-stage", label];
        let answer =
            self.destination_account.aws(&[&["secretsmanager", "get-secret-value"], &named[..]].concat());
        text(&answer["SecretString"])
    }

    /// Writes the secret's text, as an operator does.
    pub fn put_secret(&self, value: &str) {
        let secret = &self.destination["SecretArn"];
        self.destination_account.aws(&[
            "secretsmanager",
            "put-secret-value",
            "--secret-id",
            secret,
            "--secret-string",
            value,
        ]);
    }

    /// The database that the secret names.
    pub fn current_copy(&self) -> Database {
        let secret: Value = serde_json::from_str(&self.secret()).unwrap();
        let host = text(&secret["db_host"]);
        let (identifier, _) =
            host.split_once('.').unwrap_or_else(|| panic!("no endpoint in the secret: {host:?}"));
        let copy = self.destination_account.available_database(identifier);
        assert_eq!(copy.host, host, "the secret names the endpoint as RDS describes it");
        copy
    }
}

/// `scripts/plan` for a source and a destination stack, however it ends.
pub fn plan(cloud: &Cloud, [source, destination]: [&str; 2], options: &[&str]) -> Output {
    let mut command = script("plan");
    command.arg(format!("--local={}", cloud.directory().display())).args(options);
    command.args(["--source-stack", source, "--destination-stack", destination]);
    command.output().unwrap()
}

fn document(account: &Account, execution: &str) -> Value {
    output(&account.execution(execution))
}

/// The output of an execution that is described.
fn output(execution: &Value) -> Value {
    serde_json::from_str(&text(&execution["output"])).unwrap()
}

/// A password for one story, known to nobody else.
pub fn password() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    format!("Pw{:x}", since.as_nanos())
}

/// Makes a table of so many rows, the same every time.
pub fn fill(account: &Account, database: &Database, password: &str, rows: u32) {
    account.psql(
        database,
        password,
        &format!(
            "CREATE TABLE items (id bigint PRIMARY KEY, price numeric(12, 2), about jsonb, at timestamptz);
             INSERT INTO items SELECT n, n * 1.07, jsonb_build_object('n', n, 'hash', md5(n::text)),
               timestamptz '2026-01-01 00:00:00+00' + n * interval '1 minute' FROM generate_series(1, {rows}) AS n"
        ),
    );
}

/// A count and a checksum over every row and column.
pub fn contents(account: &Account, database: &Database, password: &str) -> String {
    let statement =
        "SET timezone = 'UTC'; SELECT count(*), md5(string_agg(items::text, ',' ORDER BY id)) FROM items";
    account.psql(database, password, statement)
}
