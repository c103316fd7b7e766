//! AWS to facts: everything that the command reads, and nothing that it makes of it.
//!
//! What cannot be read becomes [`Unreadable`] with the error's code, so that the rest is still reported.
//!
//! Needs in the destination account: `cloudformation:DescribeStacks`, `cloudformation:ListStackResources`,
//! `rds:DescribeDBInstances`, `rds:DescribeDBSnapshots`, `rds:ListTagsForResource`, `secretsmanager:GetSecretValue`,
//! `secretsmanager:DescribeSecret`, `states:ListExecutions`, `states:DescribeExecution`, `states:GetExecutionHistory`,
//! `cloudwatch:DescribeAlarms`, `sqs:GetQueueAttributes`; in the source account, if it is to be reported:
//! `cloudformation:DescribeStacks`, `cloudformation:DescribeStackResource`, `rds:DescribeDBSnapshots`,
//! `rds:DescribeDBSnapshotAttributes`, the same three of `states`, `events:DescribeRule`.

pub mod databases;
pub mod fleet;
pub mod machines;
pub mod secret;
pub mod single;
pub mod source;
pub mod stacks;
#[cfg(test)]
pub mod tests;

use std::collections::BTreeSet;

use replication::destination::SourceDatabases;
use replication::lineage;
use replication::secret::Pointer;
use time::OffsetDateTime;

use self::source::SourceAccount;
use super::facts::{Database, Facts, Instance, Named, Read, Run, Snapshot, Stack, Unreadable, includes};
use crate::account::Account;
use crate::execution::Execution;
use crate::failure::Failure;

/// The outputs by which a destination stack is known among all stacks of an account.
pub const DESTINATION_OUTPUTS: [&str; 3] = ["SecretArn", "StateMachineArn", "LaunchFunctionName"];

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Only these destination stacks; all if there are none.
    pub stacks: Vec<String>,
    /// How many replications are reported.
    pub last: usize,
    /// When.
    pub now: OffsetDateTime,
    /// Only this database; all if it is empty.
    pub source_db: String,
}

impl From<Failure> for Unreadable {
    fn from(failure: Failure) -> Self {
        Self(failure.code)
    }
}

/// Everything about the databases whose versions the destination account holds. `source` is the account or, where it cannot
/// be entered at all, why.
///
/// # Errors
/// If the stacks of the destination account cannot be read, or there is none that is asked for.
pub async fn facts(destination: &Account, source: Read<Account>, asked: &Asked) -> Result<Facts, Failure> {
    let mut found = destination_stacks(destination, &asked.stacks).await?;
    if !asked.source_db.is_empty() {
        found.retain(|stack| includes(&stack.database(), &asked.source_db));
        if found.is_empty() {
            let database = &asked.source_db;
            return Err(Failure::new(format!("no destination stack here takes messages about {database}")));
        }
        found = found.iter().map(|stack| stack.for_database(&asked.source_db)).collect::<Result<_, _>>()?;
    }
    let topics: Vec<String> =
        found.iter().filter_map(|stack| stack.parameter("SourceTopicArn")).map(str::to_owned).collect();
    let account = destination.number().await?;
    let instances = databases::instances(destination).await.map_err(Unreadable::from);
    let snapshots = databases::snapshots(destination, &BTreeSet::new()).await.map_err(Unreadable::from);
    let mut source = SourceAccount::open(source).await;
    let mut databases = Vec::new();
    for stack in &found {
        let stacks = of_each_database(
            stack,
            instances.as_deref().unwrap_or_default(),
            snapshots.as_deref().unwrap_or_default(),
        )?;
        databases.extend(of_stack(destination, &mut source, stack, stacks, asked.last).await);
    }
    let fleets = source.fleets((!asked.stacks.is_empty()).then_some(&topics)).await;
    let region = destination.region.clone();
    Ok(Facts { now: asked.now, account, region, instances, snapshots, databases, fleets })
}

async fn destination_stacks(account: &Account, names: &[String]) -> Result<Vec<Stack>, Failure> {
    let missing =
        |stack: &Stack| DESTINATION_OUTPUTS.into_iter().find(|name| !stack.outputs.contains_key(*name));
    if names.is_empty() {
        let mut found = stacks::all(account).await?;
        found.retain(|stack| missing(stack).is_none());
        found.sort_by(|one, other| one.name.cmp(&other.name));
        return Ok(found);
    }
    let mut found: Vec<Stack> = Vec::new();
    for name in names {
        if found.iter().any(|stack| stack.name == *name) {
            continue;
        }
        let stack = stacks::named(account, name).await?;
        if let Some(output) = missing(&stack) {
            return Err(Failure::new(format!(
                "the stack {name} of the destination account has no output {output}; was it deployed with this project's \
                 destination template?"
            )));
        }
        found.push(stack);
    }
    Ok(found)
}

/// A stack for several databases as one for each that it holds something of; any other as it is.
fn of_each_database(
    stack: &Stack,
    instances: &[Instance],
    snapshots: &[Snapshot],
) -> Result<Vec<Stack>, Failure> {
    if !stack.is_for_several() {
        return Ok(vec![stack.clone()]);
    }
    let of_instances = instances.iter().filter(|one| one.is_of(&stack.name)).map(Instance::tags);
    let of_snapshots = snapshots.iter().filter(|one| one.is_of(&stack.name)).map(Snapshot::tags);
    let names = of_instances.chain(of_snapshots).filter_map(|tags| tags.get(lineage::SOURCE_DATABASE));
    let mut names: Vec<&str> = names.filter(|name| includes(&stack.database(), name)).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Ok(vec![stack.clone()]);
    }
    names.into_iter().map(|name| stack.for_database(name)).collect()
}

/// The databases of a stack. What is the stack's is read once, however many they are.
async fn of_stack(
    destination: &Account,
    source: &mut SourceAccount,
    stack: &Stack,
    stacks: Vec<Stack>,
    last: usize,
) -> Vec<Database> {
    let client = destination.machines();
    let machine = stack.output("StateMachineArn");
    // Those of one database are among those of the others.
    let searched =
        if stacks.iter().any(|one| !one.pattern.is_empty()) { machines::MOST_OPENED } else { last };
    let runs = machines::destination_runs(&client, machine, searched).await.map_err(Unreadable::from);
    let rollbacks = match stack.outputs.get("RollbackStateMachineArn") {
        Some(machine) => Some(machines::newest(&client, machine, searched).await.map_err(Unreadable::from)),
        None => None,
    };
    let alarms = single::alarms(destination, stack).await.map_err(Unreadable::from);
    let dead_letters = match stack.outputs.get("DeadLetterQueueUrl") {
        Some(queue) => Some(single::waiting_messages(destination, queue).await.map_err(Unreadable::from)),
        None => None,
    };
    let mut databases = Vec::new();
    for one in stacks {
        let runs = about(&one, &runs, last, |run| machines::announced_database(&run.execution));
        let of_input =
            |execution: &Execution| execution.input["SourceDBIdentifier"].as_str().map(str::to_owned);
        let rollbacks = rollbacks.as_ref().map(|found| about(&one, found, last, of_input));
        let source = source.of(&one, runs.as_deref().unwrap_or_default(), last).await;
        let runs = match (runs, &source) {
            (Ok(runs), Ok(source)) => {
                machines::with_announced(&client, machine, runs, source).await.map_err(Unreadable::from)
            }
            (runs, _) => runs,
        };
        databases.push(Database {
            secret: named(destination, &one).await,
            runs,
            rollbacks,
            alarms: alarms.clone(),
            dead_letters: dead_letters.clone(),
            source,
            stack: one,
        });
    }
    databases
}

/// Of what was found, the newest about the stack's database; all are where the stack has only one.
fn about<T: Clone>(
    stack: &Stack,
    found: &Read<Vec<T>>,
    last: usize,
    database: impl Fn(&T) -> Option<String>,
) -> Read<Vec<T>> {
    let Ok(all) = found else { return found.clone() };
    if stack.pattern.is_empty() {
        return found.clone();
    }
    let is_about = |one: &&T| database(one).is_some_and(|name| name.to_ascii_lowercase() == stack.database());
    Ok(all.iter().filter(is_about).take(last).cloned().collect())
}

async fn named(destination: &Account, stack: &Stack) -> Read<Named> {
    if matches!(stack.database().parse(), Ok(SourceDatabases::Matching(_))) {
        // Of several databases each has a secret, which its first run makes; there is none yet.
        return Ok(Named { pointer: Pointer::default(), version_id: String::new() });
    }
    secret::read(&destination.secrets(), stack.output("SecretArn"), stack.output("SecretName")).await
}

/// Whether runs were read, and which replications they are of.
fn announced_ids(runs: &[Run]) -> impl Iterator<Item = &str> {
    runs.iter().map(|run| run.replication.as_str())
}
