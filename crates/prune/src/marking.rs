//! Setting the deletion tag on what the rules let go, before a run makes anything.
//!
//! `rotate-secret` does that once the secret has moved. A run that ends before, because there is no room for one more
//! instance, would never get so far, nor would the next: so what a lower number of versions lets go is tagged here too, and a
//! later call deletes it.

use rds_access::{Instance, Refusal};
use replication::Error;
use replication::destination::LiveSecret;
use replication::lineage::{DELETION_TAG, Tags};
use replication::retention::Verdict;

use crate::destination::Clients;
use crate::report::Pruned;
use crate::world::World;

/// Tags what is decided to be superseded and carries no tag yet. What cannot be tagged is in the report: the next run tries
/// again.
pub async fn mark(clients: &Clients, secret: &LiveSecret, world: &World, report: &mut Pruned) {
    let superseded = world.about_instances.iter().filter(|decision| decision.verdict == Verdict::Mark);
    let superseded: Vec<&Instance> =
        superseded.filter_map(|decision| world.instance(&decision.identifier)).collect();
    let tag = Tags::default().with(DELETION_TAG.0, DELETION_TAG.1);
    let mut marked = Vec::new();
    for instance in superseded {
        match rds_access::add_tags(&clients.rds, &instance.arn, &tag).await {
            Ok(()) => marked.push(instance),
            Err(Refusal::Gone(_)) => {}
            Err(refused) => {
                let error =
                    refused.into_error(format!("setting the deletion tag of {}", instance.identifier));
                report.notes.push(error.to_string());
            }
        }
    }
    if !marked.is_empty()
        && let Err(error) = spare_live(clients, secret, &mut marked).await
    {
        // A live instance is never deleted, even with the tag, because a deletion reads the secret again.
        report.notes.push(error.to_string());
    }
    report.marked = marked.iter().map(|instance| instance.identifier.to_string()).collect();
}

/// Removes the tag again if a rollback to the version has come in between: what is live carries none.
async fn spare_live(
    clients: &Clients,
    secret: &LiveSecret,
    marked: &mut Vec<&Instance>,
) -> Result<(), Error> {
    let live_host = secret_access::read(&clients.secrets, secret).await?.pointer.host;
    let is_live = |instance: &&Instance| instance.host.as_deref() == Some(live_host.as_str());
    let Some(index) = marked.iter().position(is_live) else { return Ok(()) };
    let live = marked.remove(index);
    let doing = format!("taking the deletion tag off {}, which is live", live.identifier);
    rds_access::remove_tag(&clients.rds, &live.arn, DELETION_TAG.0)
        .await
        .map_err(|refused| refused.into_error(doing))
}
