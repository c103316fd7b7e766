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
mod returning;
mod target;
mod writing;

use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use lambda_task::{Environment, invalid};
use rds_access::Instance;
use replication::Error;
use replication::contract::{Envelope, Outcome, Purpose, SecretMove, StageReport, VersionState};
use replication::lineage;
use replication::pacing::{Stage, StageName};
use replication::secret::Secret;
use secret_access::Version;
use time::OffsetDateTime;

use crate::password::{Change, Password};
use crate::target::Target;

/// How long to wait, in seconds, before readers are sent to an instance whose mark was just taken off: a prune that has seen
/// the mark may still be deleting it, and no function runs for longer than this (`Timeout` in the templates).
const DELETION_UNDER_WAY_SECONDS: u32 = 60;

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
    let wanted = input.state.db_instance.as_ref().map(|wanted| &wanted.identifier);
    let target = match target::find(config, &instances, &input.state) {
        Ok(target) => target,
        Err(error) => {
            returning::take_back(secrets, config, &instances, wanted).await?;
            return Err(error);
        }
    };
    let current = secret_access::read_version(secrets, &config.secret_arn).await?;
    let outcome = match judge(config, &input.state.purpose, &instances, &target, &current.secret) {
        Some(settled) => settled,
        None => move_secret(rds, secrets, config, &target, &current, password_asked).await?,
    };
    let secret = current.secret;
    if matches!(outcome, Outcome::InstanceBusy | Outcome::PasswordPending) {
        let status = target.instance.status.as_str();
        stage.check_deadline(
            &format!("database {} before the secret moves", target.instance.identifier),
            status,
        )?;
        let mut stage = StageReport::pending(&stage, status, None);
        if target.instance.tags.are_marked() {
            stage.wait_seconds = stage.wait_seconds.max(DELETION_UNDER_WAY_SECONDS);
        }
        return Ok(SecretMove { pointer: secret.pointer, outcome, stage, marked: vec![], unmarked: vec![] });
    }
    let stage = StageReport::available(&stage, target.instance.status.as_str());
    // Marks are about the versions of one database.
    let database = target.instance.tags.get(lineage::SOURCE_DATABASE).unwrap_or_default().parse()?;
    let (pointer, instances) = match outcome {
        Outcome::Moved => writing::look_after(rds, secrets, config, &input.state, &target).await?,
        Outcome::AlreadyMoved => (target.pointer, instances),
        _ => (secret.pointer, instances),
    };
    let marks = marks::carry_out(rds, secrets, config, &database, instances, pointer.host.clone()).await?;
    Ok(SecretMove { pointer, outcome, stage, marked: marks.marked, unmarked: marks.unmarked })
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

/// Brings the instance to where readers may be sent to it, and sends them there.
async fn move_secret(
    rds: &Rds,
    secrets: &Secrets,
    config: &Config,
    target: &Target<'_>,
    current: &Version,
    password_asked: bool,
) -> Result<Outcome, Error> {
    // What is marked may be deleted at any time, so the mark goes before the readers come, and the instance has to be
    // there after that.
    if marks::clear(rds, target.instance).await? || !target.is_ready {
        // What was asked of RDS is not forgotten while the instance is busy with it.
        return Ok(if password_asked { Outcome::PasswordPending } else { Outcome::InstanceBusy });
    }
    if !config.rotates_password {
        return writing::write(secrets, config, &current.secret, target, None).await;
    }
    let password = Password { rds, secrets, config, current_version: &current.id, target };
    match password.change(password_asked).await? {
        Change::Refused => Ok(Outcome::InstanceBusy),
        Change::Pending => Ok(Outcome::PasswordPending),
        Change::Done(credentials) => {
            writing::write(secrets, config, &current.secret, target, Some(&credentials)).await
        }
    }
}

#[cfg(test)]
mod tests;
