//! The source account, each thing of it read at most once however many destination stacks ask.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_sfn::types::ExecutionListItem;
use replication::fleet::children;
use replication::lineage;
use replication::naming::{ID_LENGTH, ReplicationId, arn_part};
use time::OffsetDateTime;

use super::machines::{Listed, MOST_OPENED, open};
use super::{announced_ids, databases, fleet, single, stacks};
use crate::account::Account;
use crate::execution::Execution;
use crate::failure::Failure;
use crate::status::facts::{Fleet, Read, Run, Snapshot, Source, Stack, Unreadable};
use crate::times::certain;

/// The output of a source stack that has a machine for many databases.
pub const FLEET_OUTPUT: &str = "FleetStateMachineArn";

/// The source account, as far as it could be read.
pub struct SourceAccount {
    account: Read<Account>,
    number: Read<String>,
    stacks: Read<Vec<Stack>>,
    snapshots: Option<Read<Vec<Snapshot>>>,
}

impl SourceAccount {
    /// Reads whose account it is and its stacks.
    pub async fn open(account: Read<Account>) -> Self {
        let (number, stacks) = match &account {
            Ok(account) => (
                account.number().await.map_err(Unreadable::from),
                stacks::all(account).await.map_err(Unreadable::from),
            ),
            Err(hidden) => (Err(hidden.clone()), Err(hidden.clone())),
        };
        Self { account, number, stacks, snapshots: None }
    }

    /// What belongs to the database of a destination stack, whose runs are these.
    pub async fn of(&mut self, destination: &Stack, runs: &[Run], last: usize) -> Read<Source> {
        let stack = self.stack_of(destination.parameter("SourceTopicArn").unwrap_or_default())?.clone();
        let database = destination.database();
        let snapshots = self.snapshots(&stack, &database).await;
        let account = self.account.as_ref().map_err(Clone::clone)?;
        let announced: Vec<&str> = announced_ids(runs).collect();
        Ok(Source {
            snapshots,
            runs: source_runs(account, &stack, &database, &announced, last).await.map_err(Unreadable::from),
            schedule: single::schedule(account, &stack).await.map_err(Unreadable::from),
            stack,
        })
    }

    /// The stack that made the topic.
    fn stack_of(&self, topic: &str) -> Read<&Stack> {
        let number = self.number.as_ref().map_err(Clone::clone)?;
        if number != arn_part(topic, 4) {
            return Err(Unreadable("OtherAccount".to_owned()));
        }
        let stacks = self.stacks.as_ref().map_err(Clone::clone)?;
        let found = stacks.iter().find(|stack| stack.output("TopicArn") == topic);
        found.ok_or_else(|| Unreadable("StackNotFound".to_owned()))
    }

    async fn snapshots(&mut self, stack: &Stack, database: &str) -> Read<Vec<Snapshot>> {
        let account = self.account.as_ref().map_err(Clone::clone)?;
        if self.snapshots.is_none() {
            let stacks = self.stacks.as_deref().unwrap_or_default();
            let regions = stacks.iter().filter_map(Stack::copies_into).collect();
            self.snapshots = Some(databases::snapshots(account, &regions).await.map_err(Unreadable::from));
        }
        let all = self.snapshots.clone().unwrap_or_else(|| Ok(Vec::new()))?;
        let is_own = |one: &Snapshot| {
            one.tags().tagged_with_stack(&stack.name)
                && one.tags().get(lineage::SOURCE_DATABASE).unwrap_or(database) == database
        };
        let mut own: Vec<Snapshot> = all.into_iter().filter(is_own).collect();
        let id = |one: &Snapshot| one.tags().get(lineage::REPLICATION_ID).unwrap_or_default().to_owned();
        own.sort_by_key(|one| std::cmp::Reverse(id(one)));
        Ok(databases::with_sharing(account, own).await)
    }

    /// The stacks with a machine for many databases, of these topics or of all.
    pub async fn fleets(&self, topics: Option<&Vec<String>>) -> Vec<Fleet> {
        let (Ok(account), Ok(stacks)) = (&self.account, &self.stacks) else { return Vec::new() };
        let is_wanted = |stack: &&Stack| {
            stack.outputs.contains_key(FLEET_OUTPUT)
                && topics.is_none_or(|topics| topics.iter().any(|topic| topic == stack.output("TopicArn")))
        };
        let client = account.machines();
        let mut found = Vec::new();
        for stack in stacks.iter().filter(is_wanted) {
            let machines = (stack.output(FLEET_OUTPUT), stack.output("StateMachineArn"));
            found.push(match fleet::read(&client, machines.0, machines.1).await {
                Ok(Some((run, failures))) => Fleet { stack: stack.clone(), run: Some(Ok(run)), failures },
                Ok(None) => Fleet { stack: stack.clone(), run: None, failures: HashMap::new() },
                Err(failure) => {
                    Fleet { stack: stack.clone(), run: Some(Err(failure.into())), failures: HashMap::new() }
                }
            });
        }
        found
    }
}

/// The newest executions about this database, and the older ones that the executions of the destination account came from.
async fn source_runs(
    account: &Account,
    stack: &Stack,
    database: &str,
    announced: &[&str],
    last: usize,
) -> Result<Vec<Run>, Failure> {
    let client = account.machines();
    let started = |id: &&str| Some(((*id).to_owned(), id.parse::<ReplicationId>().ok()?.started_at()?));
    let mut sought: BTreeMap<String, OffsetDateTime> = announced.iter().filter_map(started).collect();
    let mut listed = Listed::of(&client, stack.output("StateMachineArn"));
    let (mut found, mut opened) = (Vec::new(), 0);
    while let Some(one) = listed.next().await? {
        let began = certain(one.start_date());
        let is_sought = sought.remove(ReplicationId::new(began, one.execution_arn()).as_str()).is_some();
        if found.len() >= last && !is_sought {
            if sought.values().min().is_none_or(|oldest| began < *oldest) {
                break;
            }
            continue;
        }
        if is_of_another(&one, database) {
            continue;
        }
        if opened == MOST_OPENED {
            break;
        }
        opened += 1;
        let execution = open(&client, one.execution_arn()).await?;
        if database_of(&execution, stack) == database {
            found.push(Run { replication: execution.announced_id(), execution });
        }
    }
    Ok(found)
}

/// Whether the name of an execution says that a fleet has started it for another database.
fn is_of_another(listed: &ExecutionListItem, database: &str) -> bool {
    let name = listed.name();
    let Some((Ok(run), of_child)) =
        name.split_at_checked(ID_LENGTH).map(|(run, rest)| (run.parse::<ReplicationId>(), rest))
    else {
        return false;
    };
    let Ok(database) = database.parse() else { return false };
    of_child.starts_with('-') && name != children::name(&run, &database)
}

fn database_of(execution: &Execution, stack: &Stack) -> String {
    let said = execution.of_source("snapshot")["sourceDBIdentifier"].as_str();
    let said = said.or_else(|| execution.input["SourceDBIdentifier"].as_str()).map(str::to_ascii_lowercase);
    said.unwrap_or_else(|| stack.database())
}
