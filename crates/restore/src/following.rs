//! What is done to an instance that is there, before readers come, and to the snapshot it was restored from.

use rds_access::restoring::{self, Modifying};
use rds_access::{Instance, Refusal, settings};
use replication::contract::{DbInstance, LeftOut, StageReport, Status};
use replication::lineage::{self, Tags};
use replication::naming::SnapshotArn;
use replication::pacing::{INTENT_WAIT_SECONDS, history};
use replication::progress::MODIFYING;
use replication::restore::{self, Change, Finish, Purpose, RestoredBy};
use replication::{Error, ErrorName};

use crate::Poll;

impl Poll<'_> {
    /// Reports the progress of the instance, after one effect if there is one left.
    pub(crate) async fn follow(
        &self,
        instance: &Instance,
        restored_by: Option<&RestoredBy>,
    ) -> Result<DbInstance, Error> {
        let Poll { config, earlier, stage, .. } = self;
        let progress =
            restore::progress(instance, *earlier, restored_by.is_some(), config.require_initialized, stage)?;
        let is_usable = progress.status == Status::Available;
        let report = self.describe(instance, restored_by, progress)?;
        let wanted = &config.options.after;
        match restore::finish(instance, restored_by, is_usable, wanted, *earlier) {
            Finish::Wait | Finish::Done => Ok(report),
            Finish::Seal(tags) => self.seal(instance, &tags, report).await,
            Finish::AwaitChange(change, polls) => {
                self.check_change(instance, &change, "not shown yet")?;
                let stage = StageReport::unseen(stage, instance.status.as_str(), polls);
                Ok(DbInstance { changing: Some(change.name()), stage, ..report })
            }
            Finish::Change(change) => self.change(instance, &change, report).await,
            Finish::NoteVersion(snapshot) => {
                self.note_version(snapshot, &report).await?;
                Ok(report)
            }
        }
    }

    fn describe(
        &self,
        instance: &Instance,
        restored_by: Option<&RestoredBy>,
        stage: StageReport,
    ) -> Result<DbInstance, Error> {
        let name = &instance.identifier;
        let version = instance.tags.version().ok_or_else(|| {
            Error::new(ErrorName::RestoreFailed, format!("reading database {name}"))
                .because(format!("its tag {} is missing or no number", lineage::VERSION))
                .advise("put the tag back, or delete the database and start the source execution again")
        })?;
        let mut left_out = match restored_by {
            Some(RestoredBy::Replication(_)) => {
                self.config.options.left_out(&instance.tags, self.source_tags)
            }
            _ => vec![],
        };
        let of_rds = self.earlier.iter().flat_map(|earlier| &earlier.left_out);
        for one in of_rds.filter(|one| self.config.options.after.has(&one.what)) {
            left_out.push(one.clone());
        }
        Ok(DbInstance {
            identifier: name.clone(),
            version,
            restored_version: instance.tags.restored_version(),
            host: instance.host.clone(),
            resource_id: instance.resource_id.clone(),
            chosen: false,
            changing: None,
            left_out,
            stage,
        })
    }

    /// Asks RDS for one change. One that it refuses is reported and does not end the run, because the instance is there
    /// and is otherwise as it should be.
    async fn change(
        &self,
        instance: &Instance,
        change: &Change,
        report: DbInstance,
    ) -> Result<DbInstance, Error> {
        let request = self.rds.modify_db_instance();
        let request = settings::changed_to(request, change.settings(), instance.allocated_storage);
        let parameter = change.name();
        match restoring::modify_instance(request, &instance.identifier).await? {
            Modifying::Accepted => {
                let changing = Some(parameter);
                Ok(DbInstance { changing, ..self.pending(report, MODIFYING) })
            }
            Modifying::NotNow(said) => {
                self.check_change(instance, change, &said)?;
                Ok(self.pending(report, &said))
            }
            Modifying::Refused(because) => {
                let mut report = self.pending(report, instance.status.as_str());
                report.left_out.push(LeftOut { what: parameter, because });
                report.stage.wait_seconds = INTENT_WAIT_SECONDS;
                Ok(report)
            }
        }
    }

    /// Writes the resource id. IAM judges by the tags of the instance, which it may not know yet when RDS has just given
    /// them, so that a refusal is not final.
    async fn seal(&self, instance: &Instance, tags: &Tags, report: DbInstance) -> Result<DbInstance, Error> {
        let doing = format!("tagging database {}", instance.identifier);
        let refused = match rds_access::add_tags(self.rds, &instance.arn, tags).await {
            Ok(()) => None,
            Err(Refusal::NotNow(_)) => {
                self.stage.check_deadline(
                    &format!("database {} to take its tags", instance.identifier),
                    instance.status.as_str(),
                )?;
                return Ok(self.pending(report, instance.status.as_str()));
            }
            Err(refused) if refused.is_denied() || matches!(refused, Refusal::Gone(_)) => {
                Some(refused.into_error(doing))
            }
            Err(refused) => return Err(refused.into_error(doing)),
        };
        let stage = restore::sealing(instance, refused, self.earlier, &self.stage)?;
        Ok(DbInstance { stage, ..report })
    }

    fn check_change(&self, instance: &Instance, change: &Change, status: &str) -> Result<(), Error> {
        let waiting_for = format!("database {} to take {}", instance.identifier, change.name());
        self.stage.check_deadline(&waiting_for, status)
    }

    fn pending(&self, report: DbInstance, status: &str) -> DbInstance {
        DbInstance { stage: StageReport::pending(&self.stage, status, None), ..report }
    }

    /// How long the stages of a replication took here.
    fn stage_seconds(&self) -> Option<String> {
        let Purpose::Replicate { id, copy, .. } = self.purpose else { return None };
        Some(history::of_destination(id, copy, self.stage.started_at, self.stage.now))
    }

    /// Writes the version on the snapshot that it was restored from, so that one can go back to the version when its
    /// instance is gone, and how long it took, which the next run goes by.
    async fn note_version(&self, snapshot: &SnapshotArn, restored: &DbInstance) -> Result<(), Error> {
        let took = self.stage_seconds();
        lambda_task::log_stage_seconds(took.as_deref());
        let tags = Tags::default()
            .with(lineage::VERSION, restored.version.to_string())
            .with_some(lineage::STAGE_SECONDS, took);
        match rds_access::add_tags(self.rds, &snapshot.to_string(), &tags).await {
            Ok(()) => Ok(()),
            // Without the snapshot there is nothing to go back to.
            Err(_) if rds_access::snapshot_is_gone(self.rds, snapshot.identifier.as_str()).await => Ok(()),
            Err(refused) => {
                let doing = format!("writing the version on snapshot {}", snapshot.identifier);
                Err(refused.into_error(doing))
            }
        }
    }
}
