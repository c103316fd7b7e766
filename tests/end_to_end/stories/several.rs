//! Several databases in one pair of stacks.

use serde_json::{Value, json};

use harness::account::{Account, Database, tags, text};
use harness::cloud::{Cloud, run, script};
use harness::pair::{contents, fill, password};

const STACKS: [&str; 2] = ["several-source", "several-destination"];
const DATABASES: [&str; 3] = ["several-a", "several-b", "several-b-2"];

/// Three databases go through one pair of stacks, one after the other and at once; each has names, version numbers and a
/// secret of its own. A secret that is somebody else's is not touched until it is given to the stack. A rollback of one
/// leaves the others alone, and says which database is missing where none is named.
///
/// > Several databases share a pair of stacks, and each has names, numbers and a secret of its own.
/// > A secret that is there already is left alone until it is given to the stack.
/// > A rollback of one database leaves the others alone.
pub fn several_databases_share_a_pair_of_stacks(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let account = b.number();
    let of_source =
        [("SourceDBSnapshotName", "several-snapshot"), ("DestinationAccountNumber", account.as_str())];
    a.deploy(STACKS[0], &of_source);
    let topic = &a.outputs(STACKS[0])["TopicArn"];
    let of_destination = [
        ("SourceTopicArn", topic.as_str()),
        ("SourceDBIdentifier", "several-*"),
        ("DatabaseName", "several-copy"),
        ("SecretName", "several/read"),
        ("NoOfOlderInstances", "1"),
        ("MaxRestoresAtOnce", "1"),
    ];
    b.deploy(STACKS[1], &of_destination);
    let password = password();
    let sources = DATABASES.map(|name| a.create_database(name, &password, &[]));
    for (rows, source) in (10..).zip(&sources) {
        fill(a, source, &password, rows);
    }
    // Somebody else's, under a name that the stack would not use next.
    let foreign = b.create_database("several-copy-a-1", &password, &[]);
    fill(b, &foreign, &password, 3);
    b.aws(&["secretsmanager", "create-secret", "--name", "several/read/several-a", "--secret-string", "{}"]);

    let refused = b.ended(&replicate(cloud, DATABASES[0]).1);
    assert_eq!((&refused["status"], &refused["error"]), (&json!("FAILED"), &json!("NameTaken")), "{refused}");
    assert!(text(&refused["cause"]).contains("tag-resource --secret-id several/read/several-a"), "{refused}");
    assert_eq!(b.snapshots("several-copy-several-a-"), [""; 0], "nothing was copied");
    let tag = format!("Key=rds-replication:stack,Value={}", STACKS[1]);
    b.aws(&["secretsmanager", "tag-resource", "--secret-id", "several/read/several-a", "--tags", &tag]);

    std::thread::scope(|scope| {
        for name in DATABASES {
            scope.spawn(move || succeeds(cloud, name));
        }
    });
    for (name, source) in DATABASES.iter().zip(&sources) {
        let copy = current(b, name);
        assert!(copy.host.starts_with(&format!("several-copy-{name}-1.")), "{}", copy.host);
        assert_eq!(contents(b, &copy, &password), contents(a, source, &password));
    }
    let described = b.aws(&["secretsmanager", "describe-secret", "--secret-id", "several/read/several-b"]);
    let made = tags(&json!({"TagList": described["Tags"]}));
    assert_eq!(
        (made["rds-replication:stack"].as_str(), made["rds-replication:source-db"].as_str()),
        (STACKS[1], "several-b")
    );

    succeeds(cloud, "several-b");
    succeeds(cloud, "several-b");
    assert!(current(b, "several-b").host.starts_with("several-copy-several-b-3."));
    let machine = &b.outputs(STACKS[1])["RollbackStateMachineArn"];
    let unnamed = b.ended(&b.start(machine, &json!({"version": "previous"})));
    assert_eq!(unnamed["error"], "SourceMismatch", "{unnamed}");
    assert!(text(&unnamed["cause"]).contains("no database is named"), "{unnamed}");
    let mut command = script("rollback");
    command.arg(format!("--local={}", cloud.directory().display()));
    command.args(["--destination-stack", STACKS[1], "--source-db", "several-b", "previous"]);
    run(command);
    assert!(current(b, "several-b").host.starts_with("several-copy-several-b-2."));
    for name in ["several-a", "several-b-2"] {
        assert!(current(b, name).host.starts_with(&format!("several-copy-{name}-1.")));
        assert_eq!(b.instances(&format!("several-copy-{name}-")).len(), 1);
    }
    assert!(
        b.logs(STACKS[1]).contains(r#""oldest_data_age_hours":0"#),
        "the age of the data of all is logged"
    );
    assert!(contents(b, &foreign, &password).starts_with("3|"), "the foreign database still holds its rows");
}

/// Replicates one database: the execution of the source machine, and that of the destination machine.
fn replicate(cloud: &Cloud, database: &str) -> (bool, String) {
    let mut command = script("replicate");
    command.arg(format!("--local={}", cloud.directory().display()));
    command.args(["--timeout", "180", "--arrival", "60", "--source-db", database]);
    command.args(["--source-stack", STACKS[0], "--destination-stack", STACKS[1]]);
    let output = command.output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    let started = printed.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let &[_, "destination", "started", arn] = words.as_slice() else { return None };
        Some(arn.to_owned())
    });
    (output.status.success(), started.unwrap_or_else(|| panic!("nothing arrived:\n{printed}")))
}

fn succeeds(cloud: &Cloud, database: &str) {
    let (succeeded, execution) = replicate(cloud, database);
    assert!(succeeded, "{}", cloud.destination.execution(&execution));
}

/// What the secret of a database names.
fn current(account: &Account, database: &str) -> Database {
    let id = format!("several/read/{database}");
    let answer = account.aws(&["secretsmanager", "get-secret-value", "--secret-id", &id]);
    let secret: Value = serde_json::from_str(&text(&answer["SecretString"])).unwrap();
    let host = text(&secret["db_host"]);
    account.available_database(host.split('.').next().unwrap())
}
