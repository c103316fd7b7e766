//! Writes down what AWS answers: it stands between the SDKs and the network, so that it sees every attempt of every call.

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::redaction::Redaction;
use super::xml;
use crate::account::Account;
use crate::execution::tenths;

/// The form of a recording; another one gets another number.
pub const FORMAT: u32 = 1;

/// A recording, one JSON document a line.
pub struct Tape {
    written: Mutex<Written>,
    clock: fn() -> OffsetDateTime,
    started: OffsetDateTime,
}

struct Written {
    file: File,
    redaction: Redaction,
    last: Map<String, Value>,
}

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tape")
    }
}

/// One call, as it was sent.
#[derive(Debug, Clone, PartialEq)]
struct Call {
    service: &'static str,
    operation: String,
    asked: Value,
}

impl Tape {
    /// Begins a recording in this file.
    ///
    /// # Errors
    /// What the system says.
    pub fn begin(file: &Path, redaction: Redaction, clock: fn() -> OffsetDateTime) -> std::io::Result<Self> {
        let mut file = File::create(file)?;
        let head = json!({"format": FORMAT, "recording": "rds-replication trial", "version": env!("CARGO_PKG_VERSION")});
        writeln!(file, "{head}")?;
        let started = clock();
        let redaction = redaction.counting_from(started);
        let written = Written { file, redaction, last: Map::new() };
        Ok(Self { written: Mutex::new(written), clock, started })
    }

    /// Keeps a text out of the recording, whatever field it is in.
    pub fn forbid(&self, text: &str) {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).redaction.forbid(text);
    }

    /// Writes an answer down that did not come from an SDK.
    pub fn note(&self, account: &str, service: &'static str, operation: &str, answer: &Value) {
        let call = Call { service, operation: operation.to_owned(), asked: json!({}) };
        self.write(account, &call, 200, answer);
    }

    fn write(&self, account: &str, call: &Call, status: u16, answer: &Value) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let at = ((self.clock)() - self.started).as_seconds_f64();
        let mut line = json!({
            "account": account, "service": call.service, "operation": call.operation,
            "asked": written.redaction.fields(&call.asked), "status": status,
        });
        if (200..300).contains(&status) {
            line["answer"] = written.redaction.fields(answer);
        } else {
            line["code"] = code(answer).map_or(Value::Null, |code| Redaction::code(&code).into());
        }
        // The same answer to the same question says nothing new.
        let question = format!("{account} {} {} {}", call.service, call.operation, line["asked"]);
        if written.last.get(&question) == Some(&line) {
            return;
        }
        written.last.insert(question, line.clone());
        line["at"] = json!(tenths(at));
        // A recording that cannot be written is no reason to leave a database behind.
        let _ = writeln!(written.file, "{line}").and_then(|()| written.file.flush());
    }
}

/// The lines of a recording; those that can be read, because what is said of them must not end a trial.
pub fn read(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The account whose clients write down what they are answered.
pub fn recorded(account: &Account, role: &'static str, tape: &Arc<Tape>) -> Account {
    let Some(inner) = account.config.http_client() else { return account.clone() };
    let client = Recorder { inner, role, tape: Arc::clone(tape) };
    Account { config: account.config.to_builder().http_client(client).build(), ..account.clone() }
}

#[derive(Debug, Clone)]
struct Recorder {
    inner: SharedHttpClient,
    role: &'static str,
    tape: Arc<Tape>,
}

#[derive(Debug, Clone)]
struct Connector {
    inner: SharedHttpConnector,
    role: &'static str,
    tape: Arc<Tape>,
}

impl HttpClient for Recorder {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Connector { inner, role: self.role, tape: Arc::clone(&self.tape) })
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default());
        let call = call(target, &body);
        let answered = self.inner.call(request);
        let (tape, role) = (Arc::clone(&self.tape), self.role);
        HttpConnectorFuture::new(async move {
            let mut response = answered.await?;
            let Some(call) = call else { return Ok(response) };
            let body = collected(&mut response).await?;
            let text = String::from_utf8_lossy(&body);
            let answer = if text.trim_start().starts_with('<') {
                result(xml::fields(&text))
            } else {
                serde_json::from_str(&text).unwrap_or_default()
            };
            tape.write(role, &call, response.status().as_u16(), &answer);
            Ok(response)
        })
    }
}

/// The body of a response, which keeps it.
async fn collected(response: &mut HttpResponse) -> Result<Vec<u8>, ConnectorError> {
    let body = ByteStream::new(response.take_body()).collect().await;
    let body = body.map_err(|error| ConnectorError::io(error.into()))?.to_vec();
    *response.body_mut() = SdkBody::from(body.clone());
    Ok(body)
}

/// The call in a request, if it is of a service that is recorded.
fn call(target: &str, body: &str) -> Option<Call> {
    if let Some((service, operation)) = target.split_once('.') {
        let service = match service {
            "AWSStepFunctions" => "states",
            "secretsmanager" => "secretsmanager",
            "TrentService" => "kms",
            _ => return None,
        };
        let asked = serde_json::from_str(body).unwrap_or_default();
        return Some(Call { service, operation: operation.to_owned(), asked });
    }
    let mut asked = Map::new();
    for (name, value) in body.split('&').filter_map(|pair| pair.split_once('=')) {
        // Of a list its name is enough.
        let name = name.split('.').next().unwrap_or_default();
        asked.insert(name.to_owned(), decoded(value).into());
    }
    let operation = asked.remove("Action")?.as_str()?.to_owned();
    let version = asked.remove("Version")?;
    (version == "2014-10-31").then(|| Call { service: "rds", operation, asked: asked.into() })
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16)).unwrap_or_default();
        let byte = if byte == b'%' { u8::try_from(digit() * 16 + digit()).unwrap_or_default() } else { byte };
        bytes.push(byte);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The result inside an answer in the Query protocol.
fn result(mut answer: Value) -> Value {
    for end in ["Response", "Result"] {
        let inner = answer.as_object_mut().and_then(|fields| {
            fields.iter_mut().find(|(name, _)| name.ends_with(end)).map(|(_, value)| value.take())
        });
        match inner {
            Some(inner) => answer = inner,
            None => break,
        }
    }
    answer
}

/// The code of an error.
fn code(answer: &Value) -> Option<String> {
    let named = answer["Error"]["Code"].as_str().or(answer["__type"].as_str()).or(answer["code"].as_str())?;
    Some(named.rsplit('#').next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::tests::FakeAccount;

    fn stopped() -> OffsetDateTime {
        datetime!(2026-11-26 12:00 UTC)
    }

    #[tokio::test]
    async fn what_the_clients_are_answered_is_written_down_once() {
        let fake = FakeAccount::new("111111111111");
        let snapshot =
            json!({"DBSnapshotIdentifier": "orders-1", "Status": "creating", "MasterUsername": "owner"});
        fake.answer("DescribeDBSnapshots", json!({"DBSnapshots": [snapshot]}));
        fake.answer(
            "GetSecretValue",
            json!({"Name": "orders/db", "SecretString": "{\"password\":\"canary\"}"}),
        );
        fake.refuse("DescribeDBInstances", "DBInstanceNotFound");
        let file = std::env::temp_dir().join(format!("trial-tape-{}.jsonl", std::process::id()));
        let redaction = Redaction::new("111111111111", "222222222222", &[]);
        let tape = Arc::new(Tape::begin(&file, redaction, stopped).unwrap());
        let account = recorded(&fake.account(), "A", &tape);
        for _ in 0..3 {
            let found = account
                .rds()
                .describe_db_snapshots()
                .db_snapshot_identifier("orders-1")
                .send()
                .await
                .unwrap();
            assert_eq!(found.db_snapshots()[0].master_username(), Some("owner"));
        }
        let secret = account.secrets().get_secret_value().secret_id("orders/db").send().await.unwrap();
        assert!(secret.secret_string().unwrap().contains("canary"));
        account.rds().describe_db_instances().db_instance_identifier("orders").send().await.unwrap_err();
        account.number().await.unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        for hidden in ["canary", "owner", "orders", "111111111111"] {
            assert!(!text.contains(hidden), "{hidden}: {text}");
        }
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert_eq!(lines[1]["answer"]["DBSnapshots"]["DBSnapshot"]["Status"], "creating");
        assert_eq!(lines[1]["asked"]["DBSnapshotIdentifier"], "snapshot-1");
        assert_eq!(lines[2]["answer"]["SecretString"], "text");
        assert_eq!((&lines[3]["code"], &lines[3]["status"]), (&json!("DBInstanceNotFound"), &json!(400)));
    }
}
