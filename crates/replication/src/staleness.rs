//! How old the data are that readers of each database of a stack have: one that is fresh must not hide that another is not.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use crate::lineage::SOURCE_DATABASE;
use crate::observed::Instance;

/// How long ago something was, in hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ages {
    /// The point in time of the newest data that were live.
    pub data_hours: i64,
    /// The beginning of the last replication whose version was live. It differs from the age of the data where an old snapshot
    /// was replicated.
    pub success_hours: i64,
}

/// The ages of each database, by its name. What a rollback has left
/// behind counts, because an operator wants that; a database that never had a live version is reported by its failed runs.
#[must_use]
pub fn ages(instances: &[Instance], stack: &str, now: OffsetDateTime) -> BTreeMap<String, Ages> {
    let mut ages: BTreeMap<String, Ages> = BTreeMap::new();
    let were_live =
        instances.iter().filter(|i| i.is_of_stack(stack) && i.tags.are_promoted() && !i.is_leaving());
    for instance in were_live {
        let (Some(database), Some(time)) = (instance.tags.get(SOURCE_DATABASE), instance.tags.data_time())
        else {
            continue;
        };
        let hours = |time: OffsetDateTime| (now - time).whole_hours().max(0);
        let data_hours = hours(time);
        let own = Ages { data_hours, success_hours: instance.tags.replicated_at().map_or(data_hours, hours) };
        let youngest = ages.entry(database.to_owned()).or_insert(own);
        youngest.data_hours = youngest.data_hours.min(own.data_hours);
        youngest.success_hours = youngest.success_hours.min(own.success_hours);
    }
    ages
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::lineage::{DATA_TIME, PROMOTED, REPLICATION_ID};
    use crate::retention::testing::{self, STACK};

    fn version(name: &str, version: u32, database: &str, data_time: &str) -> Instance {
        let mut instance = testing::instance(name, version);
        instance.tags = instance.tags.with(SOURCE_DATABASE, database).with(DATA_TIME, data_time);
        instance.tags = instance.tags.with(PROMOTED.0, PROMOTED.1);
        instance
    }

    /// > One fresh database does not hide that another one of the stack is stale.
    #[test]
    fn the_age_is_that_of_each_database() {
        let now = datetime!(2026-11-26 10:30 UTC);
        let mut waits = version("db-4", 4, "shop", "2026-11-26T09:00:00Z");
        waits.tags = waits.tags.with(PROMOTED.0, "no");
        let mut leaving = version("db-5", 5, "shop", "2026-11-26T09:00:00Z");
        leaving.status = "deleting".into();
        let mut late = version("db-6", 6, "late", "2026-11-20T10:00:00Z");
        late.tags = late.tags.with(REPLICATION_ID, "20261126t073000z-aaaaaa");
        let instances = [
            late,
            version("db-1", 1, "orders", "2026-11-20T10:00:00Z"),
            version("db-2", 2, "orders", "2026-11-26T09:00:00Z"),
            version("db-3", 3, "shop", "2026-11-24T10:00:00Z"),
            waits,
            leaving,
        ];
        let found: Vec<(String, i64, i64)> = ages(&instances, STACK, now)
            .into_iter()
            .map(|(database, ages)| (database, ages.data_hours, ages.success_hours))
            .collect();
        let expected = [("late", 144, 3), ("orders", 1, 1), ("shop", 48, 48)];
        assert_eq!(found, expected.map(|(database, data, success)| (database.to_owned(), data, success)));
        assert!(ages(&instances, "another", now).is_empty());
    }
}
