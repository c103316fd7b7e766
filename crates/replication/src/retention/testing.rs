//! What the tests of this module and of `rollback` make their worlds of.

use super::{Decision, Instance, Snapshot, Verdict};
use crate::lineage::{self, Tags};
use crate::naming::Version;

pub const STACK: &str = "destination";

pub fn host(name: &str) -> String {
    format!("{name}.c1.example")
}

pub fn instance(name: &str, version: Version) -> Instance {
    Instance {
        identifier: name.to_owned(),
        status: "available".to_owned(),
        host: Some(host(name)),
        deletion_protection: false,
        tags: Tags::default()
            .with(lineage::STACK, STACK)
            .with(lineage::VERSION, version.to_string())
            .named(name),
    }
}

pub fn marked(mut instance: Instance) -> Instance {
    instance.tags = instance.tags.with(lineage::DELETION_MARK.0, lineage::DELETION_MARK.1);
    instance
}

pub fn snapshot(name: &str, id: &str, status: &str, copy: bool) -> Snapshot {
    let tags = Tags::default()
        .with(lineage::STACK, STACK)
        .with(lineage::REPLICATION_ID, id)
        .with(lineage::SOURCE_DATABASE, "orders")
        .named(name);
    let tags = if copy { tags.with(lineage::SOURCE_SNAPSHOT, "arn") } else { tags };
    Snapshot { identifier: name.to_owned(), status: status.to_owned(), tags }
}

pub fn verdicts(plan: &[Decision]) -> Vec<(&str, Verdict)> {
    plan.iter().map(|decision| (decision.identifier.as_str(), decision.verdict)).collect()
}
