//! Databases and snapshots as RDS describes them. The access crate fills these in, and every decision refers to them.

use crate::lineage::{self, Tags};
use crate::naming::{self, InstanceIdentifier, ReplicationId, SnapshotArn, SnapshotIdentifier};
use crate::progress::{self, InstanceStatus, Restored, SnapshotStatus};
use crate::settings::Settings;
use time::OffsetDateTime;

/// A DB instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its identifier.
    pub identifier: InstanceIdentifier,
    /// Its ARN.
    pub arn: String,
    /// Its `DbiResourceId`: unlike its name it is never used again, and unlike its tags it is never inherited.
    pub resource_id: Option<String>,
    /// The DB cluster that it is a member of.
    pub cluster: Option<String>,
    /// The names of its option groups.
    pub option_groups: Vec<String>,
    /// Its `DBInstanceStatus`.
    pub status: InstanceStatus,
    /// Its endpoint address, once it has one.
    pub host: Option<String>,
    /// Its endpoint port, once it has one.
    pub port: Option<u16>,
    /// The database engine, in RDS's words.
    pub engine: Option<String>,
    /// Its `DBName`: the database that it was made with, or what else the engine calls so.
    pub database_name: Option<String>,
    /// Whether RDS refuses to delete it.
    pub deletion_protection: bool,
    /// The name of its master user.
    pub master_username: Option<String>,
    /// Whether RDS is still giving it a new master password.
    pub password_is_pending: bool,
    /// What it has of the settings that can be changed after a restore.
    pub settings: Settings,
    /// Its storage in GiB.
    pub allocated_storage: Option<i32>,
    /// `StorageOperationStatus`: what RDS does to its storage, while it does.
    pub storage_operation: Option<String>,
    /// `StorageOperationPercentProgress`.
    pub storage_percent_progress: Option<i32>,
    /// The logs that RDS writes to CloudWatch Logs for it.
    pub log_exports: Vec<String>,
    /// The identifiers of its read replicas in this Region, instances and clusters.
    pub read_replicas: Vec<String>,
    /// Its tags.
    pub tags: Tags,
}

/// A DB snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its identifier.
    pub identifier: SnapshotIdentifier,
    /// Its ARN.
    pub arn: SnapshotArn,
    /// Its `Status`.
    pub status: SnapshotStatus,
    /// `PercentProgress`.
    pub percent_progress: Option<i32>,
    /// The instance it was made of.
    pub source_database: InstanceIdentifier,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// The ARN of its key.
    pub key_arn: Option<String>,
    /// The database engine.
    pub engine: Option<String>,
    /// The version of the engine.
    pub engine_version: Option<String>,
    /// The license of the engine.
    pub license_model: Option<String>,
    /// Storage in GiB.
    pub allocated_storage: Option<i32>,
    /// `FullSnapshotSizeInBytes`, once it is complete: the size of the data, also where only what changed was copied.
    pub full_bytes: Option<i64>,
    /// The type of the storage.
    pub storage_type: Option<String>,
    /// The I/O operations a second that were chosen for it, or that it has.
    pub iops: Option<i32>,
    /// The point in time of the data, as RFC 3339: `SnapshotDatabaseTime`, else `OriginalSnapshotCreateTime`. Both
    /// survive copying, which `SnapshotCreateTime` does not (API model, `DBSnapshot`).
    pub data_time: Option<String>,
    /// Its tags; empty for a snapshot that another account has shared, RDS does not show those.
    pub tags: Tags,
}

/// Whether a snapshot of this name could be one of ours: the id of a replication is in it.
#[must_use]
pub fn has_snapshot_form(name: &str) -> bool {
    let parts: Vec<&str> = name.split('-').collect();
    parts.windows(2).any(|pair| pair.join("-").parse::<ReplicationId>().is_ok())
}

/// Whether an instance of this name could be one of ours: it ends with the number of a version.
#[must_use]
pub fn has_instance_form(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(prefix, _)| naming::version_of(prefix, name).is_some())
}

impl Instance {
    /// Whether the stack has made it: its tags say so under this name, and they were not inherited from another
    /// instance, whose resource id they would carry. One that carries none was made by a run that was killed before it
    /// could write it, or by an earlier release.
    #[must_use]
    pub fn is_of_stack(&self, stack: &str) -> bool {
        let sealed_for = self.tags.get(lineage::RESOURCE_ID);
        // A snapshot of ours that someone has restored under its own name.
        let id = self.tags.get(lineage::REPLICATION_ID);
        let is_named_like_snapshot =
            id.is_some_and(|id| naming::is_snapshot_name(self.identifier.as_str(), id));
        self.tags.created_by_stack(stack, self.identifier.as_str())
            && !is_named_like_snapshot
            && sealed_for.is_none_or(|sealed_for| self.resource_id.as_deref() == Some(sealed_for))
    }

    /// Whether the stack has made it in this replication, or from the data of this replication.
    #[must_use]
    pub fn is_of_replication(&self, stack: &str, id: &ReplicationId) -> bool {
        self.is_of_stack(stack) && self.tags.are_of_replication(id)
    }

    /// Whether it holds data of this source database.
    #[must_use]
    pub fn is_of_database(&self, database: &InstanceIdentifier) -> bool {
        self.tags.are_of_database(database)
    }

    /// The log groups that RDS makes for its logs, and leaves behind (RDS User Guide, "Publishing database logs to Amazon
    /// CloudWatch Logs").
    pub fn log_groups(&self) -> impl Iterator<Item = String> {
        self.log_exports.iter().map(|log| format!("/aws/rds/instance/{}/{log}", self.identifier))
    }

    /// Whether it is on its way out.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.status.restored() == Restored::Deleting
    }

    /// Whether its storage is still being loaded from the snapshot.
    #[must_use]
    pub fn is_initializing(&self) -> bool {
        progress::is_initializing(&self.status, self.storage_operation.as_deref())
    }
}

impl Snapshot {
    /// The point in time of the data: as RDS says it, else the start of the replication.
    #[must_use]
    pub fn time_of_data(&self) -> Option<OffsetDateTime> {
        self.data_time.as_deref().and_then(lineage::read_time).or_else(|| self.tags.data_time())
    }

    /// Whether the stack has made it: its tags say so under this name, and the name is one that is computed from the
    /// replication in them, and it is of the database in them. A snapshot that someone else makes of one of our instances
    /// inherits the tags of the instance, and may even have its name.
    #[must_use]
    pub fn is_of_stack(&self, stack: &str) -> bool {
        let id = self.tags.get(lineage::REPLICATION_ID);
        self.tags.created_by_stack(stack, self.identifier.as_str())
            && self.is_of_database(&self.source_database)
            && id.is_some_and(|id| naming::is_snapshot_name(self.identifier.as_str(), id))
    }

    /// Whether the stack has made it in this replication.
    #[must_use]
    pub fn is_of_replication(&self, stack: &str, id: &ReplicationId) -> bool {
        self.is_of_stack(stack) && self.tags.are_of_replication(id)
    }

    /// Whether it holds data of this source database.
    #[must_use]
    pub fn is_of_database(&self, database: &InstanceIdentifier) -> bool {
        self.tags.are_of_database(database)
    }
}

/// What the unit tests of this crate and of the tasks make their worlds of.
pub mod testing {
    use super::{Instance, Snapshot};
    use crate::lineage::{self, Tags};
    use crate::naming::{SnapshotArn, SnapshotIdentifier};
    use crate::settings::Settings;

    /// An available instance of this name with an endpoint.
    ///
    /// # Panics
    /// If the name is not a legal identifier.
    #[must_use]
    #[expect(clippy::unwrap_used, reason = "it is for tests only")]
    pub fn instance(name: &str, tags: Tags) -> Instance {
        Instance {
            identifier: name.parse().unwrap(),
            arn: format!("the ARN of {name}"),
            resource_id: Some(format!("db-{}", name.to_ascii_uppercase())),
            cluster: None,
            option_groups: Vec::new(),
            status: "available".into(),
            host: Some(host(name)),
            port: Some(5432),
            engine: Some("postgres".to_owned()),
            database_name: Some("shop".to_owned()),
            deletion_protection: false,
            master_username: Some("owner".to_owned()),
            password_is_pending: false,
            settings: Settings::new(),
            allocated_storage: Some(20),
            storage_operation: None,
            storage_percent_progress: None,
            log_exports: Vec::new(),
            read_replicas: Vec::new(),
            tags,
        }
    }

    /// The endpoint address of [`instance`].
    #[must_use]
    pub fn host(name: &str) -> String {
        format!("{name}.c1.example")
    }

    /// A snapshot of this name, in this state, of the database `orders`.
    ///
    /// # Panics
    /// If the name is not a legal identifier.
    #[must_use]
    #[expect(clippy::unwrap_used, reason = "it is for tests only")]
    pub fn snapshot(name: &str, status: &str, tags: Tags) -> Snapshot {
        let identifier: SnapshotIdentifier = name.parse().unwrap();
        let arn = SnapshotArn {
            partition: "aws".to_owned(),
            region: "region".to_owned(),
            account: "0".repeat(12),
            identifier: identifier.clone(),
        };
        Snapshot {
            identifier,
            arn,
            status: status.into(),
            percent_progress: None,
            source_database: tags.get(lineage::SOURCE_DATABASE).unwrap_or("orders").parse().unwrap(),
            encrypted: true,
            key_arn: None,
            engine: Some("postgres".to_owned()),
            engine_version: None,
            license_model: None,
            allocated_storage: Some(20),
            full_bytes: None,
            storage_type: None,
            iops: None,
            data_time: None,
            tags,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{instance, snapshot};
    use super::*;

    const ID: &str = "20261122t103400z-1f2e3d";

    fn tags(name: &str) -> Tags {
        Tags::of_replication("stack", &ID.parse().unwrap(), &"orders".parse().unwrap()).named(name)
    }

    /// > What others restore from a snapshot of ours, even under our name, stays, because its resource id is another.
    #[test]
    fn an_instance_with_inherited_tags_is_not_ours() {
        let made = |sealed_for: Option<&str>| {
            instance("copy-1", tags("copy-1").with_some(lineage::RESOURCE_ID, sealed_for.map(str::to_owned)))
        };
        assert!(made(Some("db-COPY-1")).is_of_stack("stack"));
        assert!(made(None).is_of_stack("stack"), "a run that was killed left it");
        assert!(!made(Some("db-ANOTHER")).is_of_stack("stack"));
        assert!(!made(Some("db-ANOTHER")).is_of_replication("stack", &ID.parse().unwrap()));
        assert!(!instance("copy-1", tags("copy-2")).is_of_stack("stack"));
        let like_snapshot = format!("copy-{ID}");
        assert!(
            !instance(&like_snapshot, tags(&like_snapshot)).is_of_stack("stack"),
            "a snapshot's tags and name"
        );
    }

    #[test]
    fn what_could_be_ours_is_known_by_the_form_of_its_name() {
        for (name, could_be) in [
            (format!("orders-copy-{ID}"), true),
            (format!("orders-copy-{ID}-copy-in"), true),
            ("orders-copy-1".to_owned(), false),
            ("before-the-upgrade".to_owned(), false),
        ] {
            assert_eq!(has_snapshot_form(&name), could_be, "{name}");
        }
        assert!(
            has_instance_form("orders-copy-17")
                && !has_instance_form("orders")
                && !has_instance_form("or-0ders")
        );
    }

    /// > A snapshot that someone else makes of one of our instances is never taken for ours, whatever it is called.
    #[test]
    fn a_snapshot_is_ours_only_under_the_name_of_its_replication() {
        for (name, is_ours) in [
            (format!("orders-copy-{ID}"), true),
            (format!("orders-copy-{ID}-copy-in"), true),
            ("orders-copy-1".to_owned(), false),
            (format!("{ID}-orders"), false),
            ("orders-copy-20261122t103400z-ffffff".to_owned(), false),
        ] {
            if let Ok(identifier) = name.parse::<SnapshotIdentifier>() {
                let one = snapshot(identifier.as_str(), "available", tags(identifier.as_str()));
                assert_eq!(one.is_of_stack("stack"), is_ours, "{name}");
                let of_version = Snapshot { source_database: "orders-copy-1".parse().unwrap(), ..one };
                assert!(!of_version.is_of_stack("stack"), "it is a snapshot of a version");
            }
        }
    }
}
