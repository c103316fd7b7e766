//! Which deletion tags are to be changed. The decision is [`crate::retention`].

use crate::lineage;
use crate::observed::Instance;
use crate::retention::{self, InstanceRule, Verdict};

use super::{Rules, SecretMove};

/// How often tags are set anew because the secret has moved meanwhile.
const MOST_PASSES: u32 = 3;

/// The instances whose deletion tag is to be set or taken off, because this host is live. They are of the database that
/// the run is about; what the stack holds of another stays as it is.
///
/// Somebody else may move the secret while tags are set; then they are set anew, because they follow what it names.
pub(super) fn changes<'a>(
    rules: Rules<'_>,
    earlier: Option<&SecretMove>,
    instances: &'a [Instance],
    target: &Instance,
    live_host: &str,
) -> Vec<(Verdict, &'a Instance)> {
    let done = earlier.and_then(|earlier| Some((earlier.marked_for.as_ref()?, earlier.again)));
    if done.is_some_and(|(host, passes)| host == live_host || passes >= MOST_PASSES) {
        return Vec::new();
    }
    let database = target.tags.get(lineage::SOURCE_DATABASE).and_then(|name| name.parse().ok());
    let Some(database) = database else { return Vec::new() };
    let rule = InstanceRule::new(rules.stack, &database, live_host, rules.older_to_keep);
    let plan = retention::plan_instances(instances, &rule);
    let changes =
        plan.into_iter().filter(|decision| matches!(decision.verdict, Verdict::Mark | Verdict::Unmark));
    changes
        .filter_map(|decision| {
            let instance = instances.iter().find(|one| one.identifier.as_str() == decision.identifier)?;
            Some((decision.verdict, instance))
        })
        .collect()
}
