//! Which instances of the account a poll reads, so that what a run costs does not grow with what else is there.
//!
//! RDS lists all instances of the account, 100 a page, and knows no filter for tags (API model, `DescribeDBInstances`). What
//! is of one database is known by its names, `<prefix>-<version>`, and their numbers follow one another. So a poll reads the
//! first page, which in most accounts is everything; where there are more, it asks for the names that there may be. What
//! that leaves out is of no use to readers, and is found by the runs that read everything: the first one of a database, and
//! then about one in [`READ_ALL_EVERY`]. To leave out an instance never deletes another one: fewer of them are superseded.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::naming::{self, InstanceIdentifier, Version};
use crate::observed::{Instance, Snapshot};
use crate::pacing;
use crate::versions::Scope;

/// One run in so many reads every instance of the account.
pub const READ_ALL_EVERY: u64 = 16;
/// How many numbers below the largest known one are asked for.
const BELOW: Version = 69;
/// How many numbers above the largest known one are asked for: those that other runs have taken in the meantime.
const ABOVE: Version = 10;
/// How many numbers on either side of what the secret names are asked for. An operator may have rolled back a long way.
const AROUND_LIVE: Version = 9;

/// What a poll knows of the versions of a database before it reads the instances.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// The database.
    pub scope: Scope<'a>,
    /// The hosts that the secret names, or that the run's document does.
    pub hosts: &'a [&'a str],
    /// How the names of the versions began when the secret was moved to one.
    pub live_prefix: &'a str,
    /// The snapshots of the database, which carry the numbers of the versions that were restored from them.
    pub snapshots: &'a [Snapshot],
    /// The ARN of the execution.
    pub execution: &'a str,
    /// Whether the poll needs every instance for something else.
    pub needs_all: bool,
}

/// The instances that a poll has read.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The instances.
    pub instances: Vec<Instance>,
    /// Whether they are all that the account has.
    pub is_all: bool,
}

impl Look<'_> {
    /// Whether this poll reads every instance of the account, however many there are. All polls of an execution agree.
    #[must_use]
    pub fn reads_all(&self) -> bool {
        self.needs_all || self.known().values().all(BTreeSet::is_empty) || is_thorough(self.execution)
    }

    /// Whether an instance of this name could be a version of the database, so that it is not judged without its tags.
    #[must_use]
    pub fn could_be_version(&self, name: &str) -> bool {
        self.known().keys().any(|prefix| naming::version_of(prefix, name).is_some())
    }

    /// The names that there may be, after these instances were found.
    #[must_use]
    pub fn names(&self, found: &[Instance]) -> BTreeSet<InstanceIdentifier> {
        let live: Vec<&str> = self.hosts.iter().map(|host| naming::instance_of_endpoint(host)).collect();
        let mut names: BTreeSet<InstanceIdentifier> =
            live.iter().filter_map(|name| name.parse().ok()).collect();
        for (prefix, known) in self.known() {
            let version_of = |name: &str| naming::version_of(&prefix, name);
            let found = found.iter().filter_map(|one| version_of(one.identifier.as_str()));
            let largest = known.iter().copied().max().unwrap_or_default();
            // Only where what is found comes near the end of the names is there more above them.
            let largest =
                found.max().filter(|found| *found > largest.saturating_add(ABOVE / 2)).unwrap_or(largest);
            let around = live.iter().filter_map(|name| version_of(name)).flat_map(|version| {
                version.saturating_sub(AROUND_LIVE)..=version.saturating_add(AROUND_LIVE)
            });
            let newest = largest.saturating_sub(BELOW)..=largest.saturating_add(ABOVE);
            let numbers: BTreeSet<Version> = newest.chain(around).chain(known).filter(|n| *n > 0).collect();
            // A name that is too long is no name.
            names.extend(numbers.iter().filter_map(|number| format!("{prefix}-{number}").parse().ok()));
        }
        names
    }

    /// The numbers that are known, by how the names of the versions begin.
    fn known(&self) -> BTreeMap<String, BTreeSet<Version>> {
        let own = self.scope.prefix.as_str();
        let mut known = BTreeMap::from([(own.to_owned(), BTreeSet::new())]);
        if !self.live_prefix.is_empty() {
            known.entry(self.live_prefix.to_owned()).or_default();
        }
        for snapshot in self.snapshots.iter().filter(|snapshot| self.scope.owns_snapshot(snapshot)) {
            let numbers = match naming::prefix_of_copy(&snapshot.identifier) {
                Some(prefix) => known.entry(prefix.to_owned()).or_default(),
                None => continue,
            };
            numbers.extend(snapshot.tags.version());
        }
        for (prefix, numbers) in &mut known {
            let names = self.hosts.iter().map(|host| naming::instance_of_endpoint(host));
            numbers.extend(names.filter_map(|name| naming::version_of(prefix, name)));
        }
        known
    }
}

/// Whether an execution, by its ARN, is one of those of which one in [`READ_ALL_EVERY`] reads everything.
#[must_use]
pub fn is_thorough(execution: &str) -> bool {
    let seed = pacing::seed(execution);
    ((seed ^ (seed >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32).is_multiple_of(READ_ALL_EVERY)
}
