//! The destination account: its own copy of the shared snapshot, under its own key.

use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use lambda_task::Environment;
use rds_access::Snapshot;
use replication::budget;
use replication::contract::{DbSnapshot, DestinationInput, DestinationState, Envelope, StageReport, Status};
use replication::copies;
use replication::copying::{EarlierCopy, Expectation};
use replication::destination::{Destination, Replicated};
use replication::lineage::{self, Tags};
use replication::looking::{Look, Seen};
use replication::naming::{self, SnapshotIdentifier};
use replication::pacing::{Stage, StageName, UNSEEN_POLLS, history};
use replication::place::Place;
use replication::preflight::Wanted;
use replication::quota;
use replication::receiving::{self, Announced, Rules, Step};
use replication::secret::{Pointer, Secret};
use replication::versions::World;
use replication::{Error, ErrorName};
use restore_options::Options;
use secret_access::Making;
use time::OffsetDateTime;

use crate::convergence::{self, CopyRequest, Distance, Started};
use crate::regions::{Regional, Regions};
use crate::{Settings, key, preflight};

/// What the destination stack says.
#[derive(Debug, Clone)]
pub struct Config {
    settings: Settings,
    /// Which databases the stack replicates, and how it names what it makes of them.
    destination: Destination,
    /// What the stack says about new versions.
    rules: Rules,
    /// Whether the option group of the source database is copied too.
    copy_option_group: bool,
    /// How many copies may be on their way at once, for several databases.
    most_at_once: Option<usize>,
    /// The key of the secrets that runs make, if one is chosen.
    secret_key: Option<String>,
    /// What the restore will be asked for.
    options: Options,
    /// What of it RDS may refuse.
    wanted: Wanted,
    /// What all this was read from.
    environment: Environment,
}

impl Config {
    /// Reads the function's environment. What the restore would refuse is refused here, before anything is copied.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable.
    pub fn read(environment: &Environment) -> Result<Self, Error> {
        // What of it is judged without RDS is refused here.
        let options = Options::read(environment)?;
        lambda_task::allowed(environment)?;
        Ok(Self {
            settings: Settings::read(environment)?,
            destination: lambda_task::destination(environment)?,
            rules: Rules {
                most_ahead: environment.parsed("MAX_VERSIONS_AHEAD", "a whole number from 1")?,
                promotes: environment.choice("PROMOTE", ["manual", "automatic"])?,
            },
            copy_option_group: environment.parsed("COPY_OPTION_GROUP", "true or false")?,
            most_at_once: environment.optional_parsed("MAX_COPIES_AT_ONCE", "a whole number from 1")?,
            secret_key: environment.optional("SECRET_KMS_KEY"),
            wanted: Wanted::of(&options.chosen),
            options,
            environment: environment.of_asked(),
        })
    }
}

/// What a poll knows.
struct Poll<'a> {
    rds: &'a Rds,
    /// Where the shared snapshot and its key are.
    source: &'a Regional,
    config: &'a Config,
    replicated: &'a Replicated,
    message: &'a DestinationInput,
    stage: Stage,
    /// The name of the copy.
    name: SnapshotIdentifier,
    /// How many polls in a row have not seen what must be there.
    unseen: u32,
    /// The ARN of the execution.
    execution: &'a str,
    /// How many other runs were running when this one began.
    others_running: Option<usize>,
    /// Whether this poll has found that it is the turn of this run.
    has_turn: bool,
    /// Where this stack is.
    own: Place,
}

/// Finds this run's copy, or creates it if there is none.
///
/// # Errors
/// `InvalidConfiguration` (settings that RDS would refuse at the restore), `InvalidInput` (AWS cannot copy from there),
/// `OverrideRefused`, `KeyUnusable`, `KeyNotAccessible`, `NotFound`,
/// `SourceMismatch`, `TooManyVersionsAhead`, `VersionsExhausted`, `CopyFailed`, `NameTaken`, `QuotaExceeded`,
/// `SecretInvalid`, `DeadlineExceeded`, or a fault of a service.
pub async fn run(
    regions: &Regions,
    secrets: &Secrets,
    config: &Config,
    input: Envelope<DestinationState>,
    now: OffsetDateTime,
) -> Result<DbSnapshot, Error> {
    let Regions { own: Regional { rds, kms }, source } = regions;
    let earlier = input.state.db_snapshot;
    let message = input.state.input;
    let config = &*config.environment.of_run(config, &message.replication.overrides, Config::read)?;
    let report = earlier.as_ref().map(|earlier| &earlier.stage);
    let deadline_seconds = config.settings.deadline_seconds;
    let stage = Stage::resume(StageName::Copy, report, now, deadline_seconds, &input.execution.id);
    let id = &message.replication.id;
    let named = message.replication.source_db_identifier.as_ref();
    let replicated = config
        .destination
        .of(named, &format!("copying shared snapshot {}", message.target_db_snapshot.arn))?;
    let name = naming::destination_copy(replicated.prefix.as_str(), id)?;
    let unseen = earlier.as_ref().map_or(0, |earlier| earlier.stage.unseen);
    let mut poll = Poll {
        rds,
        source,
        config,
        replicated: &replicated,
        message: &message,
        stage,
        name,
        unseen,
        execution: &input.execution.id,
        others_running: input.state.room.and_then(|room| room.others_running),
        has_turn: false,
        // An execution is where its machine is, and a function where its machine is.
        own: Place::of_arn(&input.execution.id),
    };

    if let Some(found) = rds_access::snapshot(rds, poll.name.as_str()).await? {
        let is_ours = found.is_of_replication(&config.settings.stack, id);
        let report = copies::judge(&found, is_ours, &stage)?;
        let (copy, not_checked) = match earlier {
            Some(earlier) => (earlier.copy, earlier.not_checked),
            // The first answer was lost: work out again what was to be expected.
            None => {
                let snapshots = poll.snapshots(None).await?;
                let key_arn = found.key_arn.as_deref().unwrap_or_default();
                (poll.expectation(&snapshots, key_arn), vec![])
            }
        };
        return Ok(DbSnapshot { not_checked, ..describe(found, report, copy) });
    }
    // RDS has accepted it and does not show it: it is not asked for a second one.
    if let Some(earlier) = earlier.clone().filter(|earlier| earlier.arn.is_some()) {
        return poll.not_shown(earlier);
    }
    // What was judged before is judged again when its turn has come.
    if let Some(waiting) = earlier.filter(|earlier| budget::is_waiting(&earlier.stage)) {
        if let Some(stage) = poll.turn().await? {
            return Ok(DbSnapshot { stage, ..waiting });
        }
        poll.has_turn = true;
    }
    poll.begin(kms, secrets).await
}

impl Poll<'_> {
    /// Copies what is announced, if it is to be copied and can be.
    async fn begin(&self, kms: &aws_sdk_kms::Client, secrets: &Secrets) -> Result<DbSnapshot, Error> {
        let Self { rds, config, replicated, message, name, .. } = self;
        self.check_reach()?;
        let (shared, refusal) = self.shared_snapshot().await?;
        let snapshots = self.snapshots(None).await?;
        let made = self.made_secret(secrets).await?;
        let Pointer { host, prefix } = made.as_ref().map(|secret| secret.pointer.clone()).unwrap_or_default();
        let look = Look {
            scope: replicated.scope(),
            hosts: &[&host],
            live_prefix: &prefix,
            snapshots: &snapshots,
            execution: self.execution,
            needs_all: false,
        };
        let Seen { instances, .. } = rds_access::versions(rds, &look).await?;
        replicated.check_names(&instances, &format!("copying for database {}", replicated.database))?;
        let secret = match made {
            Some(secret) => secret,
            None => self.make_secret(secrets).await?,
        };
        let world =
            World { instances: &instances, snapshots: &snapshots, live_host: &host, live_prefix: &prefix };
        let (of, database) = (&config.settings.stack, &replicated.database);
        let expected = history::expected_seconds(&snapshots, of, database, StageName::Copy, shared.as_ref());
        let stage = &self.stage.expecting(expected);
        let announced = Announced {
            id: &message.replication.id,
            arn: &message.target_db_snapshot.arn,
            shared: shared.as_ref(),
            unseen: self.unseen,
        };
        let step = receiving::decide(&replicated.scope(), &world, &announced, &config.rules);
        // What RDS said when it refused to show the snapshot says more than that it is not there.
        let step = step.map_err(|error| match refusal {
            Some(refusal) if error.name() == ErrorName::NotFound => refusal,
            _ => error,
        })?;
        tracing::info!(decision = %step, "decided");
        let pending = |report, copy| self.pending(report, copy, shared.as_ref());
        if let Step::Superseded(live) = step {
            let report =
                StageReport { status: Status::Superseded, ..StageReport::pending(stage, "superseded", None) };
            let superseded = pending(report, Expectation::not_copied());
            return Ok(DbSnapshot { superseded_by: Some(live), ..superseded });
        }
        let key_arn = key::usable(kms, &config.settings.key, key::KeyUse::OwnAccount, key::PARAMETER).await?;
        let copy = self.expectation(&snapshots, &key_arn);
        match (step, &shared) {
            (Step::Copy, Some(shared)) => {
                if let Some(source_key) = &shared.key_arn {
                    key::usable(&self.source.kms, source_key, key::KeyUse::OtherAccounts, key::PARAMETER)
                        .await?;
                }
                secret.check_room()?;
                self.copy(shared, &key_arn, copy, stage).await
            }
            (Step::Await { polls }, _) => {
                Ok(pending(StageReport::unseen(stage, "not shared yet", polls), copy))
            }
            _ => Ok(pending(copies::not_started(name, stage)?, copy)),
        }
    }

    /// Whether what the source account says of the snapshot lets this account copy it, and long enough.
    fn check_reach(&self) -> Result<(), Error> {
        receiving::check_reach(
            &self.message.target_db_snapshot.arn,
            &self.own,
            self.message.replication.shared_snapshot_hours,
            self.config.settings.deadline_seconds,
        )
    }

    /// The snapshots of the database that the stack has made. `known` is one that must be among them.
    async fn snapshots(&self, known: Option<&SnapshotIdentifier>) -> Result<Vec<Snapshot>, Error> {
        let Replicated { stack, database, .. } = self.replicated;
        rds_access::snapshots_of_database(self.rds, stack, database, known).await
    }

    /// What the secret says, unless the first run of a database of several is to make it.
    async fn made_secret(&self, secrets: &Secrets) -> Result<Option<Secret>, Error> {
        let Self { replicated, .. } = self;
        if replicated.secret.is_made_by_run && !secret_access::is_made(secrets, replicated).await? {
            return Ok(None);
        }
        secret_access::read(secrets, &replicated.secret).await.map(Some)
    }

    /// Makes the secret, before anything is copied.
    async fn make_secret(&self, secrets: &Secrets) -> Result<Secret, Error> {
        let Self { config, replicated, .. } = self;
        let making =
            Making { key_arn: config.secret_key.as_deref(), extra_tags: config.options.extra_tags() };
        match secret_access::make_if_missing(secrets, replicated, &making).await? {
            Some(made) => Ok(made),
            None => secret_access::read(secrets, &replicated.secret).await,
        }
    }

    /// The report of a run that has to wait for its turn; nothing if it is its turn.
    async fn turn(&self) -> Result<Option<StageReport>, Error> {
        let Self { rds, config, stage, .. } = self;
        if self.has_turn || !budget::is_to_be_counted(self.others_running, config.most_at_once) {
            return Ok(None);
        }
        let stack = &config.settings.stack;
        let snapshots = rds_access::snapshots_of_stack(rds, stack).await?;
        let on_the_way = budget::copies_on_the_way(&snapshots, stack);
        budget::wait(on_the_way, config.most_at_once, "MaxCopiesAtOnce", stage)
    }

    /// Copies, unless RDS would refuse the restore that comes after it.
    async fn copy(
        &self,
        shared: &Snapshot,
        key_arn: &str,
        copy: Expectation,
        stage: &Stage,
    ) -> Result<DbSnapshot, Error> {
        let Self { rds, config, name, .. } = self;
        let stack = &config.settings.stack;
        let report = preflight::observe(rds, &config.wanted, shared).await?;
        let doing = format!("checking the stack's settings against the shared snapshot {}", shared.arn);
        report.check(&doing).map_err(|error| self.message.replication.overrides.blamed(error))?;
        let not_checked = report.not_checked;
        let pending = |report, copy| {
            let not_checked = not_checked.clone();
            DbSnapshot { not_checked, ..self.pending(report, copy, Some(shared)) }
        };
        // What was pruned just before still counts until RDS has deleted it.
        if let Some(full) = report.full {
            let is_leaving = rds_access::is_instance_leaving(rds, stack).await?;
            let waiting_for = "room for the restored database";
            return Ok(pending(quota::no_room(full, waiting_for, stage, self.unseen, is_leaving)?, copy));
        }
        if let Some(waiting) = self.turn().await? {
            return Ok(pending(waiting, copy));
        }
        match self.start(shared, key_arn).await? {
            Started::Made(found) => {
                let report = copies::judge(&found, true, stage)?;
                Ok(DbSnapshot { not_checked, ..describe(*found, report, copy) })
            }
            Started::NotYet => Ok(pending(copies::not_started(name, stage)?, copy)),
            Started::Full(full) => {
                let is_leaving = rds_access::is_snapshot_leaving(rds, stack).await?;
                Ok(pending(copies::no_room(full, name, stage, self.unseen, is_leaving)?, copy))
            }
        }
    }

    /// The report of a copy that RDS does not show.
    fn pending(&self, stage: StageReport, copy: Expectation, shared: Option<&Snapshot>) -> DbSnapshot {
        DbSnapshot {
            identifier: self.name.clone(),
            arn: None,
            source_db_identifier: self.replicated.database.clone(),
            stage,
            copy,
            snapshot_database_time: shared.and_then(|shared| shared.data_time.clone()),
            superseded_by: None,
            not_checked: vec![],
        }
    }

    /// Asks RDS for the copy.
    async fn start(&self, shared: &Snapshot, key_arn: &str) -> Result<Started, Error> {
        let Self { rds, config, message, name, .. } = self;
        let from = message.target_db_snapshot.arn.to_string();
        let tags =
            Tags::of_replication(&config.settings.stack, &message.replication.id, &shared.source_database)
                .named(name.as_str())
                .with(lineage::SOURCE_SNAPSHOT, &from)
                .merged_under(config.options.extra_tags());
        let order = CopyRequest {
            from: &from,
            source: &self.source.rds,
            distance: Distance {
                is_shared: true,
                crosses_regions: message.target_db_snapshot.arn.region != self.own.region,
            },
            to: name,
            key_arn,
            source_key_arn: shared.key_arn.as_deref(),
            copy_option_group: config.copy_option_group,
            tags: &tags,
        };
        convergence::start(rds, &order).await
    }

    /// The snapshot that the source account has shared, as far as RDS shows it. A refusal to show it is given along: the
    /// rights of a new role arrive late, and so does the sharing.
    async fn shared_snapshot(&self) -> Result<(Option<Snapshot>, Option<Error>), Error> {
        match rds_access::snapshot(&self.source.rds, &self.message.target_db_snapshot.arn.to_string()).await {
            Ok(shared) => Ok((shared, None)),
            Err(error) if error.name() == ErrorName::AccessDenied => Ok((None, Some(error))),
            Err(error) => Err(error),
        }
    }

    /// The report of a copy that was accepted and is not shown.
    fn not_shown(&self, earlier: DbSnapshot) -> Result<DbSnapshot, Error> {
        let polls = self.unseen + 1;
        if polls > UNSEEN_POLLS {
            return Err(Error::new(ErrorName::NotFound, format!("waiting for snapshot copy {}", self.name))
                .because(format!("RDS has accepted it and has not shown it in {UNSEEN_POLLS} polls"))
                .advise("see who may have deleted it, then start the source execution again"));
        }
        let stage = StageReport::unseen(&self.stage, &earlier.stage.rds_status, polls);
        Ok(DbSnapshot { stage, ..earlier })
    }

    /// What RDS is expected to move, judged by our newest earlier copy of the same database.
    fn expectation(&self, snapshots: &[Snapshot], key_arn: &str) -> Expectation {
        let Self { replicated, message, name, .. } = self;
        let earlier = EarlierCopy::newest(snapshots, &replicated.stack, &replicated.database, name);
        Expectation::across_accounts(message.replication.shared_snapshot_is_copy, earlier.as_ref(), key_arn)
    }
}

fn describe(found: Snapshot, report: StageReport, copy: Expectation) -> DbSnapshot {
    DbSnapshot {
        identifier: found.identifier,
        arn: Some(found.arn),
        source_db_identifier: found.source_database,
        stage: report,
        copy,
        snapshot_database_time: found.data_time,
        superseded_by: None,
        not_checked: vec![],
    }
}

#[cfg(test)]
mod tests {
    use rds_access::settings::{Kind, SETTINGS, Setting};
    use replication::ErrorName;

    use super::*;

    fn environment(chosen: (&'static str, &'static str)) -> Environment {
        let is_flag = |row: &&Setting| matches!(row.kind, Kind::Flag(_) | Kind::Switch(_));
        let of_stack = ["APPLY_SOURCE_TAGS", "COPY_OPTION_GROUP"];
        let flags = SETTINGS.iter().filter(is_flag).map(|row| row.variable).chain(of_stack);
        let others = [
            ("ACCOUNT_ROLE", "destination"),
            ("STACK_NAME", "stack"),
            ("KMS_KEY", "key"),
            ("SECRET_ARN", "secret"),
            ("DATABASE_NAME", "copy"),
            ("SOURCE_DB_IDENTIFIER", "orders"),
            ("MAX_VERSIONS_AHEAD", "3"),
            ("PROMOTE", "automatic"),
            ("STAGE_DEADLINE_SECONDS", "60"),
        ];
        flags.map(|flag| (flag, "false")).chain(others).chain([chosen]).collect()
    }

    /// > Every option that the restore would refuse ends the run before anything is copied.
    #[test]
    fn the_options_of_the_restore_are_judged_before_the_copy() {
        assert!(Config::read(&environment(("EXTRA_TAGS", "team=data"))).is_ok());
        for wrong in [
            ("EXTRA_TAGS", "rds-replication:stack=mine"),
            ("MAX_ALLOCATED_STORAGE", "2.5"),
            ("DB_PARAMETER_GROUP_NAME", "Orders"),
            ("PREFERRED_MAINTENANCE_WINDOW", "sun:00:10-mon:00:05"),
            ("PORT", "many"),
            ("MULTI_AZ", "perhaps"),
            ("MonitoringRoleArn", "MONITORING_INTERVAL=15"),
            ("DomainIAMRoleName", "DOMAIN=d-0123456789"),
            ("PerformanceInsightsRetentionPeriod", "PERFORMANCE_INSIGHTS_RETENTION_PERIOD=31"),
        ] {
            let given = wrong.1.split_once('=').filter(|_| wrong.0 != "EXTRA_TAGS").unwrap_or(wrong);
            let error = Config::read(&environment(given)).unwrap_err();
            assert_eq!(error.name(), ErrorName::InvalidConfiguration);
            assert!(error.to_string().contains(wrong.0), "{error}");
        }
    }
}
