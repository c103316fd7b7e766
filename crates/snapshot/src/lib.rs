//! `snapshot` makes the snapshot of this run exist, and reports its progress.
//!
//! Converges to: one manual snapshot `<SourceDBSnapshotName>-<replication id>` of the source database, tagged as
//! this run's. It may run again at any time: it observes first, and what it finds with this run's tags is its own. The
//! decision is [`replication::snapshotting`].
//!
//! Needs: `rds:DescribeDBInstances`, `rds:DescribeDBSnapshots`, `rds:ListTagsForResource`, `rds:CreateDBSnapshot`,
//! `rds:AddTagsToResource`, `rds:DescribeAccountAttributes`; `rds:DescribeOptionGroups` to refuse early what cannot be
//! shared, without which it goes on.

use aws_sdk_rds::Client;
use lambda_task::Environment;
use rds_access::{Instance, Refusal, Snapshot};
use replication::Error;
use replication::contract::{Envelope, LeftOut, SourceDbSnapshot, SourceState, StageReport};
use replication::lineage::Tags;
use replication::naming::{self, InstanceIdentifier};
use replication::overrides::Overrides;
use replication::pacing::{Stage, StageName, history};
use replication::preflight::{self, Known};
use replication::progress::CREATING;
use replication::quota;
use replication::snapshotting::{Absent, SnapshotRequest};
use time::OffsetDateTime;

/// What the stack says.
#[derive(Debug, Clone)]
pub struct Config {
    stack: String,
    source_database: InstanceIdentifier,
    snapshot_name: String,
    extra_tags: Tags,
    carry_source_tags: bool,
    deadline_seconds: u32,
}

impl Config {
    /// Reads the function's environment.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable.
    pub fn read(environment: &Environment) -> Result<Self, Error> {
        Ok(Self {
            stack: environment.text("STACK_NAME")?,
            source_database: environment.parsed("SOURCE_DB_IDENTIFIER", "a database identifier")?,
            snapshot_name: environment.text("SOURCE_DB_SNAPSHOT_NAME")?,
            extra_tags: lambda_task::extra_tags(environment)?,
            carry_source_tags: environment.parsed("CARRY_SOURCE_TAGS", "true or false")?,
            deadline_seconds: environment.parsed("STAGE_DEADLINE_SECONDS", "a number of seconds")?,
        })
    }
}

/// Finds this run's snapshot, or creates it if there is none.
///
/// # Errors
/// `NotFound` (no such database, or the snapshot was deleted), `InstanceNotReady` (the database waits for an operator),
/// `InvalidConfiguration` (a member of a cluster), `NotShareable` (an option of the database), `SnapshotFailed`, `NameTaken`,
/// `QuotaExceeded`, `DeadlineExceeded`, or a fault of RDS.
pub async fn run(
    rds: &Client,
    config: &Config,
    input: Envelope<SourceState>,
    now: OffsetDateTime,
) -> Result<SourceDbSnapshot, Error> {
    let id = input.replication_id();
    let database = input.state.source_db_identifier.unwrap_or_else(|| config.source_database.clone());
    let name = naming::source_snapshot(&config.snapshot_name, &id)?;
    let earlier = input.state.source_db_snapshot;
    let report = earlier.as_ref().map(|earlier| &earlier.stage);
    let stage = Stage::resume(StageName::Snapshot, report, now, config.deadline_seconds, &input.execution.id);
    let wanted = SnapshotRequest {
        stack: &config.stack,
        id: &id,
        database: &database,
        name: &name,
        extra_tags: &config.extra_tags,
        carries_source_tags: config.carry_source_tags,
        stage,
        unseen: earlier.as_ref().map_or(0, |earlier| earlier.stage.unseen),
        was_there: earlier.as_ref().is_some_and(|earlier| earlier.arn.is_some()),
    };
    let left_out = earlier.as_ref().map_or_else(Vec::new, |earlier| earlier.left_out.clone());
    let asked = earlier.as_ref().map(|earlier| earlier.overrides.clone());
    if let Some(found) = rds_access::snapshot(rds, name.as_str()).await? {
        let stage = wanted.found(&found)?;
        let known = (stage.unseen == 0).then_some(found);
        let described = describe(config, &wanted, stage, known, left_out);
        let overrides = match asked {
            Some(overrides) => overrides,
            // The answer of the poll that has made the snapshot was lost.
            None => overrides(tagged(rds, &database).await?.as_ref()),
        };
        return Ok(SourceDbSnapshot { overrides, ..described });
    }
    let instance = tagged(rds, &database).await?;
    let absent = wanted.absent(instance.as_ref())?;
    tracing::info!(decision = %absent, "decided");
    let overrides = overrides(instance.as_ref());
    let described = match absent {
        // What an earlier poll has seen stays known while RDS does not show it.
        Absent::Wait(stage) => SourceDbSnapshot {
            arn: earlier.and_then(|earlier| earlier.arn),
            ..describe(config, &wanted, stage, None, left_out)
        },
        Absent::Create(tags, left_out) => {
            if let Some(instance) = &instance {
                check(rds, &wanted, instance).await?;
            }
            let stage = stage.expecting(last_seconds(rds, config, &database).await);
            create(rds, config, &SnapshotRequest { stage, ..wanted }, &tags, left_out).await?
        }
    };
    Ok(SourceDbSnapshot { overrides, ..described })
}

/// The database with its tags: a tag that a description leaves out would be a choice that nobody hears of, such as how many
/// versions stay.
async fn tagged(rds: &Client, database: &InstanceIdentifier) -> Result<Option<Instance>, Error> {
    match rds_access::instance(rds, database).await? {
        Some(found) => rds_access::with_own_tags(rds, found).await,
        None => Ok(None),
    }
}

/// What the tags of the database choose for its versions.
fn overrides(database: Option<&Instance>) -> Overrides {
    database.map(|database| Overrides::of_tags(&database.tags)).unwrap_or_default()
}

/// How long the snapshot of the last run took. A run does not fail for want of it.
async fn last_seconds(rds: &Client, config: &Config, database: &InstanceIdentifier) -> Option<u32> {
    match rds_access::snapshots_of_database(rds, &config.stack, database, None).await {
        Ok(snapshots) => {
            history::expected_seconds(&snapshots, &config.stack, database, StageName::Snapshot, None)
        }
        Err(error) => {
            tracing::warn!(%error, "it is not known how long the last snapshot took");
            None
        }
    }
}

/// Refuses a database whose snapshots cannot be shared, before there is one.
async fn check(rds: &Client, wanted: &SnapshotRequest<'_>, database: &Instance) -> Result<(), Error> {
    let mut groups = Vec::new();
    for name in preflight::own_option_groups(database) {
        match rds_access::preflight::option_group(rds, name).await? {
            Known::Seen(None) => {}
            Known::Seen(Some(group)) => groups.push(Known::Seen(group)),
            Known::Unseen(because) => groups.push(Known::Unseen(because)),
        }
    }
    let doing = format!("snapshotting database {} as {}", wanted.database, wanted.name);
    for one in preflight::check_source(database, &groups, &doing)? {
        tracing::warn!(setting = one.what, because = one.because, "not checked before the snapshot");
    }
    Ok(())
}

async fn create(
    rds: &Client,
    config: &Config,
    wanted: &SnapshotRequest<'_>,
    tags: &Tags,
    left_out: Vec<LeftOut>,
) -> Result<SourceDbSnapshot, Error> {
    let SnapshotRequest { database, name, .. } = wanted;
    let doing = format!("snapshotting database {database} as {name}");
    let (stage, created) = match rds_access::create_snapshot(rds, database, name, tags).await {
        Ok(Some(created)) => (wanted.made(&created)?, Some(created)),
        // A concurrent call has created it, or the answer says nothing: the next poll sees it.
        Ok(None) | Err(Refusal::AlreadyThere) => (wanted.not_yet(CREATING)?, None),
        // The database became busy after it was observed.
        Err(Refusal::NotNow(_)) => (wanted.not_yet("busy")?, None),
        // The quota is full, or was when the call was made: what was pruned just before still counts for a while.
        Err(Refusal::Quota(said)) => {
            let full = quota::full(&doing, &said, rds_access::snapshot_quota(rds).await?);
            let is_leaving = rds_access::is_snapshot_leaving(rds, &config.stack).await?;
            (wanted.no_room(full, is_leaving)?, None)
        }
        Err(refused) => return Err(refused.into_error(doing)),
    };
    Ok(describe(config, wanted, stage, created, left_out))
}

/// The stage's result: what is known of the snapshot, as far as it is there and known to be ours.
fn describe(
    config: &Config,
    wanted: &SnapshotRequest<'_>,
    stage: StageReport,
    found: Option<Snapshot>,
    left_out: Vec<LeftOut>,
) -> SourceDbSnapshot {
    let mut described = SourceDbSnapshot {
        identifier: wanted.name.clone(),
        arn: None,
        source_db_identifier: wanted.database.clone(),
        stage,
        encrypted: false,
        kms_key_id: None,
        engine: None,
        engine_version: None,
        allocated_storage: None,
        snapshot_database_time: None,
        source_tags: Tags::default(),
        left_out,
        overrides: Overrides::default(),
    };
    if let Some(found) = found {
        described.arn = Some(found.arn);
        described.encrypted = found.encrypted;
        described.kms_key_id = found.key_arn;
        described.engine = found.engine;
        described.engine_version = found.engine_version;
        described.allocated_storage = found.allocated_storage;
        described.snapshot_database_time = found.data_time;
        if config.carry_source_tags {
            described.source_tags = found.tags.inheritable();
        }
    }
    described
}
