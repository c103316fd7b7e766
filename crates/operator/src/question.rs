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
    let request = request(account, question, &url, &fields.to_string()).await?;
    let config = &account.config;
    let mut builder = Operation::builder()
        .service_name(question.service)
        .operation_name(question.operation)
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
    let operation = builder.serializer(signed).deserializer(answer).build();
    operation
        .invoke(request)
        .await
        .map_err(|error: SdkError<Refused, HttpResponse>| fault(question.operation, &error))
}

/// Everything that is sent.
#[derive(Debug)]
struct Request {
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

async fn request(account: &Account, question: Question, url: &str, body: &str) -> Result<Request, Failure> {
    let unsigned =
        |why: String| Failure::named("NoCredentialsError", format!("{}: {why}", question.operation));
    let provider =
        account.config.credentials_provider().ok_or_else(|| unsigned("no credentials".to_owned()))?;
    let credentials = provider.provide_credentials().await.map_err(|error| unsigned(error.to_string()))?;
    let identity = credentials.into();
    let failed =
        |error: &dyn fmt::Display| Failure::named("SigningError", format!("{}: {error}", question.operation));
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(&account.region)
        .name(question.service)
        .time(SystemTimeSource::new().now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| failed(&error))?
        .into();
    let mut headers = vec![
        ("content-type".to_owned(), format!("application/x-amz-json-{}", question.version)),
        ("x-amz-target".to_owned(), question.target.to_owned()),
    ];
    let signable = {
        let of_request = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        SignableRequest::new("POST", url, of_request, SignableBody::Bytes(body.as_bytes()))
    };
    let signable = signable.map_err(|error| failed(&error))?;
    let (instructions, _) = sign(signable, &parameters).map_err(|error| failed(&error))?.into_parts();
    headers.extend(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())));
    Ok(Request { url: url.to_owned(), headers, body: body.to_owned() })
}

fn signed(request: Request) -> Result<HttpRequest, BoxError> {
    let mut http = HttpRequest::new(SdkBody::from(request.body));
    http.set_method("POST")?;
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
    let code = text(["__type", "code", "Code"]).unwrap_or_else(|| response.status().to_string());
    // A shape is named with its name space.
    let code = code.rsplit('#').next().unwrap_or_default().to_owned();
    let metadata = ErrorMetadata::builder().code(code);
    let metadata = match text(["message", "Message", "errorMessage"]) {
        Some(message) => metadata.message(message),
        None => metadata,
    };
    Err(OrchestratorError::operation(Refused(metadata.build())))
}
