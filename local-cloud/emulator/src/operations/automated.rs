//! The snapshots that RDS makes by itself of instances with automated backups.

use std::sync::Arc;

use time::macros::format_description;

use super::snapshotting;
use crate::archive::Archive;
use crate::arn::Arn;
use crate::clock;
use crate::emulator::{Emulator, locked};
use crate::model::{Region, Snapshot};
use crate::query::Tags;

/// Begins the first automated snapshot of an instance whose server runs. Of one that was just restored the data is there
/// already.
pub fn begin(emulator: &Arc<Emulator>, instance: &Arn, data: Option<&Arc<Archive>>) {
    let (snapshot, job) = {
        let mut world = locked(&emulator.world);
        let job = world.new_job();
        let day = format_description!("[year]-[month]-[day]-[hour]-[minute]");
        let time = clock::now().format(&day).unwrap_or_default();
        let identifier = free_name(world.region(&instance.scope), &format!("rds:{}-{time}", instance.name));
        let Some(found) = world.instance(instance) else { return };
        let begun = snapshotting::begun(emulator, found, identifier, Tags::new(), job);
        let mut snapshot = Snapshot { is_automated: true, ..begun };
        if let Some(data) = data {
            snapshot.status = "available".to_owned();
            snapshot.job = None;
            snapshot.progress = None;
            snapshot.full_bytes = Some(data.content_bytes);
            snapshot.origin.database_time = Some(snapshot.created);
            snapshot.archive = Some(Arc::clone(data));
        }
        let arn = snapshot.arn();
        world.region(&instance.scope).snapshots.insert(snapshot.identifier.clone(), snapshot);
        (arn, job)
    };
    if data.is_none() {
        let (emulator, instance) = (Arc::clone(emulator), instance.clone());
        tokio::spawn(
            async move { snapshotting::take(&emulator, &instance, &snapshot, job, "available").await },
        );
    }
}

/// The name of the minute, or another where an earlier instance of the same name has left one.
fn free_name(region: &Region, name: &str) -> String {
    let is_free = |name: &String| !region.snapshots.contains_key(name);
    let others = (2_u32..).map(|number| format!("{name}-{number}"));
    std::iter::once(name.to_owned()).chain(others).find(is_free).unwrap_or_default()
}

/// Takes away the automated snapshots of an instance that has no automated backups any more, and ends copies of them.
pub fn end(emulator: &Emulator, instance: &Arn, resource_id: &str) {
    let mut world = locked(&emulator.world);
    for removed in world.region(&instance.scope).remove_automated(resource_id) {
        world.fail_copies_of(&removed.arn());
    }
}
