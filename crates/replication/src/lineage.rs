//! The tags by which everything we create says whose it is and where it came from.

use std::collections::BTreeMap;

use crate::naming::{ReplicationId, Version};

/// The stack that owns the thing. Nothing without this tag, and this stack's name in it, is ever changed.
pub const STACK: &str = "rds-replication:stack";
/// The replication that made the thing.
pub const REPLICATION_ID: &str = "rds-replication:id";
/// The identifier of the source database.
pub const SOURCE_DATABASE: &str = "rds-replication:source-db";
/// The ARN of the snapshot that the thing was made from.
pub const SOURCE_SNAPSHOT: &str = "rds-replication:source-snapshot";
/// The version number of a restored instance.
pub const VERSION: &str = "rds-replication:version";
/// Marks what the next prune may delete; the name and value are those of the original.
pub const DELETION_MARK: (&str, &str) = ("to-be-deleted", "True");

/// The tags of a resource, as found or as to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(BTreeMap<String, String>);

impl Tags {
    /// The tags of what a stack makes in a replication.
    #[must_use]
    pub fn of_replication(stack: &str, id: &ReplicationId, source_database: &str) -> Self {
        Self::default()
            .with(STACK, stack)
            .with(REPLICATION_ID, id.as_str())
            .with(SOURCE_DATABASE, source_database)
    }

    /// Adds one tag, replacing an earlier value.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// The value of a tag.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Whether the stack of this name made the thing.
    #[must_use]
    pub fn are_of_stack(&self, stack: &str) -> bool {
        self.get(STACK) == Some(stack)
    }

    /// Whether the stack of this name made the thing in this replication.
    #[must_use]
    pub fn are_of_replication(&self, stack: &str, id: &ReplicationId) -> bool {
        self.are_of_stack(stack) && self.get(REPLICATION_ID) == Some(id.as_str())
    }

    /// The version in the tags, if it is a number.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        self.get(VERSION)?.parse().ok()
    }

    /// Whether the thing is marked for deletion.
    #[must_use]
    pub fn are_marked(&self) -> bool {
        self.get(DELETION_MARK.0) == Some(DELETION_MARK.1)
    }

    /// All tags, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Tags {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(tags: I) -> Self {
        Self(tags.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_ours_only_by_stack_and_replication() {
        let id: ReplicationId = "20261122t103400z-1f2e3d".parse().unwrap();
        let other: ReplicationId = "20261122t103400z-aaaaaa".parse().unwrap();
        let tags = Tags::of_replication("stack", &id, "orders");
        assert!(tags.are_of_stack("stack") && tags.are_of_replication("stack", &id));
        assert!(!tags.are_of_stack("stac") && !tags.are_of_replication("stack", &other));
        assert!(!Tags::default().are_of_stack(""));
        assert_eq!(tags.version(), None);
        assert!(tags.with(DELETION_MARK.0, DELETION_MARK.1).are_marked());
    }
}
