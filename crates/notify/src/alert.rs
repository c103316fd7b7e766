//! The message a person gets when a run has failed.

use lambda_task::AccountRole;
use replication::{Error, ErrorName};
use serde::Deserialize;
use serde_json::Value;

/// What a person needs to know of a run that failed, timed out or was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    execution_arn: String,
    run: Run,
    what: String,
    database: Option<String>,
    stage: Option<&'static str>,
    error: String,
    cause: String,
}

/// What an execution is for: its machine, told by the account and by its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    Source,
    Destination,
    Rollback,
}

impl Run {
    fn of(account: AccountRole, state: &Value) -> Self {
        match (account, state.get("Input")) {
            (AccountRole::Source, _) => Self::Source,
            (AccountRole::Destination, Some(_)) => Self::Destination,
            // Also one that was started without a version, and failed for that.
            (AccountRole::Destination, None) => Self::Rollback,
        }
    }

    /// What a person calls it.
    fn noun(self) -> &'static str {
        match self {
            Self::Source | Self::Destination => "replication",
            Self::Rollback => "rollback",
        }
    }

    /// The stages of its machine in their order: the key of each one's result, and its state's name.
    fn stages(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Source => &[
                ("SourceDBSnapshot", "CreateLatestSnapshot"),
                ("targetDBSnapshot", "CopyEncryptedSnapshot"),
                ("share", "ShareStatusWithTargetAccount"),
                ("notification", "NotifyToTargetAccount"),
                ("prune", "CleanOlderSnapshots"),
            ],
            Self::Destination => &[
                ("DBSnapshot", "CopySharedSnapshotInTargetAccount"),
                ("DBInstance", "RestoreDBInstance"),
                ("secret", "UpdateSecretWithDBValue"),
                ("prune", "CleanOlderDBInstances"),
            ],
            Self::Rollback => &[("DBInstance", "RestoreDBInstance"), ("secret", "UpdateSecretWithDBValue")],
        }
    }

    /// The state that failed: the first of its machine that has no result yet, or one that says "not yet".
    fn stage(self, state: &Value) -> Option<&'static str> {
        let undone = |key: &str| state.get(key).is_none_or(|result| result["status"] == "NotAvailable");
        self.stages().iter().find(|(key, _)| undone(key)).map(|(_, name)| *name)
    }
}

/// What a Catch puts under `failure`.
#[derive(Debug, Deserialize)]
struct Failure {
    #[serde(rename = "Error")]
    error: String,
    #[serde(rename = "Cause", default)]
    cause: String,
}

/// How a Lambda function's error looks inside a Cause.
#[derive(Debug, Deserialize)]
struct LambdaCause {
    #[serde(rename = "errorMessage")]
    message: String,
}

/// EventBridge's "Step Functions Execution Status Change".
#[derive(Debug, Deserialize)]
struct StatusChange {
    #[serde(rename = "executionArn")]
    execution_arn: String,
    status: String,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    cause: Option<String>,
}

impl Alert {
    /// The alert that an event of an account calls for, if it calls for one: a machine's `NotifyFailure`, or a status change.
    ///
    /// # Errors
    /// [`ErrorName::InvalidInput`], naming what is missing.
    pub fn of_event(account: AccountRole, event: &Value) -> Result<Option<Self>, Error> {
        if let Some(failure) = event.get("failure") {
            return Self::of_failure(account, event, failure).map(Some);
        }
        match (event.get("detail-type"), event.get("detail")) {
            (Some(_), Some(detail)) => Self::of_status_change(account, detail).map(Some),
            _ => Ok(None),
        }
    }

    fn of_failure(account: AccountRole, event: &Value, failure: &Value) -> Result<Self, Error> {
        let failure: Failure = lambda_task::parse(failure.clone())?;
        let execution_arn = event.pointer("/execution/id").and_then(Value::as_str).ok_or_else(|| {
            Error::new(ErrorName::InvalidInput, "alerting a person").because("field execution.id is missing")
        })?;
        // A function's error arrives as JSON in the Cause; its message is what a person wants to read.
        let cause = match serde_json::from_str::<LambdaCause>(&failure.cause) {
            Ok(lambda) => lambda.message,
            Err(_) => failure.cause,
        };
        let state = event.get("state").unwrap_or(&Value::Null);
        let run = Run::of(account, state);
        Ok(Self {
            execution_arn: execution_arn.to_owned(),
            run,
            what: "failed".to_owned(),
            database: database(state),
            stage: run.stage(state),
            error: failure.error,
            cause,
        })
    }

    fn of_status_change(account: AccountRole, detail: &Value) -> Result<Self, Error> {
        let change: StatusChange = lambda_task::parse(detail.clone())?;
        let what = match change.status.as_str() {
            "TIMED_OUT" => "timed out",
            "ABORTED" => "was stopped",
            _ => "failed",
        };
        let input: Option<Value> =
            detail.get("input").and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok());
        let input = input.unwrap_or(Value::Null);
        Ok(Self {
            execution_arn: change.execution_arn,
            run: Run::of(account, &input),
            what: what.to_owned(),
            database: database(&input),
            // The event has the execution's input only, not how far it came.
            stage: None,
            error: change.error.unwrap_or(change.status),
            cause: change.cause.unwrap_or_else(|| "no cause was given".to_owned()),
        })
    }

    /// One line: what happened to which database.
    #[must_use]
    pub fn subject(&self) -> String {
        let Self { what, error, .. } = self;
        let noun = self.run.noun();
        match &self.database {
            Some(database) => format!("RDS {noun} of {database} {what}: {error}"),
            None => format!("RDS {noun} {what}: {error}"),
        }
    }

    /// The whole message.
    #[must_use]
    pub fn text(&self) -> String {
        let database = self.database.as_deref().unwrap_or("see the execution");
        let stage = self.stage.unwrap_or("see the execution");
        let link = console_link(&self.execution_arn)
            .map(|link| format!("In the console: {link}\n"))
            .unwrap_or_default();
        format!(
            "A {noun} {what}.\n\nDatabase: {database}\nStage: {stage}\nError: {error}\nCause: {cause}\nExecution: {arn}\n{link}\n\
             Nothing that worked before was taken away: the secret still names the last good copy. \
             The next execution begins anew and needs nothing cleaned up.\n",
            noun = self.run.noun(),
            what = self.what,
            error = self.error,
            cause = self.cause,
            arn = self.execution_arn,
        )
    }
}

/// The source database, from wherever the document of either machine has it.
fn database(state: &Value) -> Option<String> {
    [
        "/SourceDBSnapshot/sourceDBIdentifier",
        "/SourceDBIdentifier",
        "/DBSnapshot/sourceDBIdentifier",
        "/Input/replication/sourceDBIdentifier",
    ]
    .iter()
    .find_map(|path| state.pointer(path))
    .and_then(Value::as_str)
    .map(str::to_owned)
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

    const EXECUTION: &str = "arn:aws:states:eu-west-1:123456789012:execution:source:n";

    #[test]
    fn a_caught_error_is_told_with_database_error_cause_and_link() {
        let cause =
            json!({"errorType": "KeyUnusable", "errorMessage": "checking KMS key k: its state is Disabled"});
        let event = json!({"execution": {"id": EXECUTION}, "state": {"SourceDBSnapshot": {"sourceDBIdentifier": "orders"}},
                           "failure": {"Error": "KeyUnusable", "Cause": cause.to_string()}});
        let alert = Alert::of_event(AccountRole::Source, &event).unwrap().unwrap();
        assert_eq!(alert.subject(), "RDS replication of orders failed: KeyUnusable");
        for words in [
            "Database: orders",
            "Stage: CopyEncryptedSnapshot",
            "Cause: checking KMS key k: its state is Disabled",
            EXECUTION,
            "region=eu-west-1#",
        ] {
            assert!(alert.text().contains(words), "{words} in {}", alert.text());
        }
    }

    #[test]
    fn the_stage_is_the_first_without_a_final_result() {
        use Run::{Destination, Rollback, Source};
        for (run, state, name) in [
            (Source, json!({}), Some("CreateLatestSnapshot")),
            (Source, json!({"SourceDBSnapshot": {"status": "NotAvailable"}}), Some("CreateLatestSnapshot")),
            (
                Source,
                json!({"SourceDBSnapshot": {"status": "Available"}, "targetDBSnapshot": {"status": "Available"}}),
                Some("ShareStatusWithTargetAccount"),
            ),
            (Destination, json!({"Input": {}}), Some("CopySharedSnapshotInTargetAccount")),
            (
                Destination,
                json!({"Input": {}, "DBSnapshot": {"status": "Available"}, "DBInstance": {"status": "NotAvailable"}}),
                Some("RestoreDBInstance"),
            ),
            (
                Destination,
                json!({"Input": {}, "DBSnapshot": {}, "DBInstance": {}, "secret": {}}),
                Some("CleanOlderDBInstances"),
            ),
            (
                Destination,
                json!({"Input": {}, "DBSnapshot": {}, "DBInstance": {}, "secret": {}, "prune": {}}),
                None,
            ),
            (Rollback, json!({}), Some("RestoreDBInstance")),
            (
                Rollback,
                json!({"version": 7, "DBInstance": {"status": "Available"}, "secret": {"status": "NotAvailable"}}),
                Some("UpdateSecretWithDBValue"),
            ),
        ] {
            assert_eq!(run.stage(&state), name, "{state}");
            let account = if run == Source { AccountRole::Source } else { AccountRole::Destination };
            assert_eq!(Run::of(account, &state), run, "{state}");
        }
    }

    #[test]
    fn a_status_change_is_told_too() {
        let event = json!({"detail-type": "Step Functions Execution Status Change",
            "detail": {"executionArn": EXECUTION, "status": "TIMED_OUT", "input": "{\"SourceDBIdentifier\":\"orders\"}"}});
        let alert = Alert::of_event(AccountRole::Source, &event).unwrap().unwrap();
        assert_eq!(alert.subject(), "RDS replication of orders timed out: TIMED_OUT");
        let event = json!({"detail-type": "Step Functions Execution Status Change",
            "detail": {"executionArn": EXECUTION, "status": "ABORTED", "input": "{\"version\":\"previous\"}"}});
        let alert = Alert::of_event(AccountRole::Destination, &event).unwrap().unwrap();
        assert_eq!(alert.subject(), "RDS rollback was stopped: ABORTED");
        assert!(alert.text().starts_with("A rollback was stopped."), "{}", alert.text());
    }

    #[test]
    fn an_ordinary_envelope_is_no_alert() {
        assert_eq!(
            Alert::of_event(AccountRole::Source, &json!({"execution": {}, "state": {}})).unwrap(),
            None
        );
    }
}
