//! What is known of what readers use, when an execution has ended otherwise than well. Nothing is said that the stage, the
//! error and the execution's document do not show.

use std::cmp::Ordering;

use replication::ErrorName;
use replication::contract::Outcome;
use replication::machines::{ANNOUNCE, DISCOVER, Machine, SECRET, Stage};
use serde::Deserialize;
use serde_json::Value;

/// How far an execution has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// To this stage of its machine.
    In(Machine, &'static Stage),
    /// Every stage has ended well.
    AllDone,
}

impl Reached {
    /// How far the execution with this document has come.
    pub fn of(machine: Machine, document: &Value) -> Self {
        machine.failed_stage(document).map_or(Self::AllDone, |stage| Self::In(machine, stage))
    }

    /// The name of the state, if it is known.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::In(_, stage) => Some(stage.state),
            Self::AllDone => None,
        }
    }

    /// Whether it has come as far as to this stage, less far or farther.
    fn relative_to(self, stage: &Stage) -> Ordering {
        let Self::In(machine, reached) = self else { return Ordering::Greater };
        let place = |wanted: &Stage| machine.stages().iter().position(|stage| stage == wanted);
        place(reached).cmp(&place(stage))
    }
}

/// What the document says of the secret.
#[derive(Deserialize)]
struct Reported {
    #[serde(rename = "db_host")]
    host: String,
    outcome: Outcome,
}

/// What is known, as sentences for operators; `stage` is nothing where nobody has said how far the execution came.
pub fn known(machine: Machine, stage: Option<Reached>, error: &str, state: &Value) -> String {
    match (machine, stage) {
        (Machine::Source, None) => {
            "How far it came is not known here, nor whether the destination account has its message: scripts/status shows \
             both accounts."
        }
        (Machine::Fleet, Some(stage)) if stage.relative_to(&DISCOVER).is_eq() => {
            "No database was tried, and the destination account has heard nothing of it."
        }
        (Machine::Fleet, _) => {
            "Databases that the report of the fleet does not name as failed were sent, and the destination account goes on with them \
             by itself; of the others it has heard nothing. What none of their executions could say is not known here: \
             scripts/status shows it."
        }
        (_, None) => {
            "How far it came is not known here, nor what the secret names now: scripts/status shows it."
        }
        (Machine::Source, Some(stage)) => return of_message(stage).to_owned(),
        (_, Some(stage)) => return of_secret(stage, error, state),
    }
    .to_owned()
}

/// What the destination account knows of a run of the source account.
fn of_message(stage: Reached) -> &'static str {
    match stage.relative_to(&ANNOUNCE) {
        Ordering::Greater => "The destination account has its message, and continues by itself.",
        Ordering::Equal => {
            "Whether the destination account has its message is not known: scripts/status shows it."
        }
        Ordering::Less => {
            "The destination account has no message of it, so readers use what they used before."
        }
    }
}

/// What a run of the destination account has done to the secret.
fn of_secret(stage: Reached, error: &str, state: &Value) -> String {
    let is = |name: ErrorName| error == name.as_str();
    let reported = state.get("secret").cloned().and_then(|secret| serde_json::from_value(secret).ok());
    match (stage.relative_to(&SECRET), reported) {
        (Ordering::Less, _) => {
            "It had not come to the secret, so readers use what they used before.".to_owned()
        }
        (Ordering::Equal, _) if is(ErrorName::PruneIncomplete) => {
            "The secret is as it should be: only deletion tags could not be changed.".to_owned()
        }
        (Ordering::Equal, _) if is(ErrorName::CredentialsUnknown) => {
            "It has not moved the secret, so readers use what they used before.".to_owned()
        }
        (Ordering::Equal, Some(Reported { host, outcome })) if outcome.has_moved() => {
            format!("When it last reported, the secret named {host}, the version of this run. What it names now is not known: scripts/status shows it.")
        }
        (Ordering::Equal, _) => {
            "It was about to move the secret. Whether it has, and what the secret names now, is not known: scripts/status \
             shows it."
                .to_owned()
        }
        (_, Some(Reported { host, .. })) if is(ErrorName::SecretMovedBack) => format!(
            "The secret named {host}, the version of this run, and since then something else has put it back to the older version that the \
             cause names: that is what readers use now. Nothing was deleted for that."
        ),
        (_, Some(Reported { host, outcome: Outcome::Moved | Outcome::AlreadyMoved })) => {
            format!("Before that the secret named {host}, the version of this run, so readers use that.")
        }
        (_, Some(Reported { host, outcome: Outcome::NewerIsLive })) => {
            format!("It has left the secret as it was: {host}, which it named then, has newer data.")
        }
        (_, Some(Reported { outcome: Outcome::HeldBack, .. })) => {
            "It has left the secret as it was: the new version waits to be made the current one.".to_owned()
        }
        (_, _) => "What the secret names now is not known: scripts/status shows it.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OUTCOMES: [Option<&str>; 6] =
        [None, Some("moved"), Some("alreadyMoved"), Some("newerIsLive"), Some("heldBack"), Some("prepared")];

    /// The document of an execution whose first stages have ended well, with what the one that moves the secret has reported.
    fn document(machine: Machine, done: usize, outcome: Option<&str>) -> Value {
        let mut document = json!({});
        for stage in &machine.stages()[..done] {
            document[stage.result] = json!({"status": "Available"});
        }
        let moving = machine.stages().iter().position(|stage| *stage == SECRET);
        if let (Some(moving), Some(outcome)) = (moving, outcome)
            && done >= moving
        {
            let status = if done > moving { "Available" } else { "NotAvailable" };
            document["secret"] = json!({"db_host": "copy-7.example", "db_prefix": "copy", "outcome": outcome, "status": status});
        }
        document
    }

    /// What a text says of the secret.
    #[derive(Debug, PartialEq, Eq)]
    enum Says {
        Nothing,
        AsBefore,
        NamesTheNew,
        PutBack,
    }

    fn says(text: &str) -> Says {
        let has = |words: &[&str]| words.iter().any(|words| text.contains(words));
        if has(&["put it back"]) {
            Says::PutBack
        } else if has(&["readers use what they used before", "left the secret as it was"]) {
            Says::AsBefore
        } else if has(&["the version of this run"]) {
            Says::NamesTheNew
        } else {
            Says::Nothing
        }
    }

    /// What is known after so many stages, said without the code that is tested.
    fn is_known(machine: Machine, done: usize, error: &str, outcome: Option<&str>) -> Says {
        let moving = machine.stages().iter().position(|stage| *stage == SECRET);
        match (moving, outcome) {
            (None, _) => {
                if done < 4 {
                    Says::AsBefore
                } else {
                    Says::Nothing
                }
            }
            (Some(moving), _) if done < moving => Says::AsBefore,
            (Some(moving), _) if done == moving && error == "CredentialsUnknown" => Says::AsBefore,
            (Some(moving), _) if done == moving && error == "PruneIncomplete" => Says::Nothing,
            (Some(moving), Some(_)) if done > moving && error == "SecretMovedBack" => Says::PutBack,
            (_, Some("moved" | "alreadyMoved")) => Says::NamesTheNew,
            (Some(moving), Some("newerIsLive" | "heldBack")) if done > moving => Says::AsBefore,
            _ => Says::Nothing,
        }
    }

    /// > An alert says of the secret only what is known at the stage and with the error at which a run has ended.
    #[test]
    fn what_is_said_of_the_secret_is_known() {
        let of_machines = ["States.Timeout", "Lambda.Unknown", "UnexpectedStatus"];
        for error in replication::Error::NAMES.iter().copied().chain(of_machines) {
            for machine in [Machine::Source, Machine::Destination, Machine::Rollback] {
                let ends =
                    (0..=machine.stages().len()).flat_map(|done| OUTCOMES.map(|outcome| (done, outcome)));
                for (done, outcome) in ends {
                    let state = document(machine, done, outcome);
                    let stage = Reached::of(machine, &state);
                    let text = known(machine, Some(stage), error, &state);
                    let expected = is_known(machine, done, error, outcome);
                    assert_eq!(says(&text), expected, "{machine:?} {stage:?} {error} {outcome:?}: {text}");
                }
                let unknown = known(machine, None, error, &json!({}));
                assert!(says(&unknown) == Says::Nothing && unknown.contains("not known"), "{unknown}");
            }
        }
    }

    #[test]
    fn what_the_destination_has_heard_of_a_failed_source_run_is_known() {
        for (done, words) in [
            (0, "has no message of it"),
            (3, "has no message of it"),
            (4, "Whether the destination account has its message is not known"),
            (5, "has its message, and continues"),
            (7, "has its message, and continues"),
        ] {
            let state = document(Machine::Source, done, None);
            let text =
                known(Machine::Source, Some(Reached::of(Machine::Source, &state)), "ServiceFault", &state);
            assert!(text.contains(words), "{done}: {text}");
        }
    }
}
