//! What the tests of versions, rollbacks, restores and copies make their worlds of: the stack `destination`, which
//! replicates the database `orders` and has replicated `shop` before.

use std::sync::LazyLock;

use super::{Scope, World};
use crate::lineage::{self, Tags};
use crate::naming::{InstanceIdentifier, ReplicationId, Version};
use crate::observed::{self, Instance, Snapshot};

pub const STACK: &str = "destination";

static PREFIX: LazyLock<InstanceIdentifier> = LazyLock::new(|| "db".parse().unwrap());
static ORDERS: LazyLock<InstanceIdentifier> = LazyLock::new(|| "orders".parse().unwrap());
static SHOP: LazyLock<InstanceIdentifier> = LazyLock::new(|| "shop".parse().unwrap());

/// The scope of the database that the stack replicates.
pub fn orders() -> Scope<'static> {
    Scope { stack: STACK, prefix: &PREFIX, database: &ORDERS }
}

/// The scope of the database that the stack has replicated before.
pub fn shop() -> Scope<'static> {
    Scope { database: &SHOP, ..orders() }
}

/// The replication whose data are those of a day.
pub fn id(day: u32) -> ReplicationId {
    format!("202611{day:02}t000000z-aaaaaa").parse().unwrap()
}

fn tags(scope: &Scope<'_>, version: Version, day: u32) -> Tags {
    Tags::of_replication(STACK, &id(day), scope.database)
        .with(lineage::VERSION, version.to_string())
        .with(lineage::DATA_TIME, format!("2026-11-{day:02}T00:00:00Z"))
}

/// The instance of a version, with the data of a day.
pub fn instance(scope: &Scope<'_>, version: Version, day: u32) -> Instance {
    let name = format!("db-{version}");
    observed::testing::instance(&name, tags(scope, version, day).named(&name))
}

/// Someone else's instance of this name.
pub fn foreign(name: &str) -> Instance {
    observed::testing::instance(name, Tags::default().with("team", "data"))
}

/// The kept snapshot of a version, with the data of a day.
pub fn kept(scope: &Scope<'_>, version: Version, day: u32) -> Snapshot {
    let name = format!("db-{}", id(day));
    let mut one = observed::testing::snapshot(&name, "available", tags(scope, version, day).named(&name));
    one.source_database = scope.database.clone();
    one.data_time = Some(format!("2026-11-{day:02}T00:00:00Z"));
    one
}

/// The host of a version's instance.
pub fn host(version: Version) -> String {
    observed::testing::host(&format!("db-{version}"))
}

pub fn world<'w>(instances: &'w [Instance], snapshots: &'w [Snapshot], live_host: &'w str) -> World<'w> {
    World { instances, snapshots, live_host, live_prefix: "" }
}
