//! The `restore` function; the library says what it does.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_task::Stop> {
    let environment = lambda_task::start();
    let aws = aws_client::config(environment.names_certificates()).await;
    let rds = aws_sdk_rds::Client::new(&aws);
    let secrets = aws_sdk_secretsmanager::Client::new(&aws);
    lambda_task::serve(restore::Config::read(&environment), async |config, input, now| {
        restore::run(&rds, &secrets, config, input, now).await
    })
    .await
}
