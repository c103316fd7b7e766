//! How many bytes copies move in ten successive runs, by a model: what RDS is expected to copy is asked of the product's own
//! decisions ([`replication::copying`]) about what its own retention ([`replication::retention`]) has left, run by run.
//! Nothing here measures anything, so that the figures are the same on every machine.
//!
//! Prints the table in Markdown, then a line of `---json---`, then all figures as JSON: `scripts/bench moved` parts them.

#![expect(clippy::unwrap_used, reason = "a model with wrong names has to stop")]

use std::fmt::Write;

use replication::copying::{EarlierCopy, Expectation, Kind};
use replication::lineage::{self, Tags};
use replication::naming;
use replication::observed::{Snapshot, testing};
use replication::retention::{
    FEWEST_DELETIONS, First, Sharing, SnapshotRule, due, plan_deletions, plan_snapshots,
};
use serde_json::{Value, json};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

const RUNS: usize = 10;
/// What changes in the database from one run to the next, as a part of it.
const CHANGED: f64 = 0.02;
/// The defaults of the templates.
const SNAPSHOTS_TO_KEEP: usize = 2;
const SHARED_SNAPSHOT_HOURS: i64 = 12;
const MOST_DELETIONS: usize = if FEWEST_DELETIONS > 3 { FEWEST_DELETIONS } else { 3 };
const DATABASE: &str = "orders";
const STACK: &str = "stack";
const FIRST_RUN: OffsetDateTime = datetime!(2026-11-01 00:00 UTC);

/// Which keys there are, and which text of the guide RDS follows.
#[derive(Clone, Copy)]
enum Case {
    /// The database is under the key that is shared, so that its snapshot is shared as it is.
    KeyShared,
    /// The database is under a key of its own, so that a copy under the shared one is made first.
    OwnKey(Guide),
    /// The database is not encrypted.
    NotEncrypted,
    /// Two copies under fixed names, each made after the one before was deleted.
    Original,
}

#[derive(Clone, Copy, PartialEq)]
enum Guide {
    /// A copy of a copy may be incremental.
    Of2026,
    /// "A copy of a copy is never incremental."
    Of2023,
}

const CASES: [(&str, Case); 5] = [
    ("key shared", Case::KeyShared),
    ("encrypted copy needed, guide of 2026", Case::OwnKey(Guide::Of2026)),
    ("encrypted copy needed, guide of 2023", Case::OwnKey(Guide::Of2023)),
    ("database not encrypted, either guide", Case::NotEncrypted),
    ("original: two copies, deletes first", Case::Original),
];

/// What a stack has in one account.
#[derive(Default)]
struct Account {
    snapshots: Vec<Snapshot>,
    newest_copy: Option<String>,
}

impl Account {
    fn add(&mut self, name: &str, id: &str, key: Option<&str>, source: Option<&str>) {
        let tags = Tags::of_replication(STACK, &id.parse().unwrap(), &DATABASE.parse().unwrap()).named(name);
        let from = source.map(|name| format!("arn:aws:rds:eu-central-1:111111111111:snapshot:{name}"));
        let made = testing::snapshot(name, "available", tags.with_some(lineage::SOURCE_SNAPSHOT, from));
        let key_arn = key.map(str::to_owned);
        self.snapshots.push(Snapshot { encrypted: key.is_some(), key_arn, ..made });
        if source.is_some() {
            self.newest_copy = Some(name.to_owned());
        }
    }

    fn share(&mut self, at: OffsetDateTime) {
        let newest = self.snapshots.last_mut().unwrap();
        let at = at.format(&time::format_description::well_known::Rfc3339).unwrap();
        newest.tags = newest.tags.clone().with(lineage::SHARED_AT, at);
    }

    /// Deletes what the product's retention lets go.
    fn prune(&mut self, sharing: Option<Sharing>) {
        let database = DATABASE.parse().unwrap();
        let rule = SnapshotRule { sharing, ..SnapshotRule::new(STACK, &database, SNAPSHOTS_TO_KEEP) };
        let plan = plan_snapshots(&self.snapshots, &rule);
        let (planned, _) = plan_deletions(due(First::Snapshots, &[], &plan), MOST_DELETIONS, 0);
        self.snapshots.retain(|one| planned.iter().all(|gone| gone.identifier() != one.identifier.as_str()));
    }

    /// The newest earlier copy, as the product finds it. If the newest of all was deleted, the next copy is full.
    fn earlier(&self) -> Option<EarlierCopy> {
        let none = "none".parse().unwrap();
        let found = EarlierCopy::newest(&self.snapshots, STACK, &DATABASE.parse().unwrap(), &none);
        found.filter(|found| Some(&found.identifier) == self.newest_copy.as_ref())
    }
}

fn part(kind: Kind) -> f64 {
    match kind {
        Kind::None => 0.0,
        Kind::Incremental => CHANGED,
        Kind::Full => 1.0,
    }
}

/// What the copies of each run move, as a part of the database.
fn moved(case: Case) -> Vec<f64> {
    if let Case::Original = case {
        return vec![2.0; RUNS];
    }
    let (mut source, mut destination) = (Account::default(), Account::default());
    let mut runs = Vec::with_capacity(RUNS);
    for number in 0..RUNS {
        let at = FIRST_RUN + Duration::days(i64::try_from(number).unwrap());
        let id = format!("{}-aaaaaa", naming::id_stamp(at));
        let snapshot = format!("s-{id}");
        let key = match case {
            Case::KeyShared => Some("shared"),
            Case::OwnKey(_) => Some("own"),
            _ => None,
        };
        source.add(&snapshot, &id, key, None);
        let encrypting = if key == Some("shared") {
            Expectation::shared_directly()
        } else {
            Expectation::re_encryption(key.is_some(), source.earlier().as_ref(), "shared")
        };
        let is_copy = encrypting.expected != Kind::None;
        let shared = if is_copy { format!("{snapshot}-copy-in") } else { snapshot.clone() };
        if is_copy {
            source.add(&shared, &id, Some("shared"), Some(&snapshot));
        }
        source.share(at);
        source.prune(Some(Sharing { now: at, stays: Duration::hours(SHARED_SNAPSHOT_HOURS) }));

        let arriving = Expectation::across_accounts(Some(is_copy), destination.earlier().as_ref(), "theirs");
        let is_full = match case {
            Case::OwnKey(guide) => guide == Guide::Of2023,
            // The condition that the expectation names: only if the shared snapshot was copied incrementally too.
            _ => encrypting.expected == Kind::Full,
        };
        destination.add(&format!("orders-copy-{id}"), &id, Some("theirs"), Some(&shared));
        destination.prune(None);
        let arriving = if is_full { Kind::Full } else { arriving.expected };
        runs.push(part(encrypting.expected) + part(arriving));
    }
    runs
}

fn main() {
    let mut table = "| moved by copies, of the size of the database | 1st run | 2nd | 3rd to 10th, each | all ten | most from the 2nd run on |\n|---|---:|---:|---:|---:|---:|\n".to_owned();
    let mut rows: Vec<Value> = Vec::new();
    for (name, case) in CASES {
        let runs = moved(case);
        let most = runs[1..].iter().copied().fold(0.0, f64::max);
        let later = runs[2..].iter().sum::<f64>() / 8.0;
        let all: f64 = runs.iter().sum();
        let _ = writeln!(
            table,
            "| {name} | {:.2} | {:.2} | {later:.2} | {all:.2} | {:.0}% |",
            runs[0],
            runs[1],
            most * 100.0
        );
        rows.push(json!({"case": name, "runs": runs, "mostFromSecondRun": most}));
    }
    println!("{table}\n---json---\n{:#}", json!({"changed": CHANGED, "rows": rows}));
}
