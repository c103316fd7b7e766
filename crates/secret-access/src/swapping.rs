//! Changing the secret. Nothing of ours changes it in another way.

use aws_client::{code_and_message, fault};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::update_secret_version_stage::UpdateSecretVersionStageError;
use replication::Error;
use replication::destination::LiveSecret;
use replication::moving::Change;

use crate::key_not_accessible;

/// The label of a version that we have written and that has no other yet. Secrets Manager may delete versions that have
/// no label. It is not `AWSPENDING`, which belongs to a rotation that somebody may have set up.
pub const PENDING: &str = "rds-replication-pending";

/// What became of a change.
#[derive(Debug)]
pub enum Swap {
    /// It is done.
    Done,
    /// The label is not where it was read, and stays there; what Secrets Manager said.
    Refused(String),
}

/// Compares and swaps: puts the new version, and moves the label to it only if it is where it was read.
///
/// # Errors
/// [`replication::ErrorName::KeyNotAccessible`], or a fault of Secrets Manager.
pub async fn swap(client: &Client, secret: &LiveSecret, change: &Change, doing: &str) -> Result<Swap, Error> {
    put(client, secret, change, doing).await?;
    let request = client
        .update_secret_version_stage()
        .secret_id(&secret.id)
        .version_stage(change.label)
        .move_to_version_id(&change.id)
        .set_remove_from_version_id(change.replaces.clone());
    let Err(error) = request.send().await else { return Ok(Swap::Done) };
    let Some(said) = refusal(&error) else { return Err(fault(doing, &error)) };
    // The answer of the first call may have been lost, and then this one finds the label where it has put it.
    let label = client.get_secret_value().secret_id(&secret.id).version_stage(change.label);
    match label.send().await {
        Ok(answer) if answer.version_id() == Some(change.id.as_str()) => Ok(Swap::Done),
        _ => Ok(Swap::Refused(said)),
    }
}

/// Which fault says that the label is elsewhere, or that the new version was deleted in the meantime (API model,
/// `UpdateSecretVersionStage`: it "fails", and the model does not say with which of them).
fn refusal(error: &SdkError<UpdateSecretVersionStageError>) -> Option<String> {
    let error = error.as_service_error()?;
    let is_refused = error.is_invalid_parameter_exception()
        || error.is_invalid_request_exception()
        || error.is_resource_not_found_exception();
    is_refused.then(|| code_and_message(error))
}

/// Puts the new version, unless there is one of its id already. Then a concurrent call has put it: the id follows from
/// what it is made of, but for a new password, of which the first one counts.
async fn put(client: &Client, secret: &LiveSecret, change: &Change, doing: &str) -> Result<(), Error> {
    let request = client
        .put_secret_value()
        .secret_id(&secret.id)
        .client_request_token(&change.id)
        .version_stages(PENDING)
        .secret_string(&change.text);
    let Err(error) = request.send().await else {
        return Ok(());
    };
    match error.as_service_error() {
        Some(e) if e.is_resource_exists_exception() => Ok(()),
        Some(e) if e.is_encryption_failure() => Err(key_not_accessible(doing, code_and_message(e))),
        _ => Err(fault(doing, &error)),
    }
}
