//! The `copy` function; the library says what it does.

use copy::{destination, source};
use lambda_task::AccountRole;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_task::Stop> {
    let environment = lambda_task::start();
    let aws = aws_client::config(environment.names_certificates()).await;
    let rds = aws_sdk_rds::Client::new(&aws);
    let kms = aws_sdk_kms::Client::new(&aws);
    match AccountRole::read(&environment) {
        Ok(AccountRole::Source) => {
            lambda_task::serve(source::Config::read(&environment), async |config, input, now| {
                source::run(&rds, &kms, config, input, now).await
            })
            .await
        }
        Ok(AccountRole::Destination) => {
            let secrets = aws_sdk_secretsmanager::Client::new(&aws);
            lambda_task::serve(destination::Config::read(&environment), async |config, input, now| {
                destination::run(&rds, &kms, &secrets, config, input, now).await
            })
            .await
        }
        Err(error) => lambda_task::refuse(error).await,
    }
}
