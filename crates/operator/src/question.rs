//! Single questions to services of which no more is wanted than one answer: a whole SDK for each would take a user longer to
//! compile than all the rest. They are asked in the JSON protocol of AWS, by the client and the credentials of the SDKs.

use std::fmt;

use aws_credential_types::provider::ProvideCredentials;
use aws_sdk_cloudformation::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
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
use serde_json::Value;

use crate::account::Account;
use crate::failure::{Failure, fault};

/// What is asked.
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

/// Asks, with the fields of the request, for the fields of the answer.
///
/// # Errors
/// A fault of the service or of the way to it.
pub async fn ask(account: &Account, question: Question, fields: &Value) -> Result<Value, Failure> {
    let url = endpoint(account, question.service).await?;
    let headers = vec![
        ("content-type".to_owned(), format!("application/x-amz-json-{}", question.version)),
        ("x-amz-target".to_owned(), question.target.to_owned()),
    ];
    let request = Request { method: "POST", url, headers, body: fields.to_string() };
    send(account, question.service, question.operation, request).await
}

/// Reads what a service has under a path, whose protocol is that of paths.
///
/// # Errors
/// A fault of the service or of the way to it.
pub async fn get(
    account: &Account,
    service: &'static str,
    operation: &'static str,
    path: &str,
) -> Result<Value, Failure> {
    let url = endpoint(account, service).await? + path;
    send(
        account,
        service,
        operation,
        Request { method: "GET", url, headers: Vec::new(), body: String::new() },
    )
    .await
}

async fn send(
    account: &Account,
    service: &'static str,
    operation: &'static str,
    request: Request,
) -> Result<Value, Failure> {
    let url = request.url.clone();
    let request = signing(account, service, operation, request).await?;
    let config = &account.config;
    let mut builder = Operation::builder()
        .service_name(service)
        .operation_name(operation)
        .endpoint_url(&url)
        .no_auth()
        .time_source(SystemTimeSource::new())
        .retry_classifier(TransientErrorClassifier::<Refused>::new())
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
    let asking = builder.serializer(signed).deserializer(answer).build();
    asking.invoke(request).await.map_err(|error: SdkError<Refused, HttpResponse>| fault(operation, &error))
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

async fn signing(
    account: &Account,
    service: &'static str,
    operation: &'static str,
    mut request: Request,
) -> Result<Request, Failure> {
    let unsigned = |why: String| Failure::named("NoCredentialsError", format!("{operation}: {why}"));
    let provider =
        account.config.credentials_provider().ok_or_else(|| unsigned("no credentials".to_owned()))?;
    let credentials = provider.provide_credentials().await.map_err(|error| unsigned(error.to_string()))?;
    let identity = credentials.into();
    let failed = |error: &dyn fmt::Display| Failure::named("SigningError", format!("{operation}: {error}"));
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(&account.region)
        .name(service)
        .time(SystemTimeSource::new().now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| failed(&error))?
        .into();
    let signable = {
        let of_request = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let body = SignableBody::Bytes(request.body.as_bytes());
        SignableRequest::new(request.method, &request.url, of_request, body)
    };
    let signable = signable.map_err(|error| failed(&error))?;
    let (instructions, _) = sign(signable, &parameters).map_err(|error| failed(&error))?.into_parts();
    request.headers.extend(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())));
    Ok(request)
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

fn answer(response: &HttpResponse) -> Result<Value, OrchestratorError<Refused>> {
    let fields: Value =
        serde_json::from_slice(response.body().bytes().unwrap_or_default()).unwrap_or_default();
    if response.status().is_success() {
        return Ok(fields);
    }
    let text = |names: [&str; 3]| names.iter().find_map(|name| fields[*name].as_str()).map(str::to_owned);
    let code = text(["__type", "code", "Code"])
        .or_else(|| response.headers().get("x-amzn-errortype").map(str::to_owned))
        .unwrap_or_else(|| response.status().to_string());
    // A shape is named with its name space.
    let code = code.rsplit('#').next().unwrap_or_default().to_owned();
    let metadata = ErrorMetadata::builder().code(code);
    let metadata = match text(["message", "Message", "errorMessage"]) {
        Some(message) => metadata.message(message),
        None => metadata,
    };
    Err(OrchestratorError::operation(Refused(metadata.build())))
}
