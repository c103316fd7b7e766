//! The `copy` function; the library says what it does.

use copy::regions::{Regional, Regions};
use copy::{destination, source};
use lambda_task::AccountRole;
use replication::contract::{DestinationState, Envelope};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_task::Stop> {
    let environment = lambda_task::start();
    let aws = aws_client::config(environment.names_certificates()).await;
    let own = Regional::new(&aws);
    match AccountRole::read(&environment) {
        Ok(AccountRole::Source) => {
            let target = match lambda_task::copies_into(&environment) {
                Some(region) => Regional::new(&aws_client::in_region(&aws, &region)),
                None => own.clone(),
            };
            lambda_task::serve(source::Config::read(&environment), async |config, input, now| {
                source::run(&own, &target, config, input, now).await
            })
            .await
        }
        Ok(AccountRole::Destination) => {
            let secrets = aws_sdk_secretsmanager::Client::new(&aws);
            lambda_task::serve(destination::Config::read(&environment), async |config, input, now| {
                let input: Envelope<DestinationState> = input;
                let regions = Regions::of(&own, &aws, &input.state.input.target_db_snapshot.arn);
                destination::run(&regions, &secrets, config, input, now).await
            })
            .await
        }
        Err(error) => lambda_task::refuse(error).await,
    }
}
