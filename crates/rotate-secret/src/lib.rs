//! `rotate-secret` makes the secret name the instance of this run, and marks what that supersedes. Two machines use it: a
//! replication moves the secret to its new version, a rollback to the version that a person asked for.
//!
//! Converges to: `db_host` and `db_prefix` of the secret name the run's available instance, read back and compared;
//! every other field is as it was, but for the credentials where the stack gives every copy a new master password.
//! Older versions beyond those kept for rolling back carry the deletion mark, and no other version does. It may run
//! again at any time: a secret that already names the instance is not written again, so that the value before the move
//! stays `AWSPREVIOUS`. A replication never replaces the copy of a newer one: those that overlap or arrive late end
//! with the newest data live. A rollback does as it is told.
//!
//! Needs: `rds:DescribeDBInstances`, `rds:ModifyDBInstance`, `rds:AddTagsToResource`, `rds:RemoveTagsFromResource`,
//! `secretsmanager:GetSecretValue`, `secretsmanager:PutSecretValue`, `secretsmanager:GetRandomPassword`.

mod marks;
mod password;
mod target;

use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use aws_sdk_secretsmanager::operation::put_secret_value::builders::PutSecretValueFluentBuilder;
use lambda_task::{Environment, code_and_message, fault, invalid};
use rds_access::Instance;
use replication::contract::{Envelope, Outcome, Purpose, SecretMove, StageReport, VersionState};
use replication::pacing::{Stage, StageName};
use replication::secret::{Credentials, Secret};
use replication::{Error, ErrorName};
use time::OffsetDateTime;

use crate::password::{Change, Password};
use crate::target::Target;

/// What the stack says.
#[derive(Debug, Clone)]
pub struct Config {
    stack: String,
    secret_arn: String,
    older_to_keep: usize,
    /// Whether a replication goes live by itself.
    promotes: bool,
    /// Whether every copy gets a new master password before the secret names it.
    rotates_password: bool,
    deadline_seconds: u32,
}

impl Config {
    /// The environment variables this function reads.
    pub const ENVIRONMENT: &[&str] = &[
        "STACK_NAME",
        "SECRET_ARN",
        "NO_OF_OLDER_INSTANCES",
        "PROMOTE",
        "MASTER_PASSWORD",
        "STAGE_DEADLINE_SECONDS",
    ];

    /// Reads the function's environment.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable.
    pub fn read(environment: &Environment) -> Result<Self, Error> {
        Ok(Self {
            stack: environment.text("STACK_NAME")?,
            secret_arn: environment.text("SECRET_ARN")?,
            older_to_keep: environment.parsed("NO_OF_OLDER_INSTANCES", "a whole number from 0")?,
            promotes: choice(environment, "PROMOTE", ["manual", "automatic"])?,
            rotates_password: choice(environment, "MASTER_PASSWORD", ["keep", "rotate"])?,
            deadline_seconds: environment.parsed("STAGE_DEADLINE_SECONDS", "a number of seconds")?,
        })
    }
}

/// Whether a variable says the second of its two words.
fn choice(environment: &Environment, name: &str, words: [&str; 2]) -> Result<bool, Error> {
    let text = environment.text(name)?;
    match words.iter().position(|word| *word == text) {
        Some(index) => Ok(index == 1),
        None => Err(invalid(name, &format!("{text:?} is neither {} nor {}", words[0], words[1]))),
    }
}

/// Moves the secret to this run's instance, unless it is there already or is not to be moved, and sets the marks.
///
/// # Errors
/// `InvalidInput`, `NotFound`, `NameTaken`, `InstanceNotReady`, `DeadlineExceeded`, `SecretInvalid`, `SecretNotMoved`,
/// `PruneIncomplete` (a mark), or a fault of a service.
pub async fn run(
    rds: &Rds,
    secrets: &Secrets,
    config: &Config,
    input: Envelope<VersionState>,
    now: OffsetDateTime,
) -> Result<SecretMove, Error> {
    let earlier = input.state.secret.as_ref();
    let started_at = earlier.map_or(now, |earlier| earlier.stage.started_at);
    let stage = Stage { name: StageName::Secret, started_at, now, deadline_seconds: config.deadline_seconds };
    let password_asked = earlier.is_some_and(|earlier| earlier.outcome == Outcome::PasswordPending);

    let instances = rds_access::instances(rds).await?;
    let target = target::find(config, &instances, &input.state)?;
    let secret = secret_access::read(secrets, &config.secret_arn).await?;
    // What was asked of RDS is not forgotten while the instance is busy with it.
    let busy = if password_asked { Outcome::PasswordPending } else { Outcome::InstanceBusy };
    let outcome = match judge(config, &input.state.purpose, &instances, &target, &secret) {
        Some(settled) => settled,
        // What is marked may be deleted at any time, so the mark goes before the readers come, and the instance has to be
        // there after that.
        None if marks::clear(rds, target.instance).await? => busy,
        None if !target.is_ready => busy,
        None if config.rotates_password => {
            let password = Password { rds, secrets, config, execution: &input.execution.id, target: &target };
            match password.change(password_asked).await? {
                Change::Refused => Outcome::InstanceBusy,
                Change::Pending => Outcome::PasswordPending,
                Change::Done(credentials) => {
                    write(secrets, config, &secret, &target, Some(&credentials)).await?
                }
            }
        }
        None => write(secrets, config, &secret, &target, None).await?,
    };
    if matches!(outcome, Outcome::InstanceBusy | Outcome::PasswordPending) {
        let status = &target.instance.status;
        stage.check_deadline(
            &format!("database {} before the secret moves", target.instance.identifier),
            status,
        )?;
        let stage = StageReport::pending(&stage, status, None);
        return Ok(SecretMove { pointer: secret.pointer, outcome, stage, marked: vec![], unmarked: vec![] });
    }
    let moved = matches!(outcome, Outcome::Moved | Outcome::AlreadyMoved);
    let pointer = if moved { target.pointer } else { secret.pointer };
    let (marked, unmarked) = marks::carry_out(rds, config, &instances, &pointer.host).await?;
    let stage = StageReport::available(&stage, &target.instance.status);
    Ok(SecretMove { pointer, outcome, stage, marked, unmarked })
}

/// What there is to do where nothing is to be written; nothing if the secret is to be moved.
fn judge(
    config: &Config,
    purpose: &Purpose,
    instances: &[Instance],
    target: &Target<'_>,
    secret: &Secret,
) -> Option<Outcome> {
    if secret.pointer == target.pointer {
        return Some(Outcome::AlreadyMoved);
    }
    let Purpose::Replicate { input, .. } = purpose else {
        return None;
    };
    let this = input.replication.id.as_str();
    if target::live_replication(config, instances, &secret.pointer.host).is_some_and(|live| live > this) {
        return Some(Outcome::NewerIsLive);
    }
    (!config.promotes).then_some(Outcome::HeldBack)
}

/// Writes the secret and reads it back.
async fn write(
    secrets: &Secrets,
    config: &Config,
    secret: &Secret,
    target: &Target<'_>,
    credentials: Option<&Credentials>,
) -> Result<Outcome, Error> {
    let doing = format!("moving secret {} to {}", config.secret_arn, target.pointer.host);
    let request = secrets.put_secret_value().secret_string(secret.moved_to(&target.pointer, credentials)?);
    put(request, config, &doing).await?;
    let found = secret_access::read(secrets, &config.secret_arn).await?.pointer;
    if found != target.pointer {
        return Err(Error::new(ErrorName::SecretNotMoved, doing)
            .because(format!("after writing it names {:?}", found.host))
            .advise("see who else writes the secret; the older copies are still there"));
    }
    Ok(Outcome::Moved)
}

/// Puts a version of the secret.
async fn put(request: PutSecretValueFluentBuilder, config: &Config, doing: &str) -> Result<(), Error> {
    request.secret_id(&config.secret_arn).send().await.map(drop).map_err(|error| {
        match error.as_service_error() {
            Some(e) if e.is_encryption_failure() => Error::new(ErrorName::KeyNotAccessible, doing)
                .because(code_and_message(e))
                .advise("let the function's role use the key of the secret"),
            _ => fault(doing, &error),
        }
    })
}

#[cfg(test)]
mod tests;
