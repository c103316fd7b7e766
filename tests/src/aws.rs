//! One account, asked thousands of times: the SDK in place of the `aws` command, which takes a hundred times as much CPU.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_rds::types::Tag;
use aws_sdk_sfn::types::{ExecutionStatus, HistoryEventType};
use rds_access::{Instance, Snapshot};
use replication::lineage::DELETION_TAG;
use replication::secret::{Pointer, Secret};
use serde_json::Value;
use time::OffsetDateTime;
use tokio::runtime::Runtime;

use crate::account::{Account, Database};

/// The clients of one account, for one thread.
pub struct Aws {
    runtime: Runtime,
    machines: aws_sdk_sfn::Client,
    rds: aws_sdk_rds::Client,
    secrets: aws_sdk_secretsmanager::Client,
    topics: aws_sdk_sns::Client,
}

/// An execution, as Step Functions describes it.
#[derive(Debug, Clone)]
pub struct Execution {
    /// Its ARN.
    pub arn: String,
    /// How it stands.
    pub status: ExecutionStatus,
    /// When it started.
    pub started_at: OffsetDateTime,
    /// Its output, once it has succeeded.
    pub output: String,
    /// The name of the error, if it failed.
    pub error: String,
    /// What the error says.
    pub cause: String,
}

impl Aws {
    /// The clients of `account`.
    pub fn new(account: &Account) -> Self {
        let config = |endpoint: &str| {
            let secret = account.optional("AWS_SECRET_ACCESS_KEY").unwrap_or_default();
            let token = account.optional("AWS_SESSION_TOKEN").map(str::to_owned);
            let key = Credentials::new(account.variable("AWS_ACCESS_KEY_ID"), secret, token, None, "tests");
            SdkConfig::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new(account.variable("AWS_REGION").to_owned()))
                .endpoint_url(account.variable(endpoint))
                .http_client(aws_smithy_http_client::Builder::new().build_http())
                .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(key))
                .build()
        };
        let services = config("AWS_ENDPOINT_URL");
        Self {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
            machines: aws_sdk_sfn::Client::new(&services),
            rds: aws_sdk_rds::Client::new(&config("AWS_ENDPOINT_URL_RDS")),
            secrets: aws_sdk_secretsmanager::Client::new(&services),
            topics: aws_sdk_sns::Client::new(&services),
        }
    }

    /// Starts an execution with this input; its ARN.
    pub fn start(&self, machine: &str, input: &Value) -> String {
        let request = self.machines.start_execution().state_machine_arn(machine).input(input.to_string());
        self.runtime.block_on(request.send()).unwrap().execution_arn
    }

    /// Stops an execution.
    pub fn stop(&self, execution: &str) {
        let request = self.machines.stop_execution().execution_arn(execution).cause("a trial");
        self.runtime.block_on(request.send()).unwrap();
    }

    /// An execution, if there is one of this ARN.
    pub fn execution(&self, arn: &str) -> Option<Execution> {
        match self.runtime.block_on(self.machines.describe_execution().execution_arn(arn).send()) {
            Ok(found) => Some(Execution {
                arn: arn.to_owned(),
                started_at: OffsetDateTime::from_unix_timestamp(found.start_date.secs()).unwrap(),
                output: found.output.unwrap_or_default(),
                error: found.error.unwrap_or_default(),
                cause: found.cause.unwrap_or_default(),
                status: found.status,
            }),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_execution_does_not_exist()) => None,
            Err(error) => panic!("looking at {arn}: {error:?}"),
        }
    }

    /// The names of the executions of a machine, newest first; the newest hundred of them.
    pub fn executions(&self, machine: &str) -> Vec<String> {
        let request = self.machines.list_executions().state_machine_arn(machine).max_results(100);
        let found = self.runtime.block_on(request.send()).unwrap();
        found.executions.into_iter().map(|execution| execution.name).collect()
    }

    /// How every execution of a machine stands, newest first: its name and its status.
    pub fn statuses(&self, machine: &str) -> Vec<(String, ExecutionStatus)> {
        let pages =
            self.machines.list_executions().state_machine_arn(machine).into_paginator().items().send();
        let found = self.runtime.block_on(pages.collect::<Result<Vec<_>, _>>()).unwrap();
        found.into_iter().map(|execution| (execution.name, execution.status)).collect()
    }

    /// How many states an execution has entered, which is what Step Functions bills.
    pub fn transitions(&self, execution: &str) -> usize {
        let pages = self.machines.get_execution_history().execution_arn(execution).into_paginator().items();
        let events = self.runtime.block_on(pages.send().collect::<Result<Vec<_>, _>>()).unwrap();
        events.iter().filter(|event| event.state_entered_event_details().is_some()).count()
    }

    /// The states that an execution has entered, and when, oldest first.
    pub fn entered(&self, execution: &str) -> Vec<(String, OffsetDateTime)> {
        let pages = self.machines.get_execution_history().execution_arn(execution).into_paginator().items();
        let events = self.runtime.block_on(pages.send().collect::<Result<Vec<_>, _>>()).unwrap();
        let entered = events.iter().filter_map(|event| {
            let nanoseconds = event.timestamp.as_nanos();
            let name = event.state_entered_event_details()?.name.clone();
            Some((name, OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap()))
        });
        entered.collect()
    }

    /// The newest document of an execution that was left by a state.
    pub fn document(&self, execution: &str) -> Value {
        let request = self.machines.get_execution_history().execution_arn(execution).reverse_order(true);
        let history = self.runtime.block_on(request.send()).unwrap();
        let left = history.events.iter().find_map(|event| event.state_exited_event_details()?.output());
        serde_json::from_str(left.unwrap_or("null")).unwrap()
    }

    /// Whether the task of this state has succeeded in an execution.
    pub fn has_done(&self, execution: &str, state: &str) -> bool {
        let request = self.machines.get_execution_history().execution_arn(execution).reverse_order(true);
        let history = self.runtime.block_on(request.send()).unwrap();
        // A state whose error was caught is left too, so what comes before that counts. Newest first.
        history.events.windows(2).any(|pair| {
            let exited = pair[0].state_exited_event_details.as_ref();
            exited.is_some_and(|details| details.name == state)
                && matches!(
                    pair[1].r#type,
                    HistoryEventType::TaskSucceeded | HistoryEventType::LambdaFunctionSucceeded
                )
        })
    }

    /// The manual snapshots that a stack has made.
    pub fn snapshots(&self, stack: &str) -> Vec<Snapshot> {
        self.runtime.block_on(rds_access::snapshots_of_stack(&self.rds, stack)).unwrap()
    }

    /// The instances of the account.
    pub fn instances(&self) -> Vec<Instance> {
        self.runtime.block_on(async {
            let mut pages = self.rds.describe_db_instances().into_paginator().items().send();
            let mut instances = Vec::new();
            while let Some(found) = pages.next().await {
                instances.push(rds_access::read_instance(&found.unwrap()).unwrap());
            }
            instances
        })
    }

    /// The port of an instance's endpoint.
    pub fn port(&self, identifier: &str) -> Option<i32> {
        let request = self.rds.describe_db_instances().db_instance_identifier(identifier);
        let found = self.runtime.block_on(request.send()).unwrap();
        found.db_instances().first()?.endpoint()?.port()
    }

    /// An instance, once it can be used.
    pub fn available(&self, identifier: &str) -> Option<Database> {
        let request = self.rds.describe_db_instances().db_instance_identifier(identifier);
        let found = self.runtime.block_on(request.send()).unwrap();
        let instance =
            found.db_instances().first().filter(|one| one.db_instance_status() == Some("available"))?;
        let endpoint = instance.endpoint()?;
        Some(Database { host: endpoint.address()?.to_owned(), port: endpoint.port()?.to_string() })
    }

    /// Sets the deletion tag on an instance, as nobody should do by hand.
    pub fn mark(&self, instance: &Instance) {
        let (key, value) = DELETION_TAG;
        let tag = Tag::builder().key(key).value(value).build();
        let request = self.rds.add_tags_to_resource().resource_name(&instance.arn).tags(tag);
        self.runtime.block_on(request.send()).unwrap();
    }

    /// Begins to delete an instance, as an operator does.
    pub fn delete_instance(&self, identifier: &str) {
        let request = self.rds.delete_db_instance().db_instance_identifier(identifier);
        self.runtime.block_on(request.skip_final_snapshot(true).send()).unwrap();
    }

    /// A manual snapshot of the account, if it is there.
    pub fn snapshot(&self, identifier: &str) -> Option<Snapshot> {
        self.runtime.block_on(rds_access::snapshot(&self.rds, identifier)).unwrap()
    }

    /// Begins to make the smallest database, encrypted under a key and with an option group if they are named.
    pub fn create_instance(&self, identifier: &str, password: &str, key: Option<&str>, group: Option<&str>) {
        let request = self.rds.create_db_instance().db_instance_identifier(identifier).engine("postgres");
        let request = request.db_instance_class("db.t3.micro").allocated_storage(20).db_name("shop");
        let request = request.master_username("shop_owner").master_user_password(password);
        let request = request.set_kms_key_id(key.map(str::to_owned)).set_storage_encrypted(key.map(|_| true));
        self.runtime.block_on(request.set_option_group_name(group.map(str::to_owned)).send()).unwrap();
    }

    /// Begins to make a snapshot of an instance.
    pub fn create_snapshot(&self, of: &str, identifier: &str) {
        let request = self.rds.create_db_snapshot().db_instance_identifier(of);
        self.runtime.block_on(request.db_snapshot_identifier(identifier).send()).unwrap();
    }

    /// Begins to copy a snapshot under a key.
    pub fn copy_snapshot(&self, from: &str, to: &str, key: &str) {
        let request = self.rds.copy_db_snapshot().source_db_snapshot_identifier(from);
        let request = request.target_db_snapshot_identifier(to).kms_key_id(key);
        self.runtime.block_on(request.send()).unwrap();
    }

    /// Lets another account copy a snapshot.
    pub fn share_snapshot(&self, identifier: &str, account: &str) {
        let request = self.rds.modify_db_snapshot_attribute().db_snapshot_identifier(identifier);
        let request = request.attribute_name("restore").values_to_add(account);
        self.runtime.block_on(request.send()).unwrap();
    }

    /// Deletes a snapshot, as an operator does.
    pub fn delete_snapshot(&self, identifier: &str) {
        let request = self.rds.delete_db_snapshot().db_snapshot_identifier(identifier);
        self.runtime.block_on(request.send()).unwrap();
    }

    /// The text of a version of the secret.
    pub fn secret(&self, secret: &str, stage: &str) -> String {
        let request = self.secrets.get_secret_value().secret_id(secret).version_stage(stage);
        self.runtime.block_on(request.send()).unwrap().secret_string.unwrap()
    }

    /// Writes the secret, as an operator does.
    pub fn put_secret(&self, secret: &str, text: &str) {
        let request = self.secrets.put_secret_value().secret_id(secret).secret_string(text);
        self.runtime.block_on(request.send()).unwrap();
    }

    /// What a version of the secret names.
    pub fn pointer(&self, secret: &str, stage: &str) -> Pointer {
        Secret::parse(&self.secret(secret, stage)).unwrap().pointer
    }

    /// Publishes a message.
    pub fn publish(&self, topic: &str, message: &str) {
        let request = self.topics.publish().topic_arn(topic).message(message);
        self.runtime.block_on(request.send()).unwrap();
    }
}
