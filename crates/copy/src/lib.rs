//! `copy` makes the copy of this run exist under the right key, and reports its progress. Both accounts use it.
//!
//! Converges to, in the source account: a snapshot of this run that is encrypted under the shared key, which is the
//! source snapshot itself where that already holds. In the destination account: our own copy of the shared snapshot
//! under our own key. It may run again at any time: it finds the copy by its name first, and what it finds with
//! this run's tags is its own. The shared snapshot and its key may be in another Region: the copy is one call in this one.
//! Nothing is deleted here; the newest earlier copy is what makes the next incremental.
//!
//! Needs: `rds:DescribeDBSnapshots`, `rds:ListTagsForResource`, `rds:DescribeAccountAttributes`, `rds:CopyDBSnapshot`,
//! `rds:AddTagsToResource`, `kms:DescribeKey`, and on each key what [`replication::keys::NEEDED_ACTIONS`] says; in the destination account also
//! `rds:DescribeDBInstances` and `secretsmanager:GetSecretValue`, to know what is live; for several databases, whose secrets it
//! makes, `secretsmanager:DescribeSecret`, `secretsmanager:CreateSecret` and `secretsmanager:TagResource`. What the restore would refuse it
//! finds with `rds:DescribeOrderableDBInstanceOptions`, `rds:DescribeDBEngineVersions`, `rds:DescribeDBParameterGroups`,
//! `rds:DescribeOptionGroups` and `rds:DescribeDBSubnetGroups`; without one of these it reports that, and goes on.

mod convergence;
pub mod destination;
pub mod key;
mod preflight;
pub mod regions;
pub mod source;

use lambda_task::Environment;
use replication::Error;

/// What the stack says in either account.
#[derive(Debug, Clone)]
struct Settings {
    stack: String,
    key: String,
    deadline_seconds: u32,
}

impl Settings {
    /// Reads the function's environment.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable.
    fn read(environment: &Environment) -> Result<Self, Error> {
        Ok(Self {
            stack: environment.text("STACK_NAME")?,
            key: environment.text("KMS_KEY")?,
            deadline_seconds: environment.parsed("STAGE_DEADLINE_SECONDS", "a number of seconds")?,
        })
    }
}
