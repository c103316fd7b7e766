//! What operators read when they are alerted.

use replication::machines::Machine;
use replication::{Error, ErrorName};
use serde::Deserialize;
use serde_json::Value;

use crate::event::{Ended, Failed, Failure, Occasion, Tolerated, Undeleted};
use crate::known::{Reached, known};

/// The stack that alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// Its name.
    pub name: String,
    /// The source database that it is for, where an execution says no other.
    pub database: String,
}

/// What operators need to know of a run that has failed, timed out or was stopped, or of what stays undeleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    stack: String,
    database: String,
    instance: Option<String>,
    machine: Machine,
    execution_arn: String,
    news: News,
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
enum News {
    Ended { what: &'static str, stage: Option<Reached>, error: String, cause: String, known: String },
    Undeleted(Vec<String>),
    Tolerated(Vec<String>),
}

/// What a fleet is of; which databases, its report says.
const MANY: &str = "many databases";

/// The cause with the failures that a fleet tolerates, of which nobody else tells when the run ends for another reason.
fn with_tolerated(cause: String, state: &Value) -> String {
    let tolerated = state.pointer("/report/tell").and_then(Value::as_array).into_iter().flatten();
    tolerated.filter_map(Value::as_str).fold(cause, |text, line| format!("{text}\n- {line}"))
}

/// The form of a Lambda function's error inside a Cause.
#[derive(Debug, Deserialize)]
struct LambdaCause {
    #[serde(rename = "errorMessage")]
    message: String,
}

impl Alert {
    /// The alert for an occasion.
    ///
    /// # Errors
    /// `InvalidInput` for an execution of a machine that is not of the stack.
    pub fn of(stack: &Stack, occasion: Occasion) -> Result<Self, Error> {
        match occasion {
            Occasion::Failure(Failed { execution, machine, state, failure }) => {
                let stage = Some(Reached::of(machine, &state));
                let news = News::Ended {
                    what: "failed",
                    stage,
                    cause: with_tolerated(cause(&failure), &state),
                    known: known(machine, stage, &failure.error, &state),
                    error: failure.error,
                };
                Ok(Self::about(stack, machine, execution.id, &state, news))
            }
            Occasion::Undeleted(Undeleted { execution, machine, state, undeleted }) => {
                Ok(Self::about(stack, machine, execution.id, &state, News::Undeleted(undeleted)))
            }
            Occasion::Tolerated(Tolerated { execution, machine, state, tolerated }) => {
                Ok(Self::about(stack, machine, execution.id, &state, News::Tolerated(tolerated)))
            }
            Occasion::StatusChange(ended) => Self::of_status_change(stack, ended),
        }
    }

    fn of_status_change(stack: &Stack, ended: Ended) -> Result<Self, Error> {
        let Ended { status_change: change, machines } = ended;
        let found = machines.into_iter().find(|(_, arn)| *arn == change.state_machine_arn);
        let Some((machine, _)) = found else {
            return Err(Error::new(ErrorName::InvalidInput, "alerting operators").because(format!(
                "the machine {} of execution {} is not one of the stack's",
                change.state_machine_arn, change.execution_arn
            )));
        };
        let what = match change.status.as_str() {
            "TIMED_OUT" => "timed out",
            "ABORTED" => "was stopped",
            _ => "failed",
        };
        let input = change.input.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null);
        let failure = Failure {
            error: change.error.filter(|error| !error.is_empty()).unwrap_or(change.status),
            cause: change.cause.unwrap_or_default(),
        };
        // The event has the execution's input only, not how far it came.
        let known = known(machine, None, &failure.error, &input);
        let news = News::Ended { what, stage: None, cause: cause(&failure), known, error: failure.error };
        Ok(Self::about(stack, machine, change.execution_arn, &input, news))
    }

    fn about(stack: &Stack, machine: Machine, execution_arn: String, state: &Value, news: News) -> Self {
        let instance = state.pointer("/DBInstance/db_instance_identifier").and_then(Value::as_str);
        Self {
            stack: stack.name.clone(),
            database: match machine {
                Machine::Fleet => MANY.to_owned(),
                _ => database(state).unwrap_or(&stack.database).to_owned(),
            },
            instance: instance.map(str::to_owned),
            machine,
            execution_arn,
            news,
        }
    }

    /// The execution that it is about.
    #[must_use]
    pub fn execution_arn(&self) -> &str {
        &self.execution_arn
    }

    /// One line: what happened to which database.
    #[must_use]
    pub fn subject(&self) -> String {
        let (noun, database) = (self.machine.noun(), &self.database);
        match &self.news {
            News::Ended { what, error, .. } => format!("RDS {noun} of {database} {what}: {error}"),
            News::Undeleted(things) => {
                format!("RDS {noun} of {database}: what stays undeleted ({})", things.len())
            }
            News::Tolerated(_) => format!("RDS {noun} of {database}: failures that are tolerated"),
        }
    }

    /// The whole message.
    pub fn text(&self) -> String {
        let noun = self.machine.noun();
        let about = self.whereabouts();
        match &self.news {
            News::Ended { what, stage, error, cause, known } => format!(
                "A {noun} {what}.\n\n{about}Stage: {stage}\nError: {error}\nCause: {cause}\n\n{known} \
                 Once the cause is gone, the next execution begins anew.\n",
                stage = stage.and_then(Reached::name).unwrap_or("see the execution"),
            ),
            News::Undeleted(things) => format!(
                "A {noun} succeeded, but several runs could not delete what is no longer needed, and it is billed as long \
                 as it is there. No other alert follows about the same, unless a reason says so.\n\n{about}\n{things}\n\
                 To fix this: end what the reason names (for example deletion protection, a read replica or a missing \
                 right), and the next execution deletes it. To keep it, take its tag rds-replication:stack off.\n",
                things = list(things),
            ),
            News::Tolerated(failures) => format!(
                "A {noun} succeeded: no more databases failed than ToleratedFailures.\n\n{about}\n{failures}\n\
                 The next run tries them again.\n",
                failures = list(failures),
            ),
        }
    }

    /// Where it has happened, one line each.
    fn whereabouts(&self) -> String {
        let arn = &self.execution_arn;
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let part = |at: usize| parts.get(at).copied().unwrap_or("see the execution");
        let instance = self.instance.iter().map(|name| format!("Instance: {name}\n")).collect::<String>();
        let link = console_link(arn).map(|link| format!("In the console: {link}\n")).unwrap_or_default();
        format!(
            "Stack: {stack}\nAccount: {account}\nRegion: {region}\nDatabase: {database}\n{instance}Execution: {arn}\n{link}",
            stack = self.stack,
            account = part(4),
            region = part(3),
            database = self.database,
        )
    }
}

fn list(things: &[String]) -> String {
    things.iter().map(|thing| format!("- {thing}\n")).collect()
}

/// The cause in words. A function's error arrives as JSON, and its message is what an operator wants to read.
fn cause(failure: &Failure) -> String {
    match serde_json::from_str::<LambdaCause>(&failure.cause) {
        Ok(lambda) => lambda.message,
        Err(_) if !failure.cause.trim().is_empty() => failure.cause.clone(),
        // Step Functions writes no cause when it has caught a timeout.
        Err(_) if failure.error == "States.Timeout" => {
            "no cause was given (a task that did not answer in time)".to_owned()
        }
        Err(_) => "no cause was given".to_owned(),
    }
}

/// The source database, from wherever the document of a machine has it.
fn database(state: &Value) -> Option<&str> {
    [
        "/SourceDBSnapshot/sourceDBIdentifier",
        "/SourceDBIdentifier",
        "/DBSnapshot/sourceDBIdentifier",
        "/Input/replication/sourceDBIdentifier",
    ]
    .iter()
    .find_map(|path| state.pointer(path))
    .and_then(Value::as_str)
}

/// The page of an execution in the console. Other partitions have consoles of other names; for those there is none.
fn console_link(execution_arn: &str) -> Option<String> {
    let ["arn", "aws", "states", region, _] = execution_arn.splitn(6, ':').take(5).collect::<Vec<_>>()[..]
    else {
        return None;
    };
    Some(format!(
        "https://console.aws.amazon.com/states/home?region={region}#/v2/executions/details/{execution_arn}"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::Event;

    const EXECUTION: &str = "arn:aws:states:eu-west-1:123456789012:execution:orders-machine:n";

    fn alert(event: Value) -> Result<Alert, Error> {
        let stack = Stack { name: "orders-stack".to_owned(), database: "orders".to_owned() };
        let Event::Alert(occasion) = Event::read(event)? else { panic!("it is no alert") };
        Alert::of(&stack, occasion)
    }

    fn failed(machine: &str, state: &Value, failure: &Value) -> Result<Alert, Error> {
        let execution = json!({"id": EXECUTION, "name": "n", "startTime": "2026-11-22T10:34:00Z"});
        alert(json!({"execution": execution, "machine": machine, "state": state, "failure": failure}))
    }

    fn ended(machine: &str, change: &Value) -> Result<Alert, Error> {
        let mut detail = json!({"executionArn": EXECUTION, "stateMachineArn": machine});
        for (key, value) in change.as_object().unwrap() {
            detail[key] = value.clone();
        }
        alert(json!({"statusChange": detail, "machines": {"destination": "arn:d", "rollback": "arn:r"}}))
    }

    fn has(alert: &Alert, words: &[&str]) {
        let text = alert.text();
        for words in words {
            assert!(text.contains(words), "{words} in {text}");
        }
    }

    #[test]
    fn a_caught_error_is_reported_with_where_which_and_why() {
        let cause =
            json!({"errorType": "KeyUnusable", "errorMessage": "checking KMS key k: its state is Disabled"});
        let state = json!({"room": {"status": "Available"}, "SourceDBSnapshot": {"status": "Available", "sourceDBIdentifier": "billing"}});
        let failure = json!({"Error": "KeyUnusable", "Cause": cause.to_string()});
        let alert = failed("source", &state, &failure).unwrap();
        assert_eq!(alert.subject(), "RDS replication of billing failed: KeyUnusable");
        has(
            &alert,
            &[
                "Stack: orders-stack\nAccount: 123456789012\nRegion: eu-west-1\nDatabase: billing\n",
                "Stage: CopyEncryptedSnapshot\n",
                "Cause: checking KMS key k: its state is Disabled\n",
                EXECUTION,
                "region=eu-west-1#",
            ],
        );
    }

    #[test]
    fn what_the_machine_is_is_said_and_never_guessed() {
        let failure = json!({"Error": "InvalidInput", "Cause": "x"});
        let replication = failed("destination", &json!({"roomFailure": {}}), &failure).unwrap();
        assert_eq!(replication.subject(), "RDS replication of orders failed: InvalidInput");
        has(&replication, &["Stage: CopySharedSnapshotInTargetAccount\n"]);
        let state = json!({"version": 7, "DBInstance": {"status": "NotAvailable", "db_instance_identifier": "orders-copy-7"}});
        let rollback = failed("rollback", &state, &failure).unwrap();
        assert_eq!(rollback.subject(), "RDS rollback of orders failed: InvalidInput");
        has(&rollback, &["Database: orders\nInstance: orders-copy-7\n", "Stage: RestoreDBInstance\n"]);
        let error = failed("schedule", &json!({}), &failure).unwrap_err();
        assert_eq!(error.name(), ErrorName::InvalidInput);
        assert!(error.to_string().contains("machine"), "{error}");
    }

    #[test]
    fn a_missing_cause_is_said_to_be_missing() {
        let timeout = failed("source", &json!({}), &json!({"Error": "States.Timeout", "Cause": ""})).unwrap();
        has(&timeout, &["Cause: no cause was given (a task that did not answer in time)\n"]);
        let other = failed("source", &json!({}), &json!({"Error": "Lambda.Unknown"})).unwrap();
        has(&other, &["Cause: no cause was given\n"]);
    }

    #[test]
    fn an_end_that_no_machine_reports_is_known_by_the_arn_of_its_machine() {
        let change =
            json!({"status": "ABORTED", "input": "{}", "error": "by hand", "cause": "the wrong day"});
        let stopped = ended("arn:d", &change).unwrap();
        assert_eq!(stopped.subject(), "RDS replication of orders was stopped: by hand");
        has(&stopped, &["A replication was stopped.", "Stage: see the execution", "Cause: the wrong day\n"]);
        let change =
            json!({"status": "TIMED_OUT", "input": "{\"SourceDBIdentifier\":\"billing\"}", "error": null});
        let late = ended("arn:r", &change).unwrap();
        assert_eq!(late.subject(), "RDS rollback of billing timed out: TIMED_OUT");
        has(&late, &["Cause: no cause was given\n"]);
        let error = ended("arn:x", &change).unwrap_err();
        assert_eq!(error.name(), ErrorName::InvalidInput);
        assert!(error.to_string().contains("arn:x"), "{error}");
    }

    #[test]
    fn what_stays_undeleted_is_listed_with_what_to_do() {
        let execution = json!({"id": EXECUTION, "name": "n", "startTime": "2026-11-22T10:34:00Z"});
        let things =
            json!(["orders-copy-1: it has deletion protection", "orders-copy-2: it has a read replica"]);
        let event =
            json!({"execution": execution, "machine": "destination", "state": {}, "undeleted": things});
        let alert = alert(event).unwrap();
        assert_eq!(alert.subject(), "RDS replication of orders: what stays undeleted (2)");
        has(
            &alert,
            &["- orders-copy-1: it has deletion protection\n", "To fix this:", "Stack: orders-stack\n"],
        );
        let event = json!({"execution": {}, "machine": "destination", "state": {}, "undeleted": "all"});
        assert_eq!(Event::read(event).unwrap_err().name(), ErrorName::InvalidInput);
    }

    #[test]
    fn a_fleet_is_told_as_one_thing() {
        let failure = json!({"Error": "ReplicationsFailed", "Cause": "replicating 2 databases: 1 have failed: b: KeyUnusable"});
        let alert_of_failure =
            failed("fleet", &json!({"plan": {}, "report": {"failure": failure}}), &failure).unwrap();
        assert_eq!(
            alert_of_failure.subject(),
            "RDS fleet replication of many databases failed: ReplicationsFailed"
        );
        has(
            &alert_of_failure,
            &["b: KeyUnusable", "Stage: ReportFleet\n", "does not name as failed were sent", EXECUTION],
        );
        let execution = json!({"id": EXECUTION, "name": "n", "startTime": "2026-11-22T10:34:00Z"});
        let event =
            json!({"execution": execution, "machine": "fleet", "state": {}, "tolerated": ["b: KeyUnusable"]});
        let refused = failed("fleet", &json!({}), &json!({"Error": "AlreadyRunning", "Cause": "x"})).unwrap();
        has(&refused, &["Stage: DiscoverDatabases\n", "No database was tried"]);
        let document = json!({"plan": {}, "report": {"tell": ["b: KeyUnusable"], "object": {}}});
        let unkept =
            failed("fleet", &document, &json!({"Error": "S3.NoSuchBucketException", "Cause": "x"})).unwrap();
        has(&unkept, &["Stage: KeepReport\n", "Cause: x\n- b: KeyUnusable\n"]);
        let tolerated = alert(event).unwrap();
        assert_eq!(
            tolerated.subject(),
            "RDS fleet replication of many databases: failures that are tolerated"
        );
        has(&tolerated, &["- b: KeyUnusable\n", "Stack: orders-stack\n", "tries them again"]);
    }

    #[test]
    fn a_child_names_the_run_of_its_fleet() {
        let execution = json!({"id": EXECUTION, "name": "n", "startTime": "2026-11-22T10:34:00Z"});
        let failure = json!({"Error": "KeyUnusable"});
        let failed = |state: Value| json!({"execution": execution, "machine": "source", "state": state, "failure": failure});
        let ended = |input: &str| {
            json!({"statusChange": {"executionArn": EXECUTION, "stateMachineArn": "arn:s", "status": "ABORTED", "input": input},
                   "machines": {"source": "arn:s"}})
        };
        for (event, run) in [
            (failed(json!({"fleetRun": "arn:f"})), Some("arn:f")),
            (failed(json!({"fleetRun": 7})), None),
            (failed(json!({})), None),
            (ended(r#"{"fleetRun": "arn:f"}"#), Some("arn:f")),
            (ended("{}"), None),
            (ended("no JSON"), None),
        ] {
            let Event::Alert(occasion) = Event::read(event).unwrap() else { panic!("it is no alert") };
            assert_eq!(occasion.fleet_run().as_deref(), run);
        }
    }

    #[test]
    fn an_ordinary_envelope_is_no_alert() {
        let execution = json!({"id": EXECUTION, "name": "n", "startTime": "2026-11-22T10:34:00Z"});
        let event = Event::read(json!({"execution": execution, "state": {}})).unwrap();
        assert!(matches!(event, Event::Message(_)));
    }
}
