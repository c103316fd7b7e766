//! Marking what is superseded, so that the next prune may delete it. The decision is [`replication::retention`].

use aws_sdk_rds::Client as Rds;
use aws_sdk_rds::config::http::HttpResponse;
use aws_sdk_rds::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_rds::types::Tag;
use aws_sdk_secretsmanager::Client as Secrets;
use lambda_task::fault;
use rds_access::Instance;
use replication::lineage::DELETION_MARK;
use replication::naming::InstanceIdentifier;
use replication::retention::{self, InstanceRule, Verdict};
use replication::{Error, ErrorName};

use crate::Config;

/// What became of the change of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Done,
    /// RDS cannot do it in the instance's present state; the next run does it.
    NotNow,
    /// There is nothing left to be marked.
    Gone,
}

/// The identifiers of the instances that were marked, and of those whose mark was taken off.
#[derive(Debug, Default)]
pub struct Changed {
    pub marked: Vec<String>,
    pub unmarked: Vec<String>,
}

/// How often marks are set anew because the secret has moved meanwhile.
const MOST_PASSES: usize = 3;

/// Marks what is superseded and takes the marks off what is not. One that cannot be marked does not stop the rest.
///
/// Somebody else may move the secret while marks are set; then they are set anew, because they follow what it names.
pub async fn carry_out(
    rds: &Rds,
    secrets: &Secrets,
    config: &Config,
    database: &InstanceIdentifier,
    mut instances: Vec<Instance>,
    mut live_host: String,
) -> Result<Changed, Error> {
    let mut changed = Changed::default();
    for _ in 0..MOST_PASSES {
        let rule = InstanceRule::new(&config.stack, database, &live_host, config.older_to_keep);
        if !one_pass(rds, &rule, &instances, &mut changed).await? {
            break;
        }
        let now = secret_access::read(secrets, &config.secret_arn).await?.pointer.host;
        if now == live_host {
            break;
        }
        live_host = now;
        instances = rds_access::instances(rds).await?;
    }
    Ok(changed)
}

/// Changes the marks for what is live; whether any was set.
async fn one_pass(
    rds: &Rds,
    rule: &InstanceRule<'_>,
    instances: &[Instance],
    changed: &mut Changed,
) -> Result<bool, Error> {
    let plan = retention::plan_instances(instances, rule);
    let (mut has_set, mut failed) = (false, Vec::new());
    for decision in plan {
        tracing::info!(%decision, "decided");
        let Some(instance) = instances.iter().find(|i| i.identifier.as_str() == decision.identifier) else {
            continue;
        };
        let (outcome, done) = match decision.verdict {
            Verdict::Mark => {
                has_set = true;
                (set(rds, instance).await, &mut changed.marked)
            }
            Verdict::Unmark => (take_off(rds, instance).await, &mut changed.unmarked),
            Verdict::Keep | Verdict::Delete | Verdict::Later => continue,
        };
        match outcome {
            Ok(Change::Done) => done.push(decision.identifier),
            Ok(Change::NotNow | Change::Gone) => {}
            Err(error) => failed.push(error),
        }
    }
    match failed.iter().find(|error| error.name().is_retryable()) {
        Some(retryable) => Err(retryable.clone()),
        None if failed.is_empty() => Ok(has_set),
        None => {
            let texts: Vec<String> = failed.iter().map(ToString::to_string).collect();
            Err(Error::new(
                ErrorName::PruneIncomplete,
                format!("marking, after the secret names {}", rule.live_host),
            )
            .because(texts.join("; "))
            .advise("the secret is as it should be; mend what is named and the next run marks it"))
        }
    }
}

/// Takes the mark off one instance; whether there was one.
pub async fn clear(rds: &Rds, instance: &Instance) -> Result<bool, Error> {
    if !instance.tags.are_marked() {
        return Ok(false);
    }
    match take_off(rds, instance).await? {
        // The next look sees what has become of it.
        Change::Done | Change::NotNow => Ok(true),
        Change::Gone => Err(Error::new(
            ErrorName::NotFound,
            format!("taking the mark off database {}", instance.identifier),
        )
        .because("it is gone: it was superseded, and its deletion had begun")
        .advise("ask for one of the versions that are kept")),
    }
}

async fn set(rds: &Rds, instance: &Instance) -> Result<Change, Error> {
    let (key, value) = DELETION_MARK;
    let tag = Tag::builder().key(key).value(value).build();
    match rds.add_tags_to_resource().resource_name(&instance.arn).tags(tag).send().await {
        Ok(_) => Ok(Change::Done),
        Err(error) => not_done(rds, instance, "marking", &error).await,
    }
}

async fn take_off(rds: &Rds, instance: &Instance) -> Result<Change, Error> {
    let request = rds.remove_tags_from_resource().resource_name(&instance.arn).tag_keys(DELETION_MARK.0);
    match request.send().await {
        Ok(_) => Ok(Change::Done),
        Err(error) => not_done(rds, instance, "taking the mark off", &error).await,
    }
}

async fn not_done<E>(
    rds: &Rds,
    instance: &Instance,
    doing: &str,
    error: &SdkError<E, HttpResponse>,
) -> Result<Change, Error>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match error.code() {
        Some("InvalidDBInstanceState" | "InvalidDBInstanceStateFault") => Ok(Change::NotNow),
        _ if rds_access::instance_is_gone(rds, &instance.identifier).await => Ok(Change::Gone),
        _ => Err(fault(format!("{doing} database {}", instance.identifier), error)),
    }
}
