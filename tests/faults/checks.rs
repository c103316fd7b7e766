//! What must hold in a lane after a run, however it ended.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use aws_sdk_sfn::types::ExecutionStatus;
use rds_access::{Instance, Snapshot};
use replication::Error;
use replication::lineage;
use replication::naming::{InstanceIdentifier, ReplicationId};
use replication::progress::Restored;
use replication::retention::{self, InstanceRule, Sharing, SnapshotRule, Verdict};
use replication::secret::Pointer;
use serde_json::Value;
use time::OffsetDateTime;

use crate::calls::Machine;
use crate::lane::{Lane, OLDER_KEPT, ROWS, Run, SETTLE_LIMIT, SNAPSHOTS_KEPT, Started, UNTOLD};
use harness::account::{Database, text};
use harness::aws::Execution;
use harness::waiting::wait_for;

/// The status of an instance that is given a master password. Who is connected stays so, and the database opens.
const RESETTING: &str = "resetting-master-credentials";

impl Lane<'_> {
    /// What must hold after a run that has succeeded: one of each thing, and one move of the secret.
    pub fn check_success(&self, run: &Run) -> Result<(), String> {
        let run = &run.started;
        self.settle()?;
        if let Some(rollback) = &run.rollback {
            return self.check_rolled_back(run, rollback);
        }
        let of_run = |snapshots: Vec<Snapshot>| {
            snapshots.into_iter().filter(|snapshot| has_id(&snapshot.tags, &run.id)).collect::<Vec<_>>()
        };
        if run.from == Machine::Source {
            let made = of_run(self.source.snapshots(&self.stack(Machine::Source)));
            let copies = made.iter().filter(|s| s.tags.get(lineage::SOURCE_SNAPSHOT).is_some()).count();
            require((made.len(), copies) == (2, 1), || {
                format!("not one snapshot and one copy in the source: {:?}", names(&made))
            })?;
        }
        let stack = self.stack(Machine::Destination);
        let made = of_run(self.destination.snapshots(&stack));
        require(made.len() == 1, || format!("not one snapshot in the destination: {:?}", names(&made)))?;
        let instances = self.own_instances();
        let made: Vec<&Instance> = instances.iter().filter(|i| is_made_by(i, &run.id)).collect();
        let &[instance] = made.as_slice() else {
            return Err(format!("not one instance in the destination, but {}", made.len()));
        };
        let secret = self.pointer();
        require(instance.host.as_deref() == Some(&secret.host), || {
            format!("the secret names {}, not the new {}", secret.host, instance.identifier)
        })?;
        self.check_one_move(run, &instances, &secret)?;
        self.check_readers()
    }

    /// The secret was moved once.
    pub fn check_one_move(
        &self,
        run: &Started,
        instances: &[Instance],
        secret: &Pointer,
    ) -> Result<(), String> {
        if run.before.host.is_empty() {
            return Ok(());
        }
        let earlier = self.destination.pointer(&self.pair.destination["SecretArn"], "AWSPREVIOUS");
        // A second move by this run would leave its own copy as the earlier one. What a function of a stopped execution
        // was still doing when this run began may have moved the secret to an older version of ours in between.
        let is_ours = instances.iter().any(|i| i.host.as_ref() == Some(&earlier.host));
        require(earlier == run.before || (is_ours && earlier.host != secret.host), || {
            format!("the secret was moved more than once: from {} by {}", run.before.host, earlier.host)
        })
    }

    /// A run makes nothing twice, however it ended and whatever was repeated in it.
    pub fn check_nothing_twice(&self, id: &ReplicationId) -> Result<(), String> {
        let in_source = self.source.snapshots(&self.stack(Machine::Source));
        let in_destination = self.destination.snapshots(&self.stack(Machine::Destination));
        let of_run = |snapshots: &[Snapshot]| snapshots.iter().filter(|s| has_id(&s.tags, id)).count();
        let instances = self.own_instances().iter().filter(|i| is_made_by(i, id)).count();
        let counts = (of_run(&in_source), of_run(&in_destination), instances);
        require(counts.0 <= 2 && counts.1 <= 1 && counts.2 <= 1, || {
            format!(
                "{id} has made {} snapshots in the source, {} in the destination, and {} databases",
                counts.0, counts.1, counts.2
            )
        })
    }

    /// What must hold after a run that has failed: the machine has alerted operators, or a rule does for its error.
    pub fn check_failure(&self, run: &Run, execution: &Execution) -> Result<(), String> {
        let Execution { arn, status, .. } = execution;
        require(*status == ExecutionStatus::Failed, || format!("{arn} ended {status:?}"))?;
        self.check_name(execution)?;
        let account =
            if arn.contains(&self.stack(Machine::Source)) { &self.source } else { &self.destination };
        require(execution.error == UNTOLD || account.has_done(arn, "NotifyFailure"), || {
            format!("{arn} failed without an alert")
        })?;
        let secret = self.pointer();
        let run = &run.started;
        if secret != run.before {
            let instances = self.own_instances();
            let is_new = |i: &Instance| i.host.as_ref() == Some(&secret.host) && has_id(&i.tags, &run.id);
            require(instances.iter().any(is_new), || {
                format!("the secret names {}, which this run was not about", secret.host)
            })?;
        }
        self.check_readers()
    }

    /// An error has a name that is ours or that of a function which was ended from outside, and says what happened.
    #[expect(clippy::unused_self, reason = "it is called as the other checks are")]
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

    /// What must hold after an execution was stopped: operators are alerted, and the secret still names a database.
    pub fn check_stopped(&self, execution: &Execution) -> Result<(), String> {
        let Execution { arn, status, .. } = execution;
        require(*status == ExecutionStatus::Aborted, || format!("{arn} ended {status:?}"))?;
        let machine =
            if arn.contains(&self.stack(Machine::Source)) { Machine::Source } else { Machine::Destination };
        let function = format!(":{}-NotifyFunction-", self.stack(machine));
        let since = execution.started_at;
        wait_for("an alert says that the execution was stopped", SETTLE_LIMIT, || {
            let invocations = self.switches.invocations(&function, since);
            let is_reported = invocations.iter().any(|call| call.outcome.as_deref() == Some("Success"));
            is_reported.then_some(())
        });
        self.check_readers()
    }

    /// Who reads the secret gets at a database, and nobody is going to delete it.
    pub fn check_readers(&self) -> Result<(), String> {
        self.check_secret()?;
        let host = self.pointer().host;
        let instances = self.own_instances();
        let live = instances.iter().find(|instance| instance.host.as_ref() == Some(&host));
        require(!live.is_some_and(|live| live.tags.have_deletion_tag()), || {
            format!("{host} is live and marked")
        })?;
        if self.rotates && !host.is_empty() { self.check_login() } else { Ok(()) }
    }

    /// The credentials in the secret open the database that it names.
    ///
    /// > Where every copy gets a new master password, the one in the secret opens the database that it names, whatever
    /// > fault has met the change.
    fn check_login(&self) -> Result<(), String> {
        let secret = self.destination.secret(&self.pair.destination["SecretArn"], "AWSCURRENT");
        let secret: Value = serde_json::from_str(&secret).unwrap();
        let host = text(&secret["db_host"]);
        let (user, password) = (&secret["username"], secret["password"].as_str().unwrap_or_default());
        require(user == "shop_owner", || format!("the user of {host} is {user}"))?;
        let (identifier, _) = host.split_once('.').ok_or("the secret names no endpoint")?;
        let port = self.destination.port(identifier).ok_or_else(|| format!("{identifier} has no port"))?;
        let database = Database { host, port: port.to_string() };
        let account = &self.cloud.destination;
        let rows = catch_unwind(AssertUnwindSafe(|| {
            account.psql(&database, password, "SELECT count(*) FROM items")
        }));
        match rows {
            Ok(rows) => require(rows == ROWS.to_string(), || format!("{} has {rows} rows", database.host)),
            Err(_) => Err(format!("the credentials in the secret do not open {}", database.host)),
        }
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
            if found.is_some_and(|instance| instance.status.restored() == Restored::Usable) {
                return Ok(());
            }
            let now = self.pointer();
            if now == named {
                let status = found.map_or("gone", |instance| instance.status.as_str());
                // Another run to the same version, which had not seen the move, sets the same password again.
                if self.rotates && status == RESETTING {
                    return self.check_login();
                }
                return Err(format!("the secret names {}, which is {status}", named.host));
            }
            // It has moved between the two reads.
            named = now;
        }
    }

    /// After a good run nothing is left that it should have pruned, and nothing without the id of its replication.
    pub fn check_leftovers(&self) -> Result<(), String> {
        self.settle()?;
        let database = self.source_database()?;
        for (account, machine) in [(&self.source, Machine::Source), (&self.destination, Machine::Destination)]
        {
            let stack = self.stack(machine);
            let found: Vec<Snapshot> = account.snapshots(&stack);
            // Two that were made in one second hold the same data, and only the destination looks at that.
            let sharing = matches!(machine, Machine::Source)
                .then(|| Sharing { now: OffsetDateTime::now_utc(), stays: time::Duration::ZERO });
            let rule = SnapshotRule { sharing, ..SnapshotRule::new(&stack, &database, SNAPSHOTS_KEPT) };
            let plan = retention::plan_snapshots(&found, &rule);
            // The source prunes only in its own runs, and a trial of the destination makes nothing there.
            no_deletion(&plan)?;
        }
        let found: Vec<Instance> = self.own_instances();
        let stack = self.stack(Machine::Destination);
        let live_host = self.pointer().host;
        let rule = InstanceRule::new(&stack, &database, &live_host, OLDER_KEPT);
        no_deletion(&retention::plan_instances(&found, &rule))
    }

    /// The one database whose versions the lane holds.
    pub fn source_database(&self) -> Result<InstanceIdentifier, String> {
        self.pair.database().parse().map_err(|error: Error| error.to_string())
    }

    /// Waits until RDS has ended what it does with the lane's things.
    pub fn settle(&self) -> Result<(), String> {
        let deadline = Instant::now() + SETTLE_LIMIT;
        loop {
            let instances = self.own_instances();
            let snapshots = self.source.snapshots(&self.stack(Machine::Source)).into_iter();
            let snapshots = snapshots.chain(self.destination.snapshots(&self.stack(Machine::Destination)));
            let statuses =
                snapshots.map(|snapshot| (snapshot.identifier.to_string(), snapshot.status.to_string()));
            let statuses = statuses
                .chain(instances.into_iter().map(|i| (i.identifier.to_string(), i.status.to_string())));
            let moving = statuses.into_iter().find(|(_, status)| status.ends_with("ing"));
            let Some((name, status)) = moving else { return Ok(()) };
            if Instant::now() > deadline {
                return Err(format!("{name} is still {status}"));
            }
            std::thread::sleep(Duration::from_millis(150));
        }
    }
}

pub fn require(holds: bool, wrong: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(wrong()) }
}

fn has_id(tags: &lineage::Tags, id: &ReplicationId) -> bool {
    tags.get(lineage::REPLICATION_ID) == Some(id.as_str())
}

/// Whether a replication has restored an instance; a rollback restores the data of one too.
fn is_made_by(instance: &Instance, id: &ReplicationId) -> bool {
    has_id(&instance.tags, id) && instance.tags.restored_version().is_none()
}

fn names(snapshots: &[Snapshot]) -> Vec<&str> {
    snapshots.iter().map(|snapshot| snapshot.identifier.as_str()).collect()
}

fn no_deletion(plan: &[retention::Decision]) -> Result<(), String> {
    match plan.iter().find(|decision| decision.verdict != Verdict::Keep) {
        None => Ok(()),
        Some(decision) => Err(format!("left behind: {decision}")),
    }
}
