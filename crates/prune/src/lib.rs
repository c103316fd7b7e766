//! `prune` makes what is superseded go, and only that. Both accounts use it.
//!
//! Converges to: the newest snapshots of each kind and, in the destination, the live version and the older ones kept
//! for rolling back; what `rotate-secret` has marked and is still superseded is deleted, one at a time and at most a
//! set number per run. The decision is [`replication::retention`]; here it is carried out. It may run again at any time:
//! it decides anew from what it finds. What RDS will not delete now is reported and found again by the next run.
//!
//! Needs: `rds:DescribeDBInstances`, `rds:DescribeDBSnapshots`, `rds:DeleteDBInstance`, `rds:DeleteDBSnapshot`; in the
//! destination `secretsmanager:GetSecretValue`, and for final snapshots `rds:CreateDBSnapshot` and
//! `rds:AddTagsToResource`.

mod instances;
mod snapshots;

use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use lambda_task::{AccountRole, Environment};
use replication::contract::Execution;
use replication::retention::{Decision, SnapshotRule};
use replication::{Error, ErrorName, naming};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

/// What the stack says.
#[derive(Debug, Clone)]
pub struct Config {
    stack: String,
    snapshots_to_keep: usize,
    max_deletions: usize,
    account: Account,
}

/// In which of the two accounts the function runs, and what only that one has.
#[derive(Debug, Clone)]
enum Account {
    /// Snapshots that the other account may still be copying for this long.
    Source { shared_snapshots_stay: Duration },
    /// Copies of databases, and a secret that names one of them.
    Destination(Versions),
}

#[derive(Debug, Clone)]
struct Versions {
    secret_arn: String,
    older_to_keep: usize,
    /// Whether a snapshot is made of an instance before it goes.
    final_snapshot: bool,
}

impl Config {
    /// The environment variables this function reads in both accounts.
    pub const ENVIRONMENT: &[&str] = &["STACK_NAME", "ACCOUNT_ROLE", "SNAPSHOTS_TO_KEEP", "MAX_DELETIONS"];
    /// The environment variables this function reads in the destination account only.
    pub const DESTINATION_ENVIRONMENT: &[&str] = &["SECRET_ARN", "NO_OF_OLDER_INSTANCES", "FINAL_SNAPSHOT"];
    /// The environment variables this function reads in the source account only.
    pub const SOURCE_ENVIRONMENT: &[&str] = &["SHARED_SNAPSHOT_HOURS"];

    /// Reads the function's environment.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable.
    pub fn read(environment: &Environment) -> Result<Self, Error> {
        let account = match AccountRole::read(environment)? {
            AccountRole::Source => {
                let hours: u32 = environment.parsed("SHARED_SNAPSHOT_HOURS", "a whole number from 0")?;
                Account::Source { shared_snapshots_stay: Duration::hours(hours.into()) }
            }
            AccountRole::Destination => Account::Destination(Versions {
                secret_arn: environment.text("SECRET_ARN")?,
                older_to_keep: environment.parsed("NO_OF_OLDER_INSTANCES", "a whole number from 0")?,
                final_snapshot: environment.parsed("FINAL_SNAPSHOT", "true or false")?,
            }),
        };
        Ok(Self {
            stack: environment.text("STACK_NAME")?,
            snapshots_to_keep: environment.parsed("SNAPSHOTS_TO_KEEP", "a whole number from 1")?,
            max_deletions: environment.parsed("MAX_DELETIONS", "a whole number from 0")?,
            account,
        })
    }
}

/// The event; only who asks matters, what to prune is read from RDS and the secret.
#[derive(Debug, Clone, Deserialize)]
pub struct Input {
    /// The execution that asks.
    pub execution: Execution,
}

/// What was decided and done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pruned {
    /// Every decision about an instance of this stack.
    pub instances: Vec<Decision>,
    /// Every decision about a snapshot of this stack.
    pub snapshots: Vec<Decision>,
    /// What RDS has begun to delete.
    pub deleted: Vec<String>,
    /// What was to be deleted and stays for now, with the reason.
    pub left: Vec<Left>,
    #[serde(skip)]
    refused: Vec<Error>,
}

/// Something that a later run deletes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Its identifier.
    pub identifier: String,
    /// Why it stays for now.
    pub reason: String,
}

/// How one deletion ended.
enum Deletion {
    Begun,
    AlreadyGone,
    NotNow(String),
}

impl Pruned {
    /// Whether one more deletion is allowed in this run; says so in the report if not.
    fn may_delete(&mut self, identifier: &str, at_most: usize) -> bool {
        let allowed = self.deleted.len() < at_most;
        if !allowed {
            let reason = format!("{at_most} deletions per run are allowed (MaxDeletionsPerRun)");
            self.left.push(Left { identifier: identifier.to_owned(), reason });
        }
        allowed
    }

    /// Notes how an action on one thing ended, and goes on: one thing's failure does not stop the rest.
    fn note(&mut self, identifier: &str, outcome: Result<Deletion, Error>) {
        match outcome {
            Ok(Deletion::Begun) => self.deleted.push(identifier.to_owned()),
            Ok(Deletion::AlreadyGone) => {}
            Ok(Deletion::NotNow(reason)) => {
                self.left.push(Left { identifier: identifier.to_owned(), reason })
            }
            Err(error) => {
                self.left.push(Left { identifier: identifier.to_owned(), reason: error.to_string() });
                self.refused.push(error);
            }
        }
    }

    /// The report, or an error if something was refused: first one that the machine may retry.
    fn conclude(self) -> Result<Self, Error> {
        if let Some(retryable) = self.refused.iter().find(|error| error.name().is_retryable()) {
            return Err(retryable.clone());
        }
        if self.refused.is_empty() {
            return Ok(self);
        }
        let texts: Vec<String> = self.refused.iter().map(ToString::to_string).collect();
        Err(Error::new(ErrorName::PruneIncomplete, "pruning").because(texts.join("; ")).advise(
            "the secret has moved and the rest is pruned; mend what is named and the next run prunes it",
        ))
    }
}

/// Prunes what this stack has made in this account.
///
/// # Errors
/// `PruneIncomplete`, `SecretInvalid`, or a fault of a service.
pub async fn run(
    rds: &Rds,
    secrets: &Secrets,
    config: &Config,
    _input: Input,
    now: OffsetDateTime,
) -> Result<Pruned, Error> {
    let mut pruned = Pruned::default();
    let copied_from = match &config.account {
        Account::Source { shared_snapshots_stay } => Some(naming::id_stamp(now - *shared_snapshots_stay)),
        Account::Destination(versions) => {
            instances::prune(rds, secrets, config, versions, &mut pruned).await?;
            None
        }
    };
    let rule = SnapshotRule { keep: config.snapshots_to_keep, copied_from };
    snapshots::prune(rds, config, &rule, &mut pruned).await?;
    for decision in pruned.instances.iter().chain(&pruned.snapshots) {
        tracing::info!(%decision, "decided");
    }
    pruned.conclude()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_refusal_does_not_hide_what_was_done_and_is_not_hidden_itself() {
        let mut pruned = Pruned::default();
        pruned.note("db-1", Ok(Deletion::Begun));
        pruned.note("db-2", Ok(Deletion::NotNow("it is modifying".into())));
        pruned.note("db-3", Err(Error::new(ErrorName::AccessDenied, "deleting database db-3")));
        assert_eq!(pruned.deleted, ["db-1"]);
        assert_eq!(pruned.left.len(), 2);
        let error = pruned.clone().conclude().unwrap_err();
        assert_eq!(error.name(), ErrorName::PruneIncomplete);
        assert!(error.to_string().contains("deleting database db-3"), "{error}");
        pruned.note("db-4", Err(Error::new(ErrorName::Throttled, "deleting database db-4")));
        assert_eq!(pruned.conclude().unwrap_err().name(), ErrorName::Throttled);
    }

    #[test]
    fn the_number_of_deletions_per_run_is_capped_and_said() {
        let mut pruned = Pruned::default();
        assert!(pruned.may_delete("db-1", 1));
        pruned.note("db-1", Ok(Deletion::Begun));
        assert!(!pruned.may_delete("db-2", 1));
        assert_eq!(pruned.left[0].identifier, "db-2");
    }
}
