//! The standard fields of the secret.

use super::*;

/// The secret as it names a version, with standard fields that name one, too.
fn secret(id: &str, version: u32, in_fields: u32) -> Version {
    let text = json!({"username": "reader", "password": "p", "db_host": host(version), "db_prefix": "copy3", "note": 1,
                      "host": host(in_fields), "port": port(in_fields).to_string()});
    Version { id: id.to_owned(), secret: Secret::parse(&text.to_string()).unwrap() }
}

fn port(version: u32) -> u16 {
    u16::try_from(5430 + version).unwrap()
}

fn instances() -> [Instance; 2] {
    [(7, OWN), (6, OLDER)]
        .map(|(version, id)| Instance { port: Some(port(version)), ..instance(version, "available", id) })
}

/// What the decided change says of host and port, if the secret is changed.
fn fields(rules: Rules<'_>, state: &VersionState, observed: Observed<'_>) -> Option<(Value, Value)> {
    let decision = decide(rules, state, observed).unwrap();
    let (Step::Move(change) | Step::Revert(change, _)) = decision.step else { return None };
    let text: Value = serde_json::from_str(&change.text).unwrap();
    assert_eq!((&text["note"], &text["password"]), (&json!(1), &json!("p")));
    assert_eq!(text["db_host"], decision.pointer.host);
    Some((text["host"].clone(), text["port"].clone()))
}

/// > A secret that names the version already while a standard field names another is put right, once in a run.
#[test]
fn a_field_that_lags_behind_follows() {
    let instances = instances();
    let said = |rules: Rules<'_>, earlier: Value, secret: &Version| {
        let observed = Observed { secret, passwords: None, instances: &instances, before: None };
        fields(rules, &rollback(earlier), observed)
    };
    let of = |version: u32| Some((json!(host(version)), json!(port(version).to_string())));
    assert_eq!(said(rules(), Value::Null, &secret("v", 6, 6)), of(7));
    assert_eq!(said(rules(), Value::Null, &secret("v", 7, 6)), of(7));
    assert_eq!(said(rules(), Value::Null, &secret("v", 7, 7)), None);
    let moved = || earlier("moved", &json!({"replaced": "v6"}));
    assert_eq!(said(rules(), moved(), &secret("v", 7, 6)), None, "somebody wants it so");
    let adds = Rules { adds_standard_fields: true, ..rules() };
    assert_eq!(said(adds, Value::Null, &secret("v", 7, 7)), of(7), "the engine is missing");
    let manual = Rules { promotes: false, ..rules() };
    let observed = secret("v", 7, 6);
    let observed = Observed { secret: &observed, passwords: None, instances: &instances, before: None };
    assert_eq!(fields(manual, &replication(Value::Null), observed), of(7), "it was released before");
}

/// What the secret named before the move is not forgotten when only other fields follow.
#[test]
fn what_was_named_before_is_kept() {
    let (instances, secret, state) = (instances(), secret("v7", 7, 6), rollback(Value::Null));
    let observed = Observed { secret: &secret, passwords: None, instances: &instances, before: None };
    let report = decide(rules(), &state, observed).unwrap().report(Effect::Done, &stage(), None).unwrap();
    assert_eq!((report.outcome, report.replaced, report.moved_from), (Outcome::Moved, None, None));
}

/// > What is taken back from a version that is deleted is taken back whole, standard fields and all.
#[test]
fn standard_fields_are_taken_back_too() {
    let (now, before) = (secret("v7", 7, 7), secret("v6", 6, 6));
    let left = &instances()[1..];
    let observed = Observed { secret: &now, passwords: None, instances: left, before: Some(&before) };
    let expected = (json!(host(6)), json!(port(6).to_string()));
    assert_eq!(fields(rules(), &rollback(Value::Null), observed), Some(expected));
}
