//! What a poll reports, and how changes are named.

use super::*;

#[test]
fn a_report_says_what_the_next_poll_needs() {
    let instances = [instance(7, "available", OWN), marked(instance(6, "available", OLDER))];
    let poll = |before: Value, secret: &Version, passwords: Option<&StoredPasswords>, effect: Effect| {
        let state = rollback(before);
        let observed = Observed { secret, passwords, instances: &instances, before: None };
        decide(rules(), &state, observed).unwrap().report(effect, &stage(), state.secret.as_ref())
    };
    let secret = version("v6", &host(6), "source");
    let moved = poll(Value::Null, &secret, None, Effect::Done).unwrap();
    assert_eq!((moved.outcome, moved.stage.status), (Outcome::Moved, Status::NotAvailable));
    assert_eq!(moved.stage.wait_seconds, 1);
    assert_eq!((moved.replaced.as_deref(), moved.pointer.host), (Some("v6"), host(7)));

    let refused = || Effect::Refused("said so".to_owned());
    let again = poll(Value::Null, &secret, None, refused()).unwrap();
    assert_eq!((again.outcome, again.again, again.pointer.host), (Outcome::Prepared, 1, host(6)));
    let error = poll(earlier("prepared", &json!({"again": 20})), &secret, None, refused()).unwrap_err();
    assert_eq!(error.name(), ErrorName::SecretNotMoved);
    assert!(error.to_string().contains("said so"), "{error}");

    let passwords = stored(Some("source"), &[7]);
    let set = poll(Value::Null, &secret, Some(&passwords), Effect::Done).unwrap();
    assert_eq!(
        (set.outcome, set.stage.wait_seconds),
        (Outcome::PasswordPending, 60),
        "an older reading shows nothing"
    );
    let busy = poll(Value::Null, &secret, Some(&passwords), Effect::NotNow).unwrap();
    assert_eq!(busy.outcome, Outcome::InstanceBusy);

    let now = version("v7", &host(7), "source");
    let effect = Effect::Marked(vec![], vec!["copy3-6".to_owned()]);
    let marks = poll(earlier("moved", &json!({})), &now, None, effect).unwrap();
    assert_eq!(
        (marks.marked_for, marks.unmarked, marks.stage.status),
        (Some(host(7)), vec!["copy3-6".to_owned()], Status::NotAvailable)
    );
}

#[test]
fn changes_are_named_by_what_they_are_made_of() {
    let instances = [instance(7, "available", OWN), instance(6, "available", OLDER)];
    let state = rollback(Value::Null);
    let id = |secret: &Version, rules: Rules<'static>, passwords: Option<&StoredPasswords>| {
        let observed = Observed { secret, passwords, instances: &instances, before: None };
        match decide(rules, &state, observed).unwrap().step {
            Step::Move(change) => (change.label, change.id, change.replaces),
            Step::MakePassword(new) => {
                let change = new.stored("secret".to_owned()).unwrap();
                (change.label, change.id, change.replaces)
            }
            _ => panic!("another step"),
        }
    };
    let (one, other) = (version("v1", &host(6), "p"), version("v2", &host(6), "p"));
    assert_eq!(id(&one, rules(), None), id(&one, rules(), None));
    assert_ne!(id(&one, rules(), None), id(&other, rules(), None));
    assert_eq!(id(&one, rules(), None).2.as_deref(), Some("v1"));
    let rotate = Rules { rotates_passwords: true, ..rules() };
    let (label, id_of_store, replaces) = id(&one, rotate, None);
    assert_eq!((label, id_of_store.len(), replaces), (crate::passwords::LABEL, 64, None));
    assert_eq!(id(&one, rotate, Some(&stored(None, &[]))).2.as_deref(), Some("stored-1"));
}
