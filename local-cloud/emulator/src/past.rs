//! What clients could see in the last minutes, for answers that are old on order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use crate::clock;
use crate::emulator::{Emulator, locked};
use crate::model::{Instance, Snapshot, World};

/// How often it is written down what there is.
const INTERVAL: Duration = Duration::from_millis(50);
/// For how long it is remembered.
const REMEMBERED: Duration = Duration::from_mins(15);

/// The instances and snapshots of the last minutes.
#[derive(Default)]
pub struct Past {
    instances: History<Instance>,
    snapshots: History<Snapshot>,
}

/// The states of each thing and when they began, by its ARN and oldest first; `None` since it has been gone.
struct History<T>(BTreeMap<String, VecDeque<(OffsetDateTime, Option<T>)>>);

impl<T> Default for History<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

/// Writes down what there is, for as long as the server runs.
pub async fn record(emulator: Arc<Emulator>) {
    loop {
        locked(&emulator.past).note(&locked(&emulator.world), clock::now());
        clock::sleep(INTERVAL).await;
    }
}

impl Past {
    /// Writes down what there is at `now`.
    pub fn note(&mut self, world: &World, now: OffsetDateTime) {
        let instances = world.instances().map(|instance| (instance.arn().to_string(), instance));
        self.instances.note(instances, now, |one, other| one == other, Instance::clone);
        let snapshots = world.snapshots().map(|snapshot| (snapshot.arn().to_string(), snapshot));
        self.snapshots.note(snapshots, now, Snapshot::is_like, Snapshot::without_data);
    }

    /// The instances as they were at `moment`.
    pub fn instances(&self, moment: OffsetDateTime) -> Vec<Instance> {
        self.instances.at(moment)
    }

    /// The snapshots as they were at `moment`, without their data.
    pub fn snapshots(&self, moment: OffsetDateTime) -> Vec<Snapshot> {
        self.snapshots.at(moment)
    }
}

impl<T: Clone> History<T> {
    fn note<'a>(
        &mut self,
        present: impl Iterator<Item = (String, &'a T)>,
        now: OffsetDateTime,
        same: impl Fn(&T, &T) -> bool,
        seen: impl Fn(&T) -> T,
    ) where
        T: 'a,
    {
        let present: BTreeMap<String, &T> = present.collect();
        for (arn, versions) in &mut self.0 {
            let was_there = versions.back().is_some_and(|(_, thing)| thing.is_some());
            if was_there && !present.contains_key(arn) {
                versions.push_back((now, None));
            }
        }
        for (arn, thing) in present {
            let versions = self.0.entry(arn).or_default();
            let known = versions.back().and_then(|(_, thing)| thing.as_ref());
            if !known.is_some_and(|known| same(known, thing)) {
                versions.push_back((now, Some(seen(thing))));
            }
        }
        let forgotten = now - REMEMBERED;
        self.0.retain(|_, versions| {
            while versions.get(1).is_some_and(|(since, _)| *since <= forgotten) {
                versions.pop_front();
            }
            versions.back().is_some_and(|(since, thing)| thing.is_some() || *since > forgotten)
        });
    }

    fn at(&self, moment: OffsetDateTime) -> Vec<T> {
        let versions = self.0.values();
        versions
            .filter_map(|versions| versions.iter().rev().find(|(since, _)| *since <= moment)?.1.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn the_past_is_reported_as_it_was() {
        let start = datetime!(2026-11-22 10:00 UTC);
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut history = History::<u8>::default();
        let mut note = |seconds, things: &[(&str, u8)]| {
            let present = things.iter().map(|(name, value)| ((*name).to_owned(), value));
            history.note(present, after(seconds), |one, other| one == other, |value| *value);
        };
        note(1, &[("a", 1)]);
        note(2, &[("a", 1), ("b", 7)]);
        note(3, &[("a", 2), ("b", 7)]);
        note(4, &[("b", 7)]);
        assert!(history.at(after(0)).is_empty());
        assert_eq!(history.at(after(1)), [1]);
        assert_eq!(history.at(after(2)), [1, 7]);
        assert_eq!(history.at(after(3)), [2, 7]);
        assert_eq!(history.at(after(9)), [7]);
        let later = after(5) + REMEMBERED;
        history.note([("b".to_owned(), &7)].into_iter(), later, |one, other| one == other, |value| *value);
        assert_eq!(history.0.len(), 1);
        assert_eq!(history.at(later), [7]);
    }
}
