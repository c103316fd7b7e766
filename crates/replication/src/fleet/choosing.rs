//! Which databases of the account one run replicates, which it leaves out and why, and in which order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::children::History;
use super::{MOST_BYTES, MOST_DATABASES, beginning};
use crate::lineage::{self, Tags};
use crate::naming::{self, InstanceIdentifier, ReplicationId};
use crate::progress::{InstanceStatus, Progress, Restored};
use crate::{Error, ErrorName};

/// The engines of other services whose instances RDS lists too (API model, `DescribeDBInstances`).
const OTHER_SERVICES: [(&str, &str); 2] = [("neptune", "Amazon Neptune"), ("docdb", "Amazon DocumentDB")];

/// An instance as one read of all instances shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its identifier.
    pub database: InstanceIdentifier,
    /// Its engine.
    pub engine: String,
    /// The cluster that it is a member of.
    pub cluster: Option<String>,
    /// What it is a read replica of.
    pub replica_of: Option<String>,
    /// Its `DBInstanceStatus`.
    pub status: InstanceStatus,
    /// Its storage in GiB.
    pub storage: i32,
    /// Its tags.
    pub tags: Tags,
}

/// By what databases are chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// The input of the execution names them.
    List(Vec<InstanceIdentifier>),
    /// Their names have this form, in which `*` stands for anything.
    Pattern(String),
    /// They carry this tag.
    Tag(String, String),
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(_) => f.write_str("the list SourceDBIdentifiers in the input"),
            Self::Pattern(pattern) => write!(f, "the name pattern {pattern} (FleetNamePattern)"),
            Self::Tag(key, value) => write!(f, "the tag {key}={value} (FleetTagKey, FleetTagValue)"),
        }
    }
}

/// What a run replicates.
#[derive(Debug, Clone)]
pub struct Rule {
    /// By what databases are chosen.
    pub by: By,
    /// Whether read replicas are replicated.
    pub read_replicas: bool,
    /// The runs that this one goes on with.
    pub continued: Vec<ReplicationId>,
}

/// What a run does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen {
    /// The databases that it replicates, in this order.
    pub databases: Vec<InstanceIdentifier>,
    /// Those that were chosen and are not replicated.
    pub left_out: Vec<LeftOut>,
    /// Those that the runs that it goes on with have replicated.
    pub done_before: Vec<InstanceIdentifier>,
}

/// A database that was chosen and is not replicated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The database.
    pub database: InstanceIdentifier,
    /// Why.
    pub reason: String,
    /// The error that a run for it alone would end with; with one it counts as failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl LeftOut {
    fn new(database: &InstanceIdentifier, reason: impl AsRef<str>) -> Self {
        let reason = beginning(reason.as_ref(), MOST_BYTES);
        Self { database: database.clone(), reason, error: None }
    }

    fn failed(database: &InstanceIdentifier, name: ErrorName, reason: impl AsRef<str>) -> Self {
        Self { error: Some(name.as_str().to_owned()), ..Self::new(database, reason) }
    }
}

/// Chooses among all instances of the account.
///
/// # Errors
/// [`ErrorName::NotFound`] if nothing is chosen, [`ErrorName::InvalidInput`] if it is too much for one run.
pub fn choose(candidates: &[Candidate], rule: &Rule, history: &History<'_>) -> Result<Chosen, Error> {
    let mut chosen = Chosen::default();
    let mut found: Vec<&Candidate> = Vec::new();
    match &rule.by {
        By::List(databases) => found = listed(candidates, databases, &mut chosen.left_out),
        By::Pattern(pattern) => {
            found.extend(candidates.iter().filter(|one| naming::has_form(pattern, one.database.as_str())));
        }
        By::Tag(key, value) => {
            found.extend(candidates.iter().filter(|one| one.tags.get(key) == Some(value.as_str())));
        }
    }
    let mut wanted: Vec<&Candidate> = Vec::new();
    for one in found {
        match unsuitable(one, rule) {
            Some(left_out) => chosen.left_out.push(left_out),
            None if history.is_done(&rule.continued, &one.database) => {
                chosen.done_before.push(one.database.clone());
            }
            None => wanted.push(one),
        }
    }
    check_number(&wanted, &chosen, rule, candidates.len())?;
    wanted.sort_by_key(|one| order(one, history));
    chosen.databases = wanted.into_iter().map(|one| one.database.clone()).collect();
    Ok(chosen)
}

/// The databases that this stack holds snapshots of and this run does not replicate: nobody may notice that they have no
/// replications any more. An input that names databases leaves the others out on purpose.
#[must_use]
pub fn abandoned(
    candidates: &[Candidate],
    rule: &Rule,
    chosen: &Chosen,
    snapshotted: &BTreeSet<InstanceIdentifier>,
) -> Vec<LeftOut> {
    if matches!(rule.by, By::List(_)) {
        return vec![];
    }
    let left_out = chosen.left_out.iter().map(|one| &one.database);
    let known: BTreeSet<_> = chosen.databases.iter().chain(&chosen.done_before).chain(left_out).collect();
    let exists = |database: &InstanceIdentifier| candidates.iter().any(|one| one.database == *database);
    let missed = snapshotted.iter().filter(|database| !known.contains(database));
    missed
        .map(|database| {
            let why = if exists(database) {
                format!("{} no longer chooses it, and nothing replicates it", rule.by)
            } else {
                "it is gone, and its last versions stay".to_owned()
            };
            LeftOut::new(
                database,
                format!("{why}; if that is meant, delete the snapshots that this stack has of it"),
            )
        })
        .collect()
}

/// The candidates that a list names, each once.
fn listed<'a>(
    candidates: &'a [Candidate],
    databases: &[InstanceIdentifier],
    left_out: &mut Vec<LeftOut>,
) -> Vec<&'a Candidate> {
    let by_name: BTreeMap<_, _> = candidates.iter().map(|one| (&one.database, one)).collect();
    let mut named = BTreeSet::new();
    let mut found = Vec::new();
    for database in databases {
        if !named.insert(database) {
            left_out.push(LeftOut::new(database, "the input names it more than once; once is enough"));
        } else if let Some(one) = by_name.get(database) {
            found.push(*one);
        } else {
            let because = "there is no database of this name in this account and Region";
            left_out.push(LeftOut::failed(database, ErrorName::NotFound, because));
        }
    }
    found
}

/// Why a database that was chosen is not replicated; nothing if it is.
fn unsuitable(one: &Candidate, rule: &Rule) -> Option<LeftOut> {
    let Candidate { database, engine, cluster, replica_of, status, tags, .. } = one;
    let left_out = |reason: String| Some(LeftOut::new(database, reason));
    if let Some((_, service)) = OTHER_SERVICES.iter().find(|(of, _)| engine == of) {
        return left_out(format!("it is of {service}, which RDS only lists"));
    }
    if let Some(cluster) = cluster {
        return left_out(format!(
            "it is a member of cluster {cluster} ({engine}), and only clusters as a whole have snapshots"
        ));
    }
    if let (Some(stack), true) = (tags.get(lineage::STACK), !matches!(rule.by, By::List(_))) {
        return left_out(format!("it is a version that stack {stack} has restored"));
    }
    if let (Some(original), false) = (replica_of, rule.read_replicas) {
        return left_out(format!("it is a read replica of {original}, and FleetReadReplicas is false"));
    }
    if status.restored() == Restored::Deleting {
        return left_out(format!("it is {status}"));
    }
    (status.source() == Progress::Failed).then(|| {
        let reason =
            format!("the database is {status}; bring it back to available, and the next run replicates it");
        LeftOut::failed(database, ErrorName::InstanceNotReady, reason)
    })
}

fn check_number(wanted: &[&Candidate], chosen: &Chosen, rule: &Rule, of: usize) -> Result<(), Error> {
    let choosing = || format!("choosing databases by {}", rule.by);
    if wanted.is_empty() && chosen.left_out.is_empty() && chosen.done_before.is_empty() {
        return Err(Error::new(ErrorName::NotFound, choosing())
            .because(format!("none of the {of} databases in this account and Region is chosen"))
            .advise(
                "give the databases the tag, correct FleetTagKey, FleetTagValue or FleetNamePattern, or name the databases in \
                 the input, {\"SourceDBIdentifiers\": [...]}",
            ));
    }
    let number = wanted.len() + chosen.done_before.len();
    if number > MOST_DATABASES {
        return Err(Error::new(ErrorName::InvalidInput, choosing())
            .because(format!("{number} databases are chosen, and one run takes at most {MOST_DATABASES}"))
            .advise("give another stack a tag or a name pattern of its own for some of them"));
    }
    Ok(())
}

/// Those whose duration nobody knows first, the largest before the others: their first copy is a full one. Then those that
/// took longest, so that the longest of all does not begin when the others are done.
fn order<'a>(one: &'a Candidate, history: &History<'_>) -> impl Ord + use<'a> {
    let seconds = history.seconds(&one.database);
    (seconds.is_some(), Reverse(seconds), Reverse(one.storage), &one.database)
}

#[cfg(test)]
mod tests;
