//! The `share` function; the library says what it does.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_task::Stop> {
    let environment = lambda_task::start();
    let aws = aws_client::config(environment.names_certificates()).await;
    let rds = aws_sdk_rds::Client::new(&aws);
    lambda_task::serve(share::Config::read(&environment), async |config, input, now| {
        share::run(&rds, config, input, now).await
    })
    .await
}
