//! The `discover` function; the library says what it does.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_task::Stop> {
    let environment = lambda_task::start();
    let aws = aws_client::config(environment.names_certificates()).await;
    let regions = rds_access::Regions::new(&aws, lambda_task::copies_into(&environment));
    let states = aws_sdk_sfn::Client::new(&aws);
    lambda_task::serve(discover::Config::read(&environment), async |config, input, _now| {
        discover::run(&regions, &states, config, input).await
    })
    .await
}
