//! The destination is in another Region than the source.

use serde_json::{Value, json};

use harness::account::text;
use harness::cloud::{Cloud, ask};
use harness::pair::{Pair, contents, fill, password};

/// The Region of the destination; that of the source is the cloud's.
const FAR: &str = "eu-west-1";

/// The source in one account and Region, the destination in another account and Region: one step from the shared snapshot to a
/// copy under the destination's key. A second destination, in the source's Region, listens to the same topic.
///
/// > A source and a destination in different Regions replicate as two in one Region do, under the destination Region's own key.
/// > The second copy into another Region moves only what has changed.
pub fn rows_arrive_in_another_region(cloud: &Cloud) {
    let (a, b) = (&cloud.source, cloud.destination.in_region(FAR));
    // The second run then prunes what the first has made.
    let options = [("NoOfOlderInstances", "1"), ("SnapshotsToKeep", "2")];
    let pair = Pair::deploy_to(cloud, &b, "regions", &[("DestinationRegion", FAR)], &options);
    let near = [
        ("SourceTopicArn", pair.source["TopicArn"].as_str()),
        ("SourceDBIdentifier", "regions-db"),
        ("DatabaseName", "regions-near"),
        ("SecretName", "regions/near"),
    ];
    cloud.destination.deploy("regions-near", &near);
    let password = password();
    let source = a.create_database(&pair.database(), &password, &[]);
    fill(a, &source, &password, 1000);

    let first = pair.replicate();
    let before = contents(a, &source, &password);
    assert!(before.starts_with("1000|"), "{before}");
    assert_eq!(contents(&b, &pair.current_copy(), &password), before);
    let copy = pair.copy(1);
    assert_eq!(copy["KmsKeyId"], pair.destination["KMSKeyArn"].as_str());
    assert!(text(&copy["KmsKeyId"]).starts_with("arn:aws:kms:eu-west-1:"), "{copy}");
    assert!(text(&copy["DBInstanceArn"]).starts_with("arn:aws:rds:eu-west-1:"), "{copy}");
    assert_eq!(copied(cloud, &pair.destination_document(&first)), "full");

    a.psql(&source, &password, "UPDATE items SET price = 0 WHERE id % 100 = 0");
    let second = pair.replicate();
    assert_eq!(contents(&b, &pair.current_copy(), &password), contents(a, &source, &password));
    assert_eq!(copied(cloud, &pair.destination_document(&second)), "incremental");

    let back = pair.roll_back(&json!({"version": 1}));
    assert_eq!(back["secret"]["outcome"], "moved");
    assert_eq!(contents(&b, &pair.current_copy(), &password), before);
    assert_eq!(pair.status()["live"]["version"], 1);
    pair.roll_back(&json!({"version": 2}));

    let third = pair.destination_document(&pair.replicate());
    assert_eq!(third["prune"]["deleted"][0], "regions-copy-1", "{}", third["prune"]);
    pair.wait_for_versions(&[2, 3]);

    let near = cloud.destination.outputs("regions-near");
    let executions = cloud.destination.executions(&near["StateMachineArn"]);
    assert_eq!(executions.len(), 3, "the same topic serves both Regions: {executions:?}");
    for execution in executions {
        let ended = cloud.destination.ended(&text(&execution["executionArn"]));
        assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    }
    let moved = ask(a.variable("AWS_ENDPOINT_URL_RDS"), "GET", "/_emulator/moved", &Value::Null);
    let regions = [a.variable("AWS_REGION"), FAR];
    let crossed = moved.as_array().unwrap().iter().find(|one| [&one["from"], &one["to"]] == regions);
    println!("bytes from {} to {FAR}: {}", regions[0], crossed.unwrap()["bytes"]);
}

/// How the copy of a run was made, as measured, which is how it was expected to be.
fn copied(cloud: &Cloud, document: &Value) -> String {
    let arn = &document["DBSnapshot"]["TargetDBSnapshotArn"];
    let measured = cloud.measured_snapshots();
    let found = measured.as_array().unwrap().iter().find(|one| one["arn"] == *arn);
    let kind = text(&found.unwrap_or_else(|| panic!("{arn} is not in {measured}"))["copyKind"]);
    assert_eq!(document["DBSnapshot"]["copy"]["expected"], kind.as_str());
    kind
}
