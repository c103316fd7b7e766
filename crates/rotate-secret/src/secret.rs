//! Changing the secret, always by compare and swap.

use aws_sdk_secretsmanager::Client as Secrets;
use replication::Error;
use replication::destination::LiveSecret;
use replication::moving::{Change, Effect};
use secret_access::Swap;

/// Carries out one change.
pub async fn change(
    secrets: &Secrets,
    secret: &LiveSecret,
    change: &Change,
    doing: &str,
) -> Result<Effect, Error> {
    let doing = format!("{doing} secret {secret}");
    match secret_access::swap(secrets, secret, change, &doing).await? {
        Swap::Done => Ok(Effect::Done),
        Swap::Refused(said) => {
            tracing::info!(%said, "another writer has changed the secret first");
            Ok(Effect::Refused(said))
        }
    }
}
