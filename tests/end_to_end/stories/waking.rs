//! What lives in the data of a database and acts by itself.

use harness::account::{Account, Database};
use harness::waiting::wait_for;

use std::time::Duration;

/// The workers that take what another server publishes, and what starts them.
const WORKERS: &str = "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'logical replication%'";

/// Gives a source database a subscription that is enabled and at work. It takes what the database itself publishes.
pub fn subscribe(account: &Account, database: &Database, password: &str) {
    let port = &database.port;
    for statement in [
        "CREATE PUBLICATION production FOR TABLE items".to_owned(),
        "SELECT pg_create_logical_replication_slot('production', 'pgoutput')".to_owned(),
        format!(
            "CREATE SUBSCRIPTION production CONNECTION 'host=127.0.0.1 port={port} dbname=shop user=shop_owner \
             password={password}' PUBLICATION production WITH (connect=false, slot_name='production')"
        ),
        "ALTER SUBSCRIPTION production ENABLE".to_owned(),
    ] {
        account.psql(database, password, &statement);
    }
    let is_at_work = "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'production' AND active";
    wait_for("the subscription", Duration::from_secs(30), || {
        (account.psql(database, password, is_at_work) == "1").then_some(())
    });
    assert_ne!(account.psql(database, password, WORKERS), "0");
}

/// Whether the subscription is in a version as it was, enabled, and nothing works for it.
pub fn sleeps(account: &Account, version: &Database, password: &str) -> bool {
    let enabled = "SELECT subenabled FROM pg_subscription WHERE subname = 'production'";
    account.psql(version, password, enabled) == "t" && account.psql(version, password, WORKERS) == "0"
}
