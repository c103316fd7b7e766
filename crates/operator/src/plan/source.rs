//! What a run does in the source account, thought through: every decision is that of the function which makes it in the run.

use replication::contract::{
    DestinationInput, Envelope, SourceDbSnapshot, SourceState, StageReport, TargetDbSnapshot, message,
};
use replication::copies::{self, Begin};
use replication::copying::{EarlierCopy, Expectation};
use replication::lineage::{self, SHARED_AT, Tags};
use replication::machines::{self, Machine};
use replication::naming::{self, InstanceIdentifier, SnapshotArn};
use replication::observed::{Instance, Snapshot};
use replication::overrides::Overrides;
use replication::pacing::{StageName, history};
use replication::place::Place;
use replication::preflight::{self, Known, OptionGroup};
use replication::progress::AVAILABLE;
use replication::quota::{self, SnapshotQuota};
use replication::retention::{self, First, InUse, Planned, SnapshotRule};
use replication::sharing;
use replication::snapshotting::{Absent, SnapshotRequest};
use replication::{Error, ErrorName};
use time::Duration;
use time::format_description::well_known::Rfc3339;

use super::journal::{Journal, MANUAL_SNAPSHOTS, state_of};
use super::pruning::{self, Allowance, Things};
use crate::settings::Source;

/// How RDS refuses one more snapshot.
const FULL: &str = "SnapshotQuotaExceeded";

/// What an instance has besides what decisions go by.
#[derive(Debug, Clone, Default)]
pub struct Described {
    pub encrypted: bool,
    pub key_arn: Option<String>,
    pub engine_version: Option<String>,
    pub license_model: Option<String>,
    pub storage_type: Option<String>,
    pub iops: Option<i32>,
    pub class: Option<String>,
}

/// What there is in the source account.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The database, with its tags.
    pub database: Option<(Instance, Described)>,
    /// Its option groups.
    pub option_groups: Vec<Known<OptionGroup>>,
    /// The snapshots that the stack has of it, those in the other Region first.
    pub snapshots: Vec<Snapshot>,
    /// The ARN of the shared key, or why it cannot be used.
    pub key: Result<String, Error>,
    /// The account's manual snapshots in the stack's Region.
    pub quota: Option<SnapshotQuota>,
    /// Those in the other Region that copies are made in.
    pub quota_elsewhere: Option<SnapshotQuota>,
}

/// What the destination account is sent.
#[derive(Debug, Clone)]
pub struct Announced {
    /// The snapshots that the source account has of the database at the end.
    pub kept: Vec<Snapshot>,
    /// The message.
    pub input: DestinationInput,
    /// The shared snapshot, as it would be.
    pub shared: Snapshot,
}

/// One run in the source account.
struct Run<'a> {
    settings: &'a Source,
    facts: &'a Facts,
    database: &'a InstanceIdentifier,
    /// The snapshots that there are at the moment.
    snapshots: Vec<Snapshot>,
    /// What is deleted before the run makes anything.
    room: Vec<Planned>,
}

/// Thinks a run through, up to its end in the source account.
///
/// # Errors
/// What the run would end with, in the state that was entered last.
pub fn run(
    journal: &mut Journal,
    settings: &Source,
    facts: &Facts,
    database: &InstanceIdentifier,
) -> Result<Announced, Error> {
    let snapshots = facts.snapshots.clone();
    let mut run = Run { settings, facts, database, snapshots, room: Vec::new() };
    run.room = run.prune(journal, false);
    run.snapshots = pruning::snapshots_without(&run.snapshots, &run.room);
    let (made, source) = run.snapshot(journal)?;
    let (shared, target) = run.copy(journal, &made, &source)?;
    let shared = run.share(journal, shared)?;
    let envelope = Envelope {
        execution: journal.execution(),
        state: SourceState {
            source_db_identifier: None,
            source_db_snapshot: Some(source),
            target_db_snapshot: Some(target),
        },
    };
    journal.enter(Machine::Source, &machines::ANNOUNCE);
    let input = message::of_run(envelope, settings.announced_hours)?.input;
    journal.call("sns:Publish", "the topic of the stack", format!("{} is shared", shared.identifier));
    let replication =
        input.replication.ok_or_else(|| Error::new(ErrorName::InvalidInput, "announcing the run"))?;
    let deleted = run.prune(journal, true);
    let kept = pruning::snapshots_without(&run.snapshots, &deleted);
    let input = DestinationInput { target_db_snapshot: input.target_db_snapshot, replication };
    Ok(Announced { kept, input, shared })
}

impl Run<'_> {
    /// What is deleted at one end of the run.
    fn prune(&self, journal: &mut Journal, is_last: bool) -> Vec<Planned> {
        let Self { settings, database, .. } = self;
        let stays = Duration::hours(settings.shared_hours.into());
        let rule = SnapshotRule {
            sharing: Some(retention::Sharing { now: journal.now, stays }),
            in_use: InUse::default().with(journal.id.clone()),
            ..SnapshotRule::new(&settings.stack, database, settings.keep)
        };
        let about_snapshots = retention::plan_snapshots(&self.snapshots, &rule);
        let things = Things { snapshots: &self.snapshots, about_snapshots, ..Things::default() };
        let first = if is_last { First::Instances } else { First::Snapshots };
        let allowance = Allowance { most: settings.max_deletions, before: self.room.len() };
        let state = (Machine::Source, state_of(Machine::Source, "prune", is_last));
        let planned = pruning::prune(journal, state, first, &things, allowance, |_, _, _| {});
        if is_last {
            let alert = state_of(Machine::Source, "notify", true);
            pruning::count_undeleted(journal, Machine::Source, alert, &things);
        }
        planned
    }

    /// Refuses one more snapshot where there is no room for it.
    fn check_room(
        &self,
        doing: &str,
        quota: Option<SnapshotQuota>,
        region: &str,
        made: usize,
    ) -> Result<(), Error> {
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let is_freed = |one: &&Snapshot| {
            one.arn.region == region
                && self.room.iter().any(|gone| gone.identifier() == one.identifier.as_str())
        };
        let freed = self.facts.snapshots.iter().filter(is_freed).count();
        let is_full =
            quota.is_some_and(|SnapshotQuota { used, max }| used - count(freed) + count(made) >= max);
        if is_full { Err(quota::full(doing, FULL, quota)) } else { Ok(()) }
    }

    /// The snapshot of the run.
    fn snapshot(&mut self, journal: &mut Journal) -> Result<(Snapshot, SourceDbSnapshot), Error> {
        let &mut Self { settings, facts, database, .. } = self;
        journal.enter(Machine::Source, state_of(Machine::Source, "snapshot", false));
        let name = naming::source_snapshot(&settings.snapshot_name, &journal.id)?;
        let id = journal.id.clone();
        let stage = journal.stage(StageName::Snapshot, settings.snapshot_deadline);
        let wanted = SnapshotRequest {
            stack: &settings.stack,
            id: &id,
            database,
            name: &name,
            extra_tags: &settings.extra_tags,
            carries_source_tags: settings.carries_source_tags,
            stage,
            unseen: 0,
            was_there: false,
        };
        let instance = facts.database.as_ref().map(|(instance, _)| instance);
        let absent = match wanted.absent(instance)? {
            Absent::Wait(report) => {
                journal.note(format!("waits until the database is {AVAILABLE}: it is {}", report.rds_status));
                let ready = instance.map(|one| Instance { status: AVAILABLE.into(), ..one.clone() });
                wanted.absent(ready.as_ref())?
            }
            create @ Absent::Create(..) => create,
        };
        let (Absent::Create(tags, left_out), Some((instance, described))) = (absent, &facts.database) else {
            return Err(Error::new(ErrorName::InstanceNotReady, "thinking the snapshot through"));
        };
        let doing = format!("snapshotting database {database} as {name}");
        let not_checked = preflight::check_source(instance, &facts.option_groups, &doing)?;
        journal.note_left_out("not checked", &not_checked);
        journal.note_left_out("left out", &left_out);
        self.check_room(&doing, facts.quota, &Place::of_arn(&instance.arn).region, 0)?;
        journal.call("rds:CreateDBSnapshot", &name, format!("the snapshot of {database}"));
        let made = made(journal, instance, described, &name, tags);
        journal.uses(MANUAL_SNAPSHOTS, &made.arn.region, 1);
        let history = &self.snapshots;
        let expected =
            history::expected_seconds(history, &settings.stack, database, StageName::Snapshot, None);
        journal.take(stage, expected, 0);
        if let Some(state) = journal.state() {
            state.makes = Some(name.to_string());
        }
        let source = SourceDbSnapshot {
            identifier: name.clone(),
            arn: Some(made.arn.clone()),
            source_db_identifier: database.clone(),
            stage: wanted.made(&made)?,
            encrypted: made.encrypted,
            kms_key_id: made.key_arn.clone(),
            engine: made.engine.clone(),
            engine_version: made.engine_version.clone(),
            allocated_storage: made.allocated_storage,
            snapshot_database_time: made.data_time.clone(),
            source_tags: if settings.carries_source_tags { made.tags.inheritable() } else { Tags::default() },
            left_out,
            overrides: Overrides::of_tags(&instance.tags),
        };
        self.snapshots.push(made.clone());
        Ok((made, source))
    }

    /// What is shared: the snapshot, or its copy under the shared key.
    fn copy(
        &mut self,
        journal: &mut Journal,
        made: &Snapshot,
        source: &SourceDbSnapshot,
    ) -> Result<(Snapshot, TargetDbSnapshot), Error> {
        let &mut Self { settings, facts, database, .. } = self;
        journal.enter(Machine::Source, state_of(Machine::Source, "copy", false));
        let place = made.arn.place();
        let place = match &settings.copies_into {
            Some(region) => place.in_region(region),
            None => place,
        };
        let doing = format!("copying snapshot {}", made.identifier);
        if settings.copies_into.is_some()
            && let Some(because) = made.arn.place().cannot_copy_into(&place)
        {
            return Err(Error::new(ErrorName::InvalidConfiguration, doing)
                .because(because)
                .advise("give the source stack another DestinationRegion"));
        }
        let key_arn = facts.key.clone()?;
        let name = naming::encrypted_copy(&source.identifier)?;
        let id = journal.id.clone();
        let stage = journal.stage(StageName::Copy, settings.copy_deadline);
        let run = copies::Run { stack: &settings.stack, id: &id, source, name: &name, stage, earlier: None };
        if let Begin::ShareSource(stage) = run.begin(&key_arn) {
            let copy = Expectation::shared_directly();
            if let Some(state) = journal.state() {
                state.copy = Some(copy.clone());
            }
            let (identifier, arn) = (source.identifier.clone(), Some(made.arn.clone()));
            return Ok((made.clone(), TargetDbSnapshot { identifier, arn, stage, copy }));
        }
        let there: Vec<Snapshot> =
            self.snapshots.iter().filter(|one| one.arn.region == place.region).cloned().collect();
        let earlier = EarlierCopy::newest(&there, &settings.stack, database, &name);
        let copy = Expectation::re_encryption(source.encrypted, earlier.as_ref(), &key_arn);
        match settings.copies_into {
            Some(_) => self.check_room(&doing, facts.quota_elsewhere, &place.region, 0)?,
            None => self.check_room(&doing, facts.quota, &place.region, 1)?,
        }
        journal.call("rds:CopyDBSnapshot", &name, format!("the copy under {key_arn}: {}", copy.reason));
        journal.uses(MANUAL_SNAPSHOTS, &place.region, 1);
        let from = (made.arn.region == place.region).then_some(made);
        let expected = history::expected_seconds(&there, &settings.stack, database, StageName::Copy, from);
        journal.take(stage, expected, 0);
        if let Some(state) = journal.state() {
            (state.makes, state.copy) = (Some(name.to_string()), Some(copy.clone()));
        }
        let tags = Tags::of_replication(&settings.stack, &id, database)
            .with(lineage::SOURCE_SNAPSHOT, made.arn.to_string())
            .named(name.as_str())
            .merged_under(&settings.extra_tags);
        let arn = SnapshotArn { region: place.region, identifier: name.clone(), ..made.arn.clone() };
        let (key_arn, encrypted) = (Some(key_arn), true);
        let copied = Snapshot { identifier: name.clone(), arn, key_arn, encrypted, tags, ..made.clone() };
        self.snapshots.push(copied.clone());
        let report = StageReport::available(&stage, AVAILABLE);
        let arn = Some(copied.arn.clone());
        Ok((copied, TargetDbSnapshot { identifier: name, arn, stage: report, copy }))
    }

    /// What the other account may restore.
    fn share(&mut self, journal: &mut Journal, shared: Snapshot) -> Result<Snapshot, Error> {
        let Source { stack, destination_account, .. } = self.settings;
        journal.enter(Machine::Source, state_of(Machine::Source, "share", false));
        let name = shared.identifier.clone();
        let doing = format!("sharing snapshot {name} with account {destination_account}");
        sharing::decide(&doing, stack, destination_account, Some(&shared), Some(&[]))?;
        let why = "when it was shared, and how long the stages took";
        journal.call(
            "rds:AddTagsToResource",
            &name,
            format!("{SHARED_AT}, {}: {why}", lineage::STAGE_SECONDS),
        );
        journal.call(
            "rds:ModifyDBSnapshotAttribute",
            &name,
            format!("account {destination_account} may restore it"),
        );
        // A time with a complete, constant description always has a text.
        let time = journal.now.format(&Rfc3339).unwrap_or_default();
        let shared = Snapshot { tags: shared.tags.clone().with(SHARED_AT, time), ..shared };
        self.snapshots.retain(|one| one.identifier != name);
        self.snapshots.push(shared.clone());
        Ok(shared)
    }
}

/// The snapshot as RDS would show it.
fn made(
    journal: &Journal,
    instance: &Instance,
    described: &Described,
    name: &naming::SnapshotIdentifier,
    tags: Tags,
) -> Snapshot {
    let Place { partition, account, region } = Place::of_arn(&instance.arn);
    Snapshot {
        identifier: name.clone(),
        arn: SnapshotArn { partition, region, account, identifier: name.clone() },
        status: AVAILABLE.into(),
        percent_progress: None,
        source_database: instance.identifier.clone(),
        encrypted: described.encrypted,
        key_arn: described.key_arn.clone(),
        engine: instance.engine.clone(),
        engine_version: described.engine_version.clone(),
        license_model: described.license_model.clone(),
        allocated_storage: instance.allocated_storage,
        full_bytes: None,
        storage_type: described.storage_type.clone(),
        iops: described.iops,
        data_time: journal.now.format(&Rfc3339).ok(),
        tags,
    }
}
