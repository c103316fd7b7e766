//! How many snapshots the source account holds, counted run by run: the defaults must not lead to a full quota.

use proptest::prelude::*;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::testing::{DATABASE, STACK};
use super::{FEWEST_DELETIONS, First, Sharing, SnapshotRule, Verdict, due, plan_deletions, plan_snapshots};
use crate::lineage::{self, Tags};
use crate::naming;
use crate::observed::{self, Snapshot};

/// The defaults of the source template.
const SNAPSHOTS_TO_KEEP: usize = 2;
const SHARED_SNAPSHOT_HOURS: i64 = 12;

/// How a run goes.
#[derive(Debug, Clone, Copy)]
enum Run {
    /// The snapshot is shared as it is.
    SharesAsItIs,
    /// A copy is shared.
    SharesCopy,
    FailsAfterSnapshot,
    FailsAfterCopy,
    CopyFails,
}

#[derive(Default)]
struct Account {
    snapshots: Vec<Snapshot>,
    most: usize,
    most_deletions: usize,
}

impl Account {
    fn add(&mut self, at: OffsetDateTime, is_copy: bool, status: &str) {
        let id = format!("{}-aaaaaa", naming::id_stamp(at));
        let name = if is_copy { format!("s-{id}-copy-in") } else { format!("s-{id}") };
        let tags = Tags::of_replication(STACK, &id.parse().unwrap(), &DATABASE.parse().unwrap()).named(&name);
        let tags = if is_copy { tags.with(lineage::SOURCE_SNAPSHOT, "arn") } else { tags };
        self.snapshots.push(observed::testing::snapshot(&name, status, tags));
        self.most = self.most.max(self.snapshots.len());
    }

    fn newest(&mut self) -> &mut Snapshot {
        self.snapshots.last_mut().unwrap()
    }

    fn share(&mut self, at: OffsetDateTime) {
        let at = at.format(&time::format_description::well_known::Rfc3339).unwrap();
        let newest = self.newest();
        newest.tags = newest.tags.clone().with(lineage::SHARED_AT, at);
    }

    /// Prunes at one of the two places of a run; how many deletions were made.
    fn prune(&mut self, now: OffsetDateTime, before: usize) -> usize {
        let database = DATABASE.parse().unwrap();
        let sharing = Some(Sharing { now, stays: Duration::hours(SHARED_SNAPSHOT_HOURS) });
        let rule = SnapshotRule { sharing, ..SnapshotRule::new(STACK, &database, SNAPSHOTS_TO_KEEP) };
        let plan = plan_snapshots(&self.snapshots, &rule);
        let (planned, _) = plan_deletions(due(First::Snapshots, &[], &plan), self.most_deletions, before);
        self.snapshots.retain(|one| planned.iter().all(|gone| gone.identifier() != one.identifier.as_str()));
        assert!(plan.iter().any(|decision| decision.verdict == Verdict::Keep) || self.snapshots.is_empty());
        planned.len()
    }

    fn run(&mut self, start: OffsetDateTime, run: Run, copying: Duration) {
        let made = self.prune(start, 0);
        self.add(start, false, "available");
        match run {
            Run::FailsAfterSnapshot => return,
            Run::SharesAsItIs => {}
            Run::CopyFails => return self.add(start, true, "failed"),
            Run::SharesCopy | Run::FailsAfterCopy => self.add(start, true, "available"),
        }
        if !matches!(run, Run::FailsAfterCopy) {
            self.share(start + copying);
            self.prune(start + copying, made);
        }
    }
}

proptest! {
    /// > With the defaults and hourly runs, good and failed in any order, a database never has more than 20 snapshots in the
    /// > source account.
    #[test]
    fn hourly_runs_never_hold_more_than_20_snapshots(
        runs in proptest::collection::vec((proptest::sample::select(&[
            Run::SharesAsItIs, Run::SharesCopy, Run::FailsAfterSnapshot, Run::FailsAfterCopy, Run::CopyFails,
        ][..]), 1i64..58), 0..60),
        every in proptest::option::of(proptest::sample::select(&[
            Run::SharesAsItIs, Run::SharesCopy, Run::FailsAfterSnapshot, Run::FailsAfterCopy, Run::CopyFails,
        ][..])),
        // The default, and the fewest.
        most_deletions in FEWEST_DELETIONS..=3,
    ) {
        let mut account = Account { most_deletions, ..Account::default() };
        let mut start = datetime!(2026-11-01 00:00 UTC);
        for (run, minutes) in runs {
            account.run(start, every.unwrap_or(run), Duration::minutes(minutes));
            start += Duration::HOUR;
        }
        prop_assert!(account.most <= 20, "{} snapshots", account.most);
    }
}
