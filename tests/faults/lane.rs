//! A lane: a pair of stacks with a database of its own, in which one trial runs after the other.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use aws_sdk_sfn::types::ExecutionStatus;
use rds_access::Instance;
use replication::contract::Execution as ContextExecution;
use replication::lineage;
use replication::naming::ReplicationId;
use replication::secret::Pointer;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::calls::Machine;
use crate::rolling::Rollback;
use crate::switches::{Call, Switches};
use harness::aws::{Aws, Execution};
use harness::cloud::Cloud;
use harness::pair::{Pair, fill, password};
use harness::waiting::wait_for;

/// The error of a run that failed and could not alert operators; a rule does.
pub const UNTOLD: &str = "AlertNotSent";

/// The name of the lane that is there before all others.
pub const FIRST: &str = "lane-1";
/// How long a run may take; a second is usual, and what tries everything again takes half a minute.
const RUN_LIMIT: Duration = Duration::from_mins(3);
/// Between two looks at a run: often enough for what is held for half a second.
const POLL_INTERVAL: Duration = Duration::from_millis(160);
/// How long what was begun in the background may take to end.
pub const SETTLE_LIMIT: Duration = Duration::from_mins(1);
/// Rows in the database.
pub const ROWS: u32 = 10;
/// Older versions that stay.
pub const OLDER_KEPT: usize = 2;
/// Snapshots of each kind that stay.
pub const SNAPSHOTS_KEPT: usize = 2;

/// A lane.
pub struct Lane<'a> {
    /// What the names of its things begin with.
    pub name: String,
    /// Its stacks.
    pub pair: Pair<'a>,
    /// The cloud that it is in.
    pub cloud: &'a Cloud,
    /// Faults and calls.
    pub switches: &'a Switches,
    /// The source account.
    pub source: Aws,
    /// The destination account.
    pub destination: Aws,
    /// Whether its stack gives every copy a new master password.
    pub rotates: bool,
    /// The last message.
    message: RefCell<Value>,
    /// The snapshots that the lane has shared itself and that are still there, oldest first.
    pub announced: RefCell<VecDeque<String>>,
    /// Messages about data that are shared already, for the next replications.
    pub announced_ahead: RefCell<VecDeque<Value>>,
    last_start: Cell<i64>,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub enum Ended {
    /// Both machines have succeeded.
    Success,
    /// A machine has failed, or was stopped.
    Failure(Box<Execution>),
    /// The message has come, and no execution was started for it.
    NotStarted,
    /// Something was still running at the deadline.
    Hung(String),
}

/// A run that has begun.
#[derive(Debug, Clone)]
pub struct Started {
    /// The replication; of a rollback, the one whose data goes live.
    pub id: ReplicationId,
    /// Where it began.
    pub from: Machine,
    /// The execution of the source machine or of the rollback machine; none, if a message starts it.
    pub execution: Option<String>,
    /// What the secret named before.
    pub before: Pointer,
    /// What a rollback is asked for.
    pub rollback: Option<Rollback>,
}

/// A run that has ended.
#[derive(Debug)]
pub struct Run {
    /// What it was to do.
    pub started: Started,
    /// How it ended.
    pub ended: Ended,
}

impl Ended {
    /// Refuses every end but success.
    pub fn require_success(&self) -> Result<(), String> {
        match self {
            Self::Success => Ok(()),
            other => Err(format!("it ended {other:?}")),
        }
    }
}

impl<'a> Lane<'a> {
    /// Deploys both stacks, makes the database, and replicates until every run has something to prune.
    pub fn deploy(cloud: &'a Cloud, switches: &'a Switches, name: &str, rotates: bool) -> Self {
        let (older, snapshots) = (OLDER_KEPT.to_string(), SNAPSHOTS_KEPT.to_string());
        let usual = [("SnapshotsToKeep", snapshots.as_str()), ("MaxDeletionsPerRun", "20")];
        let rotation = ("MasterPassword", if rotates { "rotate" } else { "keep" });
        let for_destination = [&usual[..], &[("NoOfOlderInstances", older.as_str()), rotation]].concat();
        let for_source = [&usual[..], &[("SharedSnapshotHours", "0")]].concat();
        // As an operator does it, but only once: the other lanes have the same packages.
        let pair = if name == FIRST {
            Pair::deploy(cloud, name, &for_source, &for_destination)
        } else {
            Pair::deploy_like(FIRST, cloud, name, &for_source, &for_destination)
        };
        let password = password();
        let database = cloud.source.create_database(&pair.database(), &password, &[]);
        fill(&cloud.source, &database, &password, ROWS);
        let lane = Self {
            name: name.to_owned(),
            pair,
            cloud,
            switches,
            source: Aws::new(&cloud.source),
            destination: Aws::new(&cloud.destination),
            rotates,
            message: RefCell::default(),
            announced: RefCell::default(),
            announced_ahead: RefCell::default(),
            last_start: Cell::new(0),
        };
        for _ in 0..=OLDER_KEPT + 1 {
            lane.clean_run(Machine::Source).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
        }
        lane
    }

    /// The name of the stack of a machine.
    pub fn stack(&self, machine: Machine) -> String {
        format!("{}-{}", self.name, machine.stack())
    }

    /// What the secret names.
    pub fn pointer(&self) -> Pointer {
        self.destination.pointer(&self.pair.destination["SecretArn"], "AWSCURRENT")
    }

    /// Starts a run: of the source machine, or of the destination machine by a message about a snapshot that the lane shares
    /// itself, or of the rollback machine to where the lane was prepared to go.
    pub fn start(&self, from: Machine) -> Started {
        if from.rolls_back() {
            let goal = self.goal(from).unwrap().unwrap_or_else(|| panic!("nothing to roll back to"));
            return self.start_rollback(from, goal);
        }
        let before = self.pointer();
        self.next_second();
        match from {
            Machine::Source => {
                let arn = self.source.start(&self.pair.source["StateMachineArn"], &json!({}));
                let started_at = self.source.execution(&arn).unwrap().started_at;
                let id =
                    ContextExecution { id: arn.clone(), name: String::new(), started_at }.replication_id();
                Started { id, from, execution: Some(arn), before, rollback: None }
            }
            _ => {
                let now = OffsetDateTime::now_utc();
                let id = ReplicationId::new(now, &format!("{} {now:?}", self.name));
                self.announce_and_remember();
                self.publish(&self.message_of(&id));
                Started::announced(id, before)
            }
        }
    }

    /// Shares fresh data for a replication; messages are about them from here on.
    pub fn announce_and_remember(&self) {
        let message = self.fresh_message();
        *self.message.borrow_mut() = message;
    }

    /// The last message, as that of another replication: for the id that it has had it is the same once more.
    pub fn message_of(&self, id: &ReplicationId) -> Value {
        let mut message = self.message.borrow().clone();
        message["Input"]["replication"]["id"] = json!(id.as_str());
        message
    }

    /// Publishes a message on the topic between the accounts.
    pub fn publish(&self, message: &Value) {
        self.source.publish(&self.pair.source["TopicArn"], &message.to_string());
    }

    /// Ids begin with the time in seconds, and two runs of one second have no order.
    fn next_second(&self) {
        let now = || OffsetDateTime::now_utc().unix_timestamp();
        let last = self.last_start.get();
        wait_for("the next second", Duration::from_secs(3), || (now() > last).then_some(()));
        self.last_start.set(now());
    }

    /// The execution of the destination machine for a replication.
    pub fn destination_execution(&self, id: &ReplicationId) -> String {
        let machine = &self.pair.destination["StateMachineArn"];
        format!("{}:{id}", machine.replace(":stateMachine:", ":execution:"))
    }

    /// Waits for the end of a run, and calls `meanwhile` again and again.
    pub fn finish(&self, started: Started, mut meanwhile: impl FnMut()) -> Run {
        let deadline = Instant::now() + RUN_LIMIT;
        let Started { id, from, execution, .. } = &started;
        if from.rolls_back() {
            let execution = execution.as_ref().unwrap();
            let ended = self.wait_for(&self.destination, execution, deadline, &mut meanwhile);
            return Run { started, ended };
        }
        let mut ended = Ended::Success;
        if let Some(arn) = execution {
            ended = self.wait_for(&self.source, arn, deadline, &mut meanwhile);
            if let Ended::Success = ended {
                self.remember(arn);
            }
        }
        // A run that ends otherwise after its message was sent has started the destination all the same.
        let is_reported = match (&ended, execution) {
            (Ended::Failure(execution), Some(arn)) => {
                let is_aborted = execution.status == ExecutionStatus::Aborted;
                self.source.has_done(arn, "NotifyToTargetAccount")
                    || is_aborted && self.destination.execution(&self.destination_execution(id)).is_some()
            }
            (Ended::Hung(_), Some(_)) => false,
            _ => true,
        };
        if is_reported {
            let second =
                self.wait_for(&self.destination, &self.destination_execution(id), deadline, &mut meanwhile);
            if let Ended::Success = ended {
                ended = second;
            }
        }
        Run { started, ended }
    }

    fn wait_for(&self, account: &Aws, arn: &str, deadline: Instant, meanwhile: &mut impl FnMut()) -> Ended {
        let began = Instant::now();
        let mut polls = 0;
        loop {
            meanwhile();
            polls += 1;
            // Each such question of each lane is a request to the one process that all machines run in.
            let asks = polls % 2 == 1;
            let found = if asks { account.execution(arn) } else { None };
            match found {
                Some(found) if found.status == ExecutionStatus::Succeeded => return Ended::Success,
                Some(found) if found.status != ExecutionStatus::Running => {
                    // Who stops an execution does not stop the function that it waits for.
                    if found.status == ExecutionStatus::Aborted {
                        self.wait_until_quiet(arn);
                    }
                    return Ended::Failure(Box::new(found));
                }
                None if asks
                    && began.elapsed() > Duration::from_secs(1)
                    && self.launch_has_given_up(began) =>
                {
                    return Ended::NotStarted;
                }
                _ => {}
            }
            if polls % 5 == 0 {
                self.check_secret()
                    .unwrap_or_else(|wrong| panic!("{}: while {arn} runs: {wrong}", self.name));
            }
            if Instant::now() > deadline {
                return Ended::Hung(format!("{arn} at the deadline"));
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    /// Waits until no function of a stopped execution runs, nor the one that its message has started. The other
    /// account's machine may work by then: it is waited for by itself.
    fn wait_until_quiet(&self, execution: &str) {
        let account = execution.split(':').nth(4).unwrap();
        let own = format!(":{account}:function:{}-", self.name);
        let launch = format!(":{}-LaunchFunction-", self.stack(Machine::Destination));
        // What a run has begun is no older than a run.
        let since = OffsetDateTime::now_utc() - RUN_LIMIT;
        let mut quiet_looks = 0;
        wait_for("no function runs any more", SETTLE_LIMIT, || {
            let runs = |function: &str| {
                let invocations = self.switches.invocations(function, since);
                invocations.iter().any(|call| call.outcome.is_none())
            };
            quiet_looks = if runs(&own) || runs(&launch) { 0 } else { quiet_looks + 1 };
            (quiet_looks >= 3).then_some(())
        });
    }

    /// Lambda invokes a function for a message three times. After the third failure nothing more comes.
    fn launch_has_given_up(&self, since: Instant) -> bool {
        let function = format!(":{}-LaunchFunction-", self.stack(Machine::Destination));
        let since = OffsetDateTime::now_utc() - since.elapsed() - Duration::from_secs(1);
        let invocations = self.switches.invocations(&function, since);
        let has_failed = |call: &&Call| call.outcome.as_deref().is_some_and(|outcome| outcome != "Success");
        invocations.iter().filter(has_failed).count() >= 3
    }

    fn remember(&self, source_execution: &str) {
        let output = self.source.execution(source_execution).unwrap().output;
        let document: Value = serde_json::from_str(&output).unwrap();
        let (snapshot, target) = (&document["SourceDBSnapshot"], &document["targetDBSnapshot"]);
        *self.message.borrow_mut() = self.message_about(
            &target["targetDBSnapshotIdentifier"],
            &target["targetDBSnapshotArn"],
            &snapshot["SourceDBSnapshotArn"],
            &snapshot["snapshotDatabaseTime"],
        );
    }

    /// A run without a fault: it has to succeed, and to leave nothing behind that nobody needs.
    pub fn clean_run(&self, from: Machine) -> Result<(), String> {
        // What was shared for a run that was not started then may be older than what is live by now.
        self.announced_ahead.borrow_mut().clear();
        self.prepare(from)?;
        let highest = self.highest_version();
        let run = self.finish(self.start(from), || {});
        self.check_clean(&run)?;
        if from.rolls_back() {
            return Ok(());
        }
        let taken = self.live()?.tags.version();
        if taken <= Some(highest) {
            return Err(format!("the new version is {taken:?}, and the highest before was {highest}"));
        }
        self.check_leftovers()
    }

    /// A failed run once more, without a fault and without an operator: it has to succeed, and so has the next replication.
    pub fn run_again(&self, failed: &Started) -> Result<(), String> {
        let Some(rollback) = &failed.rollback else { return self.clean_run(failed.from) };
        let again = self.start_rollback(failed.from, rollback.goal.clone());
        self.check_clean(&self.finish(again, || {}))?;
        self.clean_run(Machine::Destination)
    }

    /// A replication, whatever the secret names meanwhile and however it ends.
    pub fn run_unwatched(&self) {
        let execution = self.destination_execution(&self.start(Machine::Destination).id);
        wait_for("the replication ends", RUN_LIMIT, || {
            self.destination.execution(&execution).filter(|found| found.status != ExecutionStatus::Running)
        });
    }

    fn check_clean(&self, run: &Run) -> Result<(), String> {
        run.ended.require_success().map_err(|wrong| format!("the next run without a fault: {wrong}"))?;
        self.check_success(run)
    }

    /// How many messages, of ten at most, lie in the dead-letter queue of the lane. They are hidden for a while then.
    fn count_dead_letters(&self) -> usize {
        let (account, queue) = (&self.cloud.destination, &self.pair.destination["DeadLetterQueueUrl"]);
        let receive = ["sqs", "receive-message", "--queue-url", queue, "--wait-time-seconds", "5"];
        let answer = account.aws(&[&receive[..], &["--max-number-of-messages", "10"]].concat());
        answer["Messages"].as_array().map_or(0, Vec::len)
    }

    /// Waits until at least so many messages have come to the dead-letter queue of the lane, and empties it.
    pub fn take_dead_letters(&self, number: usize) -> Result<(), String> {
        let deadline = Instant::now() + RUN_LIMIT;
        let mut found = 0;
        while found < number {
            if Instant::now() > deadline {
                return Err(format!("{found} dead letters, not {number}"));
            }
            found += self.count_dead_letters();
        }
        let queue = &self.pair.destination["DeadLetterQueueUrl"];
        self.cloud.destination.aws(&["sqs", "purge-queue", "--queue-url", queue]);
        Ok(())
    }

    /// Stops an execution of any machine, if it runs.
    pub fn stop_if_running(&self, execution: &str) {
        let of_source = execution.contains(&format!(":{}", self.stack(Machine::Source)));
        let account = if of_source { &self.source } else { &self.destination };
        if account.execution(execution).is_some_and(|found| found.status == ExecutionStatus::Running) {
            account.stop(execution);
        }
    }

    /// The execution of a machine in a run.
    pub fn execution_of(&self, machine: Machine, started: &Started) -> String {
        match (&started.execution, machine) {
            (Some(execution), Machine::Source | Machine::Rollback | Machine::Restoring) => execution.clone(),
            _ => self.destination_execution(&started.id),
        }
    }

    /// Edits a field of the secret, as an operator does; what it says by then.
    pub fn edit_secret(&self) -> Value {
        let secret = &self.pair.destination["SecretArn"];
        let mut fields: Value = serde_json::from_str(&self.destination.secret(secret, "AWSCURRENT")).unwrap();
        fields["note"] = json!(fields["note"].as_u64().unwrap_or(0) + 1);
        self.destination.put_secret(secret, &fields.to_string());
        fields["note"].take()
    }

    /// What the field says that is edited so.
    pub fn note_in_secret(&self) -> Value {
        let text = self.destination.secret(&self.pair.destination["SecretArn"], "AWSCURRENT");
        serde_json::from_str::<Value>(&text).unwrap()["note"].take()
    }

    /// The instance that the secret names.
    pub fn live(&self) -> Result<Instance, String> {
        let host = self.pointer().host;
        let live = self.own_instances().into_iter().find(|instance| instance.host.as_ref() == Some(&host));
        live.ok_or_else(|| format!("the secret names {host}, which is no copy of ours"))
    }

    /// The replication whose copy the secret names.
    pub fn live_replication(&self) -> Result<String, String> {
        let live = self.live()?;
        let id = live.tags.get(lineage::REPLICATION_ID).map(str::to_owned);
        id.ok_or_else(|| format!("{} has no id of a replication", live.identifier))
    }

    /// The instances that the lane's stack has made.
    pub fn own_instances(&self) -> Vec<Instance> {
        let stack = self.stack(Machine::Destination);
        self.destination.instances().into_iter().filter(|i| i.is_of_stack(&stack)).collect()
    }
}

impl Started {
    /// A run of the destination machine whose message was sent otherwise than by the lane.
    pub fn announced(id: ReplicationId, before: Pointer) -> Self {
        Self { id, from: Machine::Destination, execution: None, before, rollback: None }
    }
}
