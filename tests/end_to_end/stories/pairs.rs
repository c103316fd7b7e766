//! Several databases in the same two accounts: a pair of stacks for each, and a fleet of them all.

use std::thread;

use serde_json::Value;

use harness::account::text;
use harness::cloud::{Cloud, run, script};
use harness::pair::{Pair, contents, fill, password};

/// The databases, and how many rows each has at first.
const PAIRS: [(&str, u32); 2] = [("pairs-one", 11), ("pairs-two", 22)];

/// The two recipes of the README: a second database in another pair of stacks, under the key of the first; then the first
/// source stack replicates both, and a third destination stack listens to it.
///
/// > Databases in pairs of stacks of their own are replicated side by side in the same accounts, and none touches what is of
/// > another.
/// > `scripts/replicate --fleet` follows every database of a fleet through both accounts, and `scripts/status` shows them all.
pub fn databases_are_replicated_side_by_side(cloud: &Cloud) {
    let a = &cloud.source;
    let password = password();
    let fleet = [("Fleet", "true"), ("FleetNamePattern", "pairs-*-db")];
    let first = Pair::deploy(cloud, PAIRS[0].0, &fleet, &[]);
    let second = Pair::deploy(cloud, PAIRS[1].0, &[("KMSKey", &first.source["KMSKeyArn"])], &[]);
    for (pair, (_, rows)) in [&first, &second].into_iter().zip(PAIRS) {
        let database = a.create_database(&pair.database(), &password, &[]);
        fill(a, &database, &password, rows);
    }

    thread::scope(|scope| {
        let both = [&first, &second].map(|pair| scope.spawn(|| pair.replicate().succeeded));
        assert!(both.into_iter().all(|one| one.join().unwrap()));
    });
    for (pair, (_, rows)) in [&first, &second].into_iter().zip(PAIRS) {
        assert_eq!(pair.versions(), [1], "each has versions of its own");
        let (identifier, held) = current(cloud, &pair.destination["SecretArn"], &password);
        assert_eq!(identifier, format!("{}1", pair.copies()));
        assert!(held.starts_with(&format!("{rows}|")), "{identifier} holds {held}");
    }

    let third = listen_too(cloud, &first, &second);
    let printed = follow(cloud, &first);
    for pair in [&first, &second] {
        let row =
            printed.lines().find(|line| line.trim_start().starts_with(&format!("{} ", pair.database())));
        assert!(row.is_some_and(|row| row.contains("replicated")), "{} in {printed}", pair.database());
    }
    let (identifier, held) = current(cloud, &third, &password);
    assert_eq!(identifier, "pairs-three-copy-1");
    assert!(held.starts_with("22|"), "{held}");
    assert_eq!(first.versions(), [1, 2]);
    assert_eq!(second.versions(), [1], "the fleet of the first source stack is not for the second pair");

    let all = status(cloud, &[]);
    let rows = all["fleets"].as_array().unwrap().iter().find(|one| one["stack"] == "pairs-one-source");
    let states: Vec<&Value> =
        rows.unwrap()["databases"].as_array().unwrap().iter().map(|row| &row["state"]).collect();
    assert_eq!(states.len(), 2, "{all}");
    let one = status(cloud, &["--source-db", &first.database()]);
    assert_eq!(one["databases"].as_array().unwrap().len(), 1);
    assert_eq!(one["databases"][0]["live"]["version"], 2, "{one}");
}

/// Deploys a destination stack that takes the second database from the first source stack; the ARN of its secret.
fn listen_too(cloud: &Cloud, first: &Pair<'_>, second: &Pair<'_>) -> String {
    cloud.destination.deploy(
        "pairs-three-destination",
        &[
            ("SourceTopicArn", &first.source["TopicArn"]),
            ("SourceDBIdentifier", &second.database()),
            ("DatabaseName", "pairs-three-copy"),
            ("SecretName", "pairs-three/db/read"),
        ],
    );
    cloud.destination.outputs("pairs-three-destination")["SecretArn"].clone()
}

/// Runs `scripts/replicate --fleet`, which must succeed; what it printed.
fn follow(cloud: &Cloud, pair: &Pair<'_>) -> String {
    let mut command = script("replicate");
    command.arg("--fleet").arg(format!("--local={}", cloud.directory().display()));
    command.args(["--timeout", "180", "--arrival", "60", "--source-stack", &pair.stack(&cloud.source)]);
    String::from_utf8(run(command).stdout).unwrap()
}

fn status(cloud: &Cloud, arguments: &[&str]) -> Value {
    let mut command = script("status");
    command.arg("--json").arg(format!("--local={}", cloud.directory().display())).args(arguments);
    serde_json::from_slice(&run(command).stdout).unwrap()
}

/// The database that a secret names, and what it holds.
fn current(cloud: &Cloud, secret: &str, password: &str) -> (String, String) {
    let b = &cloud.destination;
    let answer = b.aws(&["secretsmanager", "get-secret-value", "--secret-id", secret]);
    let fields: Value = serde_json::from_str(&text(&answer["SecretString"])).unwrap();
    let host = text(&fields["db_host"]);
    let identifier = host.split('.').next().unwrap().to_owned();
    let database = b.available_database(&identifier);
    (identifier, contents(b, &database, password))
}
