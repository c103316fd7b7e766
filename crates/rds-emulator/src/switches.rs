//! What nobody outside AWS knows for sure, or what has changed over the years: each a switch, the harder way by default.

use serde::{Deserialize, Serialize};

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
}

impl Default for Switches {
    fn default() -> Self {
        Self { available_flaps: true, flap_status: "modifying".to_owned(), snapshot_database_time: false }
    }
}
