//! Taking the secret back from an instance that was deleted while the secret moved to it.
//!
//! Between the last look at an instance and the moment at which the secret names it, a replication may supersede it, mark
//! it and delete it, because nothing makes that one step. It takes a call that is held up for seconds. Then the run fails,
//! and the secret returns to what it named before.

use aws_sdk_secretsmanager::Client as Secrets;
use lambda_task::fault;
use rds_access::Instance;
use replication::Error;
use replication::naming::{self, InstanceIdentifier};
use replication::progress::Restored;
use replication::secret::Secret;

use crate::Config;
use crate::writing::put;

/// Moves the secret back, if it names this run's instance, that is deleted, and what it named before still answers.
pub async fn take_back(
    secrets: &Secrets,
    config: &Config,
    instances: &[Instance],
    of_run: Option<&InstanceIdentifier>,
) -> Result<(), Error> {
    let live_host = secret_access::read(secrets, &config.secret_arn).await?.pointer.host;
    if !of_run.is_some_and(|of_run| is_lost(instances, of_run, &live_host)) {
        return Ok(());
    }
    let doing = format!("moving secret {} back from {live_host}, which is deleted", config.secret_arn);
    let request = secrets.get_secret_value().secret_id(&config.secret_arn).version_stage("AWSPREVIOUS");
    let earlier = request.send().await.map_err(|error| fault(&doing, &error))?;
    let text = secret_access::text(&earlier, &doing)?;
    if answers(instances, &Secret::parse(text)?.pointer.host) {
        tracing::warn!("{doing}");
        put(secrets.put_secret_value().secret_string(text), config, &doing).await?;
    }
    Ok(())
}

/// Whether the secret names this instance, and it is gone or on its way out.
fn is_lost(instances: &[Instance], of_run: &InstanceIdentifier, live_host: &str) -> bool {
    let is_named = naming::instance_of_endpoint(live_host) == of_run.as_str();
    let found = instances.iter().find(|instance| instance.identifier == *of_run);
    is_named && found.is_none_or(|instance| instance.status.restored() == Restored::Deleting)
}

fn answers(instances: &[Instance], host: &str) -> bool {
    let found = instances.iter().find(|instance| instance.host.as_deref() == Some(host));
    found.is_some_and(|instance| instance.status.restored() == Restored::Usable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{OWN, instance};

    #[test]
    fn only_an_instance_that_is_deleted_is_left_again() {
        let of_run: InstanceIdentifier = "copy3-7".parse().unwrap();
        let (own, other) = ("copy3-7.c1.example", "copy3-8.c1.example");
        for (instances, live_host, expected) in [
            (vec![], own, true),
            (vec![instance(7, "deleting", OWN)], own, true),
            (vec![instance(7, "available", OWN)], own, false),
            (vec![instance(7, "stopped", OWN)], own, false),
            (vec![], other, false),
            (vec![], "", false),
        ] {
            assert_eq!(is_lost(&instances, &of_run, live_host), expected, "{live_host}");
        }
        let there = [instance(6, "available", OWN), instance(8, "deleting", OWN)];
        assert!(answers(&there, "copy3-6.c1.example"));
        assert!(!answers(&there, other));
        assert!(!answers(&there, own));
    }
}
