//! Marking what is superseded, so that the next prune may delete it. The decision is [`replication::retention`].

use aws_sdk_rds::Client as Rds;
use aws_sdk_rds::types::Tag;
use lambda_task::fault;
use rds_access::Instance;
use replication::lineage::DELETION_MARK;
use replication::retention::{self, Verdict};
use replication::{Error, ErrorName};

use crate::Config;

/// Marks what is superseded and takes the marks off what is not; answers with the identifiers of both. One that cannot
/// be marked does not stop the rest.
pub async fn carry_out(
    rds: &Rds,
    config: &Config,
    instances: &[Instance],
    live_host: &str,
) -> Result<(Vec<String>, Vec<String>), Error> {
    let seen: Vec<_> = instances.iter().map(Instance::for_decision).collect();
    let plan = retention::plan_instances(&seen, &config.stack, live_host, config.older_to_keep);
    let (mut marked, mut unmarked, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for decision in plan {
        tracing::info!(%decision, "decided");
        let Some(instance) = instances.iter().find(|i| i.identifier.as_str() == decision.identifier) else {
            continue;
        };
        let (outcome, done) = match decision.verdict {
            Verdict::Mark => (set(rds, instance).await, &mut marked),
            Verdict::Unmark => (take_off(rds, instance).await, &mut unmarked),
            Verdict::Keep | Verdict::Delete | Verdict::Later => continue,
        };
        match outcome {
            Ok(()) => done.push(decision.identifier),
            Err(_) if rds_access::instance_is_gone(rds, &instance.identifier).await => {}
            Err(error) => failed.push(error),
        }
    }
    match failed.iter().find(|error| error.name().is_retryable()) {
        Some(retryable) => Err(retryable.clone()),
        None if failed.is_empty() => Ok((marked, unmarked)),
        None => {
            let texts: Vec<String> = failed.iter().map(ToString::to_string).collect();
            Err(Error::new(
                ErrorName::PruneIncomplete,
                format!("marking, after the secret names {live_host}"),
            )
            .because(texts.join("; "))
            .advise("the secret is as it should be; mend what is named and the next run marks it"))
        }
    }
}

/// Takes the mark off one instance; whether there was one.
pub async fn clear(rds: &Rds, instance: &Instance) -> Result<bool, Error> {
    let is_marked = instance.tags.are_marked();
    if is_marked {
        take_off(rds, instance).await?;
    }
    Ok(is_marked)
}

async fn set(rds: &Rds, instance: &Instance) -> Result<(), Error> {
    let (key, value) = DELETION_MARK;
    let tag = Tag::builder().key(key).value(value).build();
    let request = rds.add_tags_to_resource().resource_name(&instance.arn).tags(tag);
    let doing = || format!("marking database {}", instance.identifier);
    request.send().await.map(drop).map_err(|error| fault(doing(), &error))
}

async fn take_off(rds: &Rds, instance: &Instance) -> Result<(), Error> {
    let request = rds.remove_tags_from_resource().resource_name(&instance.arn).tag_keys(DELETION_MARK.0);
    let doing = || format!("taking the mark off database {}", instance.identifier);
    request.send().await.map(drop).map_err(|error| fault(doing(), &error))
}
