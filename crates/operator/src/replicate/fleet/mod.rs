//! Starts a run of the fleet machine, or finds the one that is running, and follows all its databases through both accounts.

pub mod following;
mod stock;

use std::collections::{BTreeSet, HashMap};

use aws_sdk_sfn::Client;
use aws_sdk_sfn::types::ExecutionStatus;
use replication::naming::{ReplicationId, execution_arn};
use serde_json::json;

use self::following::{Database, Following, stack_of};
use super::{Accounts, Asked, wanted_output};
use crate::account::Account;
use crate::failure::{Failure, fault};
use crate::output::columns;
use crate::screen::{duration, shell_words, table_within};
use crate::status::facts::{Child, FleetRun, Stack};
use crate::status::observe::machines::{self, Followed};
use crate::status::observe::{DESTINATION_OUTPUTS, databases, fleet, source, stacks};
use crate::terminal::Terminal;

/// How many executions are opened in one poll to see what they are doing, because Step Functions allows only some 20 such calls
/// a second, which the machines themselves need too.
const OPENED_AT_ONCE: usize = 8;

/// The most columns of the table at the end.
const MOST_COLUMNS: usize = 140;

/// A run that is followed.
pub struct Fleet {
    /// As it was last seen.
    pub run: FleetRun,
    /// Where its databases are.
    pub following: Following,
    source_machine: String,
    topic: String,
    opened: HashMap<String, Followed>,
}

/// The run that is running, because a second one beside it would be refused, or else a new one.
pub async fn begin(
    source: &Account,
    asked: &Asked<'_>,
    terminal: &mut Terminal<'_>,
) -> Result<Fleet, Failure> {
    let stack = super::stack_of(source, &asked.given.stacks.source_stack).await?;
    let machine = stack.output(source::FLEET_OUTPUT);
    if machine.is_empty() {
        return Err(Failure::new(format!(
            "the stack {} of the source account has no state machine for many databases\nto fix this: deploy it with --parameter \
             Fleet=true",
            stack.name
        )));
    }
    let source_machine = wanted_output(source, &stack, "StateMachineArn")?.to_owned();
    let client = source.machines();
    let running = machines::newest_arn(&client, machine, Some(ExecutionStatus::Running)).await?;
    let run = match (running, &asked.given.continue_run) {
        (Some(arn), Some(_)) => {
            return Err(Failure::new(format!(
                "the fleet run {} is running, so nothing was started\nto fix this: follow it with {}, or stop it first",
                FleetRun::started(&arn, terminal.now()).name(),
                asked.hints.fleet(None, &asked.given.stacks.source_stack)
            )));
        }
        (Some(arn), None) => {
            terminal.line(&format!("fleet        a run is under way, which is followed: {arn}"));
            FleetRun::started(&arn, terminal.now())
        }
        (None, continued) => {
            let input = continued.as_ref().map_or_else(|| json!({}), |name| json!({"ContinueRun": name}));
            let (arn, at) = machines::start(&client, machine, &asked.name, &input).await?;
            terminal.line(&format!("fleet        started {arn}"));
            FleetRun::started(&arn, at)
        }
    };
    Ok(Fleet {
        run,
        following: Following::default(),
        source_machine,
        topic: stack.output("TopicArn").to_owned(),
        opened: HashMap::new(),
    })
}

impl Fleet {
    /// The command that stops the run and everything that it has started in the source account.
    pub fn how_to_stop(&self, source: &Account) -> String {
        let mut words = vec!["aws", "stepfunctions", "stop-execution", "--execution-arn", &self.run.arn];
        words.extend(["--region", &source.region]);
        if !source.profile.is_empty() {
            words.extend(["--profile", &source.profile]);
        }
        shell_words(words)
    }

    /// Follows it to the end of every database, in both accounts.
    ///
    /// # Errors
    /// If the fleet machine or a run of the destination account did not succeed.
    pub async fn follow(
        &mut self,
        accounts: Accounts<'_>,
        asked: &Asked<'_>,
        terminal: &mut Terminal<'_>,
    ) -> Result<(), Failure> {
        let listening = listening(accounts.destination, &self.topic, terminal).await;
        let stacks = listening.as_deref().unwrap_or_default();
        let (client, begun) = (accounts.source.machines(), terminal.elapsed());
        loop {
            let has_ended = !self.run.is_running();
            let is_new = self.run.plan.is_none();
            fleet::poll(&client, &self.source_machine, &mut self.run).await?;
            if is_new {
                self.say_the_plan(accounts.destination, listening.as_deref(), terminal).await;
            }
            self.take_children(&client, terminal).await?;
            self.take_destinations(accounts.destination, stacks, terminal).await?;
            let (now, elapsed) = (terminal.now(), terminal.elapsed());
            let waiting = self.following.awaited(elapsed, asked.given.arrival);
            // The children are read once more after the run has been seen to have ended.
            if has_ended && waiting.is_empty() {
                break;
            }
            if elapsed - begun > asked.given.timeout {
                let where_they_are = waiting.iter().map(|one| format!("{} ({})", one.name, one.words()));
                return Err(Failure::new(format!(
                    "the fleet run {} has not ended within {}; it continues by itself: {}",
                    self.run.name(),
                    duration(asked.given.timeout),
                    where_they_are.collect::<Vec<_>>().join(", ")
                )));
            }
            self.open_some(&client, accounts.destination, stacks).await?;
            let (words, lines) = self.following.shown(now);
            terminal.waiting_for_all(&words, &lines);
            (asked.pause)(asked.poll).await;
        }
        let again = asked.hints.fleet(Some(self.run.name()), &asked.given.stacks.source_stack);
        self.conclude(asked.given.arrival, &again, terminal)
    }

    async fn say_the_plan(
        &mut self,
        destination: &Account,
        stacks: Option<&[Stack]>,
        terminal: &mut Terminal<'_>,
    ) {
        let Some(plan) = &self.run.plan else { return };
        self.following = Following::of(plan, stacks);
        for line in following::plan_lines(plan) {
            terminal.line(&line);
        }
        let names: Vec<String> = plan.databases.iter().map(|item| item.database.to_string()).collect();
        for line in stock_lines(destination, stacks.unwrap_or_default(), &names).await {
            terminal.line(&line);
        }
    }

    /// Takes over how far each database is in the source account.
    async fn take_children(&mut self, client: &Client, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
        let has_no_error = |name: &String| self.following.get(name).is_some_and(|one| one.error.is_empty());
        let children = &self.run.children;
        let failed = children.iter().filter(|(name, child)| child.has_failed() && has_no_error(name));
        let failures = fleet::failures(client, failed).await?;
        for line in self.following.take_children(children, &failures, terminal.elapsed()) {
            terminal.line(&line);
        }
        Ok(())
    }

    /// Asks for a few of the executions that the destination account may have, those that were not asked for longest first.
    async fn take_destinations(
        &mut self,
        destination: &Account,
        stacks: &[Stack],
        terminal: &mut Terminal<'_>,
    ) -> Result<(), Failure> {
        let client = destination.machines();
        let elapsed = terminal.elapsed();
        for name in self.following.next_to_ask(OPENED_AT_ONCE, elapsed) {
            let Some(arn) = self.following.get(&name).and_then(|one| arn_there(one, stacks)) else {
                continue;
            };
            let found = machines::described(&client, &arn).await?;
            let found = found.as_ref().map(machines::outline);
            if let Some(line) = self.following.take_destination(&name, found, terminal.now()) {
                terminal.line(&line);
            }
        }
        Ok(())
    }

    /// Polls the executions of a few databases, those that were not polled for longest first.
    async fn open_some(
        &mut self,
        client: &Client,
        destination: &Account,
        stacks: &[Stack],
    ) -> Result<(), Failure> {
        let there = destination.machines();
        for name in self.following.next_to_open(OPENED_AT_ONCE) {
            let Some(one) = self.following.get(&name) else { continue };
            let (client, arn) = match one.runs_in() {
                "destination" => (&there, arn_there(one, stacks)),
                _ => (client, one.source.as_ref().map(|child| child.arn.clone())),
            };
            if let Some(arn) = arn {
                let opened = self
                    .opened
                    .entry(name.clone())
                    .or_insert_with(|| Followed::started(client, &arn, self.run.started));
                if opened.execution.arn != arn {
                    *opened = Followed::started(client, &arn, self.run.started);
                }
                opened.poll().await?;
                self.following.take_doing(&name, &opened.execution);
            }
            self.following.put_last(&name);
        }
        Ok(())
    }

    /// Prints the table, and fails if anything has failed that is not tolerated.
    fn conclude(&mut self, arrival: f64, again: &str, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
        let late = self.following.take_late();
        if !self.following.databases.is_empty() {
            terminal.plain("");
            for line in table_within(columns(MOST_COLUMNS) - 2, &self.following.rows(terminal.now()), &[3]) {
                terminal.plain(&format!("  {line}"));
            }
            terminal.plain("");
        }
        if let Some(failure) = self.following.failure(&self.run, late, arrival, again) {
            return Err(Failure::new(failure));
        }
        terminal.line(&format!("done: fleet run {}", self.run.name()));
        Ok(())
    }
}

/// The execution of the destination account that a database's message starts, where a stack takes it.
fn arn_there(one: &Database, stacks: &[Stack]) -> Option<String> {
    let Child { arn, started, .. } = one.source.as_ref()?;
    let machine = stack_of(stacks, &one.name)?.output("StateMachineArn");
    Some(execution_arn(machine, ReplicationId::new(*started, arn).as_str()))
}

/// The destination stacks that listen to the topic; nothing if the destination account cannot be read.
async fn listening(destination: &Account, topic: &str, terminal: &mut Terminal<'_>) -> Option<Vec<Stack>> {
    let mut found = match stacks::all(destination).await {
        Ok(found) => found,
        Err(failure) => {
            terminal.line(&format!(
                "destination  not readable, so only the source account is followed: {failure}"
            ));
            return None;
        }
    };
    found.retain(|stack| {
        DESTINATION_OUTPUTS.iter().all(|name| stack.outputs.contains_key(*name))
            && stack.parameter("SourceTopicArn").is_some_and(|heard| heard == topic)
    });
    Some(found)
}

/// Lines about quotas of the destination account that are too small for these databases.
async fn stock_lines(destination: &Account, stacks: &[Stack], databases: &[String]) -> Vec<String> {
    let need = stock::need(stacks, databases);
    if need.databases == 0 {
        return Vec::new();
    }
    match shelf(destination).await {
        Ok(shelf) => stock::lacks(&need, &shelf, stacks),
        Err(failure) => vec![format!("quota        not compared, because it cannot be read: {failure}")],
    }
}

async fn shelf(destination: &Account) -> Result<stock::Shelf, Failure> {
    let answer = destination.rds().describe_account_attributes().send().await;
    let answer = answer.map_err(|error| fault("rds:DescribeAccountAttributes", &error))?;
    let quotas = answer.account_quotas().iter();
    let quotas = quotas.filter_map(|quota| Some((quota.account_quota_name()?.to_owned(), quota.max()?)));
    Ok(stock::Shelf {
        quotas: quotas.collect(),
        instances: databases::instances(destination).await?,
        snapshots: databases::snapshots(destination, &BTreeSet::new()).await?,
    })
}
