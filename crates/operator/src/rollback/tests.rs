//! What the command starts and says, against an account of answers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Parser;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Asked, roll_back};
use crate::arguments::{Arguments, Command};
use crate::environment::Environment;
use crate::output::End;
use crate::status::observe::tests::world::{
    B, CANARY, Machine, NOW, SECRET, ago, answers_of, entered, instance, stack, tags,
};
use crate::terminal::Terminal;
use crate::tests::FakeAccount;

const STACK: &str = "rds-replication-destination";
const RESTORE: &str = "RestoreDBInstance";
const UPDATE: &str = "UpdateSecretWithDBValue";

/// The destination account with versions 3, 4 and 5, the secret naming 4, and a rollback machine that ends at the third poll.
struct World {
    account: FakeAccount,
    machine: Machine,
    started: Arc<Mutex<Vec<Value>>>,
    end: Arc<Mutex<Value>>,
}

fn host(version: u32) -> String {
    format!("copy-{version}.c1.example")
}

fn secret_of(host: &str) -> Value {
    json!({"ARN": SECRET, "SecretString": json!({"db_host": host, "db_prefix": "copy", "password": CANARY}).to_string()})
}

fn succeeded(version: u32, outcome: &str, more: &Value) -> Value {
    let mut secret = json!({"db_host": host(version), "outcome": outcome, "status": "Available"});
    secret.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let instance = json!({"db_instance_identifier": format!("copy-{version}"), "db_version": version});
    let output = json!({"DBInstance": instance, "secret": secret}).to_string();
    json!({"status": "SUCCEEDED", "stopDate": NOW.unix_timestamp(), "output": output})
}

impl World {
    fn new() -> Self {
        let account = FakeAccount::new(B);
        let machine = Machine::new(B, "rollback");
        let outputs = [
            ("SecretArn", SECRET),
            ("SecretName", "orders/read"),
            ("RollbackStateMachineArn", machine.arn.as_str()),
        ];
        let parameters = [("DatabaseName", "copy"), ("SourceDBIdentifier", "orders")];
        account.answer("DescribeStacks", json!({"Stacks": [stack(STACK, &outputs, &parameters)]}));
        let three_hours_ago = ago(185).format(&Rfc3339).unwrap();
        let made = |version: u32, more: (&str, &str)| {
            let (name, number) = (format!("copy-{version}"), version.to_string());
            let own = tags(&[
                ("stack", STACK),
                ("source-db", "orders"),
                ("name", &name),
                ("version", &number),
                more,
            ]);
            instance(
                &name,
                "available",
                &json!({"Endpoint": {"Address": host(version), "Port": 5432}, "TagList": own}),
            )
        };
        let origin = format!("arn:aws:rds:eu-west-1:{B}:snapshot:c");
        let instances = vec![
            made(3, ("data-time", &three_hours_ago)),
            made(4, ("source-snapshot", &origin)),
            made(5, ("restored-version", "2")),
        ];
        account.page("DescribeDBInstances", "DBInstances", "Marker", instances);
        let copy = json!({
            "DBSnapshotIdentifier": "c", "DBSnapshotArn": origin, "DBInstanceIdentifier": "orders", "Status": "available",
            "SnapshotDatabaseTime": ago(12).format(&Rfc3339).unwrap(),
        });
        account.page("DescribeDBSnapshots", "DBSnapshots", "Marker", vec![copy]);
        answers_of(&account, std::slice::from_ref(&machine));
        let world = Self { account, machine, started: Arc::default(), end: Arc::default() };
        world.names(4);
        world.machine_runs();
        world.ends(succeeded(3, "moved", &json!({})));
        world
    }

    /// What the secret names.
    fn names(&self, version: u32) {
        self.account.answer("GetSecretValue", secret_of(&host(version)));
    }

    /// How the execution ends; the secret names what it has moved to.
    fn ends(&self, end: Value) {
        *self.end.lock().unwrap() = end;
    }

    fn machine_runs(&self) {
        let (machine, started) = (self.machine.clone(), Arc::clone(&self.started));
        self.account.handle("StartExecution", move |asked| {
            assert_eq!(asked["stateMachineArn"], machine.arn);
            let input = asked["input"].as_str().unwrap();
            started.lock().unwrap().push(serde_json::from_str(input).unwrap());
            let name = asked["name"].as_str().unwrap();
            assert!(name.starts_with("rollback-"), "sent again it is the same execution: {name}");
            let arn = machine.run(name, NOW, &json!({"status": "RUNNING", "input": input}), Vec::new());
            Ok(json!({"executionArn": arn, "startDate": NOW.unix_timestamp()}))
        });
        let waiting = json!({"DBInstance": {"status": "NotAvailable", "rdsStatus": "modifying"}}).to_string();
        let event = move |id: usize, state: &str, kind: &str| {
            let mut event = entered(id, state, kind, NOW);
            event["stateEnteredEventDetails"]["input"] = json!(waiting);
            event
        };
        let polls = Arc::new(AtomicUsize::new(0));
        let (end, looks, account) = (Arc::clone(&self.end), Arc::clone(&polls), self.account.clone());
        let arn = self.machine.arn.replace(":stateMachine:", ":execution:") + ":uuid";
        self.account.handle("DescribeExecution", move |_| {
            let mut described = json!({
                "executionArn": arn, "stateMachineArn": "machine", "name": "uuid", "status": "RUNNING",
                "startDate": NOW.unix_timestamp(), "input": "{}",
            });
            if looks.fetch_add(1, Ordering::SeqCst) == 2 {
                described.as_object_mut().unwrap().extend(end.lock().unwrap().as_object().unwrap().clone());
            }
            let _ = &account;
            Ok(described)
        });
        self.account.handle("GetExecutionHistory", move |_| {
            let mut events = vec![
                event(1, RESTORE, "Task"),
                event(2, "IsNewRDSInstanceAvailable", "Choice"),
                event(3, "WaitXMinsForNewRDSInstanceAvailability", "Wait"),
            ];
            if polls.load(Ordering::SeqCst) > 1 {
                events.extend([event(4, RESTORE, "Task"), event(5, UPDATE, "Task")]);
            }
            events.reverse();
            Ok(json!({"events": events}))
        });
    }

    async fn run(&self, words: &[&str]) -> (u8, String) {
        self.run_until(words, std::future::pending()).await
    }

    async fn run_until(&self, words: &[&str], interruption: impl Future<Output = ()>) -> (u8, String) {
        let (end, shown) = self.end_of(words, interruption).await;
        (end.code, shown)
    }

    async fn end_of(&self, words: &[&str], interruption: impl Future<Output = ()>) -> (End, String) {
        let words = ["rds-replication", "rollback"].into_iter().chain(words.iter().copied());
        let Command::Rollback(given) = Arguments::parse_from(words).command else { panic!() };
        let environment = Environment {
            region: None,
            names_certificates: false,
            local_cloud: "/local".into(),
            is_without_colour: true,
        };
        let hints = given.account.accounts().hints(&environment);
        let asked = Asked { given: &given, hints: &hints, poll: Duration::from_millis(1) };
        let mut shown = Vec::new();
        let end = {
            let mut terminal = Terminal::new(&mut shown, false, now);
            roll_back(&self.account.account(), &asked, &mut terminal, interruption).await
        };
        let shown = String::from_utf8(shown).unwrap();
        assert!(!shown.contains(CANARY), "{shown}");
        (end, shown)
    }

    fn started(&self) -> Vec<Value> {
        self.started.lock().unwrap().clone()
    }
}

fn now() -> OffsetDateTime {
    NOW
}

#[tokio::test]
async fn it_goes_back_by_one_when_nothing_is_said() {
    let here = World::new();
    let (code, shown) = here.run(&[]).await;
    assert_eq!((code, here.started()), (0, vec![json!({"version": "previous"})]), "{shown}");
    let said: Vec<&str> =
        shown.lines().filter_map(|line| line.split_once("s  ")).map(|(_, said)| said).collect();
    let execution = here.machine.arn.replace(":stateMachine:", ":execution:") + ":rollback-";
    let before = "copy-4 (version 4, data as of 2026-11-22T11:48:00Z, 12 min old)";
    let expected = [
        format!("the secret names {before}"),
        said[1].to_owned(),
        format!("destination  {RESTORE}"),
        "destination  WaitXMinsForNewRDSInstanceAvailability  (modifying)".to_owned(),
        format!("destination  {UPDATE}"),
    ];
    assert_eq!(said[..5], expected);
    assert!(said[1].starts_with(&format!("destination  started {execution}")), "{}", said[1]);
    assert_eq!(
        said[5..],
        [format!("the secret now names {before}"), "it did so before".to_owned()],
        "nobody has moved it here"
    );
}

#[tokio::test]
async fn which_version_is_the_previous_one_is_left_to_the_machine_where_the_live_instance_is_gone() {
    let here = World::new();
    here.names(7);
    here.run(&[]).await;
    assert_eq!(here.started(), [json!({"version": "previous"})]);
}

#[tokio::test]
async fn what_cannot_be_told_from_the_host_is_left_to_the_machine() {
    let here = World::new();
    here.names(3);
    here.account.page("DescribeDBInstances", "DBInstances", "Marker", Vec::new());
    here.run(&[]).await;
    let of_another = World::new();
    of_another.account.answer("GetSecretValue", secret_of("reports-7.c1.example"));
    of_another.run(&[]).await;
    let asked_for = World::new();
    asked_for.names(7);
    asked_for.run(&["3", "--source-db", "orders"]).await;
    assert_eq!(
        [here.started(), of_another.started()].concat(),
        [json!({"version": "previous"}), json!({"version": "previous"})]
    );
    assert_eq!(asked_for.started(), [json!({"version": 3, "SourceDBIdentifier": "orders"})]);
}

#[tokio::test]
async fn a_secret_is_reported_as_far_as_it_can_be_read() {
    let empty = World::new();
    empty.account.answer("GetSecretValue", json!({"ARN": SECRET, "SecretString": "{}"}));
    assert!(empty.run(&[]).await.1.contains("the secret names no database: its db_host is empty\n"));
    let anew = World::new();
    anew.account.refuse("GetSecretValue", "ResourceNotFoundException");
    anew.account.handle("DescribeSecret", |asked| {
        if asked["SecretId"] == SECRET {
            Err("ResourceNotFoundException".to_owned())
        } else {
            Ok(json!({"ARN": "another"}))
        }
    });
    let (code, shown) = anew.run(&[]).await;
    assert_eq!((code, anew.started().len()), (1, 0));
    assert!(
        shown.contains("orders/read was deleted and created anew")
            && shown.contains("; nothing was started\n"),
        "{shown}"
    );
    let hidden = World::new();
    hidden.account.refuse("GetSecretValue", "AccessDenied");
    let (code, shown) = hidden.run(&[]).await;
    assert_eq!(code, 0);
    assert!(
        shown.contains("the secret names nothing that these credentials can read (AccessDenied)\n"),
        "{shown}"
    );
    assert!(
        shown.contains("the secret now names copy-3 (version 3, "),
        "as the machine has read it back: {shown}"
    );
    let without_rds = World::new();
    without_rds.account.refuse("DescribeDBInstances", "AccessDenied");
    assert!(without_rds.run(&[]).await.1.contains("the secret now names copy-4.c1.example\n"));
}

#[tokio::test]
async fn what_was_marked_and_restored_is_said() {
    let here = World::new();
    here.account.refuse("GetSecretValue", "AccessDenied");
    here.ends(succeeded(5, "moved", &json!({"marked": ["copy-1", "copy-2"], "unmarked": ["copy-5"]})));
    let (code, shown) = here.run(&["2"]).await;
    assert_eq!(code, 0);
    assert!(
        shown.contains("the secret now names copy-5 (version 5, restored from the snapshot of version 2)"),
        "{shown}"
    );
    assert!(
        shown.contains("marked to-be-deleted: copy-1, copy-2\n")
            && shown.contains("no longer marked: copy-5\n")
    );
}

/// > `scripts/rollback --json` prints what the rollback has done, also where it has failed.
#[tokio::test]
async fn a_program_reads_how_it_ended() {
    let here = World::new();
    here.ends(succeeded(3, "moved", &json!({"marked": ["copy-5"]})));
    let (end, _) = here.end_of(&["3", "--json"], std::future::pending()).await;
    let mut document = end.document.unwrap();
    let execution = document["execution"].take();
    assert!(execution.as_str().unwrap().contains(":rollback-"), "{execution}");
    let live = json!({"host": host(4), "instance": "copy-4", "version": 4});
    let expected = json!({
        "format": 1, "failure": null, "execution": null, "status": "SUCCEEDED", "error": null, "cause": null, "version": 3,
        "instance": "copy-3", "secretOutcome": "moved", "marked": ["copy-5"], "unmarked": [], "before": live, "after": live,
    });
    assert_eq!(document, expected);
    let help = include_str!("help.txt");
    let words: Vec<&str> = help.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    for name in document.as_object().unwrap().keys().chain(live.as_object().unwrap().keys()) {
        assert!(words.contains(&name.as_str()), "{name} is not described");
    }

    let failing = World::new();
    failing.ends(json!({"status": "FAILED", "stopDate": NOW.unix_timestamp(), "error": "VersionNotFound", "cause": "gone"}));
    failing.account.refuse("GetSecretValue", "AccessDenied");
    let (end, _) = failing.end_of(&["3"], std::future::pending()).await;
    let document = end.document.unwrap();
    assert_eq!(
        (end.code, &document["status"], &document["error"]),
        (1, &json!("FAILED"), &json!("VersionNotFound"))
    );
    assert!(
        document["failure"].as_str().unwrap().contains("the rollback machine ended FAILED"),
        "{document}"
    );
    assert_eq!((&document["before"], &document["instance"]), (&Value::Null, &Value::Null));

    let (end, _) = World::new().end_of(&["9"], std::future::pending()).await;
    assert_eq!((end.code, end.document), (1, None), "nothing was started");
}

#[tokio::test]
async fn an_end_that_is_not_the_wanted_one_is_said() {
    let here = World::new();
    let cause =
        json!({"errorMessage": "rolling back to version 9: ...; the versions that exist: 4, 3"}).to_string();
    here.ends(json!({"status": "FAILED", "stopDate": NOW.unix_timestamp(), "error": "VersionNotFound", "cause": cause}));
    let (code, shown) = here.run(&["3"]).await;
    assert_eq!(code, 1);
    assert!(shown.contains(&format!("\nfailed: the rollback machine ended FAILED in {UPDATE}\n")), "{shown}");
    assert!(shown.contains("  error      VersionNotFound\n  cause      rolling back to version 9: ...; the versions that exist: 4, 3\n"));
    for outcome in ["newerIsLive", "heldBack", "something new"] {
        let here = World::new();
        here.ends(succeeded(3, outcome, &json!({})));
        let (code, shown) = here.run(&["3"]).await;
        assert!(
            code == 1 && shown.contains(&format!("what it did to the secret is: {outcome}\n")),
            "{shown}"
        );
    }
    let same = World::new();
    same.ends(succeeded(4, "alreadyMoved", &json!({})));
    let (code, shown) = same.run(&["4"]).await;
    assert!(code == 0 && shown.contains("it did so before"), "{shown}");
}

/// What the machine refuses is an alert to every operator; a typing mistake is not worth one.
#[tokio::test]
async fn a_version_that_is_not_there_is_refused_before_the_start() {
    let here = World::new();
    let (code, shown) = here.run(&["9"]).await;
    assert_eq!(code, 1);
    assert!(shown.contains("rolling back to version 9: "), "{shown}");
    assert!(shown.contains("4 (live)") && shown.contains("; nothing was started\n"), "{shown}");
    assert!(here.started.lock().unwrap().is_empty());
    // What these credentials cannot see, the machine decides.
    here.account.refuse("DescribeDBInstances", "AccessDenied");
    here.run(&["9"]).await;
    assert_eq!(here.started(), [json!({"version": 9})]);
    let hidden = World::new();
    let untold = instance("copy-9", "available", &json!({}));
    hidden.account.page("DescribeDBInstances", "DBInstances", "Marker", vec![untold]);
    hidden.run(&["9"]).await;
    assert_eq!(hidden.started(), [json!({"version": 9})], "its tags may be hidden");
}

#[tokio::test]
async fn what_refuses_the_start_is_said() {
    let older = World::new();
    older.account.answer("DescribeStacks", json!({"Stacks": [stack(STACK, &[("SecretArn", SECRET)], &[])]}));
    let (code, shown) = older.run(&[]).await;
    assert!(code == 1 && shown.contains("deploy it again with scripts/deploy destination\n"), "{shown}");
    for (operation, refused) in
        [("StartExecution", "AccessDeniedException"), ("DescribeStacks", "ExpiredToken")]
    {
        let here = World::new();
        here.account.refuse(operation, refused);
        let (code, shown) = here.run(&[]).await;
        assert!(code == 1 && shown.contains(refused), "{shown}");
    }
    let several = World::new();
    let outputs = [("SecretArn", "arn:*"), ("RollbackStateMachineArn", "machine")];
    let parameters = [("SourceDBIdentifier", "orders-*"), ("DatabaseName", "copy"), ("SecretName", "read")];
    several.account.answer("DescribeStacks", json!({"Stacks": [stack(STACK, &outputs, &parameters)]}));
    for (words, wrong) in
        [(vec![], "none of them is named"), (vec!["--source-db", "shop"], "shop is none of them")]
    {
        let (code, shown) = several.run(&words).await;
        assert!(
            code == 1 && shown.contains(wrong) && shown.contains("name the database with --source-db"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn whoever_stops_following_is_told_that_it_goes_on() {
    let here = World::new();
    here.ends(json!({}));
    let interruption = tokio::time::timeout(Duration::from_millis(300), std::future::pending::<()>());
    let words = ["--destination-profile", "second"];
    let (code, shown) = here.run_until(&words, async { drop(interruption.await) }).await;
    assert_eq!(code, 130);
    let lines: Vec<&str> = shown.lines().collect();
    let [.., following, hint] = lines.as_slice() else { panic!("{shown}") };
    assert!(
        following.starts_with("no longer following; the execution continues by itself: arn:aws:states:"),
        "{shown}"
    );
    assert_eq!(*hint, "scripts/status --destination-profile second shows how it ends");
}
