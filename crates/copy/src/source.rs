//! The source account: the snapshot that leaves it is under the shared key.

use aws_sdk_kms::Client as Kms;
use aws_sdk_rds::Client as Rds;
use lambda_task::Environment;
use rds_access::Snapshot;
use replication::contract::{Envelope, SourceDbSnapshot, SourceState, StageReport, Status, TargetDbSnapshot};
use replication::copying::{EarlierCopy, Expectation};
use replication::lineage::{self, Tags};
use replication::naming::{self, ReplicationId, SnapshotArn, SnapshotIdentifier};
use replication::pacing::{Stage, StageName, UNSEEN_POLLS};
use replication::quota;
use replication::{Error, ErrorName};
use time::OffsetDateTime;

use crate::convergence::{self, Order, Started};
use crate::{Settings, key};

/// What the source stack says.
#[derive(Debug, Clone)]
pub struct Config(Settings);

impl Config {
    /// Reads the function's environment.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable.
    pub fn read(environment: &Environment) -> Result<Self, Error> {
        Settings::read(environment).map(Self)
    }
}

/// One poll for the copy of a run.
struct Poll<'a> {
    settings: &'a Settings,
    id: ReplicationId,
    source: SourceDbSnapshot,
    source_arn: SnapshotArn,
    name: SnapshotIdentifier,
    stage: Stage,
    /// The result of the poll before.
    earlier: Option<TargetDbSnapshot>,
}

/// Looks for this run's copy and makes it if it is not there.
///
/// # Errors
/// `InvalidInput`, `KeyUnusable`, `KeyNotAccessible`, `NotFound`, `CopyFailed`, `NameTaken`, `QuotaExceeded`,
/// `DeadlineExceeded`, or a fault of a service.
pub async fn run(
    rds: &Rds,
    kms: &Kms,
    Config(settings): &Config,
    input: Envelope<SourceState>,
    now: OffsetDateTime,
) -> Result<TargetDbSnapshot, Error> {
    let (source, source_arn) = source_snapshot(input.state.source_db_snapshot)?;
    let earlier = input.state.target_db_snapshot;
    let started_at = earlier.as_ref().map_or(now, |earlier| earlier.stage.started_at);
    let stage = Stage { name: StageName::Copy, started_at, now, deadline_seconds: settings.deadline_seconds };
    let name = naming::encrypted_copy(&source.identifier)?;
    let id = input.execution.replication_id();
    let poll = Poll { settings, id, source, source_arn, name, stage, earlier };

    let Some(found) = rds_access::snapshot(rds, poll.name.as_str()).await? else {
        return poll.absent(rds, kms).await;
    };
    let report = poll.found(&found)?;
    let arn = if report.unseen == 0 { Some(found.arn) } else { poll.seen_before() };
    let copy = poll.expectation(rds, found.key_arn.as_deref().unwrap_or_default()).await?;
    Ok(TargetDbSnapshot { identifier: poll.name, arn, stage: report, copy })
}

impl Poll<'_> {
    fn unseen(&self) -> u32 {
        self.earlier.as_ref().map_or(0, |earlier| earlier.stage.unseen)
    }

    fn seen_before(&self) -> Option<SnapshotArn> {
        self.earlier.as_ref().and_then(|earlier| earlier.arn.clone())
    }

    /// The report of one more poll that has not seen what must be there.
    fn not_seen(&self, status: &str) -> Result<StageReport, Error> {
        self.stage.check_deadline(&format!("snapshot copy {}", self.name), status)?;
        Ok(StageReport::unseen(&self.stage, status, self.unseen() + 1))
    }

    fn found(&self, found: &Snapshot) -> Result<StageReport, Error> {
        if found.tags.is_empty() && self.unseen() < UNSEEN_POLLS {
            return self.not_seen(found.status.as_str());
        }
        convergence::judge(found, found.is_of_replication(&self.settings.stack, &self.id), &self.stage)
    }

    /// Goes on where there is no snapshot of this name.
    async fn absent(self, rds: &Rds, kms: &Kms) -> Result<TargetDbSnapshot, Error> {
        // A run makes one copy: what it has seen before is not shown at the moment, or somebody has deleted it.
        if let (Some(arn), Some(earlier)) = (self.seen_before(), &self.earlier) {
            if self.unseen() < UNSEEN_POLLS {
                let (stage, copy) = (self.not_seen("not shown")?, earlier.copy.clone());
                return Ok(TargetDbSnapshot { identifier: self.name, arn: Some(arn), stage, copy });
            }
            return Err(Error::new(ErrorName::NotFound, format!("waiting for snapshot copy {}", self.name))
                .because("it was there and is gone")
                .advise("start a new execution"));
        }
        let key_arn = key::usable(kms, &self.settings.key, key::Reach::OtherAccounts).await?;
        if self.source.encrypted && self.source.kms_key_id.as_deref() == Some(&key_arn) {
            let stage = StageReport::available(&self.stage, &self.source.stage.rds_status);
            return Ok(TargetDbSnapshot {
                identifier: self.source.identifier,
                arn: Some(self.source_arn),
                stage,
                copy: Expectation::shared_directly(),
            });
        }
        let copy = self.expectation(rds, &key_arn).await?;
        let (arn, stage) = match self.start(rds, &key_arn).await {
            // What the call has just made is ours, whatever its answer lacks.
            Ok(Started::Made(made)) => {
                let stage = convergence::judge(&made, true, &self.stage)?;
                (Some(made.arn), stage)
            }
            Ok(Started::NotYet) => (None, convergence::not_started(&self.name, &self.stage)?),
            // What was pruned just before still counts until RDS has deleted it.
            Ok(Started::Full(full)) => (None, self.no_room(rds, full).await?),
            // The snapshot was there in the stage before: RDS does not show it at the moment, or it is gone.
            Err(error) if error.name() == ErrorName::NotFound && self.unseen() < UNSEEN_POLLS => {
                (None, self.not_seen("its source is not shown")?)
            }
            Err(error) => return Err(error),
        };
        Ok(TargetDbSnapshot { identifier: self.name, arn, stage, copy })
    }

    /// The report of a copy for which there is no room.
    async fn no_room(&self, rds: &Rds, full: Error) -> Result<StageReport, Error> {
        let stack = &self.settings.stack;
        let snapshots = rds_access::snapshots_of_stack(rds, stack).await?;
        let is_leaving = quota::is_snapshot_leaving(&snapshots, stack);
        convergence::no_room(full, &self.name, &self.stage, self.unseen(), is_leaving)
    }

    async fn start(&self, rds: &Rds, key_arn: &str) -> Result<Started, Error> {
        let tags = Tags::of_replication(&self.settings.stack, &self.id, &self.source.source_db_identifier)
            .with(lineage::SOURCE_SNAPSHOT, self.source_arn.to_string())
            .named(self.name.as_str());
        let order = Order {
            from: self.source.identifier.as_str(),
            to: &self.name,
            key_arn,
            source_key_arn: self.source.kms_key_id.as_deref(),
            copy_option_group: false,
            tags: &tags,
        };
        convergence::start(rds, &order).await
    }

    /// What RDS is expected to move, judged by the newest earlier copy of the same database before the copy began.
    async fn expectation(&self, rds: &Rds, key_arn: &str) -> Result<Expectation, Error> {
        if let Some(earlier) = &self.earlier {
            return Ok(earlier.copy.clone());
        }
        let Settings { stack, .. } = self.settings;
        let all = rds_access::snapshots_of_stack(rds, stack).await?;
        let earlier = EarlierCopy::newest(&all, stack, &self.source.source_db_identifier, &self.name);
        Ok(Expectation::re_encryption(self.source.encrypted, earlier.as_ref(), key_arn))
    }
}

/// The source snapshot as `snapshot` left it: it exists and is available.
fn source_snapshot(snapshot: Option<SourceDbSnapshot>) -> Result<(SourceDbSnapshot, SnapshotArn), Error> {
    let invalid = |because: &str| {
        Error::new(ErrorName::InvalidInput, "copying the source snapshot")
            .because(format!("field state.SourceDBSnapshot{because}"))
    };
    let snapshot = snapshot.ok_or_else(|| invalid(" is missing"))?;
    if snapshot.stage.status != Status::Available {
        return Err(invalid(".status is not Available"));
    }
    let arn = snapshot.arn.clone().ok_or_else(|| invalid(".SourceDBSnapshotArn is missing"))?;
    Ok((snapshot, arn))
}
