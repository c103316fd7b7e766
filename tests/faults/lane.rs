//! A lane: a pair of stacks with a database of its own, in which one trial runs after the other.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use aws_sdk_sfn::types::ExecutionStatus;
use rds_access::{Instance, Snapshot};
use replication::Error;
use replication::contract::Execution as ContextExecution;
use replication::lineage;
use replication::naming::ReplicationId;
use replication::retention::{self, Verdict};
use replication::secret::Pointer;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::aws::{Aws, Execution};
use crate::calls::Machine;
use crate::cloud::Cloud;
use crate::pair::{Pair, fill, password};
use crate::switches::{Call, Switches};
use crate::waiting::wait_for;

/// The error of a run that failed and could not tell people; a rule does.
pub const UNTOLD: &str = "AlertNotSent";

/// How long a run may take; a second is usual, and what tries everything again takes half a minute.
const RUN_LIMIT: Duration = Duration::from_secs(180);
/// How long what was begun in the background may take to end.
const SETTLE_LIMIT: Duration = Duration::from_secs(30);
/// Older versions that stay.
const OLDER_KEPT: usize = 1;
/// Snapshots of each kind that stay.
const SNAPSHOTS_KEPT: usize = 2;

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
    /// Account A.
    pub source: Aws,
    /// Account B.
    pub destination: Aws,
    message: RefCell<Value>,
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

/// A run that has ended.
#[derive(Debug)]
pub struct Run {
    /// The replication.
    pub id: ReplicationId,
    /// Where it began.
    pub from: Machine,
    /// How it ended.
    pub ended: Ended,
    /// What the secret named before.
    pub before: Pointer,
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
    pub fn deploy(cloud: &'a Cloud, switches: &'a Switches, name: &str) -> Self {
        let (older, snapshots) = (OLDER_KEPT.to_string(), SNAPSHOTS_KEPT.to_string());
        let usual = [("SnapshotsToKeep", snapshots.as_str()), ("MaxDeletionsPerRun", "20")];
        let for_destination = [&usual[..], &[("NoOfOlderInstances", older.as_str())]].concat();
        let pair = Pair::deploy(cloud, name, &usual, &for_destination);
        let password = password();
        let database = cloud.source.create_database(&pair.database(), &password, &[]);
        fill(&cloud.source, &database, &password, 10);
        let lane = Self {
            name: name.to_owned(),
            pair,
            cloud,
            switches,
            source: Aws::new(&cloud.source),
            destination: Aws::new(&cloud.destination),
            message: RefCell::default(),
            last_start: Cell::new(0),
        };
        for _ in 0..=OLDER_KEPT + 1 {
            lane.clean_run(Machine::Source).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
        }
        lane
    }

    /// The name of the stack of a machine.
    pub fn stack(&self, machine: Machine) -> String {
        format!("{}-{}", self.name, machine.word())
    }

    /// What the secret names.
    pub fn pointer(&self) -> Pointer {
        self.destination.pointer(&self.pair.destination["SecretArn"], "AWSCURRENT")
    }

    /// Starts a run: of the source machine, or of the destination machine by a message about the snapshot that the last
    /// good run has shared.
    pub fn start(&self, from: Machine) -> Started {
        let before = self.pointer();
        self.next_second();
        match from {
            Machine::Source => {
                let arn = self.source.start(&self.pair.source["StateMachineArn"]);
                let started_at = self.source.execution(&arn).unwrap().started_at;
                let id =
                    ContextExecution { id: arn.clone(), name: String::new(), started_at }.replication_id();
                Started { id, from, source: Some(arn), before }
            }
            Machine::Destination => {
                let now = OffsetDateTime::now_utc();
                let id = ReplicationId::new(now, &format!("{} {now:?}", self.name));
                self.publish(&self.message_of(&id));
                Started { id, from, source: None, before }
            }
        }
    }

    /// The message of the last good run, as that of another replication.
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
        let Started { id, from, source, before } = started;
        let mut ended = Ended::Success;
        if let Some(arn) = &source {
            ended = self.wait_for(&self.source, arn, deadline, &mut meanwhile);
            if let Ended::Success = ended {
                self.remember(arn);
            }
        }
        // A run that ends otherwise after its message was sent has started the destination all the same; one that was
        // stopped may even send it afterwards, because nobody stops the function.
        let is_told = match (&ended, &source) {
            (Ended::Success, _) | (_, None) => true,
            (Ended::Failure(execution), Some(_)) if execution.status == ExecutionStatus::Aborted => {
                self.wait_until_quiet();
                self.destination.execution(&self.destination_execution(&id)).is_some()
            }
            (_, Some(arn)) => self.source.has_done(arn, "NotifyToTargetAccount"),
        };
        if is_told {
            let second =
                self.wait_for(&self.destination, &self.destination_execution(&id), deadline, &mut meanwhile);
            if let Ended::Success = ended {
                ended = second;
            }
        }
        Run { id, from, ended, before }
    }

    fn wait_for(&self, account: &Aws, arn: &str, deadline: Instant, meanwhile: &mut impl FnMut()) -> Ended {
        let began = Instant::now();
        let mut looks = 0;
        loop {
            meanwhile();
            match account.execution(arn) {
                Some(found) if found.status == ExecutionStatus::Succeeded => return Ended::Success,
                Some(found) if found.status != ExecutionStatus::Running => {
                    return Ended::Failure(Box::new(found));
                }
                None if began.elapsed() > Duration::from_secs(1) && self.launch_has_given_up(began) => {
                    return Ended::NotStarted;
                }
                _ => {}
            }
            looks += 1;
            if looks % 10 == 0 {
                self.check_secret()
                    .unwrap_or_else(|wrong| panic!("{}: while {arn} runs: {wrong}", self.name));
            }
            if Instant::now() > deadline {
                return Ended::Hung(format!("{arn} at the deadline"));
            }
            std::thread::sleep(Duration::from_millis(80));
        }
    }

    /// Waits until no function of the lane runs, and none is invoked by what the last one did.
    fn wait_until_quiet(&self) {
        let mut quiet_looks = 0;
        wait_for("no function runs any more", SETTLE_LIMIT, || {
            let calls = self.switches.calls();
            let runs = |call: &Call| {
                call.action == "Invoke"
                    && call.outcome.is_none()
                    && call.resource.contains(&format!(":{}-", self.name))
            };
            quiet_looks = if calls.iter().any(runs) { 0 } else { quiet_looks + 1 };
            (quiet_looks >= 3).then_some(())
        });
    }

    /// Lambda invokes a function for a message three times. After the third failure nothing more comes.
    fn launch_has_given_up(&self, since: Instant) -> bool {
        let function = format!(":{}-LaunchFunction-", self.stack(Machine::Destination));
        let since = OffsetDateTime::now_utc() - since.elapsed() - Duration::from_secs(1);
        let calls = self.switches.calls();
        let failures = calls.iter().filter(|call| {
            call.time > since
                && call.action == "Invoke"
                && call.resource.contains(&function)
                && call.outcome.as_deref().is_some_and(|outcome| outcome != "Success")
        });
        failures.count() >= 3
    }

    fn remember(&self, source_execution: &str) {
        let output = self.source.execution(source_execution).unwrap().output;
        let document: Value = serde_json::from_str(&output).unwrap();
        let (snapshot, target) = (&document["SourceDBSnapshot"], &document["targetDBSnapshot"]);
        *self.message.borrow_mut() = json!({"Input": {
            "targetDBSnapshot": {
                "targetDBSnapshotIdentifier": target["targetDBSnapshotIdentifier"],
                "targetDBSnapshotArn": target["targetDBSnapshotArn"],
                "status": "Available",
            },
            "replication": {
                "id": "",
                "sourceDBIdentifier": self.pair.database(),
                "sourceDBSnapshotArn": snapshot["SourceDBSnapshotArn"],
                "sharedSnapshotIsCopy": true,
                "snapshotDatabaseTime": snapshot["snapshotDatabaseTime"],
            },
        }});
    }

    /// A run without a fault: it has to succeed, and to leave nothing behind that nobody needs.
    pub fn clean_run(&self, from: Machine) -> Result<(), String> {
        let run = self.finish(self.start(from), || {});
        run.ended.require_success().map_err(|wrong| format!("the next run without a fault: {wrong}"))?;
        self.check_success(&run)?;
        self.check_leftovers()
    }

    /// What must hold after a run that has succeeded: one of each thing, and one move of the secret.
    pub fn check_success(&self, run: &Run) -> Result<(), String> {
        self.settle()?;
        let of_run = |snapshots: Vec<Snapshot>| {
            snapshots.into_iter().filter(|snapshot| has_id(&snapshot.tags, &run.id)).collect::<Vec<_>>()
        };
        if run.from == Machine::Source {
            let made = of_run(self.source.snapshots(&self.stack(Machine::Source)));
            let copies = made.iter().filter(|s| s.tags.get(lineage::SOURCE_SNAPSHOT).is_some()).count();
            require((made.len(), copies) == (2, 1), || {
                format!("not one snapshot and one copy in A: {:?}", names(&made))
            })?;
        }
        let stack = self.stack(Machine::Destination);
        let made = of_run(self.destination.snapshots(&stack));
        require(made.len() == 1, || format!("not one snapshot in B: {:?}", names(&made)))?;
        let instances = self.own_instances();
        let made: Vec<&Instance> = instances.iter().filter(|i| has_id(&i.tags, &run.id)).collect();
        let &[instance] = made.as_slice() else {
            return Err(format!("not one instance in B, but {}", made.len()));
        };
        let secret = self.pointer();
        require(instance.host.as_deref() == Some(&secret.host), || {
            format!("the secret names {}, not the new {}", secret.host, instance.identifier)
        })?;
        if !run.before.host.is_empty() {
            let earlier = self.destination.pointer(&self.pair.destination["SecretArn"], "AWSPREVIOUS");
            require(earlier == run.before, || {
                format!("the secret was moved more than once: from {} by {}", run.before.host, earlier.host)
            })?;
        }
        self.check_secret()
    }

    /// However a run ended, and whatever was repeated in it: it made nothing twice.
    pub fn check_nothing_twice(&self, id: &ReplicationId) -> Result<(), String> {
        let in_source = self.source.snapshots(&self.stack(Machine::Source));
        let in_destination = self.destination.snapshots(&self.stack(Machine::Destination));
        let of_run = |snapshots: &[Snapshot]| snapshots.iter().filter(|s| has_id(&s.tags, id)).count();
        let instances = self.own_instances().iter().filter(|i| has_id(&i.tags, id)).count();
        let counts = (of_run(&in_source), of_run(&in_destination), instances);
        require(counts.0 <= 2 && counts.1 <= 1 && counts.2 <= 1, || {
            format!(
                "{id} has made {} snapshots in A, {} in B, and {} databases",
                counts.0, counts.1, counts.2
            )
        })
    }

    /// What must hold after a run that has failed: it was told by the machine, or its error has people told by a rule.
    pub fn check_failure(&self, run: &Run, execution: &Execution) -> Result<(), String> {
        let Execution { arn, status, .. } = execution;
        require(*status == ExecutionStatus::Failed, || format!("{arn} ended {status:?}"))?;
        self.check_name(execution)?;
        let account =
            if arn.contains(&self.stack(Machine::Source)) { &self.source } else { &self.destination };
        require(execution.error == UNTOLD || account.has_done(arn, "NotifyFailure"), || {
            format!("{arn} failed and told nobody")
        })?;
        let secret = self.pointer();
        if secret != run.before {
            let instances = self.own_instances();
            let is_new = |i: &Instance| i.host.as_ref() == Some(&secret.host) && has_id(&i.tags, &run.id);
            require(instances.iter().any(is_new), || {
                format!("the secret names {}, which this run did not make", secret.host)
            })?;
        }
        self.check_secret()
    }

    /// An error has a name that is ours or that of a function which was ended from outside, and says what happened.
    pub fn check_name(&self, execution: &Execution) -> Result<(), String> {
        let Execution { arn, error, cause, .. } = execution;
        // The machines' own name for a run whose notify function failed too.
        let known = error == UNTOLD
            || Error::NAMES.contains(&error.as_str())
            || error == "AlertNotSent"
            || ["Lambda.", "States.", "Sandbox.", "Runtime."].iter().any(|kind| error.starts_with(kind));
        require(known, || format!("{arn} failed with {error:?}, which is no name of ours: {cause}"))?;
        require(cause.len() > 20, || format!("{arn} failed with {error} and says no more than {cause:?}"))?;
        Ok(())
    }

    /// What must hold after an execution was stopped: somebody is told, and the secret still names a database.
    pub fn check_stopped(&self, execution: &Execution) -> Result<(), String> {
        let Execution { arn, status, .. } = execution;
        require(*status == ExecutionStatus::Aborted, || format!("{arn} ended {status:?}"))?;
        let machine =
            if arn.contains(&self.stack(Machine::Source)) { Machine::Source } else { Machine::Destination };
        let function = format!(":{}-NotifyFunction-", self.stack(machine));
        let since = execution.started_at;
        wait_for("somebody is told that the execution was stopped", SETTLE_LIMIT, || {
            let is_told = self.switches.calls().iter().any(|call| {
                call.time >= since
                    && call.resource.contains(&function)
                    && call.outcome.as_deref() == Some("Success")
            });
            is_told.then_some(())
        });
        self.check_secret()
    }

    /// The secret always names a database that is there and available.
    pub fn check_secret(&self) -> Result<(), String> {
        let mut named = self.pointer();
        loop {
            if named.host.is_empty() {
                return Ok(());
            }
            let instances = self.destination.instances();
            let found = instances.iter().find(|instance| instance.host.as_ref() == Some(&named.host));
            if found.is_some_and(|instance| instance.status == "available") {
                return Ok(());
            }
            let now = self.pointer();
            if now == named {
                let status = found.map_or("gone", |instance| &instance.status);
                return Err(format!("the secret names {}, which is {status}", named.host));
            }
            // It has moved between the two looks.
            named = now;
        }
    }

    /// After a good run nothing is left that it should have pruned, and nothing without the id of its replication.
    pub fn check_leftovers(&self) -> Result<(), String> {
        self.settle()?;
        for (account, machine) in [(&self.source, Machine::Source), (&self.destination, Machine::Destination)]
        {
            let stack = self.stack(machine);
            let found: Vec<_> = account
                .snapshots(&stack)
                .into_iter()
                .map(|s| retention::Snapshot {
                    identifier: s.identifier.into(),
                    status: s.status,
                    tags: s.tags,
                })
                .collect();
            let plan = retention::plan_snapshots(&found, &stack, SNAPSHOTS_KEPT);
            // The source prunes only in its own runs, and a trial of the destination makes nothing there.
            no_deletion(&plan)?;
        }
        let found: Vec<_> = self
            .own_instances()
            .into_iter()
            .map(|i| retention::Instance {
                identifier: i.identifier.to_string(),
                status: i.status,
                host: i.host,
                deletion_protection: i.deletion_protection,
                tags: i.tags,
            })
            .collect();
        let stack = self.stack(Machine::Destination);
        no_deletion(&retention::plan_instances(&found, &stack, &self.pointer().host, OLDER_KEPT))
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
            require(Instant::now() < deadline, || format!("{found} dead letters, not {number}"))?;
            found += self.count_dead_letters();
        }
        let queue = &self.pair.destination["DeadLetterQueueUrl"];
        self.cloud.destination.aws(&["sqs", "purge-queue", "--queue-url", queue]);
        Ok(())
    }

    /// Stops an execution of either machine, if it runs.
    pub fn stop_if_running(&self, execution: &str) {
        let of_source = execution.contains(&format!(":{}", self.stack(Machine::Source)));
        let account = if of_source { &self.source } else { &self.destination };
        if account.execution(execution).is_some_and(|found| found.status == ExecutionStatus::Running) {
            account.stop(execution);
        }
    }

    /// Makes a snapshot and a database that are not ours, though their names and marks look like it.
    pub fn make_foreign_things(&self) {
        let (a, b) = (&self.cloud.source, &self.cloud.destination);
        let mark = ["--tags", "Key=to-be-deleted,Value=True"];
        let (database, snapshot) = (self.pair.database(), format!("{}foreign", self.pair.snapshots()));
        let names = ["--db-instance-identifier", &database, "--db-snapshot-identifier", &snapshot];
        a.aws(&[&["rds", "create-db-snapshot"], &names[..], &mark[..]].concat());
        a.available_snapshot(&snapshot);
        b.create_database(&format!("{}1000", self.pair.copies()), &password(), &mark);
    }

    /// Everything in both accounts whose name begins like the lane's and that has no tag of a stack, as text.
    pub fn foreign_things(&self) -> Vec<String> {
        let (a, b) = (&self.cloud.source, &self.cloud.destination);
        let snapshots = &a.aws(&["rds", "describe-db-snapshots", "--snapshot-type", "manual"])["DBSnapshots"];
        let instances = &b.aws(&["rds", "describe-db-instances"])["DBInstances"];
        let named = [(snapshots, "DBSnapshotIdentifier"), (instances, "DBInstanceIdentifier")];
        let all =
            named.iter().flat_map(|(list, name)| list.as_array().unwrap().iter().map(|thing| (thing, *name)));
        let foreign = all.filter(|(thing, name)| {
            thing[*name].as_str().unwrap().starts_with(&format!("{}-", self.name))
                && !thing["TagList"].to_string().contains(lineage::STACK)
        });
        foreign.map(|(thing, _)| thing.to_string()).collect()
    }

    /// The replication whose copy the secret names.
    pub fn live_replication(&self) -> Result<String, String> {
        let host = self.pointer().host;
        let instances = self.own_instances();
        let live = instances.iter().find(|instance| instance.host.as_ref() == Some(&host));
        let id = live.and_then(|instance| instance.tags.get(lineage::REPLICATION_ID));
        id.map(str::to_owned).ok_or_else(|| format!("the secret names {host}, which is no copy of ours"))
    }

    /// The instances that the lane's stack has made.
    pub fn own_instances(&self) -> Vec<Instance> {
        let stack = self.stack(Machine::Destination);
        self.destination.instances().into_iter().filter(|i| i.tags.are_of_stack(&stack)).collect()
    }

    /// Waits until RDS has ended what it does with the lane's things.
    pub fn settle(&self) -> Result<(), String> {
        let deadline = Instant::now() + SETTLE_LIMIT;
        loop {
            let instances = self.own_instances();
            let snapshots = self.source.snapshots(&self.stack(Machine::Source)).into_iter();
            let snapshots = snapshots.chain(self.destination.snapshots(&self.stack(Machine::Destination)));
            let statuses = snapshots.map(|snapshot| (snapshot.identifier.to_string(), snapshot.status));
            let statuses =
                statuses.chain(instances.into_iter().map(|i| (i.identifier.to_string(), i.status)));
            let moving = statuses.into_iter().find(|(_, status)| status.ends_with("ing"));
            let Some((name, status)) = moving else { return Ok(()) };
            if Instant::now() > deadline {
                return Err(format!("{name} is still {status}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Started {
    /// A run of the destination machine whose message was sent otherwise than by the lane.
    pub fn announced(id: ReplicationId, before: Pointer) -> Self {
        Self { id, from: Machine::Destination, source: None, before }
    }
}

/// A run that has begun.
pub struct Started {
    /// The replication.
    pub id: ReplicationId,
    /// Where it began.
    pub from: Machine,
    /// The execution of the source machine.
    pub source: Option<String>,
    before: Pointer,
}

fn require(holds: bool, wrong: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(wrong()) }
}

fn has_id(tags: &lineage::Tags, id: &ReplicationId) -> bool {
    tags.get(lineage::REPLICATION_ID) == Some(id.as_str())
}

fn names(snapshots: &[Snapshot]) -> Vec<&str> {
    snapshots.iter().map(|snapshot| snapshot.identifier.as_str()).collect()
}

fn no_deletion(plan: &[retention::Decision]) -> Result<(), String> {
    match plan.iter().find(|decision| matches!(decision.verdict, Verdict::Delete | Verdict::Mark)) {
        None => Ok(()),
        Some(decision) => Err(format!("left behind: {decision}")),
    }
}
