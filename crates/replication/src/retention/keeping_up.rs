//! Run after run in the destination account: what is to go must not grow, and a full quota must not stop every run.

use proptest::prelude::*;

use super::testing::{DATABASE, STACK, instance, marked, snapshot};
use super::{
    Decision, FEWEST_DELETIONS, First, InUse, InstanceRule, Planned, SnapshotRule, Verdict, due,
    plan_deletions, plan_instances, plan_snapshots,
};
use crate::lineage;
use crate::naming::Version;
use crate::observed::{Instance, Snapshot};

/// The account, whose runs are numbered like the versions that they make.
struct Account {
    instances: Vec<Instance>,
    snapshots: Vec<Snapshot>,
    live_host: String,
    older_kept: usize,
    snapshots_kept: usize,
    most_deletions: usize,
    instance_quota: usize,
    runs: u32,
}

/// How a run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    Succeeds,
    FailsBeforeCopy,
    FailsBeforeRestore,
}

fn id(run: u32) -> String {
    format!("202611{:02}t{:02}0000z-aaaaaa", run / 24 + 1, run % 24)
}

impl Account {
    fn new(older_kept: usize, snapshots_kept: usize, most_deletions: usize) -> Self {
        Self {
            instances: vec![],
            snapshots: vec![],
            live_host: String::new(),
            older_kept,
            snapshots_kept,
            most_deletions,
            instance_quota: usize::MAX,
            runs: 0,
        }
    }

    fn plans(&self, in_use: &InUse) -> (Vec<Decision>, Vec<Decision>) {
        let database = DATABASE.parse().unwrap();
        let rule = InstanceRule::new(STACK, &database, &self.live_host, self.older_kept);
        let instances = plan_instances(&self.instances, &InstanceRule { in_use: in_use.clone(), ..rule });
        let rule = SnapshotRule::new(STACK, &database, self.snapshots_kept);
        let snapshots = plan_snapshots(&self.snapshots, &SnapshotRule { in_use: in_use.clone(), ..rule });
        (instances, snapshots)
    }

    /// What is to go and has not gone.
    fn backlog(&self) -> usize {
        let (instances, snapshots) = self.plans(&InUse::default());
        instances
            .iter()
            .chain(&snapshots)
            .filter(|one| !matches!(one.verdict, Verdict::Keep | Verdict::Unmark))
            .count()
    }

    fn mark(&mut self) {
        let (plan, _) = self.plans(&InUse::default());
        for decision in plan.iter().filter(|decision| decision.verdict == Verdict::Mark) {
            let one = self.instances.iter_mut().find(|one| one.identifier.as_str() == decision.identifier);
            let one = one.unwrap();
            *one = marked(one.clone());
        }
    }

    fn prune(&mut self, first: First, in_use: &InUse, planned_before: usize) -> usize {
        let (instances, snapshots) = self.plans(in_use);
        let due = due(first, &instances, &snapshots);
        let (planned, _) = plan_deletions(due, self.most_deletions, planned_before);
        let goes = |name: &str| planned.iter().map(Planned::identifier).any(|gone| gone == name);
        assert!(
            self.instances.iter().all(|one| one.tags.have_deletion_tag() || !goes(one.identifier.as_str()))
        );
        self.instances.retain(|one| !goes(one.identifier.as_str()));
        self.snapshots.retain(|one| !goes(one.identifier.as_str()));
        planned.len()
    }

    /// One run; whether it has succeeded.
    fn run(&mut self, how: Run) -> bool {
        self.runs += 1;
        let (version, id): (Version, String) = (self.runs, id(self.runs));
        let in_use = InUse::default().with(id.parse().unwrap());
        let planned = self.prune(First::Snapshots, &in_use, 0);
        self.mark();
        if how == Run::FailsBeforeCopy {
            return false;
        }
        self.snapshots.push(snapshot("s", &id, "available", true));
        if how == Run::FailsBeforeRestore || self.instances.len() >= self.instance_quota {
            return false;
        }
        let mut new = instance(&format!("db-{version}"), version);
        new.tags = new.tags.with(lineage::REPLICATION_ID, id);
        self.live_host = new.host.clone().unwrap();
        self.instances.push(new);
        self.mark();
        self.prune(First::Instances, &InUse::default(), planned);
        true
    }
}

proptest! {
    /// > With MaxDeletionsPerRun of at least 2, what is to go never grows from run to run, and with 3 it shrinks.
    #[test]
    fn what_is_to_go_never_grows(
        (older, snapshots) in (0usize..6, 1usize..6),
        (older_now, snapshots_now) in (0usize..6, 1usize..6),
        most_deletions in FEWEST_DELETIONS..5,
        before in 1usize..12,
        runs in proptest::collection::vec(proptest::sample::select(&[
            Run::Succeeds, Run::Succeeds, Run::FailsBeforeCopy, Run::FailsBeforeRestore,
        ][..]), 1..40),
    ) {
        let mut account = Account::new(older, snapshots, most_deletions);
        for _ in 0..before {
            account.run(Run::Succeeds);
        }
        // The stack is updated: other numbers stay. The next run tags what that lets go, and deletes it from then on.
        account.older_kept = older_now;
        account.snapshots_kept = snapshots_now;
        account.run(Run::FailsBeforeCopy);
        for run in runs {
            let backlog = account.backlog();
            account.run(run);
            prop_assert!(account.backlog() <= backlog.max(1), "{run:?}: {backlog}, then {}", account.backlog());
            if most_deletions > FEWEST_DELETIONS && run == Run::Succeeds {
                prop_assert!(account.backlog() <= backlog.saturating_sub(1), "{backlog} does not shrink");
            }
        }
    }

    /// > A run that ends for a full quota of instances has given the deletion tag to what the rules let go, so that the next
    /// > one makes room.
    #[test]
    fn a_full_quota_makes_room_for_the_next_run(
        older in 1usize..6,
        fewer in 1usize..6,
        most_deletions in FEWEST_DELETIONS..5,
    ) {
        let mut account = Account::new(older, 2, most_deletions);
        for _ in 0..8 {
            account.run(Run::Succeeds);
        }
        account.instance_quota = account.instances.len();
        prop_assert!(!account.run(Run::Succeeds), "no number lets anything go");
        account.older_kept = older.saturating_sub(fewer);
        let ended = [account.run(Run::Succeeds), account.run(Run::Succeeds)];
        prop_assert_eq!(ended, [false, true]);
    }
}

#[test]
fn the_templates_allow_no_fewer_deletions_than_a_run_needs() {
    for template in [
        include_str!("../../../../cloudformation/source-account.yaml"),
        include_str!("../../../../cloudformation/destination-account.yaml"),
    ] {
        let (_, parameter) = template.split_once("\n  MaxDeletionsPerRun:\n").unwrap();
        // The tests of the local cloud hold the pattern to what the explanation says.
        let explained = "    ConstraintDescription: must be a whole number from ";
        let range = parameter.lines().find_map(|line| line.strip_prefix(explained)).unwrap();
        let (least, _) = range.split_once(" to ").unwrap();
        assert_eq!(least.parse::<usize>().unwrap(), FEWEST_DELETIONS);
    }
}
