//! Destroys what a trial has made, however far it came, and names what is left. Safe to run again.

#[cfg(test)]
mod tests;

use std::fs::File;

use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_rds::types::{DbInstance, DbSnapshot, Tag};
use replication::progress::{InstanceStatus, Restored, SnapshotStatus};
use serde_json::{Value, json};

use super::Running;
use super::command::ask as ask_program;
use super::plan::{KEY_DAYS, TAG, VERSIONS};
use super::steps::{DESCRIBE_KEY, has_tag, tags};
use crate::failure::{Failure, fault};
use crate::question::{Question, ask};
use crate::status::facts::Stack;
use crate::status::observe::{DESTINATION_OUTPUTS, secret, stacks};

/// A snapshot or an instance may be in a state in which RDS does not delete it; then all of it is tried again.
const ATTEMPTS: u32 = 6;

/// The most objects that S3 deletes in one call are 1,000 (API of S3, `DeleteObjects`); these fit on a command line.
const MOST_OBJECTS: usize = 300;

const fn kms(operation: &'static str, target: &'static str) -> Question {
    Question { service: "kms", operation, target, version: "1.1" }
}

const SCHEDULE_DELETION: Question = kms("kms:ScheduleKeyDeletion", "TrentService.ScheduleKeyDeletion");

const fn logs(operation: &'static str, target: &'static str) -> Question {
    Question { service: "logs", operation, target, version: "1.1" }
}

const LOG_GROUPS: Question = logs("logs:DescribeLogGroups", "Logs_20140328.DescribeLogGroups");
const DELETE_LOG_GROUP: Question = logs("logs:DeleteLogGroup", "Logs_20140328.DeleteLogGroup");

/// The outputs by which a source stack of this project is known.
const SOURCE_OUTPUTS: [&str; 2] = ["TopicArn", "ScheduleRuleName"];
/// The parameters by which a destination stack and a source stack are known: one that is being created has no outputs yet, and
/// CloudFormation reads its functions from the bucket.
const PARAMETERS: [[&str; 2]; 2] =
    [["DatabaseName", "SourceTopicArn"], ["SourceDBSnapshotName", "ScheduleState"]];

/// Whether a stack is of this project, which uses the bucket of scripts/deploy.
fn is_of_project(stack: &Stack) -> bool {
    let has_outputs = |names: &[&str]| names.iter().all(|name| stack.outputs.contains_key(*name));
    let has_parameters = |names: &[&str; 2]| names.iter().all(|name| stack.parameters.contains_key(*name));
    has_outputs(&SOURCE_OUTPUTS) || has_outputs(&DESTINATION_OUTPUTS) || PARAMETERS.iter().any(has_parameters)
}

impl Running<'_, '_> {
    /// Destroys all of it; what is left, and why. The operator cannot interrupt it.
    pub(super) async fn destroy(&mut self) -> Vec<String> {
        self.interruption = self.interruption.ignored();
        let mut left = Vec::new();
        for role in ["destination", "source"] {
            if let Err(failure) = self.destroy_account(role).await {
                left.push(format!("{role} account: {failure}"));
            }
        }
        left
    }

    async fn destroy_account(&mut self, role: &'static str) -> Result<(), Failure> {
        let mut problems = Vec::new();
        self.begin_step();
        let is_begun = self.state.side(role).is_begun;
        if is_begun {
            self.note_made(role).await;
        }
        let stack = if is_begun { self.destroy_stack(role).await } else { Ok(()) };
        let is_stack_gone = stack.is_ok();
        problems.extend(stack.err());
        self.begin_step();
        if role == "source" {
            problems.extend(self.destroy_own().await.err());
        } else if !is_begun {
            // There is no secret. IAM refuses what is asked about one that is not there, if only its ARN is allowed.
        } else if is_stack_gone {
            problems.extend(self.delete_secret().await.err());
        } else {
            // Without it nobody knows which of the versions that are left is the current one, and none could be deleted.
            problems.push(Failure::new(format!(
                "the secret {} is kept until the stack and what it has made are gone",
                self.names.secret()
            )));
        }
        problems.extend(self.delete_log_groups(role).await.err());
        // Last, because until now something may have been under it.
        if problems.is_empty() {
            problems.extend(self.schedule_key_deletion(role).await.err());
        } else if !self.state.side(role).key.is_empty() {
            problems.push(Failure::new(format!(
                "the key {} is kept until the rest is gone",
                self.state.side(role).key
            )));
        }
        problems.extend(self.delete_bucket(role).await.err());
        let words: Vec<String> = problems.iter().map(ToString::to_string).collect();
        if words.is_empty() { Ok(()) } else { Err(Failure::new(words.join("\n  "))) }
    }

    /// Keeps for the report what the stack has made, which nobody has counted until now.
    async fn note_made(&mut self, role: &'static str) {
        let instances = self.made_instances(role).await.unwrap_or_default();
        let snapshots = self.made_snapshots(role).await.unwrap_or_default();
        for name in instances.iter().filter_map(DbInstance::db_instance_identifier) {
            self.report.created(role, "database", name);
        }
        for name in snapshots.iter().filter_map(DbSnapshot::db_snapshot_identifier) {
            self.report.created(role, "snapshot", name);
        }
    }

    /// The stack, its versions and its snapshots, with the command for that.
    async fn destroy_stack(&mut self, role: &'static str) -> Result<(), Failure> {
        let stack = self.names.stack(role);
        let mut why = String::new();
        for _ in 0..ATTEMPTS {
            let is_there = self.settled(role).await?;
            if is_there {
                self.note_stack(role).await?;
            } else if self.is_empty(role).await? {
                return Ok(());
            }
            let mut command = self.commands.destroy(role);
            command.args([
                "--stack-name",
                &stack,
                "--everything",
                "--skip-final-snapshots",
                "--yes",
                "--stop",
            ]);
            if role == "destination" {
                self.add_current(&mut command, is_there).await;
            }
            if let Err(failure) = self.run_quietly(command, role).await {
                why = format!(": {failure}");
            }
            self.await_deletion(role).await?;
        }
        if !self.settled(role).await? && self.is_empty(role).await? {
            return Ok(());
        }
        Err(Failure::new(format!("the stack {stack} and what it has made could not be destroyed{why}")))
    }

    /// Runs what says much that is not the operator's to do here: the rest is destroyed by this command.
    async fn run_quietly(&mut self, mut command: std::process::Command, role: &str) -> Result<(), Failure> {
        let log = self.directory.join(format!("{}-destroy-{role}.log", self.names.id));
        let failed =
            |error: std::io::Error| Failure::new(format!("{} cannot be written: {error}", log.display()));
        let file = File::options().create(true).append(true).open(&log).map_err(failed)?;
        command.stdout(file.try_clone().map_err(failed)?).stderr(file);
        self.terminal.line(&format!("scripts/destroy {role}, which writes {}", log.display()));
        self.run(command).await.map_err(|failure| {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            let why = said.rfind("failed: ").map_or("", |place| said[place..].trim_end());
            Failure { text: format!("{failure}; {why}"), ..failure }
        })
    }

    /// Waits until CloudFormation does nothing to the stack; whether it is there.
    async fn settled(&mut self, role: &str) -> Result<bool, Failure> {
        let name = self.names.stack(role);
        let mut is_asked = false;
        loop {
            let client = self.account(role).stacks();
            let found = match client.describe_stacks().stack_name(&name).send().await {
                Ok(found) => found,
                // CloudFormation has no other code for it.
                Err(error)
                    if error.code() == Some("ValidationError")
                        && error.message().is_some_and(|words| words.contains("does not exist")) =>
                {
                    return Ok(false);
                }
                Err(error) => return Err(fault("cloudformation:DescribeStacks", &error)),
            };
            let status = found.stacks().first().and_then(|stack| stack.stack_status());
            let status = status.map(|status| status.as_str().to_owned()).unwrap_or_default();
            if status == "REVIEW_IN_PROGRESS" {
                // Only a change set, which an interruption has left.
                if !std::mem::replace(&mut is_asked, true) {
                    let deleted = client.delete_stack().stack_name(&name).send().await;
                    deleted.map_err(|error| fault("cloudformation:DeleteStack", &error))?;
                }
            } else if !status.ends_with("_IN_PROGRESS") {
                return Ok(status != "DELETE_COMPLETE");
            }
            self.wait(&format!("the stack {name} is {status}")).await?;
        }
    }

    /// Lets the version that the secret names be deleted, too.
    async fn add_current(&self, command: &mut std::process::Command, is_there: bool) {
        let client = self.destination.secrets();
        let name = self.names.secret();
        if let Ok(named) = secret::read(&client, &name, &name).await {
            let current = named.pointer.host.split('.').next().unwrap_or_default().to_owned();
            if current.starts_with(&self.names.copies()) {
                command.args(["--confirm-current", &current]);
            }
        }
        if !is_there
            && let Ok(found) = client.describe_secret().secret_id(&name).send().await
            && let Some(arn) = found.arn()
        {
            command.args(["--secret", arn]);
        }
    }

    /// Waits for what is being deleted, and for what is not yet in a state in which it can be.
    async fn await_deletion(&mut self, role: &str) -> Result<(), Failure> {
        loop {
            let instances = self.made_instances(role).await?;
            let is_busy = |found: &DbInstance| {
                let status = InstanceStatus::from(found.db_instance_status().unwrap_or_default());
                matches!(status.restored(), Restored::Busy | Restored::Deleting)
            };
            let snapshots = self.made_snapshots(role).await?;
            let is_pending = |found: &DbSnapshot| {
                let status = SnapshotStatus::from(found.status().unwrap_or_default());
                status.is_deleting() || status.progress() == replication::progress::Progress::Pending
            };
            let instance =
                instances.iter().find(|one| is_busy(one)).and_then(|one| one.db_instance_identifier());
            let snapshot =
                snapshots.iter().find(|one| is_pending(one)).and_then(|one| one.db_snapshot_identifier());
            let Some(waited_for) = instance.or(snapshot).map(str::to_owned) else { return Ok(()) };
            self.wait(&format!("waiting for {waited_for}")).await?;
        }
    }

    /// Whether nothing of the stack is left.
    async fn is_empty(&self, role: &str) -> Result<bool, Failure> {
        Ok(self.made_instances(role).await?.is_empty() && self.made_snapshots(role).await?.is_empty())
    }

    /// The versions that the stack of the destination account has made.
    async fn made_instances(&self, role: &str) -> Result<Vec<DbInstance>, Failure> {
        let mut found = Vec::new();
        if role == "destination" {
            // One more than there should be.
            for version in 1..=VERSIONS + 1 {
                found.extend(self.instance(&self.destination, &self.names.version(version)).await?);
            }
        }
        Ok(found)
    }

    /// The snapshots that the stack of an account has made.
    async fn made_snapshots(&self, role: &str) -> Result<Vec<DbSnapshot>, Failure> {
        let prefix = if role == "source" { self.names.snapshots() } else { self.names.copies() };
        let request = self.account(role).rds().describe_db_snapshots().snapshot_type("manual");
        let answer = request.db_instance_identifier(self.names.base()).send().await;
        let answer = answer.map_err(|error| fault("rds:DescribeDBSnapshots", &error))?;
        let is_made =
            |one: &DbSnapshot| one.db_snapshot_identifier().is_some_and(|name| name.starts_with(&prefix));
        Ok(answer.db_snapshots.unwrap_or_default().into_iter().filter(is_made).collect())
    }

    /// What this command itself has made: by its name, and only with its tag.
    async fn destroy_own(&mut self) -> Result<(), Failure> {
        let mut problems = Vec::new();
        for name in [self.names.question(), self.names.base()] {
            problems.extend(self.delete_instance(&name).await.err().map(|failure| failure.to_string()));
        }
        for name in [self.names.question_copy(), self.names.question()] {
            problems.extend(self.delete_snapshot(&name).await.err().map(|failure| failure.to_string()));
        }
        if problems.is_empty() { Ok(()) } else { Err(Failure::new(problems.join("\n  "))) }
    }

    async fn delete_instance(&mut self, name: &str) -> Result<(), Failure> {
        let mut is_asked = false;
        loop {
            let account = self.source.clone();
            let Some(found) = self.instance(&account, name).await? else { return Ok(()) };
            let status = InstanceStatus::from(found.db_instance_status().unwrap_or_default());
            // What is on its way out may be gone when it is asked for its tags, and nothing more is done to it.
            let is_leaving = is_asked || status.restored() == Restored::Deleting;
            if !is_leaving {
                let tags = tags(&account, found.tag_list(), found.db_instance_arn()).await?;
                self.require_own(name, &tags)?;
            }
            if !is_leaving && status.is_deletable() {
                let request = account.rds().delete_db_instance().db_instance_identifier(name);
                let answer = request.skip_final_snapshot(true).delete_automated_backups(true).send().await;
                match answer {
                    Ok(_) => is_asked = true,
                    // What was described was not the newest.
                    Err(error)
                        if error.as_service_error().is_some_and(|error| {
                            error.is_db_instance_not_found_fault()
                                || error.is_invalid_db_instance_state_fault()
                        }) => {}
                    Err(error) => return Err(fault("rds:DeleteDBInstance", &error)),
                }
            }
            self.wait(&format!("{name} is {status}")).await?;
        }
    }

    async fn delete_snapshot(&mut self, name: &str) -> Result<(), Failure> {
        let client = self.source.rds();
        let mut is_asked = false;
        loop {
            let Some(found) = self.snapshot(name).await? else { return Ok(()) };
            let status = SnapshotStatus::from(found.status().unwrap_or_default());
            let is_leaving = is_asked || status.is_deleting();
            if !is_leaving {
                let tags = tags(&self.source, found.tag_list(), found.db_snapshot_arn()).await?;
                self.require_own(&format!("the snapshot {name}"), &tags)?;
            }
            if !is_leaving && status.progress() != replication::progress::Progress::Pending {
                match client.delete_db_snapshot().db_snapshot_identifier(name).send().await {
                    Ok(_) => is_asked = true,
                    // What was described was not the newest.
                    Err(error)
                        if error.as_service_error().is_some_and(|error| {
                            error.is_db_snapshot_not_found_fault()
                                || error.is_invalid_db_snapshot_state_fault()
                        }) => {}
                    Err(error) => return Err(fault("rds:DeleteDBSnapshot", &error)),
                }
            }
            self.wait(&format!("the snapshot {name} is {status}")).await?;
        }
    }

    fn require_own(&self, what: &str, tags: &[Tag]) -> Result<(), Failure> {
        if has_tag(tags, TAG, &self.names.id) {
            return Ok(());
        }
        Err(Failure::new(format!("{what} has no tag {} and is not touched", self.names.tag())))
    }

    /// At once: nobody else reads a secret of a trial.
    async fn delete_secret(&self) -> Result<(), Failure> {
        let request = self.destination.secrets().delete_secret().secret_id(self.names.secret());
        match request.force_delete_without_recovery(true).send().await {
            Err(error) if error.code() != Some("ResourceNotFoundException") => {
                Err(fault("secretsmanager:DeleteSecret", &error))
            }
            _ => Ok(()),
        }
    }

    /// Those that functions and RDS have made anew when the stack was gone already.
    async fn delete_log_groups(&self, role: &str) -> Result<(), Failure> {
        let account = self.account(role);
        for start in ["/aws/lambda/", "/aws/vendedlogs/states/", "/aws/rds/instance/"] {
            let prefix = format!("{start}{}", self.names.base());
            let found = ask(account, LOG_GROUPS, &json!({"logGroupNamePrefix": prefix})).await?;
            for group in found["logGroups"].as_array().into_iter().flatten() {
                ask(account, DELETE_LOG_GROUP, &json!({"logGroupName": group["logGroupName"]})).await?;
            }
        }
        Ok(())
    }

    async fn schedule_key_deletion(&mut self, role: &'static str) -> Result<(), Failure> {
        let key = self.state.side(role).key.clone();
        if key.is_empty() {
            return Ok(());
        }
        let asked = json!({"KeyId": key, "PendingWindowInDays": KEY_DAYS});
        match ask(self.account(role), SCHEDULE_DELETION, &asked).await {
            Ok(_) => {}
            // It is scheduled already, or gone.
            Err(failure)
                if ["KMSInvalidStateException", "NotFoundException"].contains(&failure.code.as_str()) => {}
            Err(failure) => return Err(failure),
        }
        let _ = ask(self.account(role), DESCRIBE_KEY, &json!({"KeyId": key})).await;
        self.terminal.line(&format!("the key {key} will be gone in {KEY_DAYS} days"));
        self.report.stays(role, "KMS key", &key, format!("KMS deletes it in {KEY_DAYS} days"));
        Ok(())
    }

    /// The bucket of scripts/deploy, if it was not there before and no other stack uses it now.
    async fn delete_bucket(&mut self, role: &'static str) -> Result<(), Failure> {
        if !self.state.side(role).makes_bucket {
            return Ok(());
        }
        let bucket = self.bucket(role);
        let others = stacks::all(self.account(role)).await?;
        if others.iter().any(is_of_project) {
            self.terminal.line(&format!("the bucket {bucket} stays: another stack of this project is there"));
            let why = "another stack of this project is there".to_owned();
            self.report.stays(role, "bucket", &bucket, why);
            return Ok(());
        }
        let listed = self.aws(role, &["s3api", "list-object-versions", "--bucket", &bucket]).await?;
        let Some(listed) = listed else { return Ok(()) };
        let kinds = ["Versions", "DeleteMarkers"];
        let objects = kinds.iter().flat_map(|kind| listed[*kind].as_array().into_iter().flatten());
        let objects: Vec<Value> =
            objects.map(|one| json!({"Key": one["Key"], "VersionId": one["VersionId"]})).collect();
        for some in objects.chunks(MOST_OBJECTS) {
            let some = json!({"Objects": some, "Quiet": true}).to_string();
            self.aws(role, &["s3api", "delete-objects", "--bucket", &bucket, "--delete", &some]).await?;
        }
        self.aws(role, &["s3api", "delete-bucket", "--bucket", &bucket]).await?;
        self.terminal.line(&format!("deleted the bucket {bucket}"));
        Ok(())
    }

    /// Whether scripts/deploy would make its bucket: only a clear answer says so, because it decides about deleting it.
    pub(super) async fn makes_bucket(&self, role: &'static str) -> Result<bool, Failure> {
        let bucket = self.bucket(role);
        let command = self.commands.aws(role, &["s3api", "head-bucket", "--bucket", &bucket]);
        let said = ask_program(command, "", &self.interruption).await?;
        Ok(!said.status.success() && said.error.contains("(404)"))
    }

    /// The bucket of scripts/deploy.
    pub(super) fn bucket(&self, role: &str) -> String {
        let side = self.state.side(role);
        format!("rds-replication-artifacts-{}-{}", side.account, side.region)
    }

    /// The answer of the AWS CLI; none if the thing does not exist.
    async fn aws(&self, role: &str, words: &[&str]) -> Result<Option<Value>, Failure> {
        let said = ask_program(self.commands.aws(role, words), "", &self.interruption).await?;
        if said.status.success() {
            return Ok(Some(serde_json::from_str(&said.output).unwrap_or_default()));
        }
        if said.error.contains("(NoSuchBucket)") {
            return Ok(None);
        }
        Err(Failure::new(format!("aws {}: {}", words.join(" "), said.error.trim())))
    }
}
