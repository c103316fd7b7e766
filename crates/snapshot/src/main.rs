//! The `snapshot` function; the library says what it does.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_task::Stop> {
    let environment = lambda_task::start();
    let aws = aws_client::config(environment.names_certificates()).await;
    let rds = aws_sdk_rds::Client::new(&aws);
    lambda_task::serve(snapshot::Config::read(&environment), async |config, input, now| {
        snapshot::run(&rds, config, input, now).await
    })
    .await
}
