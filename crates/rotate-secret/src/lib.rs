//! `rotate-secret` makes the secret name the instance of this run, and tags what that supersedes for deletion. Two machines use it: a
//! replication moves the secret to its new version, a rollback to the version that an operator asked for.
//!
//! Converges to: `db_host` and `db_prefix` of the secret name the run's available instance, and so do the standard fields
//! that are in it; every other field stays as it was last written, but for the user name and the password where
//! the version has a master password of its own. Older versions beyond those kept for rolling back carry the deletion tag, and no other version does. It may
//! run again at any time: a secret that already names the instance is not written again, so that the value before the
//! move stays `AWSPREVIOUS`. A replication never replaces a version with newer data: those that overlap or arrive late
//! end with the newest data live. A rollback moves to the version that it is given. Each poll observes, decides
//! ([`replication::moving`]), does one step and reports.
//!
//! Needs: `rds:DescribeDBInstances`, `rds:ListTagsForResource`, `rds:ModifyDBInstance`, `rds:AddTagsToResource`,
//! `rds:RemoveTagsFromResource`, `secretsmanager:GetSecretValue`, `secretsmanager:PutSecretValue`,
//! `secretsmanager:UpdateSecretVersionStage`, `secretsmanager:GetRandomPassword`.

mod password;
mod secret;
mod tags;

use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use lambda_task::Environment;
use rds_access::Instance;
use replication::Error;
use replication::contract::{Envelope, VersionState};
use replication::destination::{Destination, LiveSecret, Replicated};
use replication::looking::Look;
use replication::moving::{self, Decision, Effect, Needs, Observed, Rules, SecretMove, Step};
use replication::naming::{self, InstanceIdentifier};
use replication::pacing::{Stage, StageName};
use replication::passwords::StoredPasswords;
use secret_access::Version;
use time::OffsetDateTime;

/// What the stack says.
#[derive(Debug, Clone)]
pub struct Config {
    destination: Destination,
    older_to_keep: usize,
    /// Whether a replication goes live by itself.
    promotes: bool,
    /// Whether every version gets a master password of its own before the secret names it.
    rotates_passwords: bool,
    /// Whether the standard fields that the secret does not have are added to it.
    adds_standard_fields: bool,
    deadline_seconds: u32,
    /// What all this was read from.
    environment: Environment,
}

impl Config {
    /// Reads the function's environment.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable.
    pub fn read(environment: &Environment) -> Result<Self, Error> {
        lambda_task::allowed(environment)?;
        Ok(Self {
            destination: lambda_task::destination(environment)?,
            older_to_keep: environment.parsed("NO_OF_OLDER_INSTANCES", "a whole number from 0")?,
            promotes: environment.choice("PROMOTE", ["manual", "automatic"])?,
            rotates_passwords: environment.choice("MASTER_PASSWORD", ["keep", "rotate"])?,
            adds_standard_fields: environment.choice("SECRET_FIELDS", ["original", "standard"])?,
            deadline_seconds: environment.parsed("STAGE_DEADLINE_SECONDS", "a number of seconds")?,
            environment: environment.of_asked(),
        })
    }

    fn rules(&self) -> Rules<'_> {
        Rules {
            stack: &self.destination.stack,
            older_to_keep: self.older_to_keep,
            promotes: self.promotes,
            rotates_passwords: self.rotates_passwords,
            adds_standard_fields: self.adds_standard_fields,
        }
    }
}

/// Brings the secret one step nearer to this run's instance.
///
/// # Errors
/// `InvalidInput`, `NotFound`, `NameTaken`, `InstanceNotReady`, `DeadlineExceeded`, `SecretInvalid`, `SecretNotMoved`,
/// `CredentialsUnknown`, `PruneIncomplete` (a deletion tag), or a fault of a service.
pub async fn run(
    rds: &Rds,
    secrets: &Secrets,
    config: &Config,
    input: Envelope<VersionState>,
    now: OffsetDateTime,
) -> Result<SecretMove, Error> {
    let state = &input.state;
    let config = &*config.environment.of_run(config, &state.purpose.overrides(), Config::read)?;
    let earlier = state.secret.as_ref();
    let report = earlier.map(|earlier| &earlier.stage);
    let stage = Stage::resume(StageName::Secret, report, now, config.deadline_seconds, &input.execution.id);

    let replicated = config.destination.of(state.purpose.database(), "moving the secret")?;
    let mut world = World::observe(rds, secrets, &replicated.secret, state).await?;
    let needs = moving::decide(config.rules(), state, world.observed())?.needs(earlier);
    world.see(rds, &replicated, &input, needs).await?;
    let decision = moving::decide(config.rules(), state, world.observed())?;
    tracing::info!(%decision, "decided");
    let effect = carry_out(rds, secrets, &replicated.secret, &decision).await?;
    decision.report(effect, &stage, earlier)
}

/// What a poll has observed.
struct World {
    secret: Version,
    passwords: Option<StoredPasswords>,
    instances: Vec<Instance>,
    before: Option<Version>,
}

impl World {
    /// Reads the secret, and the two instances that it is about.
    async fn observe(
        rds: &Rds,
        secrets: &Secrets,
        secret: &LiveSecret,
        state: &VersionState,
    ) -> Result<Self, Error> {
        let passwords = secret_access::read_passwords(secrets, secret).await?;
        let current = secret_access::read_version(secrets, secret).await?;
        let wanted = state.db_instance.as_ref().map(|wanted| wanted.identifier.clone());
        let mut names: Vec<InstanceIdentifier> = wanted.iter().cloned().chain(named_by(&current)).collect();
        names.dedup();
        let mut instances = rds_access::instances_named(rds, &names).await?;
        if let Some(wanted) = &wanted
            && !instances.iter().any(|instance| instance.identifier == *wanted)
        {
            instances.extend(rds_access::instance(rds, wanted).await?);
        }
        let mut world = Self { secret: current, passwords, instances, before: None };
        if moving::is_lost(state, &world.secret, &world.instances) {
            let replaced = state.secret.as_ref().and_then(|earlier| earlier.replaced.as_deref());
            world.before = secret_access::read_before(secrets, secret, replaced).await?;
            let name = world.before.as_ref().and_then(named_by);
            world.add(rds_access::instances_named(rds, name.as_slice()).await?);
        }
        Ok(world)
    }

    /// Reads what else the decision needs.
    async fn see(
        &mut self,
        rds: &Rds,
        replicated: &Replicated,
        input: &Envelope<VersionState>,
        needs: Needs,
    ) -> Result<(), Error> {
        match needs {
            Needs::Nothing => {}
            Needs::Versions => {
                let wanted = input.state.db_instance.as_ref().map(|wanted| wanted.identifier.as_str());
                let pointer = &self.secret.secret.pointer;
                let look = Look {
                    scope: replicated.scope(),
                    hosts: &[&pointer.host, wanted.unwrap_or_default()],
                    live_prefix: &pointer.prefix,
                    snapshots: &[],
                    execution: &input.execution.id,
                    needs_all: false,
                };
                let seen = rds_access::versions(rds, &look).await?;
                self.add(seen.instances);
            }
            Needs::PasswordOwners => {
                let owners: Vec<String> = self
                    .passwords
                    .iter()
                    .flat_map(|stored| stored.passwords.owners())
                    .map(str::to_owned)
                    .collect();
                self.add(rds_access::instances_of_ids(rds, owners).await?);
            }
        }
        Ok(())
    }

    fn add(&mut self, more: Vec<Instance>) {
        for instance in more {
            if self.instances.iter().all(|known| known.identifier != instance.identifier) {
                self.instances.push(instance);
            }
        }
    }

    fn observed(&self) -> Observed<'_> {
        Observed {
            secret: &self.secret,
            passwords: self.passwords.as_ref(),
            instances: &self.instances,
            before: self.before.as_ref(),
        }
    }
}

/// The name of the instance that a version of the secret names, if it is one.
fn named_by(version: &Version) -> Option<InstanceIdentifier> {
    naming::instance_of_endpoint(&version.secret.pointer.host).parse().ok()
}

/// Does the one step of a poll.
async fn carry_out(
    rds: &Rds,
    secrets: &Secrets,
    secret: &LiveSecret,
    decision: &Decision<'_>,
) -> Result<Effect, Error> {
    match &decision.step {
        Step::Report | Step::Wait(_) => Ok(Effect::Done),
        Step::ClearMark(instance) => tags::clear(rds, instance).await,
        Step::MakePassword(new) => {
            let change = password::make(secrets, new).await?;
            secret::change(secrets, secret, &change, "storing a master password in").await
        }
        Step::Remember(change) => {
            secret::change(secrets, secret, change, "remembering what readers use in").await
        }
        Step::SetPassword(instance, credentials) => password::set(rds, instance, credentials).await,
        Step::Move(change) | Step::Revert(change, _) => {
            secret::change(secrets, secret, change, &format!("pointing to {} in", decision.pointer.host))
                .await
        }
        Step::Mark(changes, live_host) => tags::carry_out(rds, changes, live_host).await,
    }
}

#[cfg(test)]
mod tests;
