mod fields;
mod reports;

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::*;
use crate::contract::Status;
use crate::lineage::Tags;
use crate::observed::testing;
use crate::pacing::{Pace, Stage, StageName};
use crate::passwords::Passwords;
use crate::secret::Secret;

const OWN: &str = "20261122t103400z-1f2e3d";
const OTHER: &str = "20261122t113400z-aaaaaa";
const OLDER: &str = "20261122t093400z-aaaaaa";
/// The id of a version that somebody else has written.
const FOREIGN: &str = "6b5c5a3a-0000-4000-8000-000000000000";

fn instance(version: u32, status: &str, id: &str) -> Instance {
    of_database("orders", version, status, id)
}

fn of_database(database: &str, version: u32, status: &str, id: &str) -> Instance {
    let name = format!("copy3-{version}");
    let tags = Tags::of_replication("stack", &id.parse().unwrap(), &database.parse().unwrap())
        .with(lineage::VERSION, version.to_string())
        .with(lineage::PROMOTED.0, lineage::PROMOTED.1)
        .named(&name);
    Instance { status: status.into(), ..testing::instance(&name, tags) }
}

fn marked(instance: Instance) -> Instance {
    let tags = instance.tags.clone().with(lineage::DELETION_TAG.0, lineage::DELETION_TAG.1);
    Instance { tags, ..instance }
}

fn host(version: u32) -> String {
    testing::host(&format!("copy3-{version}"))
}

fn replication(earlier: Value) -> VersionState {
    state(
        json!({"Input": {
        "targetDBSnapshot": {"targetDBSnapshotIdentifier": "s",
                             "targetDBSnapshotArn": "arn:aws:rds:r:111122223333:snapshot:s"},
        "replication": {"id": OWN}}}),
        earlier,
    )
}

fn rollback(earlier: Value) -> VersionState {
    state(json!({"version": 7}), earlier)
}

fn state(mut document: Value, earlier: Value) -> VersionState {
    document["DBInstance"] = json!({
        "db_instance_identifier": "copy3-7", "db_version": 7, "status": "Available", "waitSeconds": 15,
        "startedAt": "2026-11-22T10:34:00Z", "rdsStatus": "available"});
    document["secret"] = earlier;
    serde_json::from_value(document).unwrap()
}

/// What an earlier poll has reported.
fn earlier(outcome: &str, more: &Value) -> Value {
    let mut report = json!({
        "db_host": host(7), "db_prefix": "copy3", "outcome": outcome, "status": "NotAvailable", "waitSeconds": 1,
        "startedAt": "2026-11-22T10:34:00Z", "rdsStatus": "available"});
    report.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    report
}

fn version(id: &str, host: &str, password: &str) -> Version {
    let text =
        json!({"username": "reader", "password": password, "db_host": host, "db_prefix": "copy3", "note": 1});
    Version { id: id.to_owned(), secret: Secret::parse(&text.to_string()).unwrap() }
}

/// What is stored of passwords: the original one, and those of versions.
fn stored(original: Option<&str>, of: &[u32]) -> StoredPasswords {
    let mut text = json!({"instances": {}});
    for n in of {
        text["instances"][format!("db-COPY3-{n}")] =
            json!({"username": "owner", "password": format!("own-{n}")});
    }
    if let Some(original) = original {
        text["original"] = json!({"username": "reader", "password": original});
    }
    StoredPasswords { id: "stored-1".into(), passwords: Passwords::parse(&text.to_string()).unwrap() }
}

fn rules() -> Rules<'static> {
    Rules {
        stack: "stack",
        older_to_keep: 2,
        promotes: true,
        rotates_passwords: false,
        adds_standard_fields: false,
    }
}

/// What a decision does, in short.
fn said(decision: &Decision<'_>) -> String {
    let what = match &decision.step {
        Step::Report => "report".to_owned(),
        Step::Wait(unseen) => format!("wait {unseen}"),
        Step::ClearMark(one) => format!("clear {}", one.identifier),
        Step::MakePassword(new) => format!("make {}", new.instance.identifier),
        Step::Remember(_) => "remember".to_owned(),
        Step::SetPassword(one, credentials) => format!("set {} {}", one.identifier, credentials.password()),
        Step::Move(change) => {
            let text: Value = serde_json::from_str(&change.text).unwrap();
            assert_eq!(text["note"], 1, "what is not ours stays");
            assert_eq!(text["db_host"], decision.pointer.host.as_str());
            format!("move with {}", text["password"].as_str().unwrap())
        }
        Step::Revert(change, error) => {
            let text: Value = serde_json::from_str(&change.text).unwrap();
            format!("back to {} with {}, {}", text["db_host"], text["password"], error.name().as_str())
        }
        Step::Mark(changes, host) => {
            let names: Vec<String> = changes.iter().map(|(_, one)| one.identifier.to_string()).collect();
            format!("mark {} for {host}", names.join(" "))
        }
    };
    format!("{what} {}", json!(decision.outcome).as_str().unwrap())
}

/// What is decided.
struct Case<'a> {
    rules: Rules<'a>,
    state: VersionState,
    secret: Version,
    passwords: Option<StoredPasswords>,
    instances: Vec<Instance>,
    before: Option<Version>,
}

impl Case<'_> {
    fn new(state: VersionState, secret: Version, instances: &[Instance]) -> Self {
        Self { rules: rules(), state, secret, passwords: None, instances: instances.to_vec(), before: None }
    }

    fn decide(&self) -> Result<String, Error> {
        let observed = Observed {
            secret: &self.secret,
            passwords: self.passwords.as_ref(),
            instances: &self.instances,
            before: self.before.as_ref(),
        };
        decide(self.rules, &self.state, observed).map(|decision| said(&decision))
    }
}

fn stage() -> Stage {
    let now = OffsetDateTime::UNIX_EPOCH;
    Stage { name: StageName::Secret, started_at: now, now, deadline_seconds: 60, pace: Pace::default() }
}

/// > The secret only ever points at this run's own instance, and at one that answers.
#[test]
fn the_secret_only_ever_points_at_this_runs_own_instance() {
    let elsewhere = || version("v", "elsewhere", "p");
    let decide =
        |state: VersionState, instances: &[Instance]| Case::new(state, elsewhere(), instances).decide();
    let own = [instance(7, "available", OWN)];
    assert_eq!(decide(replication(Value::Null), &own).unwrap(), "move with p moved");
    let busy = [instance(7, "modifying", OWN)];
    assert_eq!(decide(replication(Value::Null), &busy).unwrap(), "wait 0 instanceBusy");
    for (instances, name) in [
        ([instance(7, "available", OTHER)], ErrorName::NameTaken),
        ([instance(7, "deleting", OWN)], ErrorName::InstanceNotReady),
        ([instance(7, "stopped", OWN)], ErrorName::InstanceNotReady),
    ] {
        assert_eq!(decide(replication(Value::Null), &instances).unwrap_err().name(), name);
    }
    let of_any_replication = [instance(7, "available", OTHER)];
    assert_eq!(decide(rollback(Value::Null), &of_any_replication).unwrap(), "move with p moved");
    for (key, value) in
        [(lineage::STACK, "another-stack"), (lineage::VERSION, "8"), (lineage::RESTORED_VERSION, "5")]
    {
        let mut one = instance(7, "available", OWN);
        one.tags = one.tags.with(key, value);
        assert_eq!(decide(rollback(Value::Null), &[one]).unwrap_err().name(), ErrorName::NameTaken, "{key}");
    }
}

/// > A replication never takes the place of a newer one, and a rollback moves to the version that it is given.
#[test]
fn only_an_operator_goes_back() {
    let newer = [instance(7, "available", OWN), instance(8, "available", OTHER)];
    let older = [instance(7, "available", OWN), instance(6, "available", OLDER)];
    let of_another_database = [instance(7, "available", OWN), of_database("billing", 8, "available", OTHER)];
    // It has arrived late: its number is higher, and its data is older.
    let mut late = instance(8, "available", OTHER);
    late.tags = late.tags.with(lineage::DATA_TIME, "2020-01-01T00:00:00Z");
    let late = [instance(7, "available", OWN), late];
    let manual = Rules { promotes: false, ..rules() };
    let (replicates, rolls_back) = (|| replication(Value::Null), || rollback(Value::Null));
    for (rules, instances, live, state, expected) in [
        (rules(), &newer, host(7), replicates(), "report alreadyMoved"),
        (rules(), &newer, host(8), replicates(), "report newerIsLive"),
        (rules(), &older, host(6), replicates(), "move with p moved"),
        (rules(), &late, host(8), replicates(), "move with p moved"),
        (rules(), &of_another_database, host(8), replicates(), "move with p moved"),
        (rules(), &older, "elsewhere".to_owned(), replicates(), "move with p moved"),
        (manual, &older, host(6), replicates(), "report heldBack"),
        (manual, &older, host(7), replicates(), "report alreadyMoved"),
        (manual, &older, host(6), rolls_back(), "move with p moved"),
        (rules(), &newer, host(8), rolls_back(), "move with p moved"),
    ] {
        let case = Case { rules, ..Case::new(state, version("v", &live, "p"), instances) };
        assert_eq!(case.decide().unwrap(), expected, "{live}");
    }
}

/// > An instance that RDS does not show at the moment is waited for, and only then called missing.
#[test]
fn what_is_not_visible_is_waited_for() {
    let case = |unseen: u32| {
        let before = earlier("instanceBusy", &json!({"unseen": unseen}));
        Case::new(replication(before), version("v", "elsewhere", "p"), &[]).decide()
    };
    assert_eq!(case(0).unwrap(), "wait 1 instanceBusy");
    assert_eq!(case(19).unwrap(), "wait 20 instanceBusy");
    assert_eq!(case(20).unwrap_err().name(), ErrorName::NotFound);
}

#[test]
fn the_tag_goes_before_the_readers_come() {
    let instances = [marked(instance(7, "available", OWN))];
    let case =
        |before| Case::new(rollback(before), version("v", "elsewhere", "p"), &instances).decide().unwrap();
    assert_eq!(case(Value::Null), "clear copy3-7 instanceBusy");
    assert_eq!(case(earlier("passwordPending", &json!({}))), "clear copy3-7 passwordPending");
}

/// > Under MasterPassword=rotate the password of a version is stored, then set, then moved to; under keep the one that
/// > opens the version moves along, or the move is refused by name.
#[test]
fn the_password_that_opens_the_version_moves_along() {
    let mut pending = instance(7, "available", OWN);
    pending.password_is_pending = true;
    let [ready, pending] =
        [instance(7, "available", OWN), pending].map(|own| [own, instance(6, "available", OLDER)]);
    let rotate = Rules { rotates_passwords: true, ..rules() };
    let asked = || earlier("passwordPending", &json!({}));
    let asked_in_vain = || earlier("passwordPending", &json!({"unseen": 20}));
    let source = || version("v", &host(6), "source");
    let own = || version("v", &host(6), "own-6");
    let by_hand = || version("v", &host(6), "by hand");
    for (rules, secret, passwords, instances, before, expected) in [
        (rules(), source(), None, &ready, Value::Null, "move with source moved"),
        (rules(), source(), Some(stored(None, &[])), &ready, Value::Null, "move with source moved"),
        (rotate, source(), None, &ready, Value::Null, "make copy3-7 prepared"),
        (rotate, own(), Some(stored(Some("source"), &[6])), &ready, Value::Null, "make copy3-7 prepared"),
        // What readers used before is remembered as it is now.
        (rotate, source(), Some(stored(None, &[7])), &ready, Value::Null, "remember prepared"),
        (rotate, source(), Some(stored(Some("old"), &[7])), &ready, asked(), "remember passwordPending"),
        (
            rotate,
            source(),
            Some(stored(Some("source"), &[7])),
            &ready,
            Value::Null,
            "set copy3-7 own-7 passwordPending",
        ),
        // An instance keeps its password, even if the stack's parameters have changed.
        (
            rules(),
            own(),
            Some(stored(None, &[6, 7])),
            &ready,
            Value::Null,
            "set copy3-7 own-7 passwordPending",
        ),
        (rules(), own(), Some(stored(None, &[6, 7])), &pending, asked(), "wait 0 passwordPending"),
        (rules(), own(), Some(stored(None, &[6, 7])), &ready, asked(), "move with own-7 moved"),
        // The original one comes back.
        (rules(), own(), Some(stored(Some("source"), &[6])), &ready, Value::Null, "move with source moved"),
        (
            rules(),
            by_hand(),
            Some(stored(Some("source"), &[6])),
            &ready,
            Value::Null,
            "move with source moved",
        ),
        // RDS was asked, and the store is read late.
        (rotate, source(), None, &ready, asked(), "wait 1 passwordPending"),
        (rules(), source(), None, &ready, asked(), "wait 1 passwordPending"),
        (rotate, source(), None, &ready, asked_in_vain(), "make copy3-7 prepared"),
    ] {
        let case = Case { rules, passwords, ..Case::new(rollback(before), secret, instances) };
        assert_eq!(case.decide().unwrap(), expected);
    }
    let unknown =
        Case { passwords: Some(stored(None, &[6])), ..Case::new(rollback(Value::Null), own(), &ready) };
    let error = unknown.decide().unwrap_err();
    assert_eq!(error.name(), ErrorName::CredentialsUnknown);
    assert!(
        error.to_string().contains("MasterPassword=rotate") && !error.to_string().contains("own-6"),
        "{error}"
    );
}

/// Someone has moved the secret to the instance in the meantime, and has not known of the password that this run has set.
#[test]
fn a_password_that_this_run_has_set_gets_into_the_secret() {
    let instances = [instance(7, "available", OWN)];
    let decide = |before: Value, password: &str| {
        let secret = version("v", &host(7), password);
        let passwords = Some(stored(Some("source"), &[7]));
        Case { passwords, ..Case::new(rollback(before), secret, &instances) }.decide().unwrap()
    };
    assert_eq!(decide(earlier("passwordPending", &json!({})), "source"), "move with own-7 moved");
    assert_eq!(
        decide(earlier("passwordPending", &json!({})), "own-7"),
        "move with own-7 moved",
        "a user name differs"
    );
    assert_eq!(decide(Value::Null, "source"), "report alreadyMoved", "an operator has it so");
}

/// > That Secrets Manager has accepted a move is the proof of it: an older reading after it makes no failure, another
/// > run may move the secret on, and what somebody else writes over it is reported by name.
#[test]
fn what_comes_after_a_move() {
    let there = [instance(7, "available", OWN), instance(6, "available", OLDER)];
    let ours = crate::secret::version_id(&["x"]);
    let moved = |more: Value| {
        let mut report = earlier("moved", &json!({"replaced": "v6"}));
        report.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        report
    };
    for (secret, more, expected) in [
        (version("v7", &host(7), "p"), json!({}), "report moved"),
        (version(FOREIGN, &host(7), "edited"), json!({}), "report moved"),
        (version("v6", &host(6), "p"), json!({}), "report moved"),
        (version(&ours, &host(6), "p"), json!({}), "report moved"),
        (version(FOREIGN, &host(6), "p"), json!({}), "wait 1 moved"),
    ] {
        let case = Case::new(replication(moved(more)), secret, &there);
        assert_eq!(case.decide().unwrap(), expected);
    }
    // An operator edits what another run has moved to newer data.
    let newer = [there[0].clone(), instance(8, "available", OTHER)];
    let edited = Case::new(replication(moved(json!({}))), version(FOREIGN, &host(8), "p"), &newer);
    assert_eq!(edited.decide().unwrap(), "report moved");
    let back = moved(json!({"movedFrom": host(8)}));
    let back = Case::new(rollback(back), version(FOREIGN, &host(8), "p"), &newer);
    assert_eq!(back.decide().unwrap(), "wait 1 moved", "it is what the rollback has left");
    let put_back =
        Case::new(replication(moved(json!({"unseen": 20}))), version(FOREIGN, &host(6), "p"), &there);
    let error = put_back.decide().unwrap_err();
    assert_eq!(error.name(), ErrorName::SecretNotMoved);
    assert!(error.to_string().contains(FOREIGN), "{error}");
    // A replication that was not to move the secret does not move it later.
    for outcome in ["newerIsLive", "heldBack"] {
        let case =
            Case::new(replication(earlier(outcome, &json!({}))), version(FOREIGN, &host(6), "p"), &there);
        assert_eq!(case.decide().unwrap(), format!("report {outcome}"));
    }
    // Another run has moved it on, and this run's instance is pruned already.
    let case = Case::new(replication(moved(json!({}))), version(&ours, &host(6), "p"), &there[1..]);
    assert_eq!(case.decide().unwrap(), "report moved");
}

/// > A secret that names what is deleted goes back to what it named before, with the password that opens it.
#[test]
fn only_an_instance_that_is_deleted_is_left_again() {
    let there = |status: &str| [instance(7, status, OWN), instance(6, "available", OLDER)];
    let before = || Some(version("v6", &host(6), "p6"));
    let case = |instances: &[Instance], before| Case {
        before,
        ..Case::new(rollback(Value::Null), version("v7", &host(7), "own-7"), instances)
    };
    let deleting = there("deleting");
    let gone = &deleting[1..];
    let edited = r#"back to "copy3-6.c1.example" with "own-7", NotFound instanceBusy"#;
    assert_eq!(case(gone, before()).decide().unwrap(), edited, "an edit of the password stays");
    let own = Case { passwords: Some(stored(None, &[7])), ..case(&deleting, before()) };
    let expected = r#"back to "copy3-6.c1.example" with "p6", InstanceNotReady instanceBusy"#;
    assert_eq!(own.decide().unwrap(), expected);
    for (instances, before, name) in [
        (gone, None, ErrorName::NotFound),
        (gone, Some(version("v6", &host(7), "p")), ErrorName::NotFound),
        (&there("stopped")[..], before(), ErrorName::InstanceNotReady),
    ] {
        assert_eq!(case(instances, before).decide().unwrap_err().name(), name);
    }
    assert_eq!(case(&there("available"), before()).decide().unwrap(), "report alreadyMoved");
}

/// > What a stack still holds of a database that it no longer serves is neither given the deletion tag nor
/// > deleted.
#[test]
fn marks_follow_what_is_live_of_the_database() {
    let id = |hour: u32| format!("20261122t0{hour}3400z-aaaaaa");
    let mut all: Vec<Instance> = (1..=6).map(|n| instance(n, "available", &id(n))).collect();
    all.push(instance(7, "available", OWN));
    all[0] = of_database("billing", 1, "available", &id(1));
    let decide = |before: Value, live: u32| {
        Case::new(rollback(before), version("rds-replication-x", &host(live), "p"), &all).decide().unwrap()
    };
    assert_eq!(decide(Value::Null, 7), "mark copy3-4 copy3-3 copy3-2 for copy3-7.c1.example alreadyMoved");
    // Once they are set they are set, unless the secret names something else by then.
    let done = |host: String, again: u32| earlier("moved", &json!({"markedFor": host, "again": again}));
    assert_eq!(decide(done(host(7), 1), 7), "report moved");
    assert_eq!(decide(done(host(7), 1), 6), "mark copy3-3 copy3-2 for copy3-6.c1.example moved");
    assert_eq!(decide(done(host(7), 3), 6), "report moved");
    assert_eq!(decide(earlier("moved", &json!({})), 1), "report moved", "it names another database");
}

#[test]
fn what_goes_live_is_known_to_have_been_live() {
    let mut new = [instance(7, "available", OWN)];
    let decide = |all: &[Instance]| {
        Case::new(rollback(Value::Null), version("rds-replication-x", &host(7), "p"), all).decide().unwrap()
    };
    assert_eq!(decide(&new), "report alreadyMoved");
    new[0].tags = new[0].tags.iter().filter(|(key, _)| *key != lineage::PROMOTED.0).collect();
    assert_eq!(decide(&new), "mark copy3-7 for copy3-7.c1.example alreadyMoved");
}

/// Somebody may have put an address with a password into the field, and an error is read by many.
#[test]
fn only_what_a_host_can_be_is_repeated() {
    for (host, words) in [
        ("copy-1.c1.eu-west-1.rds.amazonaws.com", "\"copy-1.c1.eu-west-1.rds.amazonaws.com\""),
        ("", "\"\""),
        ("postgres://user:password@copy-1.example/orders", "something that is no host name"),
        ("copy-1.example password", "something that is no host name"),
    ] {
        assert_eq!(in_words(host), words);
    }
}
