//! A full quota of instances, and what makes room.

use serde_json::json;

use harness::account::{Account, text};
use harness::cloud::{Cloud, ask};
use harness::pair::{Pair, password};

/// How often a run asks RDS for an instance before it believes that nothing makes room.
const TRIES: u32 = 9;

/// Three versions are there, and RDS has no room for a fourth. Then the stack is set to keep fewer. The next run still ends
/// for the quota, but what may go carries the deletion tag from then on, so that the one after it makes room; RDS counts what
/// it deletes for a while, which is waited for.
///
/// > A run that ends for a full quota makes room for the next one, when fewer versions are to stay.
/// > A full quota of instances is waited for while what was deleted still counts.
pub fn a_full_quota_makes_room_for_the_next_run(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let options = [("NoOfOlderInstances", "2"), ("SnapshotsToKeep", "9")];
    let pair = Pair::deploy(cloud, "room", &[], &options);
    a.create_database(&pair.database(), &password(), &[]);
    for _ in 1..=3 {
        pair.replicate();
    }
    let live = pair.current_copy().host;

    is_full(b, TRIES);
    fails_for_the_quota(&pair, b);
    assert_eq!((pair.versions(), pair.marked()), (vec![1, 2, 3], vec![]));

    b.deploy(&pair.stack(b), &[("NoOfOlderInstances", "0")]);
    is_full(b, TRIES);
    fails_for_the_quota(&pair, b);
    assert_eq!((pair.versions(), pair.marked()), (vec![1, 2, 3], vec![1, 2]));
    assert_eq!(pair.current_copy().host, live);

    is_full(b, TRIES - 1);
    let document = pair.destination_document(&pair.replicate());
    assert_eq!(document["room"]["deleted"], json!(["room-copy-1", "room-copy-2"]));
    pair.wait_for_versions(&[4]);
    assert!(pair.current_copy().host.starts_with("room-copy-4."));
}

/// Has RDS refuse so many restores.
fn is_full(account: &Account, times: u32) {
    let order = json!({"action": "RestoreDBInstanceFromDBSnapshot", "effect": "error", "code": "InstanceQuotaExceeded",
                       "resource": "room-", "times": times});
    ask(account.variable("AWS_ENDPOINT_URL_RDS"), "POST", "/_emulator/faults", &order);
}

fn fails_for_the_quota(pair: &Pair, account: &Account) {
    let replication = pair.try_replicate();
    let execution = account.execution(replication.destination.as_ref().unwrap());
    assert_eq!(text(&execution["error"]), "QuotaExceeded", "{execution}");
}
