//! Changing the secret, always by compare and swap.

use aws_sdk_secretsmanager::Client as Secrets;
use replication::Error;
use replication::moving::{Change, Effect};
use secret_access::Swap;

use crate::Config;

/// Carries out one change.
pub async fn change(
    secrets: &Secrets,
    config: &Config,
    change: &Change,
    doing: &str,
) -> Result<Effect, Error> {
    let doing = format!("{doing} secret {}", config.secret_arn);
    match secret_access::swap(secrets, &config.secret_arn, change, &doing).await? {
        Swap::Done => Ok(Effect::Done),
        Swap::Refused(said) => {
            tracing::info!(%said, "another writer has changed the secret first");
            Ok(Effect::Refused(said))
        }
    }
}
