//! `rotate-secret` makes the secret name the instance of this replication.
//!
//! Converges to: `db_host` and `db_prefix` of the secret name this replication's available instance, read back and
//! compared; every other field is as it was. It may run again at any time: a secret that already names the instance
//! is not written again, so that the value before the move stays `AWSPREVIOUS`. A copy never takes the place of a
//! newer one: replications that overlap or arrive late end with the newest data live.
//!
//! Needs: `rds:DescribeDBInstances`, `secretsmanager:GetSecretValue`, `secretsmanager:PutSecretValue`.

use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use lambda_task::{Environment, code_and_message, fault};
use rds_access::Instance;
use replication::contract::{DestinationState, Envelope};
use replication::lineage;
use replication::progress::{self, Progress};
use replication::secret::Pointer;
use replication::{Error, ErrorName};
use serde::Serialize;

/// What the stack says.
#[derive(Debug, Clone)]
pub struct Config {
    stack: String,
    secret_arn: String,
}

impl Config {
    /// The environment variables this function reads.
    pub const ENVIRONMENT: &[&str] = &["STACK_NAME", "SECRET_ARN"];

    /// Reads the function's environment.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable.
    pub fn read(environment: &Environment) -> Result<Self, Error> {
        Ok(Self { stack: environment.text("STACK_NAME")?, secret_arn: environment.text("SECRET_ARN")? })
    }
}

/// What the secret names now. Only our two fields are ever shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotated {
    /// The two fields.
    #[serde(flatten)]
    pub pointer: Pointer,
    /// What this call did.
    pub outcome: Outcome,
}

/// What a call did to the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It named another copy before and was written.
    Moved,
    /// It named this copy already.
    AlreadyMoved,
    /// It names the copy of a newer replication, which stays.
    NewerIsLive,
}

/// Moves the secret to this replication's instance, unless it is there already or a newer copy is live.
///
/// # Errors
/// `InvalidInput`, `NotFound`, `NameTaken`, `InstanceNotReady`, `SecretInvalid`, `SecretNotMoved`, or a fault of a
/// service.
pub async fn run(
    rds: &Rds,
    secrets: &Secrets,
    config: &Config,
    input: Envelope<DestinationState>,
) -> Result<Rotated, Error> {
    let instances = rds_access::instances(rds).await?;
    let target = target(config, &instances, &input.state)?;
    let secret = secret_access::read(secrets, &config.secret_arn).await?;
    if secret.pointer == target {
        return Ok(Rotated { pointer: target, outcome: Outcome::AlreadyMoved });
    }
    let this = input.state.input.replication.id.as_str();
    if live_replication(config, &instances, &secret.pointer.host).is_some_and(|live| live > this) {
        return Ok(Rotated { pointer: secret.pointer, outcome: Outcome::NewerIsLive });
    }

    let doing = format!("moving secret {} to {}", config.secret_arn, target.host);
    secrets
        .put_secret_value()
        .secret_id(&config.secret_arn)
        .secret_string(secret.moved_to(&target)?)
        .send()
        .await
        .map_err(|error| match error.as_service_error() {
            Some(e) if e.is_encryption_failure() => Error::new(ErrorName::KeyNotAccessible, &doing)
                .because(code_and_message(e))
                .advise("let the function's role use the key of the secret"),
            _ => fault(&doing, &error),
        })?;
    let found = secret_access::read(secrets, &config.secret_arn).await?.pointer;
    if found != target {
        return Err(Error::new(ErrorName::SecretNotMoved, doing)
            .because(format!("after writing it names {:?}", found.host))
            .advise("see who else writes the secret; the older copies are still there"));
    }
    Ok(Rotated { pointer: target, outcome: Outcome::Moved })
}

/// Where the secret should point: at this replication's own, available instance.
fn target(config: &Config, instances: &[Instance], state: &DestinationState) -> Result<Pointer, Error> {
    let wanted = state.db_instance.as_ref().ok_or_else(|| {
        Error::new(ErrorName::InvalidInput, "moving the secret").because("field state.DBInstance is missing")
    })?;
    let doing = format!("moving the secret to database {}", wanted.identifier);
    let instance =
        instances.iter().find(|instance| instance.identifier == wanted.identifier).ok_or_else(|| {
            Error::new(ErrorName::NotFound, &doing)
                .because("it is gone")
                .advise("start the source execution again")
        })?;
    if !instance.tags.are_of_replication(&config.stack, &state.input.replication.id) {
        return Err(Error::new(ErrorName::NameTaken, doing)
            .because("it was not made by this replication")
            .advise("start the source execution again"));
    }
    match (&instance.host, progress::of_restored_instance(&instance.status)) {
        (Some(host), Progress::Ready) => {
            let version = format!("-{}", wanted.version);
            let name = instance.identifier.as_str();
            let prefix = name.strip_suffix(&version).unwrap_or(name);
            Ok(Pointer { host: host.clone(), prefix: prefix.to_owned() })
        }
        _ => Err(Error::new(ErrorName::InstanceNotReady, doing)
            .because(format!("it is {}", instance.status))
            .advise("bring it to available, then start the source execution again")),
    }
}

/// The replication that the live copy came from, if it is one of ours. Ids begin with the time, so they compare by age.
fn live_replication<'a>(config: &Config, instances: &'a [Instance], live_host: &str) -> Option<&'a str> {
    instances
        .iter()
        .find(|instance| {
            instance.host.as_deref() == Some(live_host) && instance.tags.are_of_stack(&config.stack)
        })?
        .tags
        .get(lineage::REPLICATION_ID)
}

#[cfg(test)]
mod tests {
    use replication::lineage::Tags;
    use serde_json::json;

    use super::*;

    fn instance(status: &str, id: &str) -> Instance {
        let tags = Tags::of_replication("stack", &id.parse().unwrap(), "orders").with(lineage::VERSION, "7");
        Instance {
            identifier: "copy3-7".parse().unwrap(),
            arn: "arn".to_owned(),
            status: status.to_owned(),
            host: Some("copy3-7.c1.example".to_owned()),
            deletion_protection: false,
            tags,
        }
    }

    fn state() -> DestinationState {
        lambda_task::parse(json!({
            "Input": {"targetDBSnapshot": {"targetDBSnapshotIdentifier": "s", "targetDBSnapshotArn": "arn:aws:rds:r:111122223333:snapshot:s"},
                      "replication": {"id": "20261122t103400z-1f2e3d"}},
            "DBInstance": {"db_instance_identifier": "copy3-7", "db_version": 7, "status": "Available", "waitSeconds": 15,
                           "startedAt": "2026-11-22T10:34:00Z", "rdsStatus": "available"}}))
        .unwrap()
    }

    fn config() -> Config {
        Config { stack: "stack".to_owned(), secret_arn: "secret".to_owned() }
    }

    /// > The secret only ever points at this replication's own, available instance.
    #[test]
    fn the_secret_only_ever_points_at_this_replications_available_instance() {
        let own = instance("available", "20261122t103400z-1f2e3d");
        let pointer = target(&config(), &[own], &state()).unwrap();
        assert_eq!(pointer, Pointer { host: "copy3-7.c1.example".into(), prefix: "copy3".into() });
        for (instances, name) in [
            (vec![], ErrorName::NotFound),
            (vec![instance("available", "20261122t103400z-aaaaaa")], ErrorName::NameTaken),
            (vec![instance("modifying", "20261122t103400z-1f2e3d")], ErrorName::InstanceNotReady),
        ] {
            assert_eq!(target(&config(), &instances, &state()).unwrap_err().name(), name);
        }
    }

    #[test]
    fn the_live_replication_is_known_only_for_our_own_copies() {
        let live = instance("available", "20261122t103400z-1f2e3d");
        let found =
            |host: &str| live_replication(&config(), std::slice::from_ref(&live), host).map(str::to_owned);
        assert_eq!(found("copy3-7.c1.example").as_deref(), Some("20261122t103400z-1f2e3d"));
        assert_eq!(found("elsewhere.example"), None);
    }
}
