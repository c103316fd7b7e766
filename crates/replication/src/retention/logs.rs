//! What of the logs of versions outlives them.

use crate::observed::Instance;

use super::{InstanceRule, live_instance};

/// The log groups of the versions that this run or a later one may delete: RDS leaves them behind, with all that is in them
/// and for ever. Those of the live version are not among them, unless no older version is kept, so that it goes itself as
/// soon as it is superseded. Where the secret names no version nothing is superseded.
#[must_use]
pub fn log_groups_left_behind(instances: &[Instance], rule: &InstanceRule<'_>) -> Vec<String> {
    let InstanceRule { stack, database, live_host, keep, .. } = *rule;
    let ours: Vec<Instance> = instances
        .iter()
        .filter(|one| one.is_of_stack(stack) && one.is_of_database(database))
        .cloned()
        .collect();
    let Some(live) = live_instance(&ours, stack, live_host) else { return Vec::new() };
    let outlived = ours.iter().filter(|one| keep == 0 || one.identifier != live.identifier);
    outlived.flat_map(Instance::log_groups).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lineage;
    use crate::retention::testing::{DATABASE, STACK, host, instance};

    fn exporting(instance: Instance) -> Instance {
        Instance { log_exports: vec!["postgresql".to_owned(), "upgrade".to_owned()], ..instance }
    }

    fn of(all: &[Instance], live: &str, keep: usize) -> Vec<String> {
        log_groups_left_behind(all, &InstanceRule::new(STACK, &DATABASE.parse().unwrap(), &host(live), keep))
    }

    /// > The log groups of versions that are not live any more keep events for LogRetentionDays.
    #[test]
    fn logs_of_what_may_go_are_limited_and_no_others() {
        let foreign = exporting(instance("db-7", 7));
        let foreign = Instance { tags: foreign.tags.clone().with(lineage::STACK, "another"), ..foreign };
        let sibling = exporting(instance("db-8", 8));
        let sibling =
            Instance { tags: sibling.tags.clone().with(lineage::SOURCE_DATABASE, "another"), ..sibling };
        let all = [
            exporting(instance("db-1", 1)),
            exporting(instance("db-2", 2)),
            instance("db-3", 3),
            foreign,
            sibling,
        ];
        let group = |name: &str, log: &str| format!("/aws/rds/instance/{name}/{log}");
        let of_first = [group("db-1", "postgresql"), group("db-1", "upgrade")];
        assert_eq!(of(&all, "db-2", 1), of_first);
        assert_eq!(of(&all, "db-2", 0).len(), 4, "the live one is deleted by the run that supersedes it");
        assert_eq!(of(&all, "nowhere", 0), [""; 0], "nothing is superseded");
    }
}
