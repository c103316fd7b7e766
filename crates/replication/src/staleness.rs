//! How old the data are that readers of each database of a stack have: one that is fresh must not hide that another is not.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use crate::lineage::SOURCE_DATABASE;
use crate::observed::Instance;

/// The age in hours of the newest data of each database that were live, by the name of the database. What a rollback has left
/// behind counts, because an operator wants that; a database that never had a live version is reported by its failed runs.
#[must_use]
pub fn data_ages_hours(instances: &[Instance], stack: &str, now: OffsetDateTime) -> BTreeMap<String, i64> {
    let mut ages = BTreeMap::new();
    let were_live =
        instances.iter().filter(|i| i.is_of_stack(stack) && i.tags.are_promoted() && !i.is_leaving());
    for instance in were_live {
        let (Some(database), Some(time)) = (instance.tags.get(SOURCE_DATABASE), instance.tags.data_time())
        else {
            continue;
        };
        let hours = (now - time).whole_hours().max(0);
        let youngest = ages.entry(database.to_owned()).or_insert(hours);
        *youngest = hours.min(*youngest);
    }
    ages
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::lineage::{DATA_TIME, PROMOTED};
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
        let instances = [
            version("db-1", 1, "orders", "2026-11-20T10:00:00Z"),
            version("db-2", 2, "orders", "2026-11-26T09:00:00Z"),
            version("db-3", 3, "shop", "2026-11-24T10:00:00Z"),
            waits,
            leaving,
        ];
        let ages = data_ages_hours(&instances, STACK, now);
        assert_eq!(ages, [("orders".to_owned(), 1), ("shop".to_owned(), 48)].into());
        assert!(data_ages_hours(&instances, "another", now).is_empty());
    }
}
