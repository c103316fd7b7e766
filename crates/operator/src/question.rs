//! Single questions to services of which no more is wanted than one answer: a whole SDK for each would take a user longer to
//! compile than all the rest. They are asked in the protocols of AWS (JSON, Query, and JSON at paths), by the client and the
//! credentials of the SDKs.

pub mod xml;

use std::fmt;

use aws_credential_types::provider::ProvideCredentials;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_sdk_cloudformation::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_sdk_sts::config::endpoint as sts;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_async::time::{SystemTimeSource, TimeSource};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};
use replication::place::Place;
use serde_json::Value;

use self::xml::Element;
use crate::account::Account;
use crate::failure::{Failure, fault};

/// What is asked in the JSON protocol.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// The service, as its hosts and signatures name it.
    pub service: &'static str,
    /// The operation, as it is refused.
    pub operation: &'static str,
    /// The name of the operation in the protocol.
    pub target: &'static str,
    /// The version of the protocol.
    pub version: &'static str,
}

/// The service that has one endpoint for all Regions.
const GLOBAL: &str = "iam";
/// What stands for all Regions of the first partition (partition metadata of the SDKs).
const ALL_REGIONS: &str = "aws-global";
/// That partition.
const FIRST_PARTITION: &str = "aws";

/// What the service has refused.
#[derive(Debug)]
struct Refused(ErrorMetadata);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Refused {}

impl ProvideErrorMetadata for Refused {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

/// What is asked in the Query protocol.
#[derive(Debug, Clone, Copy)]
pub struct Query {
    /// The service, as its hosts and signatures name it.
    pub service: &'static str,
    /// The operation, as it is refused.
    pub operation: &'static str,
    /// The version of the API.
    pub version: &'static str,
}

/// Asks, with the fields of the request, for the fields of the answer.
///
/// # Errors
/// A fault of the service or of the way to it.
pub async fn ask(account: &Account, question: Question, fields: &Value) -> Result<Value, Failure> {
    let target = Some(question.target);
    let asked = Asked {
        service: question.service,
        operation: question.operation,
        method: "POST",
        path: "",
        content: Some((format!("application/x-amz-json-{}", question.version), fields.to_string())),
        target,
    };
    send(account, asked, json_answer).await
}

/// Asks in the Query protocol, with the fields of the request; answers with the root of what comes back.
///
/// # Errors
/// A fault of the service or of the way to it.
pub async fn ask_query(
    account: &Account,
    question: Query,
    fields: &[(String, String)],
) -> Result<Element, Failure> {
    let action = question.operation.rsplit(':').next().unwrap_or_default();
    let usual = [("Action", action), ("Version", question.version)];
    let given = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let pairs =
        usual.into_iter().chain(given).map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    let body = pairs.collect::<Vec<_>>().join("&");
    let asked = Asked {
        service: question.service,
        operation: question.operation,
        method: "POST",
        path: "",
        content: Some(("application/x-www-form-urlencoded; charset=utf-8".to_owned(), body)),
        target: None,
    };
    send(account, asked, xml_answer).await
}

/// Asks for what is at a path of a service.
///
/// # Errors
/// A fault of the service or of the way to it.
pub async fn get(
    account: &Account,
    service: &'static str,
    operation: &'static str,
    path: &str,
) -> Result<Value, Failure> {
    let asked = Asked { service, operation, method: "GET", path, content: None, target: None };
    send(account, asked, json_answer).await
}

/// A text as a form has it.
fn encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// A request, whatever its protocol is.
struct Asked<'a> {
    service: &'static str,
    operation: &'static str,
    method: &'static str,
    path: &'a str,
    /// The type of the body, and the body.
    content: Option<(String, String)>,
    target: Option<&'static str>,
}

async fn send<T: fmt::Debug + Send + Sync + 'static>(
    account: &Account,
    asked: Asked<'_>,
    answer: fn(&HttpResponse) -> Result<T, OrchestratorError<Refused>>,
) -> Result<T, Failure> {
    let (url, region) = match account.config.endpoint_url() {
        None if asked.service == GLOBAL => global_endpoint(account, asked.service).await?,
        _ => (endpoint(account, asked.service).await?, account.region.clone()),
    };
    let request = request(account, &asked, &format!("{url}{}", asked.path), &region).await?;
    let config = &account.config;
    let mut builder = Operation::builder()
        .service_name(asked.service)
        .operation_name(asked.operation)
        .endpoint_url(&url)
        .no_auth()
        .time_source(SystemTimeSource::new())
        .retry_classifier(TransientErrorClassifier::<Refused>::new())
        .retry_classifier(AwsErrorCodeClassifier::<Refused>::new())
        .retry_classifier(HttpStatusCodeClassifier::default());
    if let Some(version) = config.behavior_version() {
        builder = builder.behavior_version(version);
    }
    if let Some(client) = config.http_client() {
        builder = builder.http_client(client);
    }
    if let Some(sleep) = config.sleep_impl() {
        builder = builder.sleep_impl(sleep);
    }
    if let Some(timeouts) = config.timeout_config() {
        builder = builder.timeout_config(timeouts.clone());
    }
    builder = match config.retry_config() {
        Some(retries) => builder.standard_retry(retries),
        None => builder.no_retry(),
    };
    let operation = builder.serializer(signed).deserializer(answer).build();
    operation
        .invoke(request)
        .await
        .map_err(|error: SdkError<Refused, HttpResponse>| fault(asked.operation, &error))
}

/// Everything that is sent.
#[derive(Debug)]
struct Request {
    method: &'static str,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// Where a service answers: at the endpoint that stands for all of them, or else beside CloudFormation.
async fn endpoint(account: &Account, service: &str) -> Result<String, Failure> {
    if let Some(url) = account.config.endpoint_url() {
        return Ok(url.trim_end_matches('/').to_owned() + "/");
    }
    let unknown = |why: String| {
        Failure::named("UnknownEndpointError", format!("finding the endpoint of {service}: {why}"))
    };
    let parameters = Params::builder()
        .region(account.region.as_str())
        .use_fips(account.config.use_fips().unwrap_or_default())
        .use_dual_stack(account.config.use_dual_stack().unwrap_or_default());
    let parameters = parameters.build().map_err(|error| unknown(error.to_string()))?;
    let found = DefaultResolver::new();
    let found = ResolveEndpoint::resolve_endpoint(&found, &parameters).await;
    let found = found.map_err(|error| unknown(error.to_string()))?;
    Ok(found.url().replacen("cloudformation", service, 1) + "/")
}

/// Where a service answers that has one endpoint for all Regions, and the Region that its requests are signed for: as STS has it,
/// whose SDK knows it.
async fn global_endpoint(account: &Account, service: &str) -> Result<(String, String), Failure> {
    let unknown = |why: &str| {
        Failure::named("UnknownEndpointError", format!("finding the endpoint of {service}: {why}"))
    };
    // Of other partitions STS has no such endpoint.
    let own = Place { partition: String::new(), account: String::new(), region: String::new() };
    if own.in_region(&account.region).partition != FIRST_PARTITION {
        return Err(unknown("it is not known in this partition"));
    }
    let parameters = sts::Params::builder().region(ALL_REGIONS).use_global_endpoint(true).build();
    let parameters = parameters.map_err(|error| unknown(&error.to_string()))?;
    let found = sts::DefaultResolver::new();
    let found = sts::ResolveEndpoint::resolve_endpoint(&found, &parameters).await;
    let found = found.map_err(|error| unknown(&error.to_string()))?;
    let region = found.auth_schemes().first().and_then(|scheme| scheme.get("signingRegion")?.as_string());
    let region = region.ok_or_else(|| unknown("the Region of its signatures is not said"))?;
    Ok((found.url().replacen("sts", service, 1) + "/", region.to_owned()))
}

async fn request(account: &Account, asked: &Asked<'_>, url: &str, region: &str) -> Result<Request, Failure> {
    let unsigned = |why: String| Failure::named("NoCredentialsError", format!("{}: {why}", asked.operation));
    let provider =
        account.config.credentials_provider().ok_or_else(|| unsigned("no credentials".to_owned()))?;
    let credentials = provider.provide_credentials().await.map_err(|error| unsigned(error.to_string()))?;
    let identity = credentials.into();
    let failed =
        |error: &dyn fmt::Display| Failure::named("SigningError", format!("{}: {error}", asked.operation));
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(asked.service)
        .time(SystemTimeSource::new().now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| failed(&error))?
        .into();
    let mut headers = Vec::new();
    let mut body = String::new();
    if let Some((kind, text)) = &asked.content {
        headers.push(("content-type".to_owned(), kind.clone()));
        body.clone_from(text);
    }
    headers.extend(asked.target.map(|target| ("x-amz-target".to_owned(), target.to_owned())));
    let signable = {
        let of_request = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        SignableRequest::new(asked.method, url, of_request, SignableBody::Bytes(body.as_bytes()))
    };
    let signable = signable.map_err(|error| failed(&error))?;
    let (instructions, _) = sign(signable, &parameters).map_err(|error| failed(&error))?.into_parts();
    headers.extend(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())));
    Ok(Request { method: asked.method, url: url.to_owned(), headers, body })
}

fn signed(request: Request) -> Result<HttpRequest, BoxError> {
    let mut http = HttpRequest::new(SdkBody::from(request.body));
    http.set_method(request.method)?;
    http.set_uri(request.url)?;
    for (name, value) in request.headers {
        http.headers_mut().try_insert(name, value)?;
    }
    Ok(http)
}

fn json_answer(response: &HttpResponse) -> Result<Value, OrchestratorError<Refused>> {
    let fields: Value =
        serde_json::from_slice(response.body().bytes().unwrap_or_default()).unwrap_or_default();
    if response.status().is_success() {
        return Ok(fields);
    }
    let text = |names: [&str; 3]| names.iter().find_map(|name| fields[*name].as_str()).map(str::to_owned);
    // What is asked at a path says it in a header, before what explains it.
    let of_header = response.headers().get("x-amzn-errortype").and_then(|code| code.split(':').next());
    let code = text(["__type", "code", "Code"]).or_else(|| of_header.map(str::to_owned));
    let code = code.unwrap_or_else(|| response.status().to_string());
    // A shape is named with its name space.
    let code = code.rsplit('#').next().unwrap_or_default().to_owned();
    Err(refused(code, text(["message", "Message", "errorMessage"])))
}

fn xml_answer(response: &HttpResponse) -> Result<Element, OrchestratorError<Refused>> {
    let text = std::str::from_utf8(response.body().bytes().unwrap_or_default()).unwrap_or_default();
    let root = xml::read(text).unwrap_or_default();
    if response.status().is_success() {
        return Ok(root);
    }
    let status = response.status().to_string();
    let Some(error) = root.find("Error") else { return Err(refused(status, None)) };
    let said = |name: &str| Some(error.text_of(name).to_owned()).filter(|text| !text.is_empty());
    Err(refused(said("Code").unwrap_or(status), said("Message")))
}

fn refused(code: String, message: Option<String>) -> OrchestratorError<Refused> {
    let metadata = ErrorMetadata::builder().code(code);
    let metadata = match message {
        Some(message) => metadata.message(message),
        None => metadata,
    };
    OrchestratorError::operation(Refused(metadata.build()))
}

#[cfg(test)]
mod tests {
    use aws_config::retry::RetryConfig;
    use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, Sleep};
    use serde_json::json;

    use super::*;
    use crate::tests::FakeAccount;

    const TOPICS: Query = Query { service: "sns", operation: "sns:ListTopics", version: "2010-03-31" };

    #[tokio::test]
    async fn each_protocol_has_answers_and_refusals() {
        let fake = FakeAccount::new("111111111111");
        let account = fake.account();
        fake.handle("ListTopics", |asked| {
            assert_eq!((&asked["Version"], &asked["NextToken"]), (&json!("2010-03-31"), &json!("a%20b%26c")));
            Ok(json!({"Topics": [{"TopicArn": "arn:a&b"}]}))
        });
        let fields = [("NextToken".to_owned(), "a b&c".to_owned())];
        let root = ask_query(&account, TOPICS, &fields).await.unwrap();
        assert_eq!(root.members("Topics")[0].text_of("TopicArn"), "arn:a&b");
        fake.refuse("ListTopics", "AuthorizationError");
        let refused = ask_query(&account, TOPICS, &[]).await.unwrap_err();
        assert_eq!(refused.code, "AuthorizationError");
        assert_eq!(refused.text, "sns:ListTopics was refused with AuthorizationError: not you");
        fake.answer("policy", json!({"Policy": "{}"}));
        let answer = get(&account, "lambda", "lambda:GetPolicy", "2015-03-31/functions/f/policy").await;
        assert_eq!(answer.unwrap()["Policy"], "{}");
        fake.refuse("policy", "AccessDeniedException");
        let refused = get(&account, "lambda", "lambda:GetPolicy", "2015-03-31/functions/f/policy").await;
        assert_eq!(refused.unwrap_err().code, "AccessDeniedException");
    }

    /// Waits for nothing.
    #[derive(Debug)]
    struct NoSleep;

    impl AsyncSleep for NoSleep {
        fn sleep(&self, _: std::time::Duration) -> Sleep {
            Sleep::new(std::future::ready(()))
        }
    }

    #[tokio::test]
    async fn what_is_throttled_is_asked_again() {
        let fake = FakeAccount::new("111111111111");
        let mut account = fake.account();
        let sleep = SharedAsyncSleep::new(NoSleep);
        account.config =
            account.config.to_builder().retry_config(RetryConfig::standard()).sleep_impl(sleep).build();
        fake.refuse("ListTopics", "Throttling");
        assert_eq!(ask_query(&account, TOPICS, &[]).await.unwrap_err().code, "Throttling");
        assert_eq!(fake.count("ListTopics"), 3);
        fake.refuse("ListTopics", "AuthorizationError");
        ask_query(&account, TOPICS, &[]).await.unwrap_err();
        assert_eq!(fake.count("ListTopics"), 4);
    }

    #[tokio::test]
    async fn iam_has_one_endpoint_for_all_regions() {
        let mut account = FakeAccount::new("111111111111").account();
        for region in ["eu-west-1", "eu-south-2"] {
            account.region = region.to_owned();
            let (url, signed_for) = global_endpoint(&account, "iam").await.unwrap();
            assert_eq!((url.as_str(), signed_for.as_str()), ("https://iam.amazonaws.com/", "us-east-1"));
        }
        account.region = "us-gov-east-1".to_owned();
        assert_eq!(global_endpoint(&account, "iam").await.unwrap_err().code, "UnknownEndpointError");
        assert_eq!(endpoint(&account, "sns").await.unwrap(), "https://sns.us-gov-east-1.amazonaws.com/");
    }
}
