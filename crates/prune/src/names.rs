//! Whether a thing has the name that this product has given to what its tags say.
//!
//! Tags alone do not make a thing ours, because RDS hands them on: to an instance that a person restores from a snapshot of
//! a copy without saying other tags (RDS User Guide, "Restoring from a DB snapshot"), the deletion mark among them, and
//! to a copy of a snapshot that is made with its tags. What has a name of its own is a person's, and stays.

use replication::lineage::{self, Tags};
use replication::retention::{Decision, Verdict};

/// Whether an instance is called `<DatabaseName>-<version>`. With which `DatabaseName` it was made is what the name of
/// its snapshot, `<DatabaseName>-<id>`, begins with; the stack may have another by now.
pub fn is_of_its_version(identifier: &str, tags: &Tags) -> bool {
    let Some(version) = tags.version() else {
        // The decision leaves alone what has no version.
        return true;
    };
    let snapshot = tags.get(lineage::SOURCE_SNAPSHOT).and_then(|arn| arn.rsplit(':').next());
    let prefix = snapshot.zip(tags.get(lineage::REPLICATION_ID)).and_then(|(snapshot, id)| {
        let prefix = snapshot.strip_suffix(id)?;
        prefix.ends_with('-').then_some(prefix)
    });
    match prefix {
        Some(prefix) => identifier == format!("{prefix}{version}"),
        None => identifier.ends_with(&format!("-{version}")),
    }
}

/// Whether a snapshot is called after its replication: `...-<id>`, or `...-<id>-copy-in` for the encrypted copy in A.
pub fn is_of_its_replication(identifier: &str, tags: &Tags) -> bool {
    let Some(id) = tags.get(lineage::REPLICATION_ID) else {
        return false;
    };
    let name = identifier.strip_suffix("-copy-in").unwrap_or(identifier);
    name.strip_suffix(id).is_some_and(|rest| rest.ends_with('-'))
}

/// The decision about what a person has made.
pub fn kept(identifier: String) -> Decision {
    let reason = "it has our tags but a name of its own, so a person has made it".to_owned();
    Decision { identifier, verdict: Verdict::Keep, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "20261122t103400z-1f2e3d";

    #[test]
    fn an_instance_is_called_after_its_version() {
        let restored_from = |snapshot: &str| {
            Tags::default()
                .with(lineage::REPLICATION_ID, ID)
                .with(lineage::SOURCE_SNAPSHOT, format!("arn:aws:rds:r:111122223333:snapshot:{snapshot}"))
                .with(lineage::VERSION, "7")
        };
        let ours = restored_from(&format!("orders-copy-{ID}"));
        for (identifier, tags, is_ours) in [
            ("orders-copy-7", &ours, true),
            ("orders-copy-8", &ours, false),
            ("investigation", &ours, false),
            ("investigation-7", &ours, false),
            ("orders-copy-7", &Tags::default().with(lineage::VERSION, "7"), true),
            ("investigation", &Tags::default().with(lineage::VERSION, "7"), false),
            ("investigation", &Tags::default(), true),
            ("orders-copy-7", &restored_from("by-hand"), true),
        ] {
            assert_eq!(is_of_its_version(identifier, tags), is_ours, "{identifier} with {tags:?}");
        }
    }

    #[test]
    fn a_snapshot_is_called_after_its_replication() {
        let tags = Tags::default().with(lineage::REPLICATION_ID, ID);
        for (identifier, is_ours) in [
            (format!("orders-copy-{ID}"), true),
            (format!("nightly-{ID}-copy-in"), true),
            (format!("orders-copy-7-final-{ID}"), true),
            ("orders-for-good".to_owned(), false),
            (format!("orders-copy-{ID}-for-good"), false),
        ] {
            assert_eq!(is_of_its_replication(&identifier, &tags), is_ours, "{identifier}");
        }
        assert!(!is_of_its_replication("orders", &Tags::default()));
    }
}
