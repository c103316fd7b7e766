//! What each step of a trial does, and how it is checked.

use std::sync::PoisonError;

use aws_sdk_rds::types::{DbInstance, DbSnapshot, Filter, Tag};
use aws_sdk_sfn::types::ExecutionListItem;
use replication::lineage;
use replication::progress::{InstanceStatus, Progress, SnapshotStatus};
use serde_json::{Value, json};

use super::Running;
use super::command::ask as ask_program;
use super::plan::{CLASS, STORAGE_GIB, Step, TAG, parameters};
use super::rows::{Answer, CONTENTS, DATABASE, Endpoint, USER, changes, contents, sql};
use crate::account::Account;
use crate::failure::{Failure, fault};
use crate::question::{Question, ask};
use crate::status::facts::Stack;
use crate::status::observe::{secret, stacks};

/// So many names in one question, as a poll of the functions asks for.
const MOST_NAMES: usize = 100;

/// So many events are in one page of an execution's history at most (API of Step Functions, `GetExecutionHistory`).
const MOST_EVENTS: i32 = 1_000;

/// Asks KMS for a key.
pub const DESCRIBE_KEY: Question = Question {
    service: "kms",
    operation: "kms:DescribeKey",
    target: "TrentService.DescribeKey",
    version: "1.1",
};

impl Running<'_, '_> {
    /// Does one step and checks it.
    pub(super) async fn step(&mut self, step: Step) -> Result<(), Failure> {
        self.interruption.check()?;
        match step {
            Step::SourceDatabase => self.create_source().await,
            Step::SourceStack => self.deploy("source").await,
            Step::DestinationStack => self.deploy("destination").await,
            Step::Questions => self.ask_questions().await,
            Step::Rows(version) => self.write_rows(version).await,
            Step::Replication(_) => self.replicate().await,
            Step::RollBack(version) => self.roll_back(version).await,
            Step::Live(version) => self.check_live(version).await,
        }
    }

    async fn create_source(&mut self) -> Result<(), Failure> {
        let made = self.source.secrets().get_random_password().password_length(32).exclude_punctuation(true);
        let made = made.require_each_included_type(true).send().await;
        let made = made.map_err(|error| fault("secretsmanager:GetRandomPassword", &error))?;
        self.password = made.random_password.unwrap_or_default();
        self.tape.forbid(&self.password);
        let name = self.names.base();
        let request = self.source.rds().create_db_instance().db_instance_identifier(&name).engine("postgres");
        let request = request.db_instance_class(CLASS).allocated_storage(STORAGE_GIB).storage_type("gp3");
        let request = request.db_name(DATABASE).master_username(USER).master_user_password(&self.password);
        let request = request.storage_encrypted(true).publicly_accessible(false).multi_az(false);
        // Without automated backups nothing is left of it when it is deleted.
        let request = request.backup_retention_period(0).auto_minor_version_upgrade(false).tags(self.tag());
        let request = request.set_db_subnet_group_name(self.given.source_subnet_group.clone());
        request.send().await.map_err(|error| fault("rds:CreateDBInstance", &error))?;
        self.report.created("source", "database", &name);
        self.available(&self.source.clone(), &name).await?;
        self.terminal.line(&format!("{name} is available"));
        Ok(())
    }

    /// The tag of everything that this command itself makes.
    pub(super) fn tag(&self) -> Tag {
        Tag::builder().key(TAG).value(&self.names.id).build()
    }

    async fn deploy(&mut self, role: &'static str) -> Result<(), Failure> {
        let number = self.state.destination.account.clone();
        let (of_trial, given) = if role == "source" {
            (self.names.source_parameters(&number), &self.given.source_parameter)
        } else {
            let stack = stacks::named(&self.source, &self.names.stack("source")).await?;
            (self.names.destination_parameters(stack.output("TopicArn")), &self.given.destination_parameter)
        };
        let mut command = self.commands.deploy(role);
        command.args(["--stack-name", &self.names.stack(role), "--tags", &self.names.tag()]);
        for parameter in parameters(of_trial, given) {
            command.args(["--parameter", &parameter]);
        }
        if role == "source" {
            command.args(["--confirm-destination-account", &number]);
        }
        if self.given.no_build {
            command.arg("--no-build");
        }
        if let Some(release) = &self.given.release {
            command.arg("--release").arg(release);
        }
        self.state.side_mut(role).is_begun = true;
        self.state.write(&self.directory)?;
        if self.state.side(role).makes_bucket {
            self.report.created(role, "bucket", self.bucket(role));
        }
        self.run_shown(command).await?;
        let stack = self.note_stack(role).await?;
        let machines = ["StateMachineArn", "RollbackStateMachineArn"].map(|output| stack.output(output));
        let machines = machines.into_iter().filter(|arn| !arn.is_empty()).map(|arn| (role, arn.to_owned()));
        self.machines.lock().unwrap_or_else(PoisonError::into_inner).extend(machines);
        self.observe_stack(role, &stack).await;
        Ok(())
    }

    /// Keeps what has to be destroyed and that only the stack knows.
    pub(super) async fn note_stack(&mut self, role: &'static str) -> Result<Stack, Failure> {
        let stack = stacks::named(self.account(role), &self.names.stack(role)).await?;
        self.report.created(role, "stack", &stack.name);
        if role == "destination" && !stack.output("SecretArn").is_empty() {
            self.report.created(role, "secret", self.names.secret());
        }
        let key = stack.output("KMSKeyArn");
        // A key that an operator has named is not the trial's. A stack that has failed may show no outputs any more.
        if stack.parameter("KMSKey").unwrap_or_default().is_empty() && !key.is_empty() {
            self.report.created(role, "KMS key", key);
            key.clone_into(&mut self.state.side_mut(role).key);
            self.state.write(&self.directory)?;
        }
        Ok(stack)
    }

    /// Asks once for what does not change: only the recording wants it.
    async fn observe_stack(&self, role: &'static str, stack: &Stack) {
        let account = self.account(role);
        let _ = ask(account, DESCRIBE_KEY, &json!({"KeyId": stack.output("KMSKeyArn")})).await;
        let topic = if role == "source" { stack.output("TopicArn") } else { stack.output("AlertTopicArn") };
        for (operation, words) in [
            ("GetTopicAttributes", "get-topic-attributes"),
            ("ListSubscriptionsByTopic", "list-subscriptions-by-topic"),
        ] {
            let command = self.commands.aws(role, &["sns", words, "--topic-arn", topic]);
            if let Ok(said) = ask_program(command, "", &self.interruption).await
                && let Ok(answer) = serde_json::from_str::<Value>(&said.output)
            {
                self.tape.note(role, "sns", operation, &answer);
            }
        }
        if role == "destination" {
            let secret = self.destination.secrets().list_secret_version_ids().secret_id(self.names.secret());
            let _ = secret.send().await;
        }
    }

    /// Makes the three calls whose answers decide what the functions may rely on, and waits for no more than they need.
    async fn ask_questions(&mut self) -> Result<(), Failure> {
        let account = self.source.clone();
        let (name, copy) = (self.names.question(), self.names.question_copy());
        // A snapshot of the run may still be in progress on the instance.
        self.available(&account, &self.names.base()).await?;
        let request = account.rds().create_db_snapshot().db_snapshot_identifier(&name).tags(self.tag());
        let request = request.db_instance_identifier(self.names.base());
        request.send().await.map_err(|error| fault("rds:CreateDBSnapshot", &error))?;
        self.report.created("source", "snapshot", &name);
        self.available_snapshot(&name).await?;
        self.ask_of_shared(&name).await;
        let request = account.rds().copy_db_snapshot().source_db_snapshot_identifier(&name).tags(self.tag());
        let request = request.target_db_snapshot_identifier(&copy);
        request.send().await.map_err(|error| fault("rds:CopyDBSnapshot", &error))?;
        self.report.created("source", "snapshot", &copy);
        self.available_snapshot(&copy).await?;
        let request = account.rds().restore_db_instance_from_db_snapshot().db_instance_identifier(&name);
        let request =
            request.db_snapshot_identifier(&copy).db_instance_class(CLASS).publicly_accessible(false);
        let request =
            request.set_db_subnet_group_name(self.given.source_subnet_group.clone()).tags(self.tag());
        request.send().await.map_err(|error| fault("rds:RestoreDBInstanceFromDBSnapshot", &error))?;
        self.report.created("source", "database", &name);
        self.terminal.line("asked; the instance is restored beside what follows, and destroyed at the end");
        Ok(())
    }

    /// What RDS says of a snapshot that is not shared and cannot be, and how it finds the copies of many databases. Whatever it
    /// answers, only the recording wants it; should it share the snapshot, then with the operator's own account, until the end.
    async fn ask_of_shared(&self, name: &str) {
        let (source, destination) = (self.source.rds(), self.destination.rds());
        let found = source.describe_db_snapshots().db_snapshot_identifier(name).send().await;
        if let Ok(found) = found
            && let Some(arn) = found.db_snapshots().first().and_then(|one| one.db_snapshot_arn())
        {
            let request = destination.describe_db_snapshots().include_shared(true);
            let _ = request.db_snapshot_identifier(arn).send().await;
        }
        let request = source.modify_db_snapshot_attribute().db_snapshot_identifier(name);
        let request = request.attribute_name("restore").values_to_add(&self.state.destination.account);
        let _ = request.send().await;
        let missing = (1..MOST_NAMES).map(|number| format!("{}-missing-{number}", self.names.base()));
        let names: Vec<String> = std::iter::once(self.names.base()).chain(missing).collect();
        let filter = Filter::builder().name("db-instance-id").set_values(Some(names)).build();
        let _ = destination.describe_db_snapshots().filters(filter.clone()).send().await;
        let _ = source.describe_db_instances().filters(filter).send().await;
    }

    async fn write_rows(&mut self, version: u32) -> Result<(), Failure> {
        let instance = self.instance(&self.source.clone(), &self.names.base()).await?;
        let Some(endpoint) = instance.as_ref().and_then(|found| endpoint("source", found)) else {
            return Err(Failure::new("the source database has no endpoint"));
        };
        let held = match self.sql(&endpoint, &changes(version)).await? {
            Answer::Unreachable(why) => Answer::Unreachable(why),
            Answer::Value(_) => contents(self.sql(&endpoint, CONTENTS).await?)?,
        };
        match held {
            Answer::Value(contents) => {
                self.terminal.line(&format!("the source database holds {contents}"));
                self.contents.insert(version, contents);
            }
            Answer::Unreachable(why) => self.terminal.line(&format!("rows are not checked: {why}")),
        }
        Ok(())
    }

    async fn sql(&self, endpoint: &Endpoint, text: &str) -> Result<Answer, Failure> {
        sql(&self.commands, &self.given.psql, endpoint, &self.password, text, &self.interruption).await
    }

    async fn replicate(&mut self) -> Result<(), Failure> {
        let mut command = self.commands.with_accounts("replicate");
        command.args(["--source-stack", &self.names.stack("source")]);
        command.args(["--destination-stack", &self.names.stack("destination")]);
        let ended = self.run_shown(command).await;
        // Also of a run that has failed.
        self.observe_runs().await;
        ended
    }

    async fn roll_back(&mut self, version: u32) -> Result<(), Failure> {
        let mut command = self.commands.with_destination("rollback");
        command.args(["--destination-stack", &self.names.stack("destination"), &version.to_string()]);
        let ended = self.run_shown(command).await;
        self.observe_runs().await;
        ended
    }

    /// Reads the newest execution of every machine, for the recording.
    async fn observe_runs(&self) {
        for (role, outputs) in [
            ("source", &["StateMachineArn"][..]),
            ("destination", &["StateMachineArn", "RollbackStateMachineArn"]),
        ] {
            let account = self.account(role);
            let Ok(stack) = stacks::named(account, &self.names.stack(role)).await else { continue };
            for output in outputs {
                let client = account.machines();
                let listed = client.list_executions().state_machine_arn(stack.output(output)).max_results(1);
                let Ok(listed) = listed.send().await else { continue };
                for arn in listed.executions().iter().map(ExecutionListItem::execution_arn) {
                    let _ = client.describe_execution().execution_arn(arn).send().await;
                    let history = client.get_execution_history().execution_arn(arn).max_results(MOST_EVENTS);
                    let mut pages = history.into_paginator().send();
                    // The next page of one that cannot be read is not known.
                    while let Some(Ok(_)) = pages.next().await {}
                }
            }
        }
    }

    /// The state, the tags and the secret; the rows, if the network lets this machine reach them.
    async fn check_live(&mut self, version: u32) -> Result<(), Failure> {
        let name = self.names.version(version);
        let destination = self.destination.clone();
        let wrong = |why: &str| Failure::new(format!("{name} is not as it should be: {why}"));
        let found = self.instance(&destination, &name).await?.ok_or_else(|| wrong("it is not there"))?;
        let stack = self.names.stack("destination");
        let tags = tags(&destination, found.tag_list(), found.db_instance_arn()).await?;
        for (key, value) in [(lineage::STACK, stack.as_str()), (TAG, &self.names.id)] {
            if !has_tag(&tags, key, value) {
                return Err(wrong(&format!("it has no tag {key}={value}")));
            }
        }
        let endpoint = endpoint("destination", &found).ok_or_else(|| wrong("it has no endpoint"))?;
        let named = secret::read(&destination.secrets(), &self.names.secret(), &self.names.secret()).await;
        let host =
            named.map_err(|why| wrong(&format!("the secret cannot be read ({})", why.0)))?.pointer.host;
        if host != endpoint.host {
            return Err(wrong(&format!("the secret names {host}")));
        }
        let _ = destination.secrets().list_secret_version_ids().secret_id(self.names.secret()).send().await;
        let Some(expected) = self.contents.get(&version).cloned() else {
            self.terminal
                .line(&format!("{name} is live: status, tags and secret are right; rows were not checked"));
            return Ok(());
        };
        match contents(self.sql(&endpoint, CONTENTS).await?).map_err(|failure| wrong(&failure.text))? {
            Answer::Value(contents) if contents == expected => {
                self.report.compared += 1;
                self.terminal.line(&format!("{name} is live and holds what was sent: {contents}"));
                Ok(())
            }
            Answer::Value(contents) => Err(wrong(&format!("it holds {contents}, and {expected} were sent"))),
            Answer::Unreachable(why) => {
                let words = "is live: status, tags and secret are right; rows were not checked";
                self.terminal.line(&format!("{name} {words}: {why}"));
                Ok(())
            }
        }
    }

    /// An instance; none if RDS does not have it.
    pub(super) async fn instance(
        &self,
        account: &Account,
        name: &str,
    ) -> Result<Option<DbInstance>, Failure> {
        let answer = account.rds().describe_db_instances().db_instance_identifier(name).send().await;
        match answer {
            Ok(answer) => Ok(answer.db_instances.unwrap_or_default().into_iter().next()),
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_db_instance_not_found_fault()) =>
            {
                Ok(None)
            }
            Err(error) => Err(fault("rds:DescribeDBInstances", &error)),
        }
    }

    async fn available(&mut self, account: &Account, name: &str) -> Result<(), Failure> {
        loop {
            let status = self.instance(account, name).await?.and_then(|found| found.db_instance_status);
            match progress(InstanceStatus::from(status.as_deref().unwrap_or_default()).source()) {
                Some(true) => return Ok(()),
                Some(false) => {
                    return Err(Failure::new(format!(
                        "{name} is {} and will not become available",
                        status.unwrap_or_default()
                    )));
                }
                None => {
                    self.wait(&format!("{name} is {}", status.as_deref().unwrap_or("not there yet"))).await?;
                }
            }
        }
    }

    async fn available_snapshot(&mut self, name: &str) -> Result<(), Failure> {
        loop {
            let status = self.snapshot(name).await?.and_then(|found| found.status);
            match progress(SnapshotStatus::from(status.as_deref().unwrap_or_default()).progress()) {
                Some(true) => return Ok(()),
                Some(false) => {
                    return Err(Failure::new(format!(
                        "the snapshot {name} is {}",
                        status.unwrap_or_default()
                    )));
                }
                None => {
                    self.wait(&format!(
                        "the snapshot {name} is {}",
                        status.as_deref().unwrap_or("not there yet")
                    ))
                    .await?;
                }
            }
        }
    }

    /// A snapshot in the source account; none if RDS does not have it, which it may say for a while of one that was just made.
    pub(super) async fn snapshot(&self, name: &str) -> Result<Option<DbSnapshot>, Failure> {
        match self.source.rds().describe_db_snapshots().db_snapshot_identifier(name).send().await {
            Ok(answer) => Ok(answer.db_snapshots.unwrap_or_default().into_iter().next()),
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_db_snapshot_not_found_fault()) =>
            {
                Ok(None)
            }
            Err(error) => Err(fault("rds:DescribeDBSnapshots", &error)),
        }
    }
}

/// Whether it has ended well or badly, if it has.
fn progress(progress: Progress) -> Option<bool> {
    match progress {
        Progress::Ready => Some(true),
        Progress::Failed => Some(false),
        Progress::Pending => None,
    }
}

/// Whether a tag is among these.
pub(super) fn has_tag(tags: &[Tag], key: &str, value: &str) -> bool {
    tags.iter().any(|tag| tag.key() == Some(key) && tag.value() == Some(value))
}

/// The tags of an instance or a snapshot. RDS has described things without any for hours; then it is asked for them.
pub(super) async fn tags(
    account: &Account,
    described: &[Tag],
    arn: Option<&str>,
) -> Result<Vec<Tag>, Failure> {
    let Some(arn) = arn.filter(|_| described.is_empty()) else { return Ok(described.to_vec()) };
    let answer = account.rds().list_tags_for_resource().resource_name(arn).send().await;
    Ok(answer.map_err(|error| fault("rds:ListTagsForResource", &error))?.tag_list.unwrap_or_default())
}

fn endpoint(role: &'static str, instance: &DbInstance) -> Option<Endpoint> {
    let endpoint = instance.endpoint()?;
    Some(Endpoint { role, host: endpoint.address()?.to_owned(), port: endpoint.port()? })
}
