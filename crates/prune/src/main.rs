//! The `prune` function; the library says what it does.

use lambda_task::AccountRole;
use prune::{destination, source};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_task::Stop> {
    let environment = lambda_task::start();
    let aws = aws_client::config(environment.names_certificates()).await;
    match AccountRole::read(&environment) {
        Ok(AccountRole::Source) => {
            let regions = rds_access::Regions::new(&aws, lambda_task::copies_into(&environment));
            lambda_task::serve(source::Config::read(&environment), async |config, input, now| {
                source::run(&regions, config, input, now).await
            })
            .await
        }
        Ok(AccountRole::Destination) => {
            let rds = aws_sdk_rds::Client::new(&aws);
            let secrets = aws_sdk_secretsmanager::Client::new(&aws);
            let clients = destination::Clients { rds, secrets, machines: aws_sdk_sfn::Client::new(&aws) };
            lambda_task::serve(destination::Config::read(&environment), async |config, input, now| {
                destination::run(&clients, config, input, now).await
            })
            .await
        }
        Err(error) => lambda_task::refuse(error).await,
    }
}
