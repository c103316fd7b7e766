//! One account, used as an operator uses it: with the exports that `scripts/local-cloud env` prints.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::{Value, json};

use crate::aws::Aws;
use crate::cloud::{root, run, script};
use crate::queue::Queue;
use crate::waiting::wait_for;

/// One of the two accounts.
pub struct Account {
    role: String,
    environment: BTreeMap<String, String>,
    deploying: Mutex<()>,
}

/// A database to connect to.
pub struct Database {
    /// The endpoint's name.
    pub host: String,
    /// The endpoint's port.
    pub port: String,
}

/// Where the server of `aws` commands is (`local_cloud/aws_cli.py`).
const AWS_SERVER: &str = "LOCAL_CLOUD_AWS";

/// How long any one thing may take here; a tenth of it is usual.
pub const LIMIT: Duration = Duration::from_mins(3);

impl Account {
    /// The account that these exports are for. A shell evaluates them, because that is what they are for. The `aws` commands
    /// run in the server in this directory.
    pub fn new(role: &str, exports: &str, aws_server: &Path) -> Self {
        let mut shell = Command::new("bash");
        shell.env_clear().env("PATH", std::env::var("PATH").unwrap());
        shell.args(["-c", &format!("{exports}\nenv --null")]);
        let environment = String::from_utf8(run(shell).stdout).unwrap();
        let mut environment: BTreeMap<String, String> = environment
            .split('\0')
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        environment.insert(AWS_SERVER.to_owned(), aws_server.display().to_string());
        Self { role: role.to_owned(), environment, deploying: Mutex::new(()) }
    }

    /// The account with nothing but the exports, as an operator has it: each `aws` command is started by itself.
    pub fn as_exported(&self) -> Self {
        let mut environment = self.environment.clone();
        environment.remove(AWS_SERVER);
        Self { role: self.role.clone(), environment, deploying: Mutex::new(()) }
    }

    /// The root of another account of the same cloud.
    pub fn of_number(&self, number: &str) -> Self {
        let mut environment = self.environment.clone();
        environment.insert("AWS_ACCESS_KEY_ID".to_owned(), number.to_owned());
        Self { role: number.to_owned(), environment, deploying: Mutex::new(()) }
    }

    /// The profile of this account's credentials, as the local cloud writes them.
    pub fn profile(&self) -> String {
        let key = |(name, variable): &(&str, &str)| {
            Some(format!("{name} = {}\n", self.environment.get(*variable)?))
        };
        let keys = [
            ("aws_access_key_id", "AWS_ACCESS_KEY_ID"),
            ("aws_secret_access_key", "AWS_SECRET_ACCESS_KEY"),
            ("aws_session_token", "AWS_SESSION_TOKEN"),
        ];
        keys.iter().filter_map(key).collect()
    }

    /// The same account in another Region.
    pub fn in_region(&self, region: &str) -> Self {
        let mut environment = self.environment.clone();
        for variable in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
            environment.insert(variable.to_owned(), region.to_owned());
        }
        Self { role: self.role.clone(), environment, deploying: Mutex::new(()) }
    }

    /// `source` or `destination`.
    pub fn role(&self) -> &str {
        &self.role
    }

    /// The account's number.
    pub fn number(&self) -> String {
        self.aws(&["sts", "get-caller-identity"])["Account"].as_str().unwrap().to_owned()
    }

    /// A variable, if the account has it: sessions of roles have more than the exports.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str)
    }

    /// A variable of the exports.
    pub fn variable(&self, name: &str) -> &str {
        &self.environment[name]
    }

    /// A command in the account's environment.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        // Only these variables, and the server's: what works here works for a user who pastes the exports.
        command.env_clear().envs(&self.environment);
        command
    }

    /// `aws`, without judging how it ends.
    pub fn try_aws(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(&self.program("aws"));
        command.args(arguments).args(["--output", "json"]);
        command.output().unwrap()
    }

    /// `aws`, which must succeed; its answer, null where it has none.
    pub fn aws(&self, arguments: &[&str]) -> Value {
        let output = self.try_aws(arguments);
        assert!(
            output.status.success(),
            "aws {} as {}: {}",
            arguments.join(" "),
            self.role,
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// A command of a shell in this account, as an operator copies it from what was printed; it must succeed. What `scripts/deploy`
    /// would build is there.
    pub fn shell(&self, printed: &str) {
        let is_deployment = printed.starts_with("scripts/deploy ");
        let mut command = self.command("bash");
        command
            .current_dir(root())
            .env("PATH", format!("{}:{}", root().join("target/tools/bin").display(), self.variable("PATH")));
        command
            .args(["-c", &if is_deployment { format!("{printed} --no-build") } else { printed.to_owned() }]);
        let _alone = is_deployment.then(|| self.deploying.lock().unwrap_or_else(PoisonError::into_inner));
        run(command);
    }

    /// `scripts/deploy` in this account.
    pub fn deploy(&self, stack: &str, parameters: &[(&str, &str)]) {
        let command = self.deployment(stack, parameters);
        // Two deployments at once would both make the account's bucket.
        let _alone = self.deploying.lock().unwrap_or_else(PoisonError::into_inner);
        run(command);
    }

    /// A stack like one that `scripts/deploy` has made here, of the packages that it has uploaded, with one command in
    /// place of its ten.
    pub fn deploy_like(&self, made: &str, stack: &str, parameters: &[(&str, &str)]) {
        let packaged = format!("{}-{}-{made}.yaml", self.number(), self.variable("AWS_REGION"));
        let packaged = root().join("target/deploy").join(packaged).display().to_string();
        let bucket = format!("rds-replication-artifacts-{}-{}", self.number(), self.variable("AWS_REGION"));
        let given: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut command = vec!["cloudformation", "deploy", "--stack-name", stack];
        command.extend(["--template-file", &packaged, "--s3-bucket", &bucket]);
        command.extend(["--capabilities", "CAPABILITY_IAM", "--parameter-overrides"]);
        command.extend(given.iter().map(String::as_str));
        // One at a time leaves the cloud's one process to those who have their stacks already.
        let _alone = self.deploying.lock().unwrap_or_else(PoisonError::into_inner);
        self.aws(&command);
    }

    /// `scripts/deploy` in this account, without judging how it ends.
    pub fn try_deploy(&self, stack: &str, parameters: &[(&str, &str)]) -> Output {
        let mut command = self.deployment(stack, parameters);
        let _alone = self.deploying.lock().unwrap_or_else(PoisonError::into_inner);
        command.output().unwrap()
    }

    /// `scripts/deploy --tags`, with nothing else to change.
    pub fn tag_stack(&self, stack: &str, tags: &[&str]) {
        let mut command = self.deployment(stack, &[]);
        for tag in tags {
            command.args(["--tags", tag]);
        }
        let _alone = self.deploying.lock().unwrap_or_else(PoisonError::into_inner);
        run(command);
    }

    fn deployment(&self, stack: &str, parameters: &[(&str, &str)]) -> Command {
        let mut command = script("deploy");
        command.envs(&self.environment).arg(&self.role).args(["--no-build", "--stack-name", stack]);
        for (name, value) in parameters {
            command.arg("--parameter").arg(format!("{name}={value}"));
            if *name == "DestinationAccountNumber" {
                command.args(["--confirm-destination-account", value]);
            }
        }
        command
    }

    /// The outputs of a stack.
    pub fn outputs(&self, stack: &str) -> BTreeMap<String, String> {
        let answer = self.aws(&["cloudformation", "describe-stacks", "--stack-name", stack]);
        let outputs = answer["Stacks"][0]["Outputs"].as_array().unwrap();
        outputs.iter().map(|output| (text(&output["OutputKey"]), text(&output["OutputValue"]))).collect()
    }

    /// The name of a resource of a stack.
    pub fn resource(&self, stack: &str, logical: &str) -> String {
        let named = ["--stack-name", stack, "--logical-resource-id", logical];
        let found = self.aws(&[&["cloudformation", "describe-stack-resource"], &named[..]].concat());
        text(&found["StackResourceDetail"]["PhysicalResourceId"])
    }

    /// The account with the rights of one of its roles, which is made to trust the account for that.
    pub fn with_role(&self, role: &str) -> Self {
        let root = format!("arn:aws:iam::{}:root", self.number());
        let trust = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": root, "Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
        let trust = trust.to_string();
        self.aws(&["iam", "update-assume-role-policy", "--role-name", role, "--policy-document", &trust]);
        let arn = text(&self.aws(&["iam", "get-role", "--role-name", role])["Role"]["Arn"]);
        let session = self.aws(&["sts", "assume-role", "--role-arn", &arn, "--role-session-name", "story"]);
        let mut environment = self.environment.clone();
        for (variable, field) in [
            ("AWS_ACCESS_KEY_ID", "AccessKeyId"),
            ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey"),
            ("AWS_SESSION_TOKEN", "SessionToken"),
        ] {
            environment.insert(variable.to_owned(), text(&session["Credentials"][field]));
        }
        Self { role: role.to_owned(), environment, deploying: Mutex::new(()) }
    }

    /// Makes a database with these options and waits until it can be used.
    pub fn create_database(&self, identifier: &str, password: &str, options: &[&str]) -> Database {
        self.begin_database(identifier, password, options);
        self.available_database(identifier)
    }

    /// Begins to make a database with these options.
    pub fn begin_database(&self, identifier: &str, password: &str, options: &[&str]) {
        let usual = [
            "rds",
            "create-db-instance",
            "--db-instance-identifier",
            identifier,
            "--engine",
            "postgres",
            "--db-instance-class",
            "db.m6i.large",
            "--allocated-storage",
            "20",
            "--db-name",
            "shop",
            "--master-username",
            "shop_owner",
            "--master-user-password",
            password,
        ];
        self.aws(&[&usual[..], options].concat());
    }

    /// Waits until a database can be used.
    pub fn available_database(&self, identifier: &str) -> Database {
        let asked = Aws::new(self);
        wait_for(&format!("{identifier} is available"), LIMIT, || asked.available(identifier))
    }

    /// An instance, as RDS describes it.
    pub fn instance(&self, identifier: &str) -> Value {
        self.aws(&["rds", "describe-db-instances", "--db-instance-identifier", identifier])["DBInstances"][0]
            .clone()
    }

    /// The identifiers of the account's instances that begin so.
    pub fn instances(&self, prefix: &str) -> Vec<String> {
        identifiers(
            &self.aws(&["rds", "describe-db-instances"])["DBInstances"],
            "DBInstanceIdentifier",
            prefix,
        )
    }

    /// The identifiers of the account's own snapshots that begin so.
    pub fn snapshots(&self, prefix: &str) -> Vec<String> {
        let answer = self.aws(&["rds", "describe-db-snapshots", "--snapshot-type", "manual"]);
        identifiers(&answer["DBSnapshots"], "DBSnapshotIdentifier", prefix)
    }

    /// Waits until a snapshot can be used; its description.
    pub fn available_snapshot(&self, identifier: &str) -> Value {
        let asked = Aws::new(self);
        wait_for(&format!("{identifier} is available"), LIMIT, || {
            asked.snapshot(identifier).filter(|snapshot| snapshot.status.as_str() == "available")
        });
        self.aws(&["rds", "describe-db-snapshots", "--db-snapshot-identifier", identifier])["DBSnapshots"][0]
            .clone()
    }

    /// What `psql` prints for a statement, without decoration.
    pub fn psql(&self, database: &Database, password: &str, statement: &str) -> String {
        String::from_utf8(run(self.psql_command(database, password, statement)).stdout)
            .unwrap()
            .trim()
            .to_owned()
    }

    /// Whether a password opens a database; what else could be wrong is a panic.
    pub fn opens(&self, database: &Database, password: &str) -> bool {
        let output = self.psql_command(database, password, "SELECT 1").output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        let is_refused = words.contains("password authentication failed");
        assert!(output.status.success() || is_refused, "{words}");
        !is_refused
    }

    fn psql_command(&self, database: &Database, password: &str, statement: &str) -> Command {
        let directory = std::fs::read_to_string(root().join("target/tools/postgres-bin")).unwrap();
        let mut command = self.command(&format!("{}/psql", directory.trim()));
        command.env("PGPASSWORD", password).args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"]);
        command.args(["--set", "ON_ERROR_STOP=1", "--username", "shop_owner", "--dbname", "shop"]);
        command.args(["--host", &database.host, "--port", &database.port, "--command", statement]);
        command
    }

    /// A queue of this account that receives what a topic of this account publishes.
    pub fn subscribe_queue(&self, name: &str, topic: &str) -> Queue<'_> {
        let url = text(&self.aws(&["sqs", "create-queue", "--queue-name", name])["QueueUrl"]);
        let attributes =
            self.aws(&["sqs", "get-queue-attributes", "--queue-url", &url, "--attribute-names", "QueueArn"]);
        let arn = text(&attributes["Attributes"]["QueueArn"]);
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": topic}}}]});
        let attributes = json!({"Policy": policy.to_string()}).to_string();
        self.aws(&["sqs", "set-queue-attributes", "--queue-url", &url, "--attributes", &attributes]);
        self.aws(&[
            "sns",
            "subscribe",
            "--topic-arn",
            topic,
            "--protocol",
            "sqs",
            "--notification-endpoint",
            &arn,
        ]);
        Queue::new(self, url)
    }

    /// What a function answers to each event, after the thing that it is about was given a status.
    pub fn walk(&self, function: &str, steps: &[Value]) -> Vec<Value> {
        let mut command = self.command(&self.program("python"));
        command.arg(root().join("tests/src/walk.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut walking = command.spawn().unwrap();
        let emulator = self.variable("AWS_ENDPOINT_URL_RDS");
        let order = json!({"function": function, "emulator": emulator, "steps": steps});
        walking.stdin.take().unwrap().write_all(order.to_string().as_bytes()).unwrap();
        let output = walking.wait_with_output().unwrap();
        assert!(output.status.success(), "walk.py ended with {}", output.status);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Starts an execution, as an operator does; its ARN.
    pub fn start(&self, machine: &str, input: &Value) -> String {
        let input = input.to_string();
        let started = self.aws(&[
            "stepfunctions",
            "start-execution",
            "--state-machine-arn",
            machine,
            "--input",
            &input,
        ]);
        text(&started["executionArn"])
    }

    /// Waits until an execution has ended, however it does; its description.
    pub fn ended(&self, arn: &str) -> Value {
        let asked = Aws::new(self);
        wait_for(&format!("{arn} ends"), LIMIT, || {
            asked.execution(arn).filter(|execution| execution.status != ExecutionStatus::Running)
        });
        self.execution(arn)
    }

    /// Waits until a machine has had so many executions and the newest has ended, however it did; its description.
    pub fn newest_ended(&self, machine: &str, number: usize) -> Value {
        let newest = wait_for("the execution starts", LIMIT, || {
            let executions = self.executions(machine);
            (executions.len() == number).then(|| text(&executions[0]["executionArn"]))
        });
        self.ended(&newest)
    }

    /// An execution: its status, its input and output, its error.
    pub fn execution(&self, arn: &str) -> Value {
        self.aws(&["stepfunctions", "describe-execution", "--execution-arn", arn])
    }

    /// Everything that happened in an execution.
    pub fn history(&self, arn: &str) -> Vec<Value> {
        let answer = self.aws(&["stepfunctions", "get-execution-history", "--execution-arn", arn]);
        answer["events"].as_array().unwrap().clone()
    }

    /// The executions of a machine, newest first.
    pub fn executions(&self, machine: &str) -> Vec<Value> {
        let answer = self.aws(&["stepfunctions", "list-executions", "--state-machine-arn", machine]);
        answer["executions"].as_array().unwrap().clone()
    }

    /// Everything that the functions of a stack have logged.
    pub fn logs(&self, stack: &str) -> String {
        let resources = self.aws(&["cloudformation", "describe-stack-resources", "--stack-name", stack]);
        let mut lines = String::new();
        for resource in resources["StackResources"].as_array().unwrap() {
            if resource["ResourceType"] != "AWS::Logs::LogGroup" {
                continue;
            }
            let group = text(&resource["PhysicalResourceId"]);
            let events = self.aws(&["logs", "filter-log-events", "--log-group-name", &group]);
            for event in events["events"].as_array().unwrap() {
                lines += &text(&event["message"]);
                lines.push('\n');
            }
        }
        lines
    }

    fn program(&self, name: &str) -> String {
        // A program is searched for on this process's path, not on the one of its own environment.
        let path = self.variable("PATH").split(':').map(|directory| format!("{directory}/{name}"));
        path.into_iter().find(|path| Path::new(path).exists()).unwrap()
    }
}

/// The text of a value that must be text.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

/// The tags of a description.
pub fn tags(described: &Value) -> BTreeMap<String, String> {
    let list = described["TagList"].as_array().unwrap();
    list.iter().map(|tag| (text(&tag["Key"]), text(&tag["Value"]))).collect()
}

fn identifiers(list: &Value, field: &str, prefix: &str) -> Vec<String> {
    let mut found: Vec<String> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|item| text(&item[field]))
        .filter(|identifier| identifier.starts_with(prefix))
        .collect();
    found.sort();
    found
}
