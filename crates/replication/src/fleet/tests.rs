use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::children::History;
use super::summary::{Child, Ended, Outcome, asked, summarize};
use super::*;
use crate::ErrorName;

/// The most bytes of a document (Step Functions quotas).
const DOCUMENT: usize = 256 * 1024;

fn run() -> ReplicationId {
    "20261122t103400z-1f2e3d4a5b".parse().unwrap()
}

fn database(name: &str) -> InstanceIdentifier {
    name.parse().unwrap()
}

fn plan(names: &[&str], left_out: Vec<LeftOut>) -> Plan {
    let databases = names.iter().map(|name| database(name)).collect();
    Plan::new(run(), Chosen { databases, left_out, done_before: vec![] }, 5, None)
}

fn left_out(name: &str, error: Option<ErrorName>) -> LeftOut {
    let error = error.map(|error| error.as_str().to_owned());
    LeftOut { database: database(name), reason: "why".to_owned(), error }
}

fn child(ended: Ended, error: &str, cause: &str) -> Child {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Child { ended, error: some(error), cause: some(cause) }
}

#[test]
fn a_child_is_named_by_its_run_and_its_database() {
    let short = database("orders");
    assert_eq!(children::name(&run(), &short), "20261122t103400z-1f2e3d4a5b-orders");
    let long = database(&"a".repeat(63));
    let name = children::name(&run(), &long);
    assert_eq!(name.len(), 80);
    assert!(name.contains("--"), "{name}");
}

proptest! {
    /// > The name of a database's execution follows from the run and the database, is at most 80 characters long, and no two
    /// > databases share one.
    #[test]
    fn names_of_children_are_their_own(
        one in "[a-z][a-z0-9]{0,30}(-[a-z0-9]{1,30})?", other in "[a-z]{1,20}(-[a-z0-9]{2,10}){0,4}", same in "[a-z](-?[a-z0-9]){51}",
    ) {
        let names = [one, other, format!("{same}a"), format!("{same}b"), format!("{}a", &same[..40].trim_end_matches('-'))];
        let databases: Vec<InstanceIdentifier> = names.iter().filter_map(|name| name.parse().ok()).collect();
        let names: Vec<String> = databases.iter().map(|database| children::name(&run(), database)).collect();
        for (at, name) in names.iter().enumerate() {
            prop_assert!(name.len() <= 80, "{}", name);
            prop_assert!(names[..at].iter().zip(&databases).all(|(other, of)| other != name || *of == databases[at]));
        }
    }
}

#[test]
fn what_is_known_of_earlier_children_is_read_from_their_names() {
    let past = |run: &str, database: &str, seconds| Past { name: format!("{run}-{database}"), seconds };
    let past = [
        past("20261122t103400z-1f2e3d4a5b", "orders", 60),
        past("20261121t103400z-0000000000", "orders", 900),
        past("20261121t103400z-0000000000", "a-b", 7),
        Past { name: "by-hand".to_owned(), seconds: 5 },
        Past { name: "5d1f8c1e-2a4b-4c1f-9f0e-0123456789ab".to_owned(), seconds: 5 },
    ];
    let history = History::of(&past);
    assert_eq!(history.seconds(&database("orders")), Some(60), "the newest counts");
    assert_eq!(history.seconds(&database("a-b")), Some(7));
    assert_eq!(history.seconds(&database("b")), None);
    assert!(history.is_done(&[run()], &database("orders")));
    assert!(!history.is_done(&[run()], &database("a-b")), "another run has done it");
    assert!(!history.is_done(&[], &database("orders")));
}

/// > The report of a fleet names every database that failed, with the error of its own run, first.
#[test]
fn the_report_names_what_failed_with_its_own_error() {
    let mut plan = plan(
        &["a", "b", "c", "d", "e", "f"],
        vec![left_out("member", None), left_out("stopped", Some(ErrorName::InstanceNotReady))],
    );
    for item in &mut plan.databases[1..] {
        item.error = Some("States.TaskFailed".to_owned());
    }
    let names: Vec<String> = plan.databases.iter().map(|item| item.child.clone()).collect();
    let children: BTreeMap<String, Child> = [
        (names[1].clone(), child(Ended::Failed, "KeyUnusable", "checking key k: it is disabled")),
        (names[2].clone(), child(Ended::Stopped, "", "")),
        (names[3].clone(), child(Ended::Succeeded, "", "")),
        (names[4].clone(), child(Ended::TimedOut, "", "")),
    ]
    .into();
    let seconds = [(names[0].clone(), 90), (names[3].clone(), 95)].into();
    let summary = |tolerated| summarize(&plan, "nightly", &children, &seconds, tolerated);
    let found = summary(4);
    let shown: Vec<(&str, Outcome, Option<&str>)> =
        found.databases.iter().map(|row| (row.database.as_str(), row.status, row.error.as_deref())).collect();
    assert_eq!(
        shown,
        [
            ("b", Outcome::Failed, Some("KeyUnusable")),
            ("c", Outcome::Failed, Some("ABORTED")),
            ("e", Outcome::Failed, Some("TIMED_OUT")),
            ("f", Outcome::Failed, Some("States.TaskFailed")),
            ("stopped", Outcome::Failed, Some("InstanceNotReady")),
            ("d", Outcome::Sent, None),
            ("a", Outcome::Sent, None),
        ]
    );
    assert_eq!((found.sent, found.failed, found.left_out), (2, 5, 1));
    let failure = found.failure.unwrap();
    assert_eq!(failure.error, "ReplicationsFailed");
    for words in [
        "5 have failed, and ToleratedFailures is 4",
        "b: KeyUnusable (checking key k",
        r#"{"ContinueRun": "nightly"}"#,
    ] {
        assert!(failure.cause.contains(words), "{words} in {}", failure.cause);
    }
    let tolerated = summary(5);
    assert_eq!(tolerated.failure, None);
    assert_eq!(tolerated.tell.len(), 5, "operators are told all the same");
    assert_eq!(asked(&plan).count(), 5, "only those are asked that the Map has not seen succeed");
    let all_well = summarize(
        &Plan {
            left_out: vec![],
            left_out_failed: 0,
            databases: plan.databases[..1].to_vec(),
            ..plan.clone()
        },
        "n",
        &children,
        &seconds,
        0,
    );
    assert!(all_well.failure.is_none() && all_well.tell.is_empty());
}

/// > The document of a fleet run stays below what Step Functions takes, and says how much more there is than it lists.
#[test]
fn the_largest_run_fits_into_its_document() {
    let long = |at: usize| format!("a{at:062}");
    let names: Vec<String> = (0..MOST_DATABASES).map(long).collect();
    let reason = "\"".repeat(1000);
    let out: Vec<LeftOut> = (0..2000)
        .map(|at| LeftOut {
            reason: beginning(&reason, MOST_BYTES),
            ..left_out(&format!("b{at:062}"), (at % 2 == 0).then_some(ErrorName::InstanceNotReady))
        })
        .collect();
    let mut plan = plan(&names.iter().map(String::as_str).collect::<Vec<_>>(), out);
    plan.room = Some("r".repeat(500));
    for item in &mut plan.databases {
        item.error = Some("e".repeat(80));
    }
    let said = child(Ended::Failed, &"e".repeat(80), &reason);
    let children = asked(&plan).map(|item| (item.child.clone(), said.clone())).collect();
    let summary = summarize(&plan, &"n".repeat(80), &children, &BTreeMap::new(), 0);
    assert_eq!((summary.failed, summary.left_out), (1500, 1000));
    let logged = json!(summary).to_string().len();
    assert!(logged < DOCUMENT, "a line of the log takes as much: {logged}");
    let kept = summary.for_bucket(&plan).unwrap();
    assert!(!kept.databases.is_empty());
    assert_eq!(kept.databases.len() + kept.databases_beside, MOST_DATABASES + MOST_LISTED);
    let summary = summary.for_document();
    assert_eq!(summary.databases.len() + summary.databases_beside, MOST_DATABASES + MOST_LISTED);
    let failure = summary.failure.clone();
    let input: Vec<&String> = names.iter().collect();
    let mut report = json!(summary);
    report["object"] = json!({"bucket": "b".repeat(63), "key": "k".repeat(160), "body": kept});
    let document =
        json!({"SourceDBIdentifiers": input, "plan": plan, "report": report, "failure": failure}).to_string();
    assert!(document.len() < DOCUMENT, "{} bytes", document.len());
}

/// > The report of five hundred databases is kept in a bucket as a whole.
#[test]
fn a_usual_report_is_kept_as_a_whole() {
    let names: Vec<String> = (0..MOST_DATABASES).map(|at| format!("orders-of-region-{at}")).collect();
    let plan = plan(&names.iter().map(String::as_str).collect::<Vec<_>>(), vec![]);
    let seconds = plan.databases.iter().map(|item| (item.child.clone(), 12_345)).collect();
    let summary = summarize(&plan, "execution", &BTreeMap::new(), &seconds, 0);
    let kept = summary.for_bucket(&plan).unwrap();
    assert_eq!((kept.databases.len(), kept.databases_beside), (MOST_DATABASES, 0));
}

#[test]
fn a_text_is_cut_between_characters() {
    assert_eq!(beginning("orders", 6), "orders");
    assert_eq!(beginning("orders and more", 10), "orders ...");
    for bytes in 0..12 {
        assert!(beginning("ääääää", bytes.max(4)).len() <= bytes.max(4));
    }
}
