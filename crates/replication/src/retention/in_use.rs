//! What running executions may still need.

use std::collections::BTreeSet;

use crate::lineage::{self, Tags};
use crate::naming::ReplicationId;

/// What running executions may still need, so that it stays even if the rules allow its deletion. Empty where nothing is known to run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InUse {
    replications: BTreeSet<ReplicationId>,
    rollback: Option<String>,
    unknown: Option<String>,
}

impl InUse {
    /// Sorts the names of the running executions of the destination machine and of the rollback machine.
    ///
    /// The executions of the destination machine are named by the id of their replication. One that an operator has
    /// started under another name may need anything. `own_name` is the execution that asks, which knows itself what it needs.
    #[must_use]
    pub fn of_executions<'a>(
        own_name: &str,
        replications: impl IntoIterator<Item = &'a str>,
        rollbacks: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut in_use =
            Self { rollback: rollbacks.into_iter().next().map(str::to_owned), ..Self::default() };
        for name in replications.into_iter().filter(|name| *name != own_name) {
            match name.parse::<ReplicationId>() {
                Ok(id) => {
                    in_use.replications.insert(id);
                }
                Err(_) => in_use.unknown = Some(name.to_owned()),
            }
        }
        in_use
    }

    /// Adds a replication that is running.
    #[must_use]
    pub fn with(mut self, id: ReplicationId) -> Self {
        self.replications.insert(id);
        self
    }

    /// Why a thing with these tags may still be needed; nothing if it is not.
    pub(super) fn reason(&self, tags: &Tags) -> Option<String> {
        let id = tags.get(lineage::REPLICATION_ID).unwrap_or_default();
        if self.replications.iter().any(|running| running.as_str() == id) {
            return Some("its replication is still running".to_owned());
        }
        // A rollback restores the snapshot of a version, and goes to what an earlier rollback has restored.
        if let Some(name) = &self.rollback
            && (tags.get(lineage::SOURCE_SNAPSHOT).is_some() && tags.version().is_some()
                || tags.restored_version().is_some())
        {
            return Some(format!("the rollback {name} is running and may need it"));
        }
        let name = self.unknown.as_ref()?;
        Some(format!("the execution {name} is running, and its name does not say what it needs"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "20261122t103400z-1f2e3d";

    fn of(id: &str) -> Tags {
        Tags::default().with(lineage::REPLICATION_ID, id)
    }

    /// > What a running execution needs stays.
    #[test]
    fn what_runs_keeps_what_it_needs() {
        let in_use = InUse::of_executions("mine", [ID, "mine"], []);
        let reason = |in_use: &InUse, tags: &Tags| in_use.reason(tags).unwrap_or_default();
        assert_eq!(reason(&in_use, &of(ID)), "its replication is still running");
        assert_eq!(in_use.reason(&of("20261122t103400z-ffffff")), None);
        let other = of("20261122t103400z-ffffff");
        let kept = other.clone().with(lineage::SOURCE_SNAPSHOT, "arn").with(lineage::VERSION, "3");
        let restored = other.clone().with(lineage::RESTORED_VERSION, "3");
        let back = InUse::of_executions("mine", [], ["back-to-3"]);
        for tags in [&kept, &restored] {
            assert_eq!(reason(&back, tags), "the rollback back-to-3 is running and may need it");
        }
        assert_eq!(back.reason(&other), None);
        let by_hand = InUse::of_executions("mine", ["by-hand"], []);
        assert!(reason(&by_hand, &other).starts_with("the execution by-hand is running"));
        assert!(InUse::default().with(ID.parse().unwrap()).reason(&of(ID)).is_some());
    }
}
