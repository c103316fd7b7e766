//! What a run asks of RDS where much else is in the account, and what the tags of a source database choose.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use harness::account::text;
use harness::cloud::{Cloud, ask};
use harness::pair::{Pair, fill, password};
use replication::looking;

use super::regions::make_key;

/// The Region of the destination, which no other story uses.
const REGION: &str = "eu-north-1";
/// How many others there are.
const OTHERS: usize = 300;

/// A database is replicated three times, then once more among 300 foreign instances and snapshots with names that look like
/// those of versions. Then a tag of it asks for another class, and one for what the stack does not allow.
///
/// > A run asks RDS for no more where hundreds of foreign instances and snapshots are in the account.
/// > A tag of the source database chooses the class of its next version, and one that is not allowed fails the run by name
/// > before anything is copied.
pub fn a_run_costs_the_same_in_a_crowded_account(cloud: &Cloud) {
    let (a, b) = (&cloud.source, cloud.destination.in_region(REGION));
    let options = [("NoOfOlderInstances", "1"), ("DBInstanceClass", "db.t3.micro")];
    // In one step only where another story does not let RDS refuse that.
    let key = make_key(&a.in_region(REGION), &b.number());
    let of_source = [
        ("DestinationRegion", REGION),
        ("CrossRegionCopy", "source-copies"),
        ("DestinationRegionKMSKey", key.as_str()),
    ];
    let pair = Pair::deploy_to(cloud, &b, "crowd", &of_source, &options);
    let password = password();
    let source = a.create_database(&pair.database(), &password, &[]);
    fill(a, &source, &password, 10);
    for _ in 0..2 {
        pair.replicate();
    }
    let calls = || -> BTreeMap<String, usize> {
        let all = ask(a.variable("AWS_ENDPOINT_URL_RDS"), "GET", "/_emulator/calls", &Value::Null);
        let mut counted = BTreeMap::new();
        let own = all.as_array().unwrap().iter().filter(|one| {
            text(&one["principalArn"]).contains("/crowd-destination-") && one["account"] == b.number()
        });
        for one in own {
            *counted.entry(text(&one["action"])).or_default() += 1;
        }
        counted
    };
    // One run in sixteen reads everything.
    let of_run = || loop {
        let before = calls();
        let run = pair.replicate();
        let mut made = calls();
        for (action, count) in &mut made {
            *count -= before.get(action).copied().unwrap_or_default();
        }
        if !looking::is_thorough(run.destination.as_ref().unwrap()) {
            return made;
        }
    };
    let live = || u32::try_from(pair.status()["live"]["version"].as_u64().unwrap()).unwrap();
    let alone = of_run();
    let version = pair.copy(live());
    let snapshots = b.aws(&["rds", "describe-db-snapshots", "--snapshot-type", "manual"]);
    for arn in [&version["DBInstanceArn"], &snapshots["DBSnapshots"][0]["DBSnapshotArn"]] {
        let order = json!({"arn": arn, "count": OTHERS});
        ask(a.variable("AWS_ENDPOINT_URL_RDS"), "POST", "/_emulator/resources/crowd", &order);
    }
    let among = of_run();
    println!("calls of a run alone {alone:?}, among {OTHERS} others {among:?}");
    let sum = |calls: &BTreeMap<String, usize>| calls.values().sum::<usize>();
    // A fifth more, and what the number of polls that wait differs by from run to run.
    assert!(sum(&among) <= sum(&alone) * 12 / 10 + 4, "{alone:?}, then {among:?}");
    pair.wait_for_versions(&[live() - 1, live()]);
    assert_eq!(b.instances("crowd-").len(), OTHERS + 2);

    let arn = text(&a.instance(&pair.database())["DBInstanceArn"]);
    let tag = |choice: &str| {
        let tag = format!("Key=rds-replication:config:{choice}");
        a.aws(&["rds", "add-tags-to-resource", "--resource-name", &arn, "--tags", &tag]);
    };
    tag("DBInstanceClass,Value=db.t3.small");
    pair.replicate();
    let version = live();
    assert_eq!(pair.copy(version)["DBInstanceClass"], "db.t3.small");
    tag("PubliclyAccessible,Value=true");
    let refused = pair.try_replicate();
    let ended = b.ended(&refused.destination.unwrap());
    assert_eq!(ended["error"], "OverrideRefused", "{ended}");
    assert!(text(&ended["cause"]).contains("rds-replication:config:PubliclyAccessible"), "{ended}");
    assert_eq!(live(), version);
}
