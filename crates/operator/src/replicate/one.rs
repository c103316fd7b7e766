//! One replication, from its start in the source account to its end in both.

use aws_sdk_sfn::Client;
use replication::machines::ANNOUNCE;
use replication::naming::{ReplicationId, execution_arn};
use serde_json::json;

use super::refusals::{Way, check, never_arrived};
use super::{Accounts, Asked, stack_of, wanted_output};
use crate::account::Account;
use crate::execution::{Execution, how_it_failed};
use crate::failure::{Failure, fault};
use crate::following::Follower;
use crate::screen::duration;
use crate::status::facts::{Stack, Unreadable};
use crate::status::observe::machines::{self, Followed};
use crate::status::observe::{secret, single};
use crate::status::report::secret::refusal;
use crate::terminal::Terminal;

/// The log of the function that starts runs, by its logical name in the stack.
const LAUNCH_LOG: &str = "LaunchLogGroup";

/// A replication that has been started.
pub struct Run {
    source: Follower,
    destination: Option<Follower>,
    /// The stack of the destination account.
    stack: Stack,
    /// When the end of the announcement was first seen, in seconds since the command began.
    announced_at: Option<f64>,
    /// Its id, once it is announced.
    id: Option<String>,
}

/// Refuses what cannot arrive, and starts the source machine.
pub async fn begin(
    accounts: Accounts<'_>,
    asked: &Asked<'_>,
    terminal: &mut Terminal<'_>,
) -> Result<Run, Failure> {
    let Accounts { source, destination } = accounts;
    let from = stack_of(source, &asked.given.stacks.source_stack).await?;
    let to = stack_of(destination, &asked.given.stacks.destination_stack).await?;
    let machine = wanted_output(source, &from, "StateMachineArn")?;
    wanted_output(destination, &to, "StateMachineArn")?;
    let source_db = asked.given.source_db.as_deref().filter(|name| !name.is_empty());
    check(&from, &to, source_db)?;
    // The first run of one of several databases makes its secret, and refuses one that is not the stack's before it copies.
    let advice = if to.is_for_several() { None } else { secret_advice(destination, &to).await };
    if let Some(advice) = advice {
        return Err(Failure::new(format!(
            "{advice}; nothing was started, because the run would fail after both copies"
        )));
    }
    let input = source_db.map_or_else(|| json!({}), |name| json!({"SourceDBIdentifier": name}));
    let client = source.machines();
    let (arn, at) = machines::start(&client, machine, &asked.name, &input).await?;
    terminal.line(&format!("source       started {arn}"));
    terminal.line(&format!("source       this is replication {}", ReplicationId::new(at, &arn)));
    let source = Follower::new("source", Followed::started(&client, &arn, at));
    Ok(Run { source, destination: None, stack: to, announced_at: None, id: None })
}

/// What is wrong with the secret of the destination stack; nothing if these credentials cannot read it.
async fn secret_advice(destination: &Account, stack: &Stack) -> Option<String> {
    let arn = stack.output("SecretArn");
    if arn.is_empty() {
        return None;
    }
    let name = match stack.output("SecretName") {
        "" => stack.parameter("SecretName").unwrap_or_default(),
        name => name,
    };
    let Unreadable(code) = secret::read(&destination.secrets(), arn, name).await.err()?;
    refusal(&code, arn, name)
}

impl Run {
    /// The id of the replication, once it is announced.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The database, where the stack of the destination account has several.
    pub fn one_of_several(&self) -> &str {
        let database = self.source().of_source("snapshot")["sourceDBIdentifier"].as_str();
        database.filter(|_| self.stack.is_for_several()).unwrap_or_default()
    }

    /// The execution of the source machine.
    pub fn source(&self) -> &Execution {
        self.source.execution()
    }

    /// The execution of the destination machine, once it has started.
    pub fn destination(&self) -> Option<&Execution> {
        self.destination.as_ref().map(Follower::execution)
    }

    /// Follows it until both machines have ended.
    ///
    /// # Errors
    /// The machine, the state, the error and its cause where one did not succeed; what to check where it does not arrive.
    pub async fn follow(
        &mut self,
        accounts: Accounts<'_>,
        asked: &Asked<'_>,
        terminal: &mut Terminal<'_>,
    ) -> Result<(), Failure> {
        let client = accounts.destination.machines();
        let begun = terminal.elapsed();
        loop {
            self.source.poll(terminal).await?;
            if let Some(destination) = &mut self.destination {
                destination.poll(terminal).await?;
            }
            if self.destination.is_none()
                && self.look_for_the_other(accounts, &client, asked, terminal).await?
            {
                continue;
            }
            if self.destination().is_some_and(|other| !other.is_running()) && !self.source().is_running() {
                break;
            }
            if terminal.elapsed() - begun > asked.given.timeout {
                return Err(Failure::new(format!(
                    "the replication has not ended within {}; it continues by itself: {}",
                    duration(asked.given.timeout),
                    self.waiting(terminal).join("; ")
                )));
            }
            let mut waiting = self.waiting(terminal);
            if self.destination.is_none() && self.announced_at.is_some() {
                waiting.push("destination: the message is on its way".to_owned());
            }
            terminal.waiting(&waiting.join(" | "));
            (asked.pause)(asked.poll).await;
        }
        let both = [("source", Some(self.source())), ("destination", self.destination())];
        let failures: Vec<String> = both
            .into_iter()
            .filter_map(|(role, execution)| Some((role, execution.filter(|one| !one.has_succeeded())?)))
            .map(|(role, execution)| how_it_failed(execution, role))
            .collect();
        if failures.is_empty() { Ok(()) } else { Err(Failure::new(failures.join("\n\n"))) }
    }

    /// Whether the execution of the destination machine was found, which is the source's as soon as it has sent its message.
    async fn look_for_the_other(
        &mut self,
        accounts: Accounts<'_>,
        client: &Client,
        asked: &Asked<'_>,
        terminal: &mut Terminal<'_>,
    ) -> Result<bool, Failure> {
        let source = self.source.execution();
        if !source.has_left(ANNOUNCE.state) {
            let is_over = !source.is_running() && !source.has_succeeded();
            return if is_over { Err(Failure::new(how_it_failed(source, "source"))) } else { Ok(false) };
        }
        let now = terminal.elapsed();
        let announced_at = *self.announced_at.get_or_insert(now);
        let id = self.id.insert(source.announced_id());
        let arn = execution_arn(self.stack.output("StateMachineArn"), id);
        if machines::described(client, &arn).await?.is_some() {
            terminal.line(&format!("destination  started {arn}"));
            let followed = Followed::started(client, &arn, terminal.now());
            self.destination = Some(Follower::new("destination", followed));
            return Ok(true);
        }
        let source = self.source.execution();
        let has_failed = !source.is_running() && !source.has_succeeded();
        // A state whose error was caught is left too.
        if has_failed && source.of_source("notify").is_null() {
            return Err(Failure::new(how_it_failed(source, "source")));
        }
        if now - announced_at > asked.given.arrival {
            let way = way(accounts.destination, &self.stack).await;
            let mut text = never_arrived(&self.stack, &way, id, asked.given.arrival);
            if has_failed {
                text = format!("{text}\n\n{}", how_it_failed(source, "source"));
            }
            return Err(Failure::new(text));
        }
        Ok(false)
    }

    /// Where each execution is that is running.
    fn waiting(&self, terminal: &Terminal<'_>) -> Vec<String> {
        let followers = [Some(&self.source), self.destination.as_ref()].into_iter().flatten();
        let running = followers.filter(|follower| follower.execution().is_running());
        running.map(|follower| follower.waiting_for(terminal.now())).collect()
    }
}

async fn way(destination: &Account, stack: &Stack) -> Way {
    let words = |failure: Failure| Unreadable(failure.text);
    let log = match stack.output("LaunchFunctionName") {
        "" => None,
        _ => Some(log_group(destination, stack).await.map_err(words)),
    };
    let given_up = match stack.output("DeadLetterQueueUrl") {
        "" => None,
        queue => Some(single::waiting_messages(destination, queue).await.map_err(words)),
    };
    Way { log, given_up }
}

async fn log_group(destination: &Account, stack: &Stack) -> Result<String, Failure> {
    let request = destination.stacks().describe_stack_resource().stack_name(&stack.name);
    let answer = request.logical_resource_id(LAUNCH_LOG).send().await;
    let answer = answer.map_err(|error| fault("cloudformation:DescribeStackResource", &error))?;
    let detail = answer.stack_resource_detail().and_then(|detail| detail.physical_resource_id());
    Ok(detail.unwrap_or_default().to_owned())
}
