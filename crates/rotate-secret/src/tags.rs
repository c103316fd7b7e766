//! Setting the deletion tag on what is superseded, so that the next prune may delete it, and the tag that says what was
//! live. The decision is [`replication::moving`].

use aws_sdk_rds::Client as Rds;
use rds_access::{Instance, Refusal};
use replication::lineage::{DELETION_TAG, PROMOTED, Tags};
use replication::moving::{Effect, TagChange};
use replication::{Error, ErrorName};

/// What became of the change of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Done,
    /// RDS cannot do it in the instance's present state; the next run does it.
    NotNow,
    /// The instance is gone.
    Gone,
}

/// Sets tags and takes them off. One that cannot be changed does not stop the rest.
pub async fn carry_out(
    rds: &Rds,
    changes: &[(TagChange, &Instance)],
    live_host: &str,
) -> Result<Effect, Error> {
    let (mut marked, mut unmarked, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (change, instance) in changes {
        let outcome = match change {
            TagChange::Supersede => set(rds, instance, DELETION_TAG).await,
            TagChange::Keep => take_off(rds, instance).await,
            TagChange::Promote => set(rds, instance, PROMOTED).await,
        };
        match (outcome, change) {
            (Ok(Change::Done), TagChange::Supersede) => marked.push(instance.identifier.to_string()),
            (Ok(Change::Done), TagChange::Keep) => unmarked.push(instance.identifier.to_string()),
            (Ok(_), _) => {}
            (Err(error), _) => failed.push(error),
        }
    }
    if let Some(retryable) = failed.iter().find(|error| error.name().is_retryable()) {
        return Err(retryable.clone());
    }
    if failed.is_empty() {
        return Ok(Effect::Marked(marked, unmarked));
    }
    let texts: Vec<String> = failed.iter().map(ToString::to_string).collect();
    Err(Error::new(ErrorName::PruneIncomplete, format!("setting tags, after the secret names {live_host}"))
        .because(texts.join("; "))
        .advise("the secret is as it should be; fix what is named, and the next run sets them"))
}

/// Takes the tag off one instance.
pub async fn clear(rds: &Rds, instance: &Instance) -> Result<Effect, Error> {
    match take_off(rds, instance).await? {
        // The next poll sees what has become of it.
        Change::Done | Change::NotNow => Ok(Effect::Done),
        Change::Gone => Err(Error::new(
            ErrorName::NotFound,
            format!("taking the deletion tag off database {}", instance.identifier),
        )
        .because("it is gone: it was superseded, and its deletion had begun")
        .advise("ask for one of the versions that are kept")),
    }
}

async fn set(rds: &Rds, instance: &Instance, (key, value): (&str, &str)) -> Result<Change, Error> {
    let tag = Tags::default().with(key, value);
    let answer = rds_access::add_tags(rds, &instance.arn, &tag).await;
    outcome(rds, instance, &format!("setting the tag {key} of"), answer).await
}

async fn take_off(rds: &Rds, instance: &Instance) -> Result<Change, Error> {
    let answer = rds_access::remove_tag(rds, &instance.arn, DELETION_TAG.0).await;
    outcome(rds, instance, "taking the deletion tag off", answer).await
}

async fn outcome(
    rds: &Rds,
    instance: &Instance,
    doing: &str,
    answer: Result<(), Refusal>,
) -> Result<Change, Error> {
    match answer {
        Ok(()) => Ok(Change::Done),
        Err(Refusal::NotNow(_)) => Ok(Change::NotNow),
        Err(_) if rds_access::instance_is_gone(rds, &instance.identifier).await => Ok(Change::Gone),
        Err(refused) => Err(refused.into_error(format!("{doing} database {}", instance.identifier))),
    }
}
