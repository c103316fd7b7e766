//! The table of what was tried and how it ended.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use crate::sweep::{Pair, Verdict};

/// What is known so far; every line is printed as it comes, and the totals at the end.
#[derive(Default)]
pub struct Report {
    pairs: Mutex<Vec<(Pair, Verdict)>>,
    scenarios: Mutex<Vec<(&'static str, Verdict)>>,
}

impl Report {
    /// Takes down how a run with these faults ended.
    pub fn trial(&self, pairs: Vec<Pair>, verdict: &Verdict, took: Duration) {
        for pair in pairs {
            println!("{pair} {verdict} ({:.1} s)", took.as_secs_f64());
            self.pairs.lock().unwrap().push((pair, verdict.clone()));
        }
    }

    /// Takes down how a scenario ended.
    pub fn scenario(&self, name: &'static str, verdict: Verdict, took: Duration) {
        println!("{name:<114} {verdict} ({:.1} s)", took.as_secs_f64());
        self.scenarios.lock().unwrap().push((name, verdict));
    }

    /// Prints the table and the totals; whether everything ended as it has to.
    pub fn print(&self) -> bool {
        let (pairs, scenarios) = (self.pairs.lock().unwrap(), self.scenarios.lock().unwrap());
        println!(
            "\nmachine            task         call                                         pairs survived failed cleanly"
        );
        let mut calls: BTreeMap<String, [usize; 3]> = BTreeMap::new();
        for (pair, verdict) in pairs.iter() {
            let counts = calls.entry(pair.point.to_string()).or_default();
            counts[0] += 1;
            counts[1] += usize::from(*verdict == Verdict::Survived);
            counts[2] += usize::from(matches!(verdict, Verdict::FailedCleanly(_)));
        }
        for (call, [all, survived, failed]) in &calls {
            println!("{call} {all:>5} {survived:>8} {failed:>14}");
        }
        let all: Vec<&Verdict> = pairs
            .iter()
            .map(|(_, verdict)| verdict)
            .chain(scenarios.iter().map(|(_, verdict)| verdict))
            .collect();
        let bad = pairs
            .iter()
            .map(|(pair, verdict)| (pair.to_string(), verdict))
            .chain(scenarios.iter().map(|(name, verdict)| ((*name).to_owned(), verdict)))
            .filter(|(_, verdict)| !verdict.is_good());
        println!();
        for (what, verdict) in bad {
            println!("{what} {verdict}");
        }
        let count = |is: fn(&Verdict) -> bool| all.iter().filter(|verdict| is(verdict)).count();
        println!(
            "{} pairs of a call and a fault and {} scenarios tried: {} survived, {} failed cleanly, {} hung, {} lied",
            pairs.len(),
            scenarios.len(),
            count(|verdict| *verdict == Verdict::Survived),
            count(|verdict| matches!(verdict, Verdict::FailedCleanly(_))),
            count(|verdict| matches!(verdict, Verdict::Hung(_))),
            count(|verdict| matches!(verdict, Verdict::Lied(_)))
        );
        !all.is_empty() && all.iter().all(|verdict| verdict.is_good())
    }
}
