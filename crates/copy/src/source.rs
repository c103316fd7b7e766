//! The source account: the snapshot that leaves it is under the shared key. Where the source account copies into the
//! destination's Region by itself, that is a key of that Region, and the copy is made there.

use aws_sdk_kms::Client as Kms;
use aws_sdk_rds::Client as Rds;
use lambda_task::Environment;
use rds_access::Snapshot;
use replication::contract::{Envelope, SourceDbSnapshot, SourceState, StageReport, Status, TargetDbSnapshot};
use replication::copies::{self, Begin, Run, Step};
use replication::copying::{EarlierCopy, Expectation};
use replication::lineage::{self, Tags};
use replication::naming::{self, SnapshotArn};
use replication::pacing::{Stage, StageName, history};
use replication::{Error, ErrorName};
use time::OffsetDateTime;

use crate::convergence::{self, CopyRequest, Distance, Started};
use crate::regions::Regional;
use crate::{Settings, key};

/// What the source stack says.
#[derive(Debug, Clone)]
pub struct Config {
    settings: Settings,
    extra_tags: Tags,
    /// The other Region that copies are made in, if they are not made in this one.
    copies_into: Option<String>,
}

impl Config {
    /// Reads the function's environment.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable.
    pub fn read(environment: &Environment) -> Result<Self, Error> {
        let extra_tags = lambda_task::extra_tags(environment)?;
        let copies_into = lambda_task::copies_into(environment);
        Ok(Self { settings: Settings::read(environment)?, extra_tags, copies_into })
    }
}

/// Finds this run's copy, or creates it if there is none. `own` is this Region, `target` the one that copies are made in.
///
/// # Errors
/// `InvalidConfiguration` (AWS cannot copy into that Region), `InvalidInput`, `KeyUnusable`, `KeyNotAccessible`, `NotFound`, `CopyFailed`, `NameTaken`, `QuotaExceeded`,
/// `DeadlineExceeded`, or a fault of a service.
pub async fn run(
    own: &Regional,
    target: &Regional,
    config: &Config,
    input: Envelope<SourceState>,
    now: OffsetDateTime,
) -> Result<TargetDbSnapshot, Error> {
    let Regional { rds, kms } = target;
    let id = input.replication_id();
    let settings = &config.settings;
    let (source, source_arn) = source_snapshot(input.state.source_db_snapshot)?;
    let earlier = input.state.target_db_snapshot;
    let report = earlier.as_ref().map(|earlier| &earlier.stage);
    let stage = Stage::resume(StageName::Copy, report, now, settings.deadline_seconds, &input.execution.id);
    let name = naming::encrypted_copy(&source.identifier)?;
    let run = Run {
        stack: &settings.stack,
        id: &id,
        source: &source,
        name: &name,
        stage,
        earlier: earlier.as_ref(),
    };
    let poll = Poll { rds, source: &own.rds, config, run, source_arn };
    if let Some(because) = poll.cannot_copy() {
        return Err(Error::new(
            ErrorName::InvalidConfiguration,
            format!("copying snapshot {}", source.identifier),
        )
        .because(because)
        .advise("give the source stack another DestinationRegion"));
    }

    let found = rds_access::snapshot(rds, name.as_str()).await?;
    let seen_before = earlier.as_ref().and_then(|earlier| earlier.arn.clone());
    let key_arn = found.as_ref().and_then(|found| found.key_arn.clone()).unwrap_or_default();
    let step = run.decide(found.as_ref())?;
    tracing::info!(decision = %step, "decided");
    let (arn, stage) = match step {
        Step::Begin => return poll.begin(kms).await,
        Step::Follow(stage) => (found.map(|found| found.arn), stage),
        Step::Await(stage) => (seen_before, stage),
    };
    let copy = poll.expectation(&key_arn).await?;
    Ok(TargetDbSnapshot { identifier: name, arn, stage, copy })
}

/// One poll for the copy of a run.
struct Poll<'a> {
    /// RDS of the Region that the copy is made in.
    rds: &'a Rds,
    /// RDS of the Region that the snapshot of the run is in.
    source: &'a Rds,
    config: &'a Config,
    run: Run<'a>,
    source_arn: SnapshotArn,
}

impl Poll<'_> {
    /// Goes on where there is no copy yet.
    async fn begin(&self, kms: &Kms) -> Result<TargetDbSnapshot, Error> {
        let Self { run, config, .. } = self;
        let parameter = if config.copies_into.is_some() { key::PARAMETER_ELSEWHERE } else { key::PARAMETER };
        let key_arn = key::usable(kms, &config.settings.key, key::KeyUse::OtherAccounts, parameter).await?;
        let begin = run.begin(&key_arn);
        tracing::info!(decision = %begin, "decided");
        if let Begin::ShareSource(stage) = begin {
            return Ok(TargetDbSnapshot {
                identifier: run.source.identifier.clone(),
                arn: Some(self.source_arn.clone()),
                stage,
                copy: Expectation::shared_directly(),
            });
        }
        let (copy, began) = match run.earlier {
            Some(earlier) => (earlier.copy.clone(), run.stage),
            None => {
                let snapshots = self.snapshots_of_database().await?;
                (self.expectation_of(&snapshots, &key_arn), self.expecting(&snapshots))
            }
        };
        let (arn, stage) = match self.start(&key_arn).await {
            // What the call has just created is ours, even if its answer has no tags yet.
            Ok(Started::Made(made)) => {
                let stage = copies::judge(&made, true, &began)?;
                (Some(made.arn), stage)
            }
            Ok(Started::NotYet) => (None, copies::not_started(run.name, &began)?),
            // What was pruned just before still counts until RDS has deleted it.
            Ok(Started::Full(full)) => (None, self.no_room(full).await?),
            Err(error) if error.name() == ErrorName::NotFound => (None, run.source_not_shown(error)?),
            Err(error) => return Err(error),
        };
        Ok(TargetDbSnapshot { identifier: run.name.clone(), arn, stage, copy })
    }

    /// The report of a copy for which there is no room.
    async fn no_room(&self, full: Error) -> Result<StageReport, Error> {
        let Self { rds, run, .. } = self;
        let is_leaving = rds_access::is_snapshot_leaving(rds, run.stack).await?;
        copies::no_room(full, run.name, &run.stage, run.unseen(), is_leaving)
    }

    async fn start(&self, key_arn: &str) -> Result<Started, Error> {
        let Run { stack, id, source, name, .. } = self.run;
        let tags = Tags::of_replication(stack, id, &source.source_db_identifier)
            .with(lineage::SOURCE_SNAPSHOT, self.source_arn.to_string())
            .named(name.as_str())
            .merged_under(&self.config.extra_tags);
        let crosses_regions = self.config.copies_into.is_some();
        // In another Region only the ARN says which snapshot is meant.
        let arn = crosses_regions.then(|| self.source_arn.to_string());
        let order = CopyRequest {
            from: arn.as_deref().unwrap_or(source.identifier.as_str()),
            source: self.source,
            distance: Distance { is_shared: false, crosses_regions },
            to: name,
            key_arn,
            source_key_arn: source.kms_key_id.as_deref(),
            copy_option_group: false,
            tags: &tags,
        };
        convergence::start(self.rds, &order).await
    }

    /// Why AWS cannot copy into the Region that copies are made in; nothing if it can.
    fn cannot_copy(&self) -> Option<String> {
        let region = self.config.copies_into.as_deref()?;
        let place = self.source_arn.place();
        place.cannot_copy_into(&place.in_region(region))
    }

    /// What RDS is expected to move, judged by the newest earlier copy of the same database before the copy began.
    async fn expectation(&self, key_arn: &str) -> Result<Expectation, Error> {
        if let Some(earlier) = self.run.earlier {
            return Ok(earlier.copy.clone());
        }
        Ok(self.expectation_of(&self.snapshots_of_database().await?, key_arn))
    }

    async fn snapshots_of_database(&self) -> Result<Vec<Snapshot>, Error> {
        let Run { stack, source, .. } = self.run;
        rds_access::snapshots_of_database(self.rds, stack, &source.source_db_identifier, None).await
    }

    fn expectation_of(&self, snapshots: &[Snapshot], key_arn: &str) -> Expectation {
        let Run { stack, source, name, .. } = self.run;
        let earlier = EarlierCopy::newest(snapshots, stack, &source.source_db_identifier, name);
        Expectation::re_encryption(source.encrypted, earlier.as_ref(), key_arn)
    }

    /// The stage with what its last run says about how long it takes.
    fn expecting(&self, snapshots: &[Snapshot]) -> Stage {
        let Run { stack, source, stage, .. } = self.run;
        let database = &source.source_db_identifier;
        let from = snapshots.iter().find(|snapshot| snapshot.identifier == source.identifier);
        stage.expecting(history::expected_seconds(snapshots, stack, database, StageName::Copy, from))
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
