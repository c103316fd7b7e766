//! The `share` function; the library says what it does.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_task::Stop> {
    let environment = lambda_task::start();
    let aws = aws_client::config(environment.names_certificates()).await;
    let rds = rds_access::Regions::new(&aws, lambda_task::copies_into(&environment));
    lambda_task::serve(share::Config::read(&environment), async |config, input, now| {
        share::run(&rds, config, input, now).await
    })
    .await
}
