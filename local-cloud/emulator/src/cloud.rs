//! What this server asks the local cloud beside KMS: may this principal do this, and what is there in its account?

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

use crate::emulator::locked;
use crate::network::{self, Surroundings};
use crate::query::Tags;
use crate::refusal::Refusal;

/// A request as it came, which is what its signature covers.
#[derive(Debug, Serialize)]
pub struct Received {
    pub method: String,
    pub path: String,
    pub query: String,
    /// By lower-case name.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Received {
    /// The scope of the credential that the request says it is signed with.
    fn credential_scope(&self) -> Option<&str> {
        let (_, named) = self.headers.get("authorization")?.split_once("Credential=")?;
        named.split(',').next()
    }
}

/// One thing that the caller needs to be allowed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    pub action: String,
    pub resource: String,
    pub resource_tags: Tags,
    pub request_tags: Tags,
    /// Condition keys of the service's own.
    pub keys: BTreeMap<&'static str, String>,
}

/// Who sent a request, and to which Region.
#[derive(Debug, Clone)]
pub struct Caller {
    pub account: String,
    pub principal_arn: String,
    pub region: String,
}

#[derive(Serialize)]
struct Question<'a> {
    request: &'a Received,
    service: &'static str,
    checks: &'a [Check],
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    account: String,
    #[serde(default)]
    principal_arn: String,
    #[serde(default)]
    region: String,
    #[serde(default)]
    allowed: bool,
    denied: Option<Denied>,
    error: Option<Rejected>,
}

#[derive(Deserialize)]
struct Denied {
    message: String,
}

#[derive(Deserialize)]
struct Rejected {
    code: String,
    message: String,
}

/// Log groups in CloudWatch Logs.
#[derive(Debug, Serialize)]
pub struct LogGroups<'a> {
    pub account: &'a str,
    pub region: &'a str,
    pub names: Vec<String>,
}

/// The local cloud.
pub struct Cloud {
    /// `host:port`
    authority: String,
    /// Connections that were of use and may be so again: to make one is a third of what a question costs the other side.
    idle: Mutex<Vec<Connection>>,
    /// Who has signed requests with which credential, as its scope names it: the key, the day, the Region, the service.
    callers: Mutex<HashMap<String, Caller>>,
}

type Connection = SendRequest<Full<Bytes>>;
type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Cloud {
    /// The cloud at `http://host:port`.
    pub fn new(url: &str) -> Option<Self> {
        let authority = url.strip_prefix("http://")?.trim_end_matches('/').to_owned();
        Some(Self { authority, idle: Mutex::default(), callers: Mutex::default() })
    }

    /// Verifies the signature of `request` and every one of `checks`, in order.
    pub async fn authorise(&self, request: &Received, checks: &[Check]) -> Result<Caller, Refusal> {
        let question = Question { request, service: "rds", checks };
        let answer: Answer = self.ask("authorize", &question).await?;
        if let Some(Rejected { code, message }) = answer.error {
            return Err(Refusal::new(&code, 403, message));
        }
        if let (false, denied) = (answer.allowed, answer.denied) {
            return Err(Refusal::access_denied(
                denied.map_or_else(|| "access denied".to_owned(), |denied| denied.message),
            ));
        }
        let caller =
            Caller { account: answer.account, principal_arn: answer.principal_arn, region: answer.region };
        if let Some(scope) = request.credential_scope() {
            locked(&self.callers).insert(scope.to_owned(), caller.clone());
        }
        Ok(caller)
    }

    /// Who has signed an earlier request with the credential that this one names: a key belongs to one principal for ever.
    /// Whether this request is signed well, and may still be, has to be asked before anything is done or said.
    pub fn claimed_caller(&self, request: &Received) -> Option<Caller> {
        locked(&self.callers).get(request.credential_scope()?).cloned()
    }

    /// What RDS finds in an account by its own rights.
    pub async fn surroundings(&self, question: &network::Question<'_>) -> Result<Surroundings, Refusal> {
        self.ask("surroundings", question).await
    }

    /// Has the log groups of an instance made, where there are none.
    pub async fn make_log_groups(&self, groups: &LogGroups<'_>) -> Result<(), Refusal> {
        self.ask::<serde::de::IgnoredAny>("log-groups", groups).await.map(drop)
    }

    async fn ask<T: DeserializeOwned>(&self, what: &str, question: &impl Serialize) -> Result<T, Refusal> {
        self.post(what, serde_json::to_vec(question).unwrap_or_default()).await.map_err(|error| {
            tracing::error!(error = %error, what, "the local cloud does not answer");
            Refusal::internal()
        })
    }

    async fn post<T: DeserializeOwned>(&self, what: &str, question: Vec<u8>) -> Result<T, Failure> {
        let question = Bytes::from(question);
        let idle = locked(&self.idle).pop();
        if let Some(connection) = idle {
            // The other side may have closed it meanwhile. Every question may be asked twice.
            if let Ok(answer) = self.post_by(connection, what, question.clone()).await {
                return Ok(serde_json::from_slice(&answer)?);
            }
        }
        let stream = TcpStream::connect(&self.authority).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(serde_json::from_slice(&self.post_by(sender, what, question).await?)?)
    }

    async fn post_by(&self, mut by: Connection, what: &str, question: Bytes) -> Result<Bytes, Failure> {
        by.ready().await?;
        let request = Request::post(format!("/_local-cloud/{what}"))
            .header("host", &self.authority)
            .header("content-type", "application/json")
            .body(Full::new(question))?;
        let response = by.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            return Err(format!("it answered {status}").into());
        }
        locked(&self.idle).push(by);
        Ok(body)
    }
}
