//! AWS as a table of answers: the SDKs' own clients, which check what they are asked and page by themselves, without a network.

mod docs;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use serde_json::{Map, Value, json};

use crate::account::Account;

/// The Region of every test.
pub const REGION: &str = "eu-west-1";

/// Answers with fields, or refuses with a code.
type Handler = Box<dyn Fn(&Value) -> Result<Value, String> + Send + Sync>;

/// One account. What nobody has set an answer for is refused with `AccessDenied`.
#[derive(Clone, Default)]
pub struct FakeAccount(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    answers: HashMap<String, Handler>,
    calls: Vec<String>,
    scopes: Vec<String>,
}

impl fmt::Debug for FakeAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FakeAccount")
    }
}

impl FakeAccount {
    /// The account of this number.
    pub fn new(number: &str) -> Self {
        let account = Self::default();
        account.answer("GetCallerIdentity", json!({"Account": number}));
        account
    }

    /// Sets what decides the answer of an operation such as `DescribeStacks`.
    pub fn handle(
        &self,
        operation: &str,
        handler: impl Fn(&Value) -> Result<Value, String> + Send + Sync + 'static,
    ) {
        self.0.lock().unwrap().answers.insert(operation.to_owned(), Box::new(handler));
    }

    /// Sets the answer of an operation.
    pub fn answer(&self, operation: &str, answer: Value) {
        self.handle(operation, move |_| Ok(answer.clone()));
    }

    /// Lets an operation be refused.
    pub fn refuse(&self, operation: &str, code: &'static str) {
        self.handle(operation, move |_| Err(code.to_owned()));
    }

    /// Sets answers that come in pages of two, whatever size is asked for.
    pub fn page(&self, operation: &str, key: &'static str, token: &'static str, items: Vec<Value>) {
        self.handle(operation, move |asked| Ok(paged(&items, key, token, asked)));
    }

    /// How often an operation was called.
    pub fn count(&self, operation: &str) -> usize {
        self.calls().iter().filter(|call| *call == operation).count()
    }

    /// Every call, in order.
    pub fn calls(&self) -> Vec<String> {
        self.0.lock().unwrap().calls.clone()
    }

    /// With what every call was signed, in order: whose key, the Region and the service.
    pub fn scopes(&self) -> Vec<String> {
        self.0.lock().unwrap().scopes.clone()
    }

    /// As the commands have it.
    pub fn account(&self) -> Account {
        let credentials = Credentials::new("key", "secret", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(SharedHttpClient::new(self.clone()))
            .build();
        Account {
            role: "destination",
            profile: String::new(),
            whose: "credentials of the environment".to_owned(),
            config,
            rds_endpoint: None,
            region: REGION.to_owned(),
        }
    }

    fn reply(&self, request: &HttpRequest) -> HttpResponse {
        let body = std::str::from_utf8(request.body().bytes().unwrap_or_default()).unwrap().to_owned();
        let target = request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next());
        let (operation, asked) = match target {
            Some(operation) => (operation.to_owned(), serde_json::from_str(&body).unwrap()),
            None => form(&body),
        };
        let mut table = self.0.lock().unwrap();
        table.calls.push(operation.clone());
        table.scopes.extend(request.headers().get("authorization").map(str::to_owned));
        let denied = || Err("AccessDenied".to_owned());
        let answer = table.answers.get(&operation).map_or_else(denied, |handler| handler(&asked));
        let status: u16 = if answer.is_ok() { 200 } else { 400 };
        let text = match (answer, target.is_some()) {
            (Ok(answer), true) => answer.to_string(),
            (Err(code), true) => {
                json!({"__type": format!("com.amazonaws#{code}"), "message": "not you"}).to_string()
            }
            (Ok(answer), false) => {
                format!(
                    "<{operation}Response><{operation}Result>{}</{operation}Result></{operation}Response>",
                    xml(&answer)
                )
            }
            (Err(code), false) => {
                let error = xml(&json!({"Error": {"Type": "Sender", "Code": code, "Message": "not you"}}));
                format!("<ErrorResponse>{error}</ErrorResponse>")
            }
        };
        HttpResponse::new(status.try_into().unwrap(), SdkBody::from(text))
    }
}

/// The page of these items that is asked for.
pub fn paged(items: &[Value], key: &str, token: &str, asked: &Value) -> Value {
    let start: usize = asked[token].as_str().map_or(0, |text| text.parse().unwrap());
    let page: Vec<Value> = items.iter().skip(start).take(2).cloned().collect();
    let mut answer = Map::new();
    answer.insert(key.to_owned(), page.into());
    if start + 2 < items.len() {
        answer.insert(token.to_owned(), (start + 2).to_string().into());
    }
    answer.into()
}

impl HttpClient for FakeAccount {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for FakeAccount {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(Ok(self.reply(&request)))
    }
}

/// The operation and the fields of a request in the Query protocol.
fn form(body: &str) -> (String, Value) {
    let decode = |text: &str| text.replace("%3A", ":").replace("%2F", "/").replace("%2A", "*");
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    let fields: Map<String, Value> =
        pairs.map(|(name, value)| (name.to_owned(), decode(value).into())).collect();
    (fields["Action"].as_str().unwrap().to_owned(), fields.into())
}

fn xml(value: &Value) -> String {
    let element = |(name, value): (&String, &Value)| format!("<{name}>{}</{name}>", items(name, value));
    match value {
        Value::Object(fields) => fields.iter().map(element).collect(),
        Value::String(text) => text.replace('&', "&amp;").replace('<', "&lt;"),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The items of a list have names of their own in RDS.
fn items(list: &str, value: &Value) -> String {
    let Value::Array(all) = value else { return xml(value) };
    let name = match list {
        "DBInstances" => "DBInstance",
        "DBSnapshots" => "DBSnapshot",
        "TagList" => "Tag",
        "AccountQuotas" => "AccountQuota",
        "DBSnapshotAttributes" => "DBSnapshotAttribute",
        "AttributeValues" => "AttributeValue",
        _ => "member",
    };
    all.iter().map(|item| format!("<{name}>{}</{name}>", xml(item))).collect()
}
