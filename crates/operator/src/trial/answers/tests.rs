#![expect(clippy::needless_pass_by_value, reason = "each value is made where it is given")]

use serde_json::json;

use super::*;

/// The answer to a question that these lines have.
fn answer(number: &str, lines: &[Value]) -> Option<String> {
    let found = answers(lines).into_iter().find(|(question, _)| question.number == number);
    found.unwrap_or_else(|| panic!("{number} is no question")).1
}

fn line(account: &str, operation: &str, at: f64, asked: Value, answer: Value) -> Value {
    json!({
        "account": account, "service": "rds", "operation": operation, "at": at, "asked": asked, "status": 200, "answer": answer,
    })
}

fn refused(account: &str, operation: &str, asked: Value, code: &str) -> Value {
    json!({"account": account, "service": "rds", "operation": operation, "at": 1.0, "asked": asked, "status": 400, "code": code})
}

fn instance(account: &str, at: f64, name: &str, status: &str, more: Value) -> Value {
    let mut one = json!({"DBInstanceIdentifier": name, "DBInstanceStatus": status, "StorageType": "gp3"});
    one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    line(account, "DescribeDBInstances", at, json!({}), json!({"DBInstances": {"DBInstance": one}}))
}

fn snapshots(account: &str, at: f64, all: Value) -> Value {
    line(account, "DescribeDBSnapshots", at, json!({}), json!({"DBSnapshots": {"DBSnapshot": all}}))
}

fn restored() -> Vec<Value> {
    let asked = json!({"DBInstanceIdentifier": "instance-2", "Tags": "text"});
    let mut lines = vec![line(
        "source",
        "RestoreDBInstanceFromDBSnapshot",
        1.0,
        asked,
        json!({"DBInstance": {"DBInstanceIdentifier": "instance-2", "DBInstanceStatus": "creating", "TagList": ""}}),
    )];
    for (at, status) in [(2.0, "creating"), (3.0, "available"), (4.0, "deleting")] {
        lines.push(instance("source", at, "instance-1", status, json!({})));
    }
    for (at, status) in [(2.0, "creating"), (3.0, "available"), (4.0, "modifying"), (5.0, "available")] {
        lines.push(instance("source", at, "instance-2", status, json!({})));
    }
    for (at, status) in [(2.0, "creating"), (3.0, "backing-up"), (4.0, "available"), (5.0, "deleting")] {
        lines.push(instance("destination", at, "instance-3", status, json!({})));
    }
    lines
}

#[test]
fn statuses_of_what_was_restored_are_told_in_their_order() {
    let said = answer("11", &restored()).unwrap();
    assert_eq!(
        said,
        "restored by the trial: creating > available > modifying > available (1 of them); versions, which the functions also \
         modify: creating > backing-up > available (1 of them); available was left again by 1 of 2"
    );
    // The source database was created, not restored.
    assert_eq!(answer("11", &restored()[1..4]), None);
}

#[test]
fn storage_that_is_filled_is_told_with_its_percentages() {
    assert_eq!(
        answer("8", &restored()).unwrap(),
        "it is never there (gp3); the status storage-initialization was not shown"
    );
    let mut lines = restored();
    for (at, percent) in [(6.0, 0), (7.0, 55)] {
        let more =
            json!({"StorageOperationStatus": "Initializing", "StorageOperationPercentProgress": percent});
        lines.push(instance("destination", at, "instance-4", "available", more));
    }
    assert_eq!(
        answer("8", &lines).unwrap(),
        "it is Initializing (gp3) while the status is available; StorageOperationPercentProgress: 0, 55; the status \
         storage-initialization was not shown"
    );
}

#[test]
fn tags_are_asked_of_calls_that_have_some() {
    let snapshot =
        |tags: Value| json!({"DBSnapshot": {"DBSnapshotIdentifier": "snapshot-1", "TagList": tags}});
    let mut lines = restored();
    lines.push(line(
        "source",
        "CreateDBSnapshot",
        1.0,
        json!({"Tags": "text"}),
        snapshot(json!({"Tag": {"Key": "text"}})),
    ));
    // Without tags it says nothing.
    lines.push(line("source", "CopyDBSnapshot", 1.0, json!({}), snapshot(json!(""))));
    assert_eq!(
        answer("9", &lines).unwrap(),
        "CreateDBSnapshot: TagList; RestoreDBInstanceFromDBSnapshot: no TagList"
    );
}

/// A snapshot and its copy in the source account, a copy of that in the destination account, and what is shared.
fn copied() -> Vec<Value> {
    let of = |name: &str, status: &str, percent: u32, times: &[&str]| {
        let mut one = json!({"DBSnapshotIdentifier": name, "Status": status, "PercentProgress": percent});
        for time in times {
            one[*time] = "time".into();
        }
        one
    };
    let (created, original) = ("SnapshotCreateTime", "OriginalSnapshotCreateTime");
    let both = [created, original];
    vec![
        snapshots("source", 1.0, of("snapshot-1", "creating", 0, &[])),
        snapshots("source", 2.0, of("snapshot-1", "available", 100, &both)),
        snapshots(
            "source",
            3.0,
            json!([of("snapshot-1", "available", 100, &both), of("snapshot-2", "creating", 7, &[])]),
        ),
        snapshots("source", 63.0, of("snapshot-2", "available", 100, &both)),
        snapshots("destination", 64.0, of("arn:rds:A:snapshot-2", "available", 100, &[created])),
        snapshots("destination", 65.0, of("snapshot-3", "pending", 0, &[original])),
        snapshots("destination", 70.0, of("snapshot-3", "copying", 40, &[original])),
        snapshots("destination", 97.4, of("snapshot-3", "available", 100, &both)),
        snapshots("destination", 99.0, of("snapshot-3", "deleting", 100, &both)),
    ]
}

#[test]
fn a_time_is_told_with_the_statuses_that_have_it() {
    assert_eq!(
        answer("10", &copied()).unwrap(),
        "a snapshot of the source account has SnapshotDatabaseTime never, OriginalSnapshotCreateTime when available, not when \
         creating, SnapshotCreateTime when available, not when creating; a copy in the destination account has \
         SnapshotDatabaseTime never, OriginalSnapshotCreateTime always, SnapshotCreateTime when available, not when pending or \
         copying"
    );
    assert_eq!(answer("10", &restored()), None);
}

#[test]
fn copies_are_told_with_their_lengths_and_percentages() {
    assert_eq!(
        answer("2", &copied()).unwrap(),
        "copies in the destination account took 32 s; FullSnapshotSizeInBytes is never there"
    );
    assert_eq!(
        answer("snapshots", &copied()).unwrap(),
        "snapshots and copies in the source account: creating > available (2 of them), PercentProgress 0, 7, 100; copies in the \
         destination account: pending > copying > available (1 of them), PercentProgress 0, 40, 100"
    );
}

#[test]
fn a_refusal_is_told_with_its_code() {
    let arn = json!({"IncludeShared": true, "DBSnapshotIdentifier": "arn:rds:A:snapshot-1"});
    let unshared = refused("destination", "DescribeDBSnapshots", arn.clone(), "DBSnapshotNotFound");
    let sharing = refused("source", "ModifyDBSnapshotAttribute", json!({}), "InvalidDBSnapshotState");
    let lines = [unshared, sharing];
    assert_eq!(answer("12", &lines).unwrap(), "the code DBSnapshotNotFound");
    assert_eq!(answer("13", &lines).unwrap(), "the code InvalidDBSnapshotState");
    assert_eq!(
        answer("codes", &lines).unwrap(),
        "DescribeDBSnapshots: DBSnapshotNotFound; ModifyDBSnapshotAttribute: InvalidDBSnapshotState"
    );
    let empty = line("destination", "DescribeDBSnapshots", 1.0, arn, json!({"DBSnapshots": ""}));
    assert_eq!(answer("12", &[empty]).unwrap(), "an empty list");
    let accepted = line("source", "ModifyDBSnapshotAttribute", 1.0, json!({}), json!({}));
    assert_eq!(answer("13", &[accepted]).unwrap(), "it is accepted");
}

#[test]
fn a_filter_is_told_with_what_it_finds() {
    let asked = json!({"Filters": "text"});
    let found = json!({"DBSnapshots": {"DBSnapshot": [{"Status": "available"}, {"Status": "available"}]}});
    let lines = [
        line("destination", "DescribeDBSnapshots", 1.0, asked.clone(), found),
        refused("source", "DescribeDBInstances", asked, "InvalidParameterValue"),
    ];
    assert_eq!(
        answer("filter", &lines).unwrap(),
        "DescribeDBSnapshots: found 2; DescribeDBInstances: refused with InvalidParameterValue"
    );
}

#[test]
fn an_execution_is_listed_some_time_after_its_start() {
    let listed =
        |at: f64, all: Value| line("source", "ListExecutions", at, json!({}), json!({"executions": all}));
    let one = json!({"executionArn": "arn:states:A:execution-1", "startDate": 10.0});
    let other = json!({"executionArn": "arn:states:A:execution-2", "startDate": 30.0});
    let lines = [listed(5.0, json!([])), listed(12.5, json!([one])), listed(31.0, json!([other, one]))];
    assert!(answer("executions", &lines).unwrap().starts_with("at most 1.0 to 2.5 s (2 of them; "));
    assert_eq!(answer("executions", &lines[..1]), None);
}

#[test]
fn a_call_that_was_not_judged_answers_nothing() {
    let call = |status: u16, code: &Value| {
        json!({"account": "source", "service": "rds", "operation": "ModifyDBSnapshotAttribute", "asked": {}, "status": status,
               "code": code, "at": 1.0})
    };
    let throttled = call(400, &json!("Throttling"));
    let nothing = [
        throttled.clone(),
        call(503, &json!("ServiceUnavailable")),
        call(403, &json!("AccessDenied")),
        call(400, &json!(null)),
    ];
    assert_eq!(answer("13", &nothing), None);
    let refused = call(400, &json!("InvalidDBSnapshotState"));
    assert_eq!(answer("13", &[throttled, refused]).unwrap(), "the code InvalidDBSnapshotState");
    assert_eq!(answer("13", &[call(200, &json!(null))]).unwrap(), "it is accepted");
}

#[test]
fn a_recording_that_has_nothing_answers_nothing() {
    let head = json!({"format": 1, "recording": "rds-replication trial"});
    let none = answers(&[head, json!("no line"), json!({"operation": "DescribeDBInstances"})]);
    assert!(none.iter().all(|(_, answer)| answer.is_none()), "{none:?}");
    let said = text(&none, "AWS").join("\n");
    assert!(
        said.contains("the recording has nothing about 2, 8, 9, ") && said.contains("no trial asks 1, 3, "),
        "{said}"
    );
}

#[test]
fn every_question_of_the_documents_is_answered_or_said_to_be_open() {
    let documents = include_str!("../../../../../docs/untried.md");
    let asked = documents.split("\n## Questions that one account answers").nth(1).unwrap();
    let numbers: Vec<&str> = asked
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(". ").map(|(number, _)| number))
        .collect();
    let numbers: Vec<&str> =
        numbers.into_iter().filter(|number| number.chars().all(|c| c.is_ascii_digit())).collect();
    assert_eq!(numbers.len(), 14, "{numbers:?}");
    for number in &numbers {
        let places = QUESTIONS.iter().filter(|question| question.number == *number).count()
            + OPEN.iter().filter(|open| open.number == *number).count();
        assert_eq!(places, 1, "{number}");
    }
    // The table of what a trial asks by itself names each of them, and which lines of the recording answer it.
    let table = asked.split("\n| question | what the product").next().unwrap();
    for question in QUESTIONS {
        let row = table.lines().find(|line| line.starts_with(&format!("| {} |", question.number)));
        assert!(row.is_some(), "{} is not in the table of docs/untried.md", question.number);
    }
    for open in OPEN {
        assert!(asked.contains(&format!("\n| {}. ", open.number)), "{}", open.number);
    }
}

#[test]
fn a_program_reads_every_question() {
    let document = document(&answers(&copied()));
    let all = document.as_array().unwrap();
    assert_eq!(all.len(), QUESTIONS.len() + OPEN.len());
    let of = |number: &str| all.iter().find(|one| one["question"] == number).unwrap().clone();
    assert_eq!(
        of("13"),
        json!({
            "question": "13", "words": "the code when a snapshot under aws/rds is shared", "answer": null,
            "lines": "ModifyDBSnapshotAttribute", "missing": null,
        })
    );
    assert_eq!(
        of("1"),
        json!({
            "question": "1", "words": "one copy across account and Region", "answer": null, "lines": null,
            "missing": "two Regions; a trial is within one",
        })
    );
}
