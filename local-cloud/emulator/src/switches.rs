//! What nobody outside AWS knows for sure, or what has changed over the years: each a switch, the harder way by default.

use serde::{Deserialize, Serialize};

use crate::rules::IncrementalRule;

/// How this server behaves where RDS may behave in one way or another.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Switches {
    /// A restored instance is `available`, then busy once more (`flapStatus`) and then `available` for good; each of the
    /// first two lasts `flapSeconds` (timing).
    pub available_flaps: bool,
    /// What a restored instance is busy with between its two times of being `available`.
    pub flap_status: String,
    /// Whether snapshots have a SnapshotDatabaseTime. No recorded answer for PostgreSQL has one.
    pub snapshot_database_time: bool,
    /// The backup window of a new or restored instance for which none is chosen: `random`, or one for tests.
    pub backup_window: String,
    /// Whether ModifyDBInstance refuses values that are those of the instance already, and not only a call without any.
    pub same_values_refused: bool,
    /// Which copies are incremental: `newer` for what the guide says in 2026, `older` for 2023.
    pub incremental_rule: IncrementalRule,
    /// Whether a shared snapshot that is encrypted can be copied into another Region by the account that it is shared with, as
    /// the guide says since September 2025; an older sentence of the same page denies it.
    pub shared_crosses_regions: bool,
    /// Through which Region's RDS the key of a snapshot is used by a copy into another Region, which is written nowhere.
    pub via_region: ViaRegion,
    /// Whether RDS makes a snapshot by itself of every new instance that has automated backups.
    pub automated_snapshots: bool,
    /// Whether accounts have a default VPC, which instances are put in for which no group of subnets is chosen. Without one
    /// of EC2 there is none either way.
    pub default_vpc: bool,
    /// Whether subnets have IPv6 addresses, so that instances can be of the network type DUAL.
    pub dual_stack: bool,
    /// Whether subnets and security groups that EC2 does not know are refused, as they are by RDS.
    pub unknown_network_refused: bool,
    /// Whether a restored instance says by its status too that its storage is filled, and not only by
    /// StorageOperationStatus.
    pub storage_status: bool,
}

/// The Region whose RDS a policy of a key sees (`kms:ViaService`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ViaRegion {
    /// That of the snapshot.
    Source,
    /// That of the copy.
    Destination,
    /// One and then the other, so that policies have to allow both.
    Both,
}

impl Switches {
    /// The backup window that is picked where none is chosen, unless it is a random one.
    pub fn fixed_backup_window(&self) -> Option<&str> {
        Some(self.backup_window.as_str()).filter(|window| *window != "random")
    }
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            available_flaps: true,
            flap_status: "modifying".to_owned(),
            snapshot_database_time: false,
            backup_window: "random".to_owned(),
            same_values_refused: true,
            incremental_rule: IncrementalRule::Newer,
            shared_crosses_regions: true,
            via_region: ViaRegion::Both,
            automated_snapshots: true,
            default_vpc: true,
            dual_stack: false,
            unknown_network_refused: false,
            storage_status: false,
        }
    }
}
