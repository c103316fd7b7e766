//! How instances, snapshots and the rest appear in an answer. Element names and order follow the service model.

use time::OffsetDateTime;

use crate::arn::Scope;
use crate::clock::timestamp;
use crate::groups::{OptionGroup, PERMANENT};
use crate::model::{Instance, Region, Snapshot, StorageKey, SubnetGroup};
use crate::query::Tags;
use crate::xml::Xml;

/// Which client is asking.
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
    /// What groups of subnets can have.
    pub network_types: &'static [&'static str],
}

/// The content of a `DBInstance`.
pub fn instance(xml: &mut Xml, instance: &Instance, region: Option<&Region>, view: &View<'_>) {
    xml.text("DBInstanceIdentifier", &instance.identifier);
    xml.text("DBInstanceArn", instance.arn());
    xml.text("DbiResourceId", &instance.resource_id);
    xml.text("DBInstanceStatus", &instance.status);
    xml.text("Engine", instance.release.engine.name);
    xml.text("EngineVersion", &instance.release.version);
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
    if let Some((operations, throughput)) = instance.settings.baseline(instance.release.engine) {
        xml.text("Iops", operations);
        xml.text("StorageThroughput", throughput);
    }
    let name = instance.settings.text("DBSubnetGroupName").unwrap_or_default();
    if let Some(group) = region.and_then(|region| region.subnet_groups.get(&name.to_ascii_lowercase())) {
        xml.within("DBSubnetGroup", |xml| subnet_group(xml, group, &instance.scope, view.network_types));
    }
    parameter_groups(xml, instance, region);
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
    domain(xml, instance);
    for empty in ["DBSecurityGroups", "AssociatedRoles"] {
        xml.within(empty, |_| {});
    }
    if view.with_tags {
        tags(xml, &instance.tags);
    }
}

/// The parameter group of an instance, and whether its server has all of it.
fn parameter_groups(xml: &mut Xml, instance: &Instance, region: Option<&Region>) {
    let name = instance.settings.text("DBParameterGroupName").unwrap_or_default();
    let is_applied = region.is_none_or(|region| region.applied(name) == instance.applied);
    xml.list("DBParameterGroups", "DBParameterGroup", [name], |xml, name| {
        xml.text("DBParameterGroupName", name);
        xml.text("ParameterApplyStatus", if is_applied { "in-sync" } else { "pending-reboot" });
    });
}

/// The Active Directory of an instance.
fn domain(xml: &mut Xml, instance: &Instance) {
    let settings = &instance.settings;
    let is_member = settings.has(&["Domain", "DomainFqdn"]);
    xml.list("DomainMemberships", "DomainMembership", is_member.then_some(settings), |xml, settings| {
        xml.optional("Domain", settings.text("Domain"));
        xml.text("Status", "joined");
        xml.optional("FQDN", settings.text("DomainFqdn"));
        xml.optional("IAMRoleName", settings.text("DomainIAMRoleName"));
        xml.optional("OU", settings.text("DomainOu"));
        xml.optional("AuthSecretArn", settings.text("DomainAuthSecretArn"));
        xml.texts("DnsIps", "member", settings.names("DomainDnsIps"));
    });
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
    xml.text("Engine", origin.release.engine.name);
    xml.text("EngineVersion", &origin.release.version);
    xml.optional("LicenseModel", origin.settings.text("LicenseModel"));
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
    xml.text("VpcId", &origin.vpc);
    xml.optional("DedicatedLogVolume", settings.flag("DedicatedLogVolume"));
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
pub fn subnet_group(xml: &mut Xml, group: &SubnetGroup, scope: &Scope, network_types: &[&str]) {
    xml.text("DBSubnetGroupName", &group.name);
    xml.text("DBSubnetGroupDescription", &group.description);
    xml.text("DBSubnetGroupArn", scope.arn("subgrp", &group.name));
    xml.text("VpcId", &group.vpc);
    xml.text("SubnetGroupStatus", "Complete");
    xml.list("Subnets", "Subnet", &group.subnets, |xml, subnet| {
        xml.text("SubnetIdentifier", &subnet.name);
        xml.within("SubnetAvailabilityZone", |xml| xml.text("Name", &subnet.zone));
        xml.text("SubnetStatus", "Active");
    });
    xml.texts("SupportedNetworkTypes", "member", network_types);
}

/// The content of an `OptionGroup`.
pub fn option_group(xml: &mut Xml, group: &OptionGroup, scope: &Scope) {
    xml.text("OptionGroupName", &group.name);
    xml.text("OptionGroupDescription", &group.description);
    xml.text("EngineName", group.engine.name);
    xml.text("MajorEngineVersion", &group.major);
    xml.list("Options", "Option", &group.options, |xml, option| {
        xml.text("OptionName", option);
        let is_permanent = PERMANENT.contains(&option.as_str());
        xml.text("Persistent", is_permanent);
        xml.text("Permanent", is_permanent);
    });
    xml.text("AllowsVpcAndNonVpcInstanceMemberships", group.vpc.is_none());
    xml.optional("VpcId", group.vpc.as_ref());
    xml.text("OptionGroupArn", scope.arn("og", &group.name));
}

/// A `TagList`.
pub fn tags(xml: &mut Xml, tags: &Tags) {
    xml.list("TagList", "Tag", tags, |xml, (key, value)| {
        xml.text("Key", key);
        xml.text("Value", value);
    });
}
