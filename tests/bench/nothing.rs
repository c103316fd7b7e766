//! A function that does nothing, on the same runtime and with the same profile as the others: what no function in Rust can
//! start without. `scripts/bench start` measures the others beside it.

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        Ok::<_, lambda_runtime::Error>(event.payload)
    }))
    .await
}
