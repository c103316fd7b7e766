//! What is read from the two accounts, with real clients and answers of our own: all pages.

pub mod world;

use serde_json::json;
use time::Duration;
use time::macros::datetime;

use self::world::{
    A, B, CANARY, Machine, NOW, OUTPUTS, PARAMETERS, SECRET, SOURCE_OUTPUTS, TOPIC, World, ago, answers_of,
    entered, instance, snapshot, stack, tags,
};
use super::{Asked, facts};
use crate::status::facts::{Read, Run, Source, Unreadable};
use crate::tests::FakeAccount;

fn ids(runs: &Read<Vec<Run>>) -> Vec<&str> {
    runs.as_ref().unwrap().iter().map(|run| run.replication.as_str()).collect()
}

fn hidden<T>(code: &str) -> Read<T> {
    Err(Unreadable(code.to_owned()))
}

fn source(found: &Read<Source>) -> &Source {
    found.as_ref().unwrap()
}

#[tokio::test]
async fn every_page_of_everything_is_read() {
    let here = World::new();
    let facts = here.read().await;
    let [database] = facts.databases.as_slice() else { panic!("{facts:?}") };
    assert_eq!((facts.account.as_str(), facts.region.as_str()), (B, "eu-west-1"));
    assert_eq!(database.stack.name, "destination-stack");
    assert_eq!(database.stack.created, Some(datetime!(2026-11-01 00:00 UTC)));
    let instances: Vec<&str> = facts.instances.as_ref().unwrap().iter().map(|one| one.identifier()).collect();
    assert_eq!(instances, ["by-hand", "being-made", "copy-1"]);
    let snapshots: Vec<&str> = facts.snapshots.as_ref().unwrap().iter().map(|one| one.identifier()).collect();
    assert_eq!(snapshots, ["copy-0", "copy-1", "copy-2", "copy-3", "copy-4"]);
    let alarms = database.alarms.as_ref().unwrap();
    assert_eq!(alarms.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["AnAlarm", "AnotherAlarm"]);
    assert_eq!(alarms[0].since, Some(NOW));
    assert_eq!(database.dead_letters, Some(Ok(3)), "a message that somebody has taken is still there");
    assert_eq!(database.secret.as_ref().unwrap().pointer.host, "copy-1.c1.example");
    assert!(database.rollbacks.as_ref().unwrap().as_ref().unwrap().is_empty());
    let source = source(&database.source);
    assert_eq!(source.stack.name, "source-stack");
    let shared: Vec<_> =
        source.snapshots.as_ref().unwrap().iter().map(|one| (one.identifier(), &one.shared_with)).collect();
    let with_b = Some(vec![B.to_owned()]);
    assert_eq!(shared, [("snap", &with_b), ("snap-copy-in", &with_b)]);
    assert_eq!(source.schedule.as_ref().unwrap().expression, "rate(1 day)");
    assert_eq!((ids(&source.runs), ids(&database.runs)), (vec![here.id.as_str()], vec![here.id.as_str()]));
    assert!(!format!("{:?}", database.secret).contains(CANARY));
}

#[tokio::test]
async fn each_of_several_databases_is_read_by_itself() {
    let here = World::new();
    let parameters = [
        ("SourceTopicArn", TOPIC),
        ("SourceDBIdentifier", "orders*"),
        ("DatabaseName", "copy"),
        ("SecretName", "read"),
    ];
    here.stacks(vec![stack("destination-stack", &OUTPUTS, &parameters)]);
    let copy = |name: &str| {
        snapshot(B, &format!("copy-{name}-x"), &[("stack", "destination-stack"), ("source-db", name)])
    };
    let copies = ["orders", "orders-eu", "billing"].map(copy);
    here.b.page("DescribeDBSnapshots", "DBSnapshots", "Marker", copies.to_vec());
    let found = here.read().await;
    let names: Vec<_> = found
        .databases
        .iter()
        .map(|one| {
            (one.stack.database(), one.stack.prefix().to_owned(), one.stack.output("SecretArn").to_owned())
        })
        .collect();
    let expected =
        [("orders", "copy-orders", "read/orders"), ("orders-eu", "copy-orders-eu", "read/orders-eu")];
    let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
    assert_eq!(names, expected);
    assert_eq!(ids(&found.databases[0].runs), [here.id.as_str()]);
    assert!(ids(&found.databases[1].runs).is_empty(), "a run of the source is about one of them");
    let one = here
        .read_with(Ok(here.a.account()), &Asked { source_db: "orders-us".to_owned(), ..World::asked() })
        .await;
    assert_eq!(one.databases[0].stack.prefix(), "copy-orders-us");
    here.b.page("DescribeDBSnapshots", "DBSnapshots", "Marker", Vec::new());
    let found = here.read().await;
    assert_eq!(found.databases[0].secret.as_ref().unwrap().pointer.host, "", "no run has made a secret yet");
}

#[tokio::test]
async fn stacks_are_found_by_their_outputs_or_named() {
    let here = World::new();
    let named = |names: &[&str]| Asked {
        stacks: names.iter().map(|name| (*name).to_owned()).collect(),
        ..World::asked()
    };
    let read = |names: &'static [&str]| {
        let (destination, source, asked) = (here.b.account(), here.a.account(), named(names));
        async move { facts(&destination, Ok(source), &asked).await }
    };
    assert_eq!(read(&["destination-stack", "destination-stack"]).await.unwrap().databases.len(), 1);
    let failure = read(&["two"]).await.unwrap_err();
    assert!(
        failure.text.contains("stack two of the destination account has no output StateMachineArn"),
        "{failure}"
    );
    assert_eq!(read(&["nowhere"]).await.unwrap_err().code, "ValidationError");
    let asked = Asked { source_db: "billing".to_owned(), ..World::asked() };
    let failure = facts(&here.b.account(), Ok(here.a.account()), &asked).await.unwrap_err();
    assert_eq!(failure.text, "no destination stack here takes messages about billing");
    here.stacks(vec![stack("one", &[], &[])]);
    assert!(read(&[]).await.unwrap().databases.is_empty());
}

#[tokio::test]
async fn things_of_the_source_account_are_read_once_for_all_stacks() {
    let here = World::new();
    here.read().await;
    let once = here.a.count("DescribeDBSnapshots");
    let stacks = ["destination-stack", "another"].map(|name| stack(name, &OUTPUTS, &PARAMETERS));
    here.stacks(stacks.to_vec());
    assert_eq!(here.read().await.databases.len(), 2);
    assert_eq!(here.a.count("DescribeDBSnapshots"), 2 * once);
}

#[tokio::test]
async fn an_older_stack_without_a_rollback_machine_or_a_rule_name_is_read_too() {
    let here = World::new();
    here.stacks(vec![stack("destination-stack", &[&OUTPUTS[..3], &OUTPUTS[4..5]].concat(), &PARAMETERS)]);
    here.a.answer("DescribeStacks", json!({"Stacks": [stack("source-stack", &SOURCE_OUTPUTS[..2], &[])]}));
    let detail = json!({
        "PhysicalResourceId": "rule", "LogicalResourceId": "ScheduleRule", "ResourceType": "AWS::Events::Rule",
        "LastUpdatedTimestamp": "2026-11-01T00:00:00Z", "ResourceStatus": "CREATE_COMPLETE",
    });
    here.a.answer("DescribeStackResource", json!({"StackResourceDetail": detail}));
    let found = here.read().await;
    assert!(found.databases[0].rollbacks.is_none() && found.databases[0].dead_letters.is_none());
    assert_eq!(source(&found.databases[0].source).schedule.as_ref().unwrap().state, "ENABLED");
}

#[tokio::test]
async fn snapshots_are_read_in_the_region_that_the_source_copies_into() {
    let here = World::new();
    let parameters = [("DestinationRegion", "eu-central-1"), ("CrossRegionCopy", "source-copies")];
    here.a.answer("DescribeStacks", json!({"Stacks": [stack("source-stack", &SOURCE_OUTPUTS, &parameters)]}));
    let once = World::new();
    once.read().await;
    here.read().await;
    assert_eq!(here.a.count("DescribeDBSnapshots"), 2 * once.a.count("DescribeDBSnapshots"));
}

#[tokio::test]
async fn only_so_many_snapshots_are_asked_whom_they_are_shared_with() {
    let here = World::new();
    let many = (0..30).map(|number| {
        let id = format!("20261122t{number:06}z-aaaaaa");
        snapshot(
            A,
            &format!("snap-{number:02}"),
            &[("stack", "source-stack"), ("source-db", "orders"), ("id", &id)],
        )
    });
    here.a.page("DescribeDBSnapshots", "DBSnapshots", "Marker", many.collect());
    let found = here.read().await;
    let snapshots = source(&found.databases[0].source).snapshots.as_ref().unwrap();
    assert_eq!(here.a.count("DescribeDBSnapshotAttributes"), 20);
    assert_eq!(snapshots.iter().filter(|one| one.shared_with.is_some()).count(), 20);
    assert_eq!(snapshots[0].identifier(), "snap-29");
    here.a.refuse("DescribeDBSnapshotAttributes", "AccessDenied");
    let found = here.read().await;
    let snapshots = source(&found.databases[0].source).snapshots.as_ref().unwrap();
    assert!(snapshots.iter().all(|one| one.shared_with.is_none()), "that may stay unknown");
}

#[tokio::test]
async fn tags_that_an_answer_lacks_are_asked_for_where_the_name_may_be_ours() {
    let here = World::new();
    let instances =
        vec![instance("copy-1", "available", &json!({})), instance("reports", "available", &json!({}))];
    here.b.page("DescribeDBInstances", "DBInstances", "Marker", instances);
    let own = tags(&[("stack", "destination-stack"), ("name", "copy-1")]);
    here.b.answer("ListTagsForResource", json!({"TagList": own}));
    let found = here.read().await.instances.unwrap();
    assert!(found[0].is_of("destination-stack") && found[1].tags().is_empty());
    assert_eq!(here.b.count("ListTagsForResource"), 1);
    here.b.refuse("ListTagsForResource", "AccessDenied");
    assert!(here.read().await.instances.unwrap()[0].tags().is_empty());
}

#[tokio::test]
async fn the_newest_replications_are_read_and_no_more() {
    let here = World::new();
    let newer = [40, 30, 20].map(|minutes| here.replicate(ago(minutes), None, true));
    let asked = Asked { last: 2, ..World::asked() };
    let found = here.read_with(Ok(here.a.account()), &asked).await;
    let [database] = found.databases.as_slice() else { panic!("{found:?}") };
    assert_eq!(ids(&database.runs), [newer[2].as_str(), &newer[1]]);
    assert_eq!(ids(&source(&database.source).runs), [newer[2].as_str(), &newer[1]]);
    assert_eq!(here.a.count("GetExecutionHistory"), 2);
}

#[tokio::test]
async fn runs_about_another_database_are_left_out() {
    let here = World::new();
    here.replicate(ago(30), Some("reports"), false);
    let own = here.replicate(ago(20), Some("Orders"), true);
    let found = here.read().await;
    assert_eq!(ids(&source(&found.databases[0].source).runs), [own.as_str(), &here.id]);
}

#[tokio::test]
async fn what_a_fleet_has_started_for_another_database_is_not_opened() {
    let here = World::new();
    let run = "20261122t115000z-0123456789";
    here.source.run(&format!("{run}-reports"), ago(10), &json!({}), Vec::new());
    let own = format!("{run}-orders");
    here.source.run(&own, ago(9), &json!({"input": r#"{"SourceDBIdentifier": "orders"}"#}), Vec::new());
    let found = here.read().await;
    let names: Vec<&str> = source(&found.databases[0].source)
        .runs
        .as_ref()
        .unwrap()
        .iter()
        .map(|run| run.execution.name())
        .collect();
    assert_eq!(names, [own.as_str(), "uuid-0"]);
    assert_eq!(here.a.count("GetExecutionHistory"), 2);
}

#[tokio::test]
async fn the_run_that_an_old_message_came_from_is_looked_for() {
    let here = World::new();
    for minutes in [40, 30, 20] {
        here.replicate(ago(minutes), None, false);
    }
    // The destination got the oldest message only now: it is its newest run there and not among the source's.
    let found = here.read_with(Ok(here.a.account()), &Asked { last: 2, ..World::asked() }).await;
    assert_eq!(ids(&found.databases[0].runs), [here.id.as_str()]);
    let runs = ids(&source(&found.databases[0].source).runs);
    assert!(runs.contains(&here.id.as_str()) && runs.len() == 3, "{runs:?}");
}

#[tokio::test]
async fn the_run_of_the_destination_is_asked_for_by_name_when_it_is_not_among_the_newest() {
    let here = World::new();
    let newer = here.replicate(ago(30), None, true);
    for minutes in [3, 2] {
        here.destination.run(&format!("typed-{minutes}"), ago(minutes), &json!({}), Vec::new());
    }
    let found = here.read_with(Ok(here.a.account()), &Asked { last: 2, ..World::asked() }).await;
    assert_eq!(ids(&found.databases[0].runs), ["", "", newer.as_str(), &here.id]);
}

#[tokio::test]
async fn input_that_is_no_message_is_no_replication() {
    let here = World::new();
    let inputs = ["[]", r#""text""#, r#"{"Input": 5}"#, r#"{"Input": {"replication": {"id": 7}}}"#];
    for (minutes, input) in (0..).zip(inputs) {
        here.destination.run(&format!("typed-{minutes}"), ago(minutes), &json!({"input": input}), Vec::new());
    }
    assert_eq!(ids(&here.read().await.databases[0].runs), ["", "", "", "", here.id.as_str()]);
}

#[tokio::test]
async fn the_history_is_read_to_its_end() {
    let here = World::new();
    let states = [
        "RestoreDBInstance",
        "WaitXMinsForNewRDSInstanceAvailability",
        "RestoreDBInstance",
        "UpdateSecretWithDBValue",
    ];
    let at = |place: usize| ago(9) + Duration::seconds(10 * i64::try_from(place).unwrap());
    let kind = |state: &str| if state.starts_with("Wait") { "Wait" } else { "Task" };
    let events =
        states.iter().enumerate().map(|(place, state)| entered(place + 1, state, kind(state), at(place)));
    let more = json!({"input": r#"{"version": 1}"#, "output": r#"{"DBInstance": {"db_version": 1}}"#});
    here.rollbacks.run("typed", ago(9), &more, events.collect());
    let found = here.read().await;
    let [rollback] = found.databases[0].rollbacks.as_ref().unwrap().as_deref().unwrap() else {
        panic!("{found:?}")
    };
    assert_eq!(rollback.states.iter().map(|state| state.name.as_str()).collect::<Vec<_>>(), states);
    let seconds = rollback.stage_seconds(ago(9) + Duration::seconds(45));
    assert_eq!(seconds, [("RestoreDBInstance", 30.0), ("UpdateSecretWithDBValue", 15.0)]);
    assert_eq!(
        (&rollback.input["version"], &rollback.of_destination("restore")["db_version"]),
        (&json!(1), &json!(1))
    );
}

#[tokio::test]
async fn each_refusal_hides_one_thing_and_is_named() {
    let code = "AccessDeniedException";
    for (is_source, operation) in [
        (false, "GetSecretValue"),
        (false, "DescribeDBInstances"),
        (false, "DescribeDBSnapshots"),
        (false, "ListExecutions"),
        (false, "DescribeAlarms"),
        (false, "GetQueueAttributes"),
        (true, "DescribeStacks"),
        (true, "DescribeDBSnapshots"),
        (true, "GetExecutionHistory"),
        (true, "DescribeRule"),
    ] {
        let here = World::new();
        if is_source { &here.a } else { &here.b }.refuse(operation, code);
        let found = here.read().await;
        let database = &found.databases[0];
        let of_source = database.source.as_ref();
        let hides = match (is_source, operation) {
            (false, "GetSecretValue") => database.secret.as_ref().err(),
            (false, "DescribeDBInstances") => found.instances.as_ref().err(),
            (false, "DescribeDBSnapshots") => found.snapshots.as_ref().err(),
            (false, "ListExecutions") => database.runs.as_ref().err(),
            (false, "DescribeAlarms") => database.alarms.as_ref().err(),
            (false, _) => database.dead_letters.as_ref().and_then(|found| found.as_ref().err()),
            (true, "DescribeStacks") => of_source.err(),
            (true, "DescribeDBSnapshots") => of_source.unwrap().snapshots.as_ref().err(),
            (true, "GetExecutionHistory") => of_source.unwrap().runs.as_ref().err(),
            (true, _) => of_source.unwrap().schedule.as_ref().err(),
        };
        assert_eq!(hides, Some(&Unreadable(code.to_owned())), "{operation}");
    }
}

#[tokio::test]
async fn a_source_account_that_is_out_of_reach_is_said_with_the_reason() {
    let here = World::new();
    let of = |source| async {
        here.read_with(source, &World::asked()).await.databases[0].source.clone().map(|_| ())
    };
    assert_eq!(of(hidden("ProfileNotFound")).await, hidden("ProfileNotFound"));
    assert_eq!(of(Ok(FakeAccount::new("333333333333").account())).await, hidden("OtherAccount"));
    let another = format!("{TOPIC}-2");
    here.a
        .answer("DescribeStacks", json!({"Stacks": [stack("source-stack", &[("TopicArn", &another)], &[])]}));
    assert_eq!(of(Ok(here.a.account())).await, hidden("StackNotFound"));
    here.b.refuse("DescribeStacks", "ExpiredToken");
    let failure = facts(&here.b.account(), Ok(here.a.account()), &World::asked()).await.unwrap_err();
    assert_eq!(failure.text, "cloudformation:DescribeStacks was refused with ExpiredToken: not you");
}

#[tokio::test]
async fn why_a_secret_cannot_be_read_is_found_out() {
    const NOT_FOUND: &str = "ResourceNotFoundException";
    const INVALID: &str = "InvalidRequestException";
    let deleted = Ok(json!({"DeletedDate": NOW.unix_timestamp()}));
    let empty = Ok(json!({}));
    let refused = |code: &str| Err(code.to_owned());
    for (code, by_arn, by_name, expected) in [
        (INVALID, deleted.clone(), empty.clone(), "SecretScheduledForDeletion"),
        (INVALID, empty.clone(), empty.clone(), INVALID),
        (INVALID, refused("AccessDeniedException"), empty.clone(), INVALID),
        (NOT_FOUND, refused(NOT_FOUND), Ok(json!({"ARN": format!("{SECRET}2")})), "SecretCreatedAnew"),
        (NOT_FOUND, refused(NOT_FOUND), refused(NOT_FOUND), "SecretDeleted"),
        (NOT_FOUND, Ok(json!({"ARN": SECRET})), empty.clone(), "SecretWithoutValue"),
        (NOT_FOUND, refused("AccessDeniedException"), empty.clone(), NOT_FOUND),
        ("AccessDeniedException", deleted, empty.clone(), "AccessDeniedException"),
    ] {
        let here = World::new();
        here.b.refuse("GetSecretValue", code);
        here.b.handle("DescribeSecret", move |asked| {
            if asked["SecretId"] == SECRET { by_arn.clone() } else { by_name.clone() }
        });
        assert_eq!(here.read().await.databases[0].secret, hidden(expected), "{code}");
    }
    let here = World::new();
    here.secret(&format!("{{'password': '{CANARY}'"));
    assert_eq!(here.read().await.databases[0].secret, hidden("SecretInvalid"));
}

#[tokio::test]
async fn the_newest_run_of_a_fleet_is_read_with_the_errors_of_its_executions() {
    let here = World::new();
    let fleet = Machine::new(A, "fleet");
    let run = "20261122t115000z-0123456789";
    let items = ["orders", "billing"]
        .map(|name| json!({"SourceDBIdentifier": name, "child": format!("{run}-{name}")}));
    let plan = json!({
        "run": run, "maxConcurrency": 2,
        "databases": items,
    });
    let left = json!({
        "id": 2, "type": "TaskStateExited", "timestamp": NOW.unix_timestamp(),
        "stateExitedEventDetails": {"name": "DiscoverDatabases", "output": json!({"plan": plan}).to_string()},
    });
    fleet.run(
        "weekly",
        ago(10),
        &json!({"status": "RUNNING"}),
        vec![entered(1, "DiscoverDatabases", "Task", ago(10)), left],
    );
    here.source.run(&format!("{run}-orders"), ago(9), &json!({}), Vec::new());
    let failed =
        json!({"status": "FAILED", "error": "NotReady", "cause": r#"{"errorMessage": "it is stopped"}"#});
    here.source.run(&format!("{run}-billing"), ago(8), &failed, Vec::new());
    let outputs = [&SOURCE_OUTPUTS[..], &[("FleetStateMachineArn", fleet.arn.as_str())]].concat();
    here.a.answer(
        "DescribeStacks",
        json!({"Stacks": [stack("source-stack", &outputs, &[("SourceDBIdentifier", "orders")])]}),
    );
    answers_of(&here.a, &[here.source.clone(), fleet]);
    let found = here.read().await;
    let [fleet] = found.fleets.as_slice() else { panic!("{:?}", found.fleets) };
    let newest = fleet.run.as_ref().unwrap().as_ref().unwrap();
    assert_eq!((newest.name(), newest.children.len(), newest.last_sent.len()), ("weekly", 2, 1));
    assert_eq!(fleet.failures["billing"], ("NotReady".to_owned(), "it is stopped".to_owned()));
    here.a.refuse("GetExecutionHistory", "AccessDenied");
    assert_eq!(
        here.read().await.fleets[0].run.as_ref().unwrap().as_ref().err(),
        Some(&Unreadable("AccessDenied".to_owned()))
    );
}

#[tokio::test]
async fn nothing_is_changed() {
    let here = World::new();
    here.read().await;
    let calls = [here.a.calls(), here.b.calls()].concat();
    let is_reading = |call: &String| ["Describe", "List", "Get"].iter().any(|verb| call.starts_with(verb));
    assert!(calls.iter().all(is_reading), "{calls:?}");
}
