//! `copy` makes the copy of this run exist under the right key, and says how far it is. Both accounts use it.
//!
//! Converges to, in the source account: a snapshot of this run that is encrypted under the shared key, which is the
//! source snapshot itself where that already holds. In the destination account: our own copy of the shared snapshot
//! under our own key. It may run again at any time: it looks for the copy by its name first, and what it finds with
//! this run's tags is its own. Nothing is deleted here; the newest earlier copy is what makes the next incremental.
//!
//! Needs: `rds:DescribeDBSnapshots`, `rds:ListTagsForResource`, `rds:DescribeAccountAttributes`, `rds:CopyDBSnapshot`,
//! `rds:AddTagsToResource`, `kms:DescribeKey`, and on each key what [`key::NEEDED_ACTIONS`] says; in the destination account also
//! `rds:DescribeDBInstances` and `secretsmanager:GetSecretValue`, to know what is live.

mod convergence;
mod destination;
pub mod key;
mod source;

use lambda_task::{AccountRole, Environment};
use replication::Error;
use replication::contract::{DbSnapshot, TargetDbSnapshot};
use replication::receiving::Rules;
use restore_options::Options;
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

/// What the stack says.
#[derive(Debug, Clone)]
pub struct Config {
    stack: String,
    key: String,
    deadline_seconds: u32,
    account: Account,
}

/// In which of the two accounts the function runs.
#[derive(Debug, Clone)]
enum Account {
    Source,
    Destination(Box<destination::Place>),
}

impl Config {
    /// Reads the function's environment.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable.
    pub fn read(environment: &Environment) -> Result<Self, Error> {
        let account = match AccountRole::read(environment)? {
            AccountRole::Source => Account::Source,
            AccountRole::Destination => {
                Account::Destination(Box::new(destination::Place {
                    secret_arn: environment.text("SECRET_ARN")?,
                    database_name: environment.parsed("DATABASE_NAME", "a database identifier")?,
                    source_database: environment.parsed("SOURCE_DB_IDENTIFIER", "a database identifier")?,
                    rules: Rules {
                        most_ahead: environment.parsed("MAX_VERSIONS_AHEAD", "a whole number from 1")?,
                        promotes: environment.choice("PROMOTE", ["manual", "automatic"])?,
                    },
                    copy_option_group: environment.parsed("COPY_OPTION_GROUP", "true or false")?,
                    // What the restore would refuse is refused before anything is copied.
                    restore_options: Options::read(environment)?,
                }))
            }
        };
        Ok(Self {
            stack: environment.text("STACK_NAME")?,
            key: environment.text("KMS_KEY")?,
            deadline_seconds: environment.parsed("STAGE_DEADLINE_SECONDS", "a number of seconds")?,
            account,
        })
    }
}

/// The result in either account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Copied {
    /// `targetDBSnapshot` of the source machine.
    Source(TargetDbSnapshot),
    /// `DBSnapshot` of the destination machine.
    Destination(DbSnapshot),
}

/// Looks for this run's copy and makes it if it is not there.
///
/// # Errors
/// `InvalidConfiguration` (a limit of growth that the storage has reached), `KeyUnusable`, `KeyNotAccessible`, `NotFound`,
/// `SourceMismatch`, `TooManyVersionsAhead`, `VersionsExhausted`, `CopyFailed`, `NameTaken`, `QuotaExceeded`,
/// `SecretInvalid`, `DeadlineExceeded`, or a fault of a service.
pub async fn run(
    rds: &aws_sdk_rds::Client,
    kms: &aws_sdk_kms::Client,
    secrets: &aws_sdk_secretsmanager::Client,
    config: &Config,
    input: Value,
    now: OffsetDateTime,
) -> Result<Copied, Error> {
    match &config.account {
        Account::Source => {
            source::run(rds, kms, config, lambda_task::parse(input)?, now).await.map(Copied::Source)
        }
        Account::Destination(place) => {
            destination::run(rds, kms, secrets, config, place, lambda_task::parse(input)?, now)
                .await
                .map(Copied::Destination)
        }
    }
}

#[cfg(test)]
mod tests {
    use replication::ErrorName;

    use super::*;

    fn environment(chosen: (&'static str, &'static str)) -> Environment {
        let flags = [
            "MULTI_AZ",
            "PUBLICLY_ACCESSIBLE",
            "IAM_DATABASE_AUTHENTICATION",
            "DELETION_PROTECTION",
            "AUTO_MINOR_VERSION_UPGRADE",
            "COPY_TAGS_TO_SNAPSHOT",
            "APPLY_SOURCE_TAGS",
            "COPY_OPTION_GROUP",
        ];
        let others = [
            ("ACCOUNT_ROLE", "destination"),
            ("STACK_NAME", "stack"),
            ("KMS_KEY", "key"),
            ("SECRET_ARN", "secret"),
            ("DATABASE_NAME", "copy"),
            ("SOURCE_DB_IDENTIFIER", "orders"),
            ("MAX_VERSIONS_AHEAD", "3"),
            ("PROMOTE", "automatic"),
            ("STAGE_DEADLINE_SECONDS", "60"),
        ];
        flags.map(|flag| (flag, "false")).into_iter().chain(others).chain([chosen]).collect()
    }

    /// > Every option that the restore would refuse ends the run before anything is copied.
    #[test]
    fn the_options_of_the_restore_are_judged_before_the_copy() {
        assert!(Config::read(&environment(("EXTRA_TAGS", "team=data"))).is_ok());
        for wrong in [
            ("EXTRA_TAGS", "rds-replication:stack=mine"),
            ("MAX_ALLOCATED_STORAGE", "2.5"),
            ("DB_PARAMETER_GROUP_NAME", "Orders"),
            ("PREFERRED_MAINTENANCE_WINDOW", "sun:00:10-mon:00:05"),
            ("PORT", "many"),
            ("MULTI_AZ", "perhaps"),
        ] {
            let error = Config::read(&environment(wrong)).unwrap_err();
            assert_eq!(error.name(), ErrorName::InvalidConfiguration);
            assert!(error.to_string().contains(wrong.0), "{error}");
        }
    }
}
