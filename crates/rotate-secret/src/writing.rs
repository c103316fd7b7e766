//! Writing the secret, and looking at what has become of it.

use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use aws_sdk_secretsmanager::operation::put_secret_value::builders::PutSecretValueFluentBuilder;
use lambda_task::{code_and_message, fault};
use rds_access::Instance;
use replication::contract::{Outcome, VersionState};
use replication::secret::{Credentials, Pointer, Secret};
use replication::{Error, ErrorName};

use crate::target::{self, Target};
use crate::{Config, returning};

/// Writes the secret.
pub async fn write(
    secrets: &Secrets,
    config: &Config,
    secret: &Secret,
    target: &Target<'_>,
    credentials: Option<&Credentials>,
) -> Result<Outcome, Error> {
    let request = secrets.put_secret_value().secret_string(secret.moved_to(&target.pointer, credentials)?);
    put(request, config, &moving(config, target)).await?;
    Ok(Outcome::Moved)
}

/// Reads the secret back; what it names, and the instances as they are by then.
pub async fn look_after(
    rds: &Rds,
    secrets: &Secrets,
    config: &Config,
    state: &VersionState,
    target: &Target<'_>,
) -> Result<(Pointer, Vec<Instance>), Error> {
    let found = secret_access::read(secrets, &config.secret_arn).await?.pointer;
    let instances = rds_access::instances(rds).await?;
    if found == target.pointer {
        // Until the secret named it, somebody else may have deleted it.
        if let Err(error) = target::find(config, &instances, state) {
            returning::take_back(secrets, config, &instances, Some(&target.instance.identifier)).await?;
            return Err(error);
        }
    } else if !names_ours(config, &instances, &found) {
        return Err(Error::new(ErrorName::SecretNotMoved, moving(config, target))
            .because(format!("after writing it names {:?}", found.host))
            .advise("see who else writes the secret; the older copies are still there"));
    }
    Ok((found, instances))
}

/// Whether the secret names a version of this stack: then another run has moved it on meanwhile, which is its right.
pub fn names_ours(config: &Config, instances: &[Instance], pointer: &Pointer) -> bool {
    let named = instances.iter().find(|instance| instance.host.as_deref() == Some(pointer.host.as_str()));
    named.is_some_and(|instance| instance.is_of_stack(&config.stack))
}

fn moving(config: &Config, target: &Target<'_>) -> String {
    format!("moving secret {} to {}", config.secret_arn, target.pointer.host)
}

/// Puts a version of the secret, unless there is one of its id already: whoever puts one reads it back.
pub async fn put(request: PutSecretValueFluentBuilder, config: &Config, doing: &str) -> Result<(), Error> {
    let Err(error) = request.secret_id(&config.secret_arn).send().await else {
        return Ok(());
    };
    match error.as_service_error() {
        Some(e) if e.is_resource_exists_exception() => Ok(()),
        Some(e) if e.is_encryption_failure() => Err(Error::new(ErrorName::KeyNotAccessible, doing)
            .because(code_and_message(e))
            .advise("let the function's role use the key of the secret")),
        _ => Err(fault(doing, &error)),
    }
}
