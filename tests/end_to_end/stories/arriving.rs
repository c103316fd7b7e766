//! Rows arrive, twice, and the secret names them without losing or revealing anything.

use serde_json::Value;

use harness::account::{Account, tags};
use harness::cloud::Cloud;
use harness::pair::{Pair, contents, fill, password};

/// An unencrypted source is encrypted on its way; a second replication makes a second copy and leaves the first alone.
/// The operator's fields of the secret survive byte for byte, and nothing but our two fields is ever shown.
///
/// > No value of the secret but our two fields reaches a state document, a history or a log.
/// > The rows of the copy are the rows of the source at the time of its snapshot.
///
/// How long the stages took is left on the snapshots of the run, in both accounts.
pub fn rows_arrive_twice_and_secrets_stay_secret(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let pair = Pair::deploy(cloud, "arriving", &[], &[]);
    let password = password();
    let source = a.create_database(&pair.database(), &password, &["--no-storage-encrypted"]);
    fill(a, &source, &password, 1000);
    let secret = |host: &str, prefix: &str| {
        format!(
            r#"{{"username":"shop_owner","db_host":"{host}","password":"{password}","ratio":5432.0,"note":"h\u00e9","db_prefix":"{prefix}","pool":{{"b":1 ,"a":[ ]}}}}"#
        )
    };
    pair.put_secret(&secret("", ""));

    let first = pair.replicate();
    let document = pair.source_document(&first);
    assert_eq!(document["SourceDBSnapshot"]["encrypted"], false);
    assert_eq!(document["targetDBSnapshot"]["copy"]["expected"], "full");
    let first_copy = pair.current_copy();
    let before = contents(a, &source, &password);
    assert!(before.starts_with("1000|"), "{before}");
    assert_eq!(contents(b, &first_copy, &password), before);
    assert_eq!(pair.secret(), secret(&first_copy.host, "arriving-copy"));

    a.psql(
        &source,
        &password,
        "DELETE FROM items WHERE id % 10 = 0; UPDATE items SET price = 0 WHERE id % 7 = 0",
    );
    let second = pair.replicate();
    let second_copy = pair.current_copy();
    let after = contents(a, &source, &password);
    assert!(after.starts_with("900|"), "{after}");
    assert_ne!(first_copy.host, second_copy.host);
    assert_eq!(contents(b, &second_copy, &password), after);
    assert_eq!(contents(b, &first_copy, &password), before, "the first copy stays as it was");
    assert_eq!(pair.secret(), secret(&second_copy.host, "arriving-copy"));
    assert_eq!(pair.destination_document(&second)["DBInstance"]["db_version"], 2);

    for run in [&first, &second] {
        let (_, id) = run.destination.as_ref().unwrap().rsplit_once(':').unwrap();
        assert_eq!(stages_on_snapshots(a, id), [["snapshot", "copy"]], "in the source account, of {id}");
        assert_eq!(stages_on_snapshots(b, id), [["copy", "restore"]], "in the destination account, of {id}");
    }

    for (account, execution) in [
        (a, &first.source),
        (a, &second.source),
        (b, first.destination.as_ref().unwrap()),
        (b, second.destination.as_ref().unwrap()),
    ] {
        let history = Value::from(account.history(execution)).to_string();
        assert!(history.contains("ExecutionSucceeded"));
        assert!(!history.contains(&password), "the password is in the history of {execution}");
        let execution = account.execution(execution).to_string();
        assert!(!execution.contains(&password), "the password is in {execution}");
    }
    for account in [a, b] {
        let logs = account.logs(&pair.stack(account));
        assert!(logs.len() > 1000, "the functions of {} logged next to nothing", account.role());
        assert!(!logs.contains(&password), "the password is in the logs of {}", account.role());
    }
}

/// The stages whose seconds stand on each snapshot of a run that has them: the next run goes by them.
fn stages_on_snapshots(account: &Account, id: &str) -> Vec<Vec<String>> {
    let answer = account.aws(&["rds", "describe-db-snapshots", "--snapshot-type", "manual"]);
    let of_run = answer["DBSnapshots"].as_array().unwrap().iter().map(tags);
    let of_run = of_run.filter(|tags| tags.get("rds-replication:id").is_some_and(|found| found == id));
    let written = of_run.filter_map(|mut tags| tags.remove("rds-replication:stage-seconds"));
    let stage = |one: &str| {
        let (name, seconds) = one.split_once('=').unwrap();
        // A stage of these stories takes a few seconds.
        assert!(seconds.parse::<u32>().unwrap() < 600, "{one}");
        name.to_owned()
    };
    written.map(|text| text.strip_prefix(id).unwrap().split_whitespace().map(stage).collect()).collect()
}
