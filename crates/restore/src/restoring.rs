//! The name of a new instance, and the one call that makes it.

use rds_access::Snapshot;
use rds_access::restoring::{self, Restoring};
use replication::Error;
use replication::contract::{DbInstance, StageReport};
use replication::pacing::{INTENT_WAIT_SECONDS, StageName, history};
use replication::quota;
use replication::restore::Choice;
use replication::versions::Scope;

use crate::Poll;

impl Poll<'_> {
    /// Writes the choice in the document. What RDS would refuse later is refused now.
    pub(crate) fn choose(&self, choice: &Choice, snapshots: &[Snapshot]) -> Result<DbInstance, Error> {
        self.check_growth(choice, snapshots)?;
        let origin = snapshots.iter().find(|snapshot| snapshot.identifier == choice.origin.snapshot);
        let Scope { stack, database, .. } = self.replicated.scope();
        let expected = history::expected_seconds(snapshots, stack, database, StageName::Restore, origin);
        let stage = StageReport::pending(&self.stage.expecting(expected), "chosen", None);
        let stage = StageReport { wait_seconds: INTENT_WAIT_SECONDS, ..stage };
        Ok(report(choice, true, stage))
    }

    /// Restores what an earlier poll has chosen. Nothing if an instance of the name exists.
    pub(crate) async fn restore(
        &self,
        choice: &Choice,
        snapshots: &[Snapshot],
    ) -> Result<Option<DbInstance>, Error> {
        self.check_growth(choice, snapshots)?;
        let Poll { rds, config, stage, .. } = self;
        if let Some(waiting) = self.turn().await? {
            return Ok(Some(report(choice, true, waiting)));
        }
        let tags = config.options.tags(choice.tags(), self.source_tags);
        let request =
            rds.restore_db_instance_from_db_snapshot().set_tags(Some(rds_access::to_rds_tags(&tags)));
        let request = config.options.apply(request);
        let snapshot = &choice.origin.snapshot;
        match restoring::restore_instance(rds, request, snapshot, &choice.identifier).await? {
            Restoring::Accepted(status) => {
                Ok(Some(report(choice, false, StageReport::pending(stage, &status, None))))
            }
            Restoring::NotNow(status) => {
                stage.check_deadline(&format!("database {} to be created", choice.identifier), &status)?;
                Ok(Some(report(choice, true, StageReport::pending(stage, &status, None))))
            }
            Restoring::Full(full) => {
                let polls = self.earlier.map_or(0, |earlier| earlier.stage.unseen);
                let waiting_for = format!("room for database {}", choice.identifier);
                let is_leaving = rds_access::is_instance_leaving(rds, &self.replicated.stack).await?;
                let stage = quota::no_room(full, &waiting_for, stage, polls, is_leaving)?;
                Ok(Some(report(choice, true, stage)))
            }
            Restoring::Exists => Ok(None),
        }
    }

    fn check_growth(&self, choice: &Choice, snapshots: &[Snapshot]) -> Result<(), Error> {
        let from = snapshots.iter().find(|snapshot| snapshot.identifier == choice.origin.snapshot);
        let storage = from.and_then(|snapshot| snapshot.allocated_storage);
        let doing = format!("restoring snapshot {}", choice.origin.snapshot);
        self.config.options.check_growth(&doing, storage)
    }
}

fn report(choice: &Choice, chosen: bool, stage: StageReport) -> DbInstance {
    DbInstance {
        identifier: choice.identifier.clone(),
        version: choice.version,
        restored_version: choice.restored_version(),
        host: None,
        resource_id: None,
        chosen,
        changing: None,
        left_out: vec![],
        stage,
    }
}
