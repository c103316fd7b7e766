//! What the tests of this module and of `rollback` make their worlds of.

use super::{Decision, Verdict};
use crate::lineage::{self, Tags};
use crate::naming::Version;
use crate::observed::{self, Instance, Snapshot};

pub use crate::observed::testing::host;

pub const STACK: &str = "destination";
pub const DATABASE: &str = "orders";

pub fn instance(name: &str, version: Version) -> Instance {
    let tags = Tags::default()
        .with(lineage::STACK, STACK)
        .with(lineage::SOURCE_DATABASE, DATABASE)
        .with(lineage::VERSION, version.to_string());
    observed::testing::instance(name, tags.named(name))
}

pub fn marked(mut instance: Instance) -> Instance {
    instance.tags = instance.tags.with(lineage::DELETION_TAG.0, lineage::DELETION_TAG.1);
    instance
}

/// A snapshot of ours: `<name>-<id>`.
pub fn snapshot(name: &str, id: &str, status: &str, copy: bool) -> Snapshot {
    let name = format!("{name}-{id}");
    let tags = Tags::default()
        .with(lineage::STACK, STACK)
        .with(lineage::REPLICATION_ID, id)
        .with(lineage::SOURCE_DATABASE, DATABASE)
        .named(&name);
    let tags = if copy { tags.with(lineage::SOURCE_SNAPSHOT, format!("arn of {id}")) } else { tags };
    observed::testing::snapshot(&name, status, tags)
}

/// The verdicts of a plan, with the names by which the tests call things: without the id of a replication.
pub fn verdicts(plan: &[Decision]) -> Vec<(&str, Verdict)> {
    let name =
        |decision: &'_ Decision| decision.identifier.find("-2026").unwrap_or(decision.identifier.len());
    plan.iter().map(|decision| (&decision.identifier[..name(decision)], decision.verdict)).collect()
}
