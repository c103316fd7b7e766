//! How instances, snapshots and the rest look in an answer. Element names and order follow the service model.

use time::OffsetDateTime;

use crate::clock::timestamp;
use crate::model::{Instance, Region, Snapshot, StorageKey, SubnetGroup};
use crate::query::Tags;
use crate::xml::Xml;

/// The network that everything here is said to be in; there is none.
const VPC: &str = "vpc-00000000";

/// How a client looks at something.
#[derive(Debug, Clone)]
pub struct View<'a> {
    /// The client's account.
    pub viewer: &'a str,
    /// As of when.
    pub moment: OffsetDateTime,
    /// Whether the answer shows tags. Those of Describe do; that of a call which makes or changes something does not, as
    /// far as recorded answers tell.
    pub with_tags: bool,
    /// Whether snapshots have a SnapshotDatabaseTime.
    pub with_database_time: bool,
}

/// The content of a `DBInstance`.
pub fn instance(xml: &mut Xml, instance: &Instance, region: Option<&Region>, view: &View<'_>) {
    xml.text("DBInstanceIdentifier", &instance.identifier);
    xml.text("DBInstanceArn", instance.arn());
    xml.text("DbiResourceId", &instance.resource_id);
    xml.text("DBInstanceStatus", &instance.status);
    xml.text("Engine", "postgres");
    xml.text("EngineVersion", &instance.engine_version);
    xml.text("MasterUsername", &instance.master_username);
    xml.optional("DBName", instance.database_name.as_ref());
    // As on RDS, what does not run yet has neither an address nor a time at which it was created.
    if let Some(port) = instance.port {
        xml.text("InstanceCreateTime", timestamp(instance.created));
        xml.within("Endpoint", |xml| {
            xml.text("Address", instance.scope.endpoint(&instance.identifier));
            xml.text("Port", port);
        });
    }
    instance.settings.write(xml);
    if let Some((operations, throughput)) = instance.settings.baseline() {
        xml.text("Iops", operations);
        xml.text("StorageThroughput", throughput);
    }
    let name = instance.settings.text("DBSubnetGroupName").unwrap_or_default();
    if let Some(group) = region.and_then(|region| region.subnet_groups.get(&name.to_ascii_lowercase())) {
        xml.within("DBSubnetGroup", |xml| subnet_group(xml, group, &instance.scope));
    }
    xml.within("PendingModifiedValues", |xml| {
        instance.pending.overlaid(&instance.coming).write(xml);
        xml.optional("MasterUserPassword", instance.pending_password.as_ref().map(|_| "****"));
        let name = instance.coming_name.as_ref().or(instance.pending_name.as_ref());
        xml.optional("DBInstanceIdentifier", name);
    });
    xml.text("StorageEncrypted", instance.key.is_some());
    xml.text("StorageEncryptionType", encryption_type(instance.key.as_ref()));
    xml.optional("KmsKeyId", instance.key.as_ref().map(|key| &key.arn));
    xml.text("DbInstancePort", 0);
    // Model: these are there while it runs, and not before or after.
    if let Some(progress) = instance.initialising.filter(|progress| view.moment < progress.end()) {
        xml.text("StorageOperationStatus", "Initializing");
        xml.text("StorageOperationPercentProgress", progress.percent(view.moment));
    }
    replication(xml, instance, region);
    for empty in ["DBSecurityGroups", "DomainMemberships", "AssociatedRoles"] {
        xml.within(empty, |_| {});
    }
    if view.with_tags {
        tags(xml, &instance.tags);
    }
}

/// What an instance is a read replica of, and which ones it has.
fn replication(xml: &mut Xml, instance: &Instance, region: Option<&Region>) {
    let source = instance.replica_of.as_ref().zip(region);
    let source = source.and_then(|(resource_id, region)| region.by_resource_id(resource_id));
    xml.optional("ReadReplicaSourceDBInstanceIdentifier", source.map(|source| &source.identifier));
    let replicas = region.into_iter().flat_map(|region| region.replicas(&instance.resource_id));
    let names = replicas.map(|replica| &replica.identifier);
    xml.texts("ReadReplicaDBInstanceIdentifiers", "ReadReplicaDBInstanceIdentifier", names);
}

/// Model, StorageEncryptionType. Storage is not encrypted here under a key that AWS owns (`sse-rds`).
fn encryption_type(key: Option<&StorageKey>) -> &'static str {
    if key.is_some() { "sse-kms" } else { "none" }
}

/// The content of a `DBSnapshot`: what another account shares goes by its ARN, and its tags stay at home.
pub fn snapshot(xml: &mut Xml, snapshot: &Snapshot, view: &View<'_>) {
    let arn = snapshot.arn().to_string();
    let is_own = snapshot.scope.account == view.viewer;
    let origin = &snapshot.origin;
    xml.text("DBSnapshotIdentifier", if is_own { &snapshot.identifier } else { &arn });
    xml.text("DBSnapshotArn", &arn);
    xml.text("DBInstanceIdentifier", &origin.identifier);
    xml.text("DbiResourceId", &origin.resource_id);
    // Recorded answers: what is not complete tells no time of its own.
    if snapshot.full_bytes.is_some() {
        xml.text("SnapshotCreateTime", timestamp(snapshot.created));
        xml.text("OriginalSnapshotCreateTime", timestamp(origin.snapshot_created));
        let database_time = origin.database_time.filter(|_| view.with_database_time);
        xml.optional("SnapshotDatabaseTime", database_time.map(timestamp));
    }
    xml.text("InstanceCreateTime", timestamp(origin.created));
    xml.text("Engine", "postgres");
    xml.text("EngineVersion", &origin.engine_version);
    xml.text("LicenseModel", "postgresql-license");
    xml.text("Status", &snapshot.status);
    xml.text("SnapshotType", kind(snapshot, view.viewer));
    xml.text("PercentProgress", percent(snapshot, view.moment));
    xml.text("Port", origin.port);
    xml.text("MasterUsername", &origin.master_username);
    let settings = &origin.settings;
    xml.optional("AllocatedStorage", settings.number("AllocatedStorage"));
    xml.optional("AvailabilityZone", settings.text("AvailabilityZone"));
    xml.optional("StorageType", settings.text("StorageType"));
    xml.optional("Iops", settings.number("Iops"));
    xml.optional("StorageThroughput", settings.number("StorageThroughput"));
    xml.optional("BackupRetentionPeriod", settings.number("BackupRetentionPeriod"));
    xml.optional("PreferredBackupWindow", settings.text("PreferredBackupWindow"));
    xml.optional("IAMDatabaseAuthenticationEnabled", settings.flag("EnableIAMDatabaseAuthentication"));
    xml.text("VpcId", VPC);
    xml.text("OptionGroupName", &snapshot.option_group);
    xml.text("SnapshotTarget", "region");
    xml.text("Encrypted", snapshot.key.is_some());
    xml.text("StorageEncryptionType", encryption_type(snapshot.key.as_ref()));
    xml.optional("KmsKeyId", snapshot.key.as_ref().map(|key| &key.arn));
    // Model: only in copies across accounts or Regions.
    if let Some(source) = snapshot.source.as_ref().filter(|source| source.scope != snapshot.scope) {
        xml.text("SourceDBSnapshotIdentifier", source);
        xml.text("SourceRegion", &source.scope.region);
    }
    xml.optional("FullSnapshotSizeInBytes", snapshot.full_bytes);
    if view.with_tags {
        tags(xml, if is_own { &snapshot.tags } else { const { &Tags::new() } });
    }
}

/// The type under which `viewer` finds a snapshot.
pub fn kind(snapshot: &Snapshot, viewer: &str) -> &'static str {
    if snapshot.scope.account == viewer {
        if snapshot.is_automated { "automated" } else { "manual" }
    } else if snapshot.is_shared_with(viewer) {
        "shared"
    } else {
        "public"
    }
}

fn percent(snapshot: &Snapshot, moment: OffsetDateTime) -> u8 {
    match (&snapshot.progress, snapshot.status.as_str()) {
        (Some(progress), _) => progress.percent(moment),
        (None, "available") => 100,
        (None, _) => 0,
    }
}

/// The content of a `DBSnapshotAttributesResult`.
pub fn attributes(xml: &mut Xml, snapshot: &Snapshot) {
    xml.text("DBSnapshotIdentifier", &snapshot.identifier);
    xml.list("DBSnapshotAttributes", "DBSnapshotAttribute", [&snapshot.shared_with], |xml, accounts| {
        xml.text("AttributeName", "restore");
        xml.texts("AttributeValues", "AttributeValue", accounts.keys());
    });
}

/// The content of a `DBSubnetGroup`.
pub fn subnet_group(xml: &mut Xml, group: &SubnetGroup, scope: &crate::arn::Scope) {
    xml.text("DBSubnetGroupName", &group.name);
    xml.text("DBSubnetGroupDescription", &group.description);
    xml.text("DBSubnetGroupArn", scope.arn("subgrp", &group.name));
    xml.text("VpcId", VPC);
    xml.text("SubnetGroupStatus", "Complete");
    xml.list("Subnets", "Subnet", group.subnets.iter().zip(('a'..='f').cycle()), |xml, (subnet, zone)| {
        xml.text("SubnetIdentifier", subnet);
        xml.within("SubnetAvailabilityZone", |xml| xml.text("Name", format!("{}{zone}", scope.region)));
        xml.text("SubnetStatus", "Active");
    });
    xml.texts("SupportedNetworkTypes", "member", ["IPV4"]);
}

/// A `TagList`.
pub fn tags(xml: &mut Xml, tags: &Tags) {
    xml.list("TagList", "Tag", tags, |xml, (key, value)| {
        xml.text("Key", key);
        xml.text("Value", value);
    });
}
