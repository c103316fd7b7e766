//! The `notify` function; the library says what it does.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_task::Stop> {
    let environment = lambda_task::start();
    let aws = aws_client::config(environment.names_certificates()).await;
    let (sns, states) = (aws_sdk_sns::Client::new(&aws), aws_sdk_sfn::Client::new(&aws));
    lambda_task::serve(notify::Config::read(&environment), async |config, input, _now| {
        notify::run(&sns, &states, config, input).await
    })
    .await
}
