//! Which tags are to be changed because of what the secret names. What is superseded is [`crate::retention`]'s decision.

use crate::lineage;
use crate::observed::Instance;
use crate::retention::{self, InstanceRule, Verdict};

use super::{Rules, SecretMove};

/// What is to be done with the tags of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagChange {
    /// It is superseded: the deletion tag is set.
    Supersede,
    /// It stays: the deletion tag is taken off.
    Keep,
    /// It is live: the tag that says so is set.
    Promote,
}

/// How often tags are set again because the secret has moved in the meantime.
const MOST_PASSES: u32 = 3;

/// The instances whose tags are to be changed, because this host is live. They are of the database that
/// the run is about; what the stack holds of another stays as it is.
///
/// Another run may move the secret while tags are set; then they are set again, because they follow what it names.
pub(super) fn changes<'a>(
    rules: Rules<'_>,
    earlier: Option<&SecretMove>,
    instances: &'a [Instance],
    target: &Instance,
    live_host: &str,
) -> Vec<(TagChange, &'a Instance)> {
    let done = earlier.and_then(|earlier| Some((earlier.marked_for.as_ref()?, earlier.again)));
    if done.is_some_and(|(host, passes)| host == live_host || passes >= MOST_PASSES) {
        return Vec::new();
    }
    let database = target.tags.get(lineage::SOURCE_DATABASE).and_then(|name| name.parse().ok());
    let Some(database) = database else {
        return Vec::new();
    };
    let rule = InstanceRule::new(rules.stack, &database, live_host, rules.older_to_keep);
    let plan = retention::plan_instances(instances, &rule);
    let changes = plan.into_iter().filter_map(|decision| {
        let change = match decision.verdict {
            Verdict::Mark => TagChange::Supersede,
            Verdict::Unmark => TagChange::Keep,
            Verdict::Keep | Verdict::Delete | Verdict::Later => return None,
        };
        Some((change, instances.iter().find(|one| one.identifier.as_str() == decision.identifier)?))
    });
    let live = retention::live_instance(instances, rules.stack, live_host);
    let promoted = live.filter(|live| live.is_of_database(&database) && !live.tags.are_promoted());
    changes.chain(promoted.map(|live| (TagChange::Promote, live))).collect()
}
