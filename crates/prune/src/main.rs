//! The `prune` function; the library says what it does.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_task::Stop> {
    let environment = lambda_task::start();
    let aws = aws_client::config().await;
    let clients = prune::Clients {
        rds: aws_sdk_rds::Client::new(&aws),
        secrets: aws_sdk_secretsmanager::Client::new(&aws),
        machines: aws_sdk_sfn::Client::new(&aws),
    };
    lambda_task::serve(prune::Config::read(&environment), async |config, input, now| {
        prune::run(&clients, config, input, now).await
    })
    .await
}
