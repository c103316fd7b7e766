//! The `launch` function; the library says what it does.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_task::Stop> {
    let environment = lambda_task::start();
    let aws = aws_client::config(environment.names_certificates()).await;
    let machines = aws_sdk_sfn::Client::new(&aws);
    lambda_task::serve(launch::Config::read(&environment), async |config, input, _now| {
        launch::run(&machines, config, input).await
    })
    .await
}
