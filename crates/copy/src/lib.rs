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
    Destination(destination::Place),
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
                // What the restore would refuse is refused before anything is copied.
                lambda_task::windows(environment)?;
                Account::Destination(destination::Place {
                    secret_arn: environment.text("SECRET_ARN")?,
                    database_name: environment.parsed("DATABASE_NAME", "a database identifier")?,
                    source_database: environment.parsed("SOURCE_DB_IDENTIFIER", "a database identifier")?,
                    most_versions_ahead: environment.parsed("MAX_VERSIONS_AHEAD", "a whole number from 1")?,
                    copy_option_group: environment.parsed("COPY_OPTION_GROUP", "true or false")?,
                })
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
/// `KeyUnusable`, `KeyNotAccessible`, `NotFound`, `SourceMismatch`, `TooManyVersionsAhead`, `VersionsExhausted`,
/// `CopyFailed`, `NameTaken`, `QuotaExceeded`, `SecretInvalid`, `DeadlineExceeded`, or a fault of a service.
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
