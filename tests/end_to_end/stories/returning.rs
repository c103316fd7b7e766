//! An operator rolls back to an older version, and forward again.

use serde_json::{Value, json};

use harness::account::{tags, text};
use harness::cloud::Cloud;
use harness::pair::{Pair, contents, fill, password};

/// Three replications with different rows, one older version kept: the secret goes back to the second and on to the third,
/// and the fourth replication takes the next number. A version that only its snapshot holds is restored once, as a new
/// version.
///
/// > A rollback moves the two fields of the secret and nothing else; the value before it is AWSPREVIOUS.
/// > A rollback that is refused moves nothing, and reports why.
/// > After a rollback the next replication takes the next free number and goes live.
/// > What is live, what is kept and how the last runs ended is read from tags, secrets and executions alone.
/// > A version of which only the snapshot is kept is restored once, as a new version with the rows, the replication id
/// > and the data time of the old one.
pub fn an_operator_goes_back_and_forward(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let keeping = [("NoOfOlderInstances", "1"), ("SnapshotsToKeep", "5")];
    let pair = Pair::deploy(cloud, "returning", &[], &keeping);
    let alerts = b.subscribe_queue("returning-alerts", &pair.destination["AlertTopicArn"]);
    let password = password();
    let source = a.create_database(&pair.database(), &password, &[]);
    fill(a, &source, &password, 10);
    let secret = |host: &str| {
        let prefix = if host.is_empty() { "" } else { "returning-copy" };
        format!(
            r#"{{"ratio":5432.0,"db_host":"{host}","db_prefix":"{prefix}","note":"h\u00e9","pool":{{"b":1 ,"a":[ ]}}}}"#
        )
    };
    pair.put_secret(&secret(""));
    let rows: Vec<String> = (0..3)
        .map(|_| {
            a.psql(&source, &password, "INSERT INTO items (id, price) SELECT max(id) + 1, 1 FROM items");
            pair.replicate();
            contents(a, &source, &password)
        })
        .collect();
    let third = pair.copy(3);
    let host = |version: u32| text(&pair.copy(version)["Endpoint"]["Address"]);
    let (second_host, third_host) = (host(2), host(3));
    pair.wait_for_versions(&[2, 3]);

    let back = pair.roll_back(&json!({"version": "previous"}));
    assert_eq!(back["DBInstance"]["db_version"], 2);
    assert_eq!(back["secret"]["outcome"], "moved");
    assert_eq!(pair.secret(), secret(&second_host));
    assert_eq!(pair.secret_at("AWSPREVIOUS"), secret(&third_host));
    assert_eq!(contents(b, &pair.current_copy(), &password), rows[1]);
    assert_eq!(pair.marked(), [0; 0]);

    let exist = "the versions that exist: 3, 2 (live), 1 (its snapshot, to be restored);";
    refused(&pair, &json!({"version": 9}), "VersionNotFound", exist);
    alerts.message_with(&["RDS rollback", "VersionNotFound", exist]);
    let other = json!({"version": 3, "SourceDBIdentifier": "another-database"});
    refused(&pair, &other, "SourceMismatch", "another-database");

    let forward = pair.roll_back(&json!({"version": 3, "SourceDBIdentifier": pair.database()}));
    assert_eq!(forward["secret"]["outcome"], "moved");
    assert_eq!(pair.secret(), secret(&third_host));
    let fourth = pair.replicate();
    assert_eq!(pair.destination_document(&fourth)["DBInstance"]["db_version"], 4);
    assert_eq!(pair.secret(), secret(&host(4)));
    pair.wait_for_versions(&[3, 4]);

    b.aws(&[
        "rds",
        "delete-db-instance",
        "--skip-final-snapshot",
        "--db-instance-identifier",
        "returning-copy-3",
    ]);
    pair.wait_for_versions(&[4]);
    let restored = pair.roll_back(&json!({"version": 3}));
    assert_eq!(restored["DBInstance"]["db_version"], 5);
    assert_eq!(restored["DBInstance"]["restoredVersion"], 3);
    assert_eq!(pair.secret(), secret(&host(5)));
    assert_eq!(contents(b, &pair.current_copy(), &password), rows[2]);
    let mut expected = tags(&third);
    for (tag, value) in [("version", "5"), ("restored-version", "3"), ("name", "returning-copy-5")] {
        expected.insert(format!("rds-replication:{tag}"), value.to_owned());
    }
    let copy = pair.copy(5);
    expected.insert("rds-replication:resource-id".to_owned(), text(&copy["DbiResourceId"]));
    assert_eq!(tags(&copy), expected, "all else is as it was");

    let again = pair.roll_back(&json!({"version": 3}));
    assert_eq!(again["DBInstance"]["db_version"], 5);
    assert_eq!(again["secret"]["outcome"], "alreadyMoved");
    let status = pair.status();
    let versions = status["versions"].as_array().unwrap();
    assert!(versions.iter().any(|one| one["version"] == 5 && one["restoredVersion"] == 3), "{versions:?}");
    pair.replicate();
    assert_eq!(pair.secret(), secret(&host(6)));
    // The data of 5 are those of 3, so that 4 is the newest that one can roll back to.
    pair.wait_for_versions(&[4, 6]);

    let status = pair.status();
    assert_eq!(
        (&status["live"]["version"], &status["live"]["instance"]),
        (&json!(6), &json!("returning-copy-6"))
    );
    let versions: Vec<_> = status["versions"].as_array().unwrap().iter().map(|one| &one["version"]).collect();
    assert_eq!(versions, [&json!(6), &json!(4)]);
    assert_eq!(status["replications"][0]["outcome"], "succeeded");
    assert_eq!(status["rollbacks"][0]["secretOutcome"], "alreadyMoved");
}

/// A rollback that fails like this, and moves nothing.
fn refused(pair: &Pair, input: &Value, error: &str, because: &str) {
    let state = || (pair.secret(), pair.secret_at("AWSPREVIOUS"), pair.versions(), pair.marked());
    let before = state();
    let execution = pair.try_roll_back(input);
    assert_eq!(execution["status"], "FAILED");
    assert_eq!(execution["error"], error);
    assert!(text(&execution["cause"]).contains(because), "{execution}");
    assert_eq!(state(), before);
}
