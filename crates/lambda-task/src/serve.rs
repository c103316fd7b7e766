//! The boundary between a task and the Lambda runtime.

use std::time::SystemTime;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use replication::{Error, ErrorName};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use time::OffsetDateTime;
use tracing::Metadata;
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::{Layer, prelude::*};

use crate::Environment;

/// Why the runtime stopped serving.
pub type Stop = lambda_runtime::Error;

/// What is logged where `RUST_LOG` does not say it.
const LEVEL: LevelFilter = LevelFilter::INFO;

/// Prepares the process: JSON log lines on standard output (`RUST_LOG` sets the level, also of single targets), and the
/// environment.
#[must_use]
pub fn start() -> Environment {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    let environment: Environment = std::env::vars().collect();
    let filter = filter(&environment);
    let lines =
        tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false).with_ansi(false);
    tracing_subscriber::registry()
        .with(lines.with_filter(filter_fn(|metadata| !repeats_a_failure(metadata))))
        .with(filter)
        .init();
    environment
}

/// The levels by `RUST_LOG`: one for all, or `target=level` with commas.
fn filter(environment: &Environment) -> Targets {
    let given = environment.logging().and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| Targets::new().with_default(LEVEL))
}

/// Whether it is the line by which the runtime logs the error that a task has answered, which [`serve`] has logged with its
/// name. The runtime logs panics from the same place, but those carry what was thrown in a field of its own.
fn repeats_a_failure(metadata: &Metadata<'_>) -> bool {
    metadata.target() == "lambda_runtime::layers::panic" && metadata.fields().field("error").is_none()
}

/// Serves a task: hands it its configuration, its parsed input and the time; reports its result, or its error under
/// the error's own name, which is what the state machine matches on.
///
/// A wrong configuration is reported at each call and not at the start, because an error at the start would reach
/// the machine as a nameless exit.
///
/// # Errors
/// Only when the Lambda runtime itself cannot be reached.
pub async fn serve<Config, Input, Output>(
    config: Result<Config, Error>,
    task: impl AsyncFn(&Config, Input, OffsetDateTime) -> Result<Output, Error>,
) -> Result<(), Stop>
where
    Input: DeserializeOwned,
    Output: Serialize,
{
    let (config, task) = (&config, &task);
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<Value>| {
        let request = event.context.request_id;
        let outcome = match config {
            Ok(config) => attempt(config, event.payload, task).await,
            Err(error) => Err(error.clone()),
        };
        // The one place where a result or a failure is logged, so that each is there once.
        match &outcome {
            Ok(output) => tracing::info!(request, output = %output, "task done"),
            Err(error) => {
                tracing::error!(request, error = error.name().as_str(), cause = %error, "task failed");
            }
        }
        outcome.map_err(diagnostic)
    }))
    .await
}

/// Answers every call with an error: that of a function that cannot know what it is for.
///
/// # Errors
/// Only when the Lambda runtime itself cannot be reached.
pub async fn refuse(error: Error) -> Result<(), Stop> {
    serve(Err::<(), _>(error), async |(), _input: Value, _now| Ok(Value::Null)).await
}

async fn attempt<Config, Input: DeserializeOwned, Output: Serialize>(
    config: &Config,
    payload: Value,
    task: &impl AsyncFn(&Config, Input, OffsetDateTime) -> Result<Output, Error>,
) -> Result<Value, Error> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    let now = OffsetDateTime::from(SystemTime::now());
    // Boxed, because the futures of SDK calls are nested deeper than the compiler follows by itself.
    let output = Box::pin(task(config, parse(payload)?, now)).await?;
    serde_json::to_value(output)
        .map_err(|error| Error::new(ErrorName::Rejected, "writing the result").because(error.to_string()))
}

/// Parses an event, here and not in the runtime, which would report a private type name as the error's.
///
/// # Errors
/// [`ErrorName::InvalidInput`], naming the field and what was wrong with it.
pub fn parse<Input: DeserializeOwned>(payload: Value) -> Result<Input, Error> {
    serde_path_to_error::deserialize(payload).map_err(|error| {
        Error::new(ErrorName::InvalidInput, format!("reading field {} of the event", error.path()))
            .because(error.inner().to_string())
            .advise("compare the input of the execution with the README")
    })
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it ends the error's way and is used as a function in map_err"
)]
fn diagnostic(error: Error) -> Diagnostic {
    Diagnostic { error_type: error.name().as_str().to_owned(), error_message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use replication::contract::{Envelope, SourceState};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_wrong_event_names_the_field() {
        let event = json!({"execution": {"id": "x", "name": "n", "startTime": "2026-11-22T10:34:00Z"},
                           "state": {"SourceDBIdentifier": "2orders"}});
        let error = parse::<Envelope<SourceState>>(event).unwrap_err();
        assert_eq!(error.name(), ErrorName::InvalidInput);
        assert!(error.to_string().contains("state.SourceDBIdentifier"), "{error}");
        assert_eq!(diagnostic(error).error_type, "InvalidInput");
    }

    #[test]
    fn the_environment_sets_what_is_logged() {
        use tracing::Level;
        let filter = |text: &str| filter(&[("RUST_LOG", text)].into_iter().collect());
        assert!(filter("debug").would_enable("rds", &Level::DEBUG));
        assert!(filter("info,aws=debug").would_enable("aws", &Level::DEBUG));
        for unusable in ["", "no such=level=at all"] {
            assert!(filter(unusable).would_enable("rds", &Level::INFO), "{unusable}");
            assert!(!filter(unusable).would_enable("rds", &Level::DEBUG), "{unusable}");
        }
    }

    /// > No setting of `RUST_LOG` makes the SDK log what it sends: it does that at the level `trace`, which is not compiled in.
    #[test]
    fn what_is_sent_is_never_logged() {
        assert_eq!(tracing::level_filters::STATIC_MAX_LEVEL, LevelFilter::DEBUG);
    }

    /// Notes of every event whether it repeats a failure.
    struct Notes(std::sync::mpsc::Sender<bool>);

    impl<S: tracing::Subscriber> Layer<S> for Notes {
        fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
            self.0.send(repeats_a_failure(event.metadata())).unwrap();
        }
    }

    #[test]
    fn a_failure_is_logged_once_and_a_panic_is_not_lost() {
        let (sender, repeated) = std::sync::mpsc::channel();
        let notes = tracing_subscriber::registry().with(Notes(sender));
        tracing::subscriber::with_default(notes, || {
            // As the runtime writes them (lambda_runtime 1.5, layers/panic.rs).
            let error = "what was answered or thrown";
            tracing::error!(target: "lambda_runtime::layers::panic", "{error:?}");
            tracing::error!(target: "lambda_runtime::layers::panic", ?error, "user handler panicked");
            tracing::error!("task failed");
        });
        assert_eq!(repeated.into_iter().collect::<Vec<_>>(), [true, false, false]);
    }
}
