//! What is there, with what was decided about it.

use aws_sdk_rds::Client as Rds;
use rds_access::{Instance, Regions, Snapshot};
use replication::lineage::{self, Tags};
use replication::retention::{Decision, Planned};

/// What is there, and what was decided about it.
#[derive(Default)]
pub struct World {
    pub instances: Vec<Instance>,
    pub snapshots: Vec<Snapshot>,
    pub about_instances: Vec<Decision>,
    pub about_snapshots: Vec<Decision>,
    /// The log groups that outlive what this run or a later one deletes.
    pub log_groups: Vec<String>,
    /// Whether the instances are all that the account has.
    pub has_all_instances: bool,
    /// How many other runs of the machine are running.
    pub others_running: usize,
}

impl World {
    pub fn instance(&self, identifier: &str) -> Option<&Instance> {
        self.instances.iter().find(|one| one.identifier.as_str() == identifier)
    }

    pub fn snapshot(&self, identifier: &str) -> Option<&Snapshot> {
        self.snapshots.iter().find(|one| one.identifier.as_str() == identifier)
    }

    /// Whether a thing that was there when it was planned is gone or on its way out.
    pub fn is_leaving(&self, thing: &Planned) -> bool {
        match thing {
            Planned::Instance(name) => self.instance(name).is_none_or(Instance::is_leaving),
            Planned::Snapshot(name) => self.snapshot(name).is_none_or(|one| one.status.is_deleting()),
        }
    }

    /// Whether an earlier run could not delete a thing.
    pub fn was_undeleted(&self, thing: &Planned) -> bool {
        let tagged = self.tagged(thing.identifier());
        tagged.is_some_and(|(_, tags)| tags.get(lineage::UNDELETED).is_some())
    }

    /// Whether a thing that was there is certainly gone.
    pub async fn is_gone(&self, regions: &Regions, identifier: &str) -> bool {
        let rds = self.rds_of(regions, identifier);
        match self.instance(identifier) {
            Some(instance) => rds_access::instance_is_gone(rds, &instance.identifier).await,
            None => rds_access::snapshot_is_gone(rds, identifier).await,
        }
    }

    /// RDS of the Region that a thing is in.
    pub fn rds_of<'a>(&self, regions: &'a Regions, identifier: &str) -> &'a Rds {
        self.snapshot(identifier).map_or_else(|| regions.own(), |snapshot| regions.of(&snapshot.arn))
    }

    /// The ARN and the tags of a thing.
    pub fn tagged(&self, identifier: &str) -> Option<(String, &Tags)> {
        let instance = self.instance(identifier).map(|one| (one.arn.clone(), &one.tags));
        instance.or_else(|| self.snapshot(identifier).map(|one| (one.arn.to_string(), &one.tags)))
    }
}
