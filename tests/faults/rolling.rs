//! Rolling a lane back: where to, what is prepared for it, and what must hold after it.

use std::collections::BTreeSet;

use rds_access::Instance;
use replication::lineage::{self, Tags};
use replication::naming::{ReplicationId, Version};
use replication::progress::Restored;
use replication::retention::{self, InstanceRule, Verdict};
use replication::versions::Age;
use serde_json::{Value, json};

use crate::calls::Machine;
use crate::checks::require;
use crate::lane::{Lane, OLDER_KEPT, SETTLE_LIMIT, Started};
use harness::waiting::wait_for;

/// A version that a lane can be rolled back to.
#[derive(Debug, Clone)]
pub struct Goal {
    /// Its number.
    pub version: Version,
    /// The replication whose data it holds.
    pub id: ReplicationId,
}

/// What a rollback is asked for, and what it finds.
#[derive(Debug, Clone)]
pub struct Rollback {
    /// The version.
    pub goal: Goal,
    /// The lane's instances and snapshots in the destination account, which all have to stay.
    pub found: BTreeSet<String>,
}

impl Goal {
    /// What these tags say, if they are those of a version.
    pub fn of(tags: &Tags) -> Option<Self> {
        Some(Self { version: tags.version()?, id: tags.get(lineage::REPLICATION_ID)?.parse().ok()? })
    }
}

impl Lane<'_> {
    /// Brings about what a run of a machine is to find: for the destination's, data that are shared. For a rollback every version but the live one is marked, as if the
    /// next prune were to delete it; for one that has to restore, the instance of the version is deleted.
    pub fn prepare(&self, from: Machine) -> Result<(), String> {
        if from == Machine::Destination {
            self.announce_ahead();
        }
        if !from.rolls_back() {
            return Ok(());
        }
        self.settle()?;
        if self.goal(from)?.is_none() {
            self.clean_run(Machine::Source)?;
        }
        let goal = self.goal(from)?.ok_or("nothing to roll back to")?;
        let live = self.live()?;
        if from == Machine::Restoring {
            let holders = || self.own_instances().into_iter().filter(|one| holds(one, goal.version));
            holders().for_each(|one| self.destination.delete_instance(one.identifier.as_str()));
            let gone = || holders().next().is_none().then_some(());
            wait_for("the instance of the version is deleted", SETTLE_LIMIT, gone);
        } else {
            let others = self.own_instances().into_iter().filter(|one| one.identifier != live.identifier);
            others.for_each(|one| self.destination.mark(&one));
        }
        Ok(())
    }

    /// Where a rollback goes: to the next lower version that there is, or else to the highest.
    pub fn goal(&self, from: Machine) -> Result<Option<Goal>, String> {
        let live = self.live()?;
        let goals: Vec<Goal> = if from == Machine::Restoring {
            // What is restored has a snapshot, and the live version does not hold it already.
            let snapshots = self.destination.snapshots(&self.stack(from)).into_iter();
            let kept = snapshots.filter(|snapshot| snapshot.status.as_str() == "available");
            kept.filter_map(|snapshot| Goal::of(&snapshot.tags))
                .filter(|goal| !holds(&live, goal.version))
                .collect()
        } else {
            let others = self.own_instances().into_iter().filter(|one| one.identifier != live.identifier);
            others
                .filter(|one| one.status.restored() == Restored::Usable)
                .filter_map(|one| Goal::of(&one.tags))
                .collect()
        };
        let below = goals.iter().filter(|goal| Some(goal.version) < live.tags.version());
        let next = below.max_by_key(|goal| goal.version);
        Ok(next.or_else(|| goals.iter().max_by_key(|goal| goal.version)).cloned())
    }

    /// Asks for a version, as the previous one where it is that.
    pub fn start_rollback(&self, from: Machine, goal: Goal) -> Started {
        let input = if self.previous() == Some(goal.version) {
            json!({"version": "previous"})
        } else {
            json!({"version": goal.version})
        };
        self.start_rollback_with(from, goal, &input)
    }

    /// Starts the rollback machine with this input.
    pub fn start_rollback_with(&self, from: Machine, goal: Goal, input: &Value) -> Started {
        let (before, found) = (self.pointer(), self.things_in_destination());
        let machine = &self.pair.destination["RollbackStateMachineArn"];
        let execution = Some(self.destination.start(machine, input));
        Started { id: goal.id.clone(), from, execution, before, rollback: Some(Rollback { goal, found }) }
    }

    /// The version whose data are the newest of those that are older than the live one's, in an instance or a snapshot.
    fn previous(&self) -> Option<Version> {
        let live = Age::of_instance(&self.live().ok()?);
        let snapshots = self.destination.snapshots(&self.stack(Machine::Rollback)).into_iter();
        let of_snapshots = snapshots.map(|snapshot| (Age::of_snapshot(&snapshot), snapshot.tags.version()));
        let usable = self.own_instances().into_iter().filter(|one| one.status.restored() == Restored::Usable);
        let of_instances = usable.map(|one| (Age::of_instance(&one), one.tags.version()));
        let older = of_snapshots
            .chain(of_instances)
            .filter(|(age, version)| version.is_some() && *age < live && !age.is_of_same_data(&live));
        older.max().and_then(|(_, version)| version)
    }

    /// The highest version that an instance has. The next run may first delete the snapshot of a higher one that never
    /// went live, and then its number is free again.
    pub fn highest_version(&self) -> Version {
        self.own_instances().into_iter().filter_map(|instance| instance.tags.version()).max().unwrap_or(0)
    }

    /// What must hold after a rollback that has succeeded: one instance holds the version, the secret has moved to it in
    /// one step, and the deletion tags are as they should be.
    pub fn check_rolled_back(&self, run: &Started, rollback: &Rollback) -> Result<(), String> {
        let version = rollback.goal.version;
        let instances = self.own_instances();
        let usable = instances.iter().filter(|one| one.status.restored() == Restored::Usable);
        let holders: Vec<&Instance> = usable.filter(|one| holds(one, version)).collect();
        let &[holder] = holders.as_slice() else {
            return Err(format!("not one instance holds version {version}, but {}", holders.len()));
        };
        let secret = self.pointer();
        require(holder.host.as_ref() == Some(&secret.host), || {
            format!("the secret names {}, not version {version}, {}", secret.host, holder.identifier)
        })?;
        self.check_one_move(run, &instances, &secret)?;
        self.check_deletion_tags()?;
        self.check_nothing_deleted(rollback)?;
        self.check_readers()
    }

    /// What stays carries no deletion tag, and what is superseded does.
    pub fn check_deletion_tags(&self) -> Result<(), String> {
        let found: Vec<Instance> = self.own_instances();
        let stack = self.stack(Machine::Destination);
        let (database, live_host) = (self.source_database()?, self.pointer().host);
        let rule = InstanceRule::new(&stack, &database, &live_host, OLDER_KEPT);
        let plan = retention::plan_instances(&found, &rule);
        match plan.iter().find(|decision| matches!(decision.verdict, Verdict::Mark | Verdict::Unmark)) {
            None => Ok(()),
            Some(decision) => Err(format!("not as it is to be marked: {decision}")),
        }
    }

    /// However a rollback ended: it has deleted nothing.
    pub fn check_nothing_deleted(&self, rollback: &Rollback) -> Result<(), String> {
        let now = self.things_in_destination();
        let gone: Vec<&String> = rollback.found.difference(&now).collect();
        require(gone.is_empty(), || format!("a rollback has deleted {gone:?}"))
    }

    /// The instances and the snapshots in the destination account that are ours and are not on their way out.
    fn things_in_destination(&self) -> BTreeSet<String> {
        let instances = self.own_instances().into_iter().filter(|one| one.status.as_str() != "deleting");
        let snapshots = self.destination.snapshots(&self.stack(Machine::Destination)).into_iter();
        let snapshots = snapshots.filter(|one| one.status.as_str() != "deleting");
        let names = instances.map(|one| one.identifier.to_string());
        names.chain(snapshots.map(|one| one.identifier.to_string())).collect()
    }
}

/// Whether the data of a version is in an instance.
fn holds(instance: &Instance, version: Version) -> bool {
    [instance.tags.version(), instance.tags.restored_version()].contains(&Some(version))
}
