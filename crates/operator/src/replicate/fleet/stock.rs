//! What the databases of a fleet will hold in the destination account, compared with its quotas, in words for an operator.

use std::collections::HashMap;

use crate::status::facts::{Instance, Snapshot, Stack, includes};

/// How many older versions a stack keeps unless its parameter says otherwise.
const OLDER: u64 = 2;
/// How many snapshots a stack keeps unless its parameter says otherwise.
const SNAPSHOTS: u64 = 2;

/// What the stacks hold once every database has all its versions, while each is being replicated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Need {
    /// How many databases they take.
    pub databases: u64,
    /// DB instances.
    pub instances: u64,
    /// Manual snapshots.
    pub snapshots: u64,
}

/// What the account has.
#[derive(Debug)]
pub struct Shelf {
    /// The quotas, by RDS's names of them.
    pub quotas: HashMap<String, i64>,
    /// Every instance.
    pub instances: Vec<Instance>,
    /// Every manual snapshot.
    pub snapshots: Vec<Snapshot>,
}

/// What the stacks hold of those of the databases that they take: the live version, the older ones and the one that is being
/// restored; the snapshot copies that stay and the one that is being made.
pub fn need(stacks: &[Stack], databases: &[String]) -> Need {
    stacks.iter().fold(Need::default(), |so_far, stack| {
        let taken = databases.iter().filter(|name| includes(&stack.database(), name)).count();
        let taken = u64::try_from(taken).unwrap_or(u64::MAX);
        let older = stack.number("NoOfOlderInstances").unwrap_or(OLDER);
        let kept = stack.number("SnapshotsToKeep").unwrap_or(SNAPSHOTS);
        Need {
            databases: so_far.databases + taken,
            instances: so_far.instances + taken * (1 + older + 1),
            snapshots: so_far.snapshots + taken * (kept + 1),
        }
    })
}

/// Lines about the quotas that are too small.
pub fn lacks(need: &Need, shelf: &Shelf, stacks: &[Stack]) -> Vec<String> {
    let is_ours = |is_of: &dyn Fn(&str) -> bool| stacks.iter().any(|stack| is_of(&stack.name));
    let instances = shelf.instances.iter().filter(|one| !is_ours(&|name| one.is_of(name))).count();
    let snapshots = shelf.snapshots.iter().filter(|one| !is_ours(&|name| one.is_of(name))).count();
    let of_instances = lack(need, need.instances, "DB instances", shelf.quotas.get("DBInstances"), instances);
    let of_snapshots =
        lack(need, need.snapshots, "manual snapshots", shelf.quotas.get("ManualSnapshots"), snapshots);
    [of_instances, of_snapshots].into_iter().flatten().map(|said| format!("quota        {said}")).collect()
}

/// What to ask AWS for, or nothing if there is room or RDS does not say the quota; `others` is how many things the account has
/// that are not of the stacks.
fn lack(need: &Need, wanted: u64, words: &str, quota: Option<&i64>, others: usize) -> Option<String> {
    let quota = u64::try_from(*quota?).ok()?;
    let others = u64::try_from(others).ok()?;
    if others + wanted <= quota {
        return None;
    }
    Some(format!(
        "the destination account may have {quota} {words} in this Region; {} databases need up to {wanted} ({} each, with the \
         numbers of their stacks) beside {others} that are not of these stacks: ask AWS for a quota of {} {words} (Service \
         Quotas, Amazon RDS)",
        need.databases,
        each(wanted, need.databases),
        others + wanted
    ))
}

/// A part of a whole, in hundredths where it is no whole number.
fn each(wanted: u64, databases: u64) -> String {
    let hundredths = (wanted * 100 + databases / 2) / databases.max(1);
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn stack(name: &str, parameters: &[(&str, &str)]) -> Stack {
        Stack {
            name: name.to_owned(),
            status: "CREATE_COMPLETE".to_owned(),
            parameters: parameters
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            outputs: BTreeMap::new(),
            created: None,
            pattern: String::new(),
        }
    }

    /// Live, two older and the one being restored are four instances a database.
    #[test]
    fn the_stock_of_a_fleet_is_what_its_stacks_keep() {
        let one = stack(
            "one",
            &[("SourceDBIdentifier", "orders"), ("NoOfOlderInstances", "2"), ("SnapshotsToKeep", "2")],
        );
        let many = stack("many", &[("SourceDBIdentifier", "crm-*"), ("NoOfOlderInstances", "0")]);
        let names = ["orders", "crm-a", "crm-b", "other"].map(str::to_owned);
        let need_of = |one: &Stack| need(std::slice::from_ref(one), &names);
        assert_eq!(need_of(&one), Need { databases: 1, instances: 4, snapshots: 3 });
        assert_eq!(need_of(&many), Need { databases: 2, instances: 4, snapshots: 6 });
        assert_eq!(need(&[one, many], &names), Need { databases: 3, instances: 8, snapshots: 9 });
    }

    #[test]
    fn a_quota_is_said_with_the_number_to_ask_for() {
        let need = Need { databases: 10, instances: 40, snapshots: 30 };
        let lack = |quota: Option<&i64>, others| lack(&need, 40, "DB instances", quota, others);
        assert_eq!(lack(Some(&40), 0), None);
        assert_eq!(lack(None, 7), None, "what AWS does not say is not compared");
        let said = "the destination account may have 40 DB instances in this Region; 10 databases need up to 40 (4 each, with the \
                    numbers of their stacks) beside 3 that are not of these stacks: ask AWS for a quota of 43 DB instances (Service \
                    Quotas, Amazon RDS)";
        assert_eq!(lack(Some(&40), 3).as_deref(), Some(said));
    }

    #[test]
    fn a_part_is_said_as_short_as_it_is() {
        let parts = [(40, 10), (7, 2), (10, 3), (21, 10), (2000, 1)].map(|(all, of)| each(all, of));
        assert_eq!(parts, ["4", "3.5", "3.33", "2.1", "2000"]);
    }
}
