//! What a run does in the destination account, thought through: every decision is that of the function which makes it in the
//! run.

use replication::contract::{DbSnapshot, Purpose, StageReport, VersionState};
use replication::copying::{EarlierCopy, Expectation};
use replication::destination::Replicated;
use replication::lineage::{self, Tags};
use replication::machines::Machine;
use replication::naming::{self, InstanceIdentifier, SnapshotArn, SnapshotIdentifier};
use replication::observed::{Instance, Snapshot};
use replication::pacing::{StageName, history};
use replication::passwords::StoredPasswords;
use replication::place::Place;
use replication::preflight::{self, Facts as Offered};
use replication::progress::AVAILABLE;
use replication::quota::{self, SnapshotQuota};
use replication::receiving::{self, Step};
use replication::restore::{self, Finish, RestoredBy};
use replication::retention::{self, First, InUse, InstanceRule, Planned, SnapshotRule};
use replication::secret::{Pointer, Version};
use replication::versions::World;
use replication::{Error, ErrorName};

use super::journal::{INSTANCES, Journal, MANUAL_SNAPSHOTS, state_of};
use super::moving;
use super::pruning::{self, Allowance, Things};
use super::source::Announced;
use crate::settings::{Receiving, final_snapshot};

/// How RDS refuses one more snapshot.
const FULL: &str = "SnapshotQuotaExceeded";
/// The end of an address that nobody knows before RDS has given it.
const HOST: &str = "given-by-rds";

/// What there is in the destination account.
#[derive(Clone)]
pub struct Facts {
    /// Where the stack is.
    pub place: Place,
    /// The instances of the account.
    pub instances: Vec<Instance>,
    /// The snapshots that the stack has of the database.
    pub snapshots: Vec<Snapshot>,
    /// What the secret says, if there is one.
    pub secret: Option<Version>,
    /// The passwords of versions, if there are any.
    pub passwords: Option<StoredPasswords>,
    /// What running executions need.
    pub in_use: InUse,
    /// The ARN of the stack's key, or why it cannot be used.
    pub key: Result<String, Error>,
    /// Why the key of the shared snapshot cannot be used from here, if it cannot.
    pub shared_key: Result<(), Error>,
    /// What RDS offers for the settings of the restore.
    pub offered: Offered,
    /// The account's manual snapshots.
    pub quota: Option<SnapshotQuota>,
}

/// How a run ends well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// A new version is live.
    Live,
    /// A new version waits beside the live one, because the stack promotes by hand.
    HeldBack,
    /// A new version is there, and the secret names newer data.
    NewerIsLive,
    /// Nothing was copied, because newer or the same data are there.
    Superseded,
}

/// What is there at the end.
pub struct Ended {
    /// How it has ended.
    pub outcome: Outcome,
    /// The instances.
    pub instances: Vec<Instance>,
    /// The snapshots.
    pub snapshots: Vec<Snapshot>,
}

/// One run in the destination account.
struct Run<'a> {
    settings: &'a Receiving,
    replicated: &'a Replicated,
    facts: &'a Facts,
    announced: &'a Announced,
    instances: Vec<Instance>,
    snapshots: Vec<Snapshot>,
    pointer: Pointer,
    room: Vec<Planned>,
}

/// Thinks a run through, from the message to its end.
///
/// # Errors
/// What the run would end with, in the state that was entered last.
pub fn run(
    journal: &mut Journal,
    settings: &Receiving,
    replicated: &Replicated,
    facts: &Facts,
    announced: &Announced,
) -> Result<Ended, Error> {
    let pointer = facts.secret.as_ref().map(|version| version.secret.pointer.clone()).unwrap_or_default();
    let (instances, snapshots) = (facts.instances.clone(), facts.snapshots.clone());
    let mut run =
        Run { settings, replicated, facts, announced, instances, snapshots, pointer, room: Vec::new() };
    run.make_room(journal);
    let Some((copy, secret)) = run.copy(journal)? else {
        let Run { instances, snapshots, .. } = run;
        return Ok(Ended { outcome: Outcome::Superseded, instances, snapshots });
    };
    let restored = run.restore(journal, &copy)?;
    let state = VersionState {
        purpose: Purpose::Replicate {
            input: Box::new(announced.input.clone()),
            db_snapshot: Some(Box::new(copy)),
        },
        db_instance: Some(restored),
        secret: None,
        room: None,
    };
    let world = moving::World { secret, passwords: facts.passwords.clone(), instances: run.instances };
    let (world, outcome) = moving::run(journal, settings, state, world)?;
    run.instances = world.instances;
    run.pointer = world.secret.secret.pointer;
    let deleted = run.prune(journal, true);
    Ok(Ended {
        outcome,
        instances: pruning::instances_without(&run.instances, &deleted),
        snapshots: pruning::snapshots_without(&run.snapshots, &deleted),
    })
}

impl Run<'_> {
    /// What goes before the run makes anything, and what is marked for a later one.
    fn make_room(&mut self, journal: &mut Journal) {
        self.room = self.prune(journal, false);
        self.instances = pruning::instances_without(&self.instances, &self.room);
        self.snapshots = pruning::snapshots_without(&self.snapshots, &self.room);
        let Replicated { stack, database, .. } = self.replicated;
        let rule = self.rule(stack, database, journal, false);
        let about = retention::plan_instances(&self.instances, &rule);
        let groups = retention::log_groups_left_behind(&self.instances, &rule);
        let marked = pruning::mark(journal, &about, &self.instances);
        for group in groups {
            journal.call("logs:PutRetentionPolicy", group, "it outlives the version that it is of");
        }
        self.instances = marked;
    }

    fn in_use(&self, journal: &Journal, is_last: bool) -> InUse {
        let in_use = self.facts.in_use.clone();
        if is_last { in_use } else { in_use.with(journal.id.clone()) }
    }

    fn rule<'r>(
        &'r self,
        stack: &'r str,
        database: &'r InstanceIdentifier,
        journal: &Journal,
        is_last: bool,
    ) -> InstanceRule<'r> {
        InstanceRule {
            final_snapshot: self.settings.final_snapshot,
            in_use: self.in_use(journal, is_last),
            ..InstanceRule::new(stack, database, &self.pointer.host, self.settings.older_to_keep)
        }
    }

    /// What is deleted at one end of the run.
    fn prune(&self, journal: &mut Journal, is_last: bool) -> Vec<Planned> {
        let Replicated { stack, database, .. } = self.replicated;
        let about_instances =
            retention::plan_instances(&self.instances, &self.rule(stack, database, journal, is_last));
        let in_use = self.in_use(journal, is_last);
        let rule = SnapshotRule { in_use, ..SnapshotRule::new(stack, database, self.settings.keep) };
        let about_snapshots = retention::plan_snapshots(&self.snapshots, &rule);
        let things = Things {
            instances: &self.instances,
            snapshots: &self.snapshots,
            about_instances,
            about_snapshots,
        };
        let first = if is_last { First::Instances } else { First::Snapshots };
        let allowance = Allowance { most: self.settings.max_deletions, before: self.room.len() };
        let state = (Machine::Destination, state_of(Machine::Destination, "prune", is_last));
        let planned = pruning::prune(journal, state, first, &things, allowance, |journal, one, why| {
            self.delete(journal, one, why);
        });
        if is_last {
            let alert = state_of(Machine::Destination, "notify", true);
            pruning::count_undeleted(journal, Machine::Destination, alert, &things);
        }
        planned
    }

    /// The calls that delete one instance.
    fn delete(&self, journal: &mut Journal, instance: &Instance, why: String) {
        let snapshot = final_snapshot(self.settings, instance).ok().flatten();
        let kept = snapshot.as_ref().map(|name| format!("; its final snapshot is {name}"));
        journal.call("rds:DeleteDBInstance", &instance.identifier, why + &kept.unwrap_or_default());
        let region = &self.facts.place.region;
        if snapshot.is_some() {
            journal.uses(MANUAL_SNAPSHOTS, region, 1);
        }
        journal.uses(INSTANCES, region, -1);
        if let Some(snapshot) = snapshot.filter(|_| !self.settings.options.extra_tags().is_empty()) {
            journal.call("rds:AddTagsToResource", snapshot, "the tags of ExtraTags");
        }
    }

    fn world(&self) -> World<'_> {
        let Pointer { host, prefix } = &self.pointer;
        World { instances: &self.instances, snapshots: &self.snapshots, live_host: host, live_prefix: prefix }
    }

    /// The copy of what is shared; nothing if it is not to be copied.
    fn copy(&mut self, journal: &mut Journal) -> Result<Option<(DbSnapshot, Version)>, Error> {
        let &mut Self { settings, replicated, facts, announced, .. } = self;
        journal.enter(Machine::Destination, state_of(Machine::Destination, "copy", false));
        let message = &announced.input;
        let (shared, arn) = (&announced.shared, &message.target_db_snapshot.arn);
        let hours = message.replication.shared_snapshot_hours;
        receiving::check_reach(arn, &facts.place, hours, settings.copy_deadline)?;
        let doing = format!("copying for database {}", replicated.database);
        replicated.check_names(&self.instances, &doing)?;
        let secret = self.secret(journal)?;
        let id = journal.id.clone();
        let name = naming::destination_copy(replicated.prefix.as_str(), &id)?;
        let stage = journal.stage(StageName::Copy, settings.copy_deadline);
        let heard = receiving::Announced { id: &id, arn, shared: Some(shared), unseen: 0 };
        let step = receiving::decide(&replicated.scope(), &self.world(), &heard, &settings.rules)?;
        if let Step::Superseded(by) = step {
            journal.note(by.reason);
            if let Some(state) = journal.state() {
                state.copy = Some(Expectation::not_copied());
            }
            return Ok(None);
        }
        let key_arn = facts.key.clone()?;
        let (stack, database) = (&replicated.stack, &replicated.database);
        let earlier = EarlierCopy::newest(&self.snapshots, stack, database, &name);
        let is_copy = message.replication.shared_snapshot_is_copy;
        let copy = Expectation::across_accounts(is_copy, earlier.as_ref(), &key_arn);
        facts.shared_key.clone()?;
        secret.secret.check_room()?;
        let report = preflight::judge(&settings.wanted, shared, &facts.offered);
        let doing = format!("checking the stack's settings against the shared snapshot {arn}");
        report.check(&doing).map_err(|error| message.replication.overrides.blamed(error))?;
        journal.note_left_out("not checked", &report.not_checked);
        if let Some(full) = report.full.filter(|_| !self.makes_room_for_instance()) {
            return Err(full);
        }
        self.check_room(&format!("copying snapshot {arn} to {name}"))?;
        journal.call("rds:CopyDBSnapshot", &name, format!("the copy under {key_arn}: {}", copy.reason));
        journal.uses(MANUAL_SNAPSHOTS, &self.facts.place.region, 1);
        let history = &self.snapshots;
        let expected = history::expected_seconds(history, stack, database, StageName::Copy, Some(shared));
        journal.take(stage, expected, 0);
        if let Some(state) = journal.state() {
            (state.makes, state.copy) = (Some(name.to_string()), Some(copy.clone()));
        }
        let copied = self.copied(journal, name, key_arn);
        self.snapshots.push(copied.clone());
        let copy = DbSnapshot {
            identifier: copied.identifier,
            arn: Some(copied.arn),
            source_db_identifier: copied.source_database,
            stage: StageReport::available(&stage, AVAILABLE),
            copy,
            snapshot_database_time: copied.data_time,
            superseded_by: None,
            not_checked: report.not_checked,
        };
        Ok(Some((copy, secret)))
    }

    /// What the secret says; a stack for several databases makes it where there is none.
    fn secret(&self, journal: &mut Journal) -> Result<Version, Error> {
        if let Some(version) = &self.facts.secret {
            return Ok(version.clone());
        }
        let secret = &self.replicated.secret;
        if !secret.is_made_by_run {
            return Err(Error::new(ErrorName::NotFound, format!("reading secret {secret}"))
                .because("it does not exist or has no value"));
        }
        journal.call("secretsmanager:CreateSecret", secret, "the first run of the database makes it");
        let empty = replication::secret::Secret::parse("{}")?;
        Ok(Version { id: "made-by-the-run".to_owned(), secret: empty })
    }

    fn makes_room_for_instance(&self) -> bool {
        self.room.iter().any(|one| matches!(one, Planned::Instance(_)))
    }

    fn check_room(&self, doing: &str) -> Result<(), Error> {
        let freed = self.room.iter().filter(|one| matches!(one, Planned::Snapshot(_))).count();
        let freed = i64::try_from(freed).unwrap_or(i64::MAX);
        let is_full = self.facts.quota.is_some_and(|SnapshotQuota { used, max }| used - freed >= max);
        if is_full { Err(quota::full(doing, FULL, self.facts.quota)) } else { Ok(()) }
    }

    /// The copy as RDS would show it.
    fn copied(&self, journal: &Journal, name: SnapshotIdentifier, key_arn: String) -> Snapshot {
        let Announced { input, shared, .. } = self.announced;
        let Place { partition, account, region } = self.facts.place.clone();
        let tags = Tags::of_replication(&self.replicated.stack, &journal.id, &shared.source_database)
            .named(name.as_str())
            .with(lineage::SOURCE_SNAPSHOT, input.target_db_snapshot.arn.to_string())
            .merged_under(self.settings.options.extra_tags());
        Snapshot {
            arn: SnapshotArn { partition, region, account, identifier: name.clone() },
            identifier: name,
            status: AVAILABLE.into(),
            encrypted: true,
            key_arn: Some(key_arn),
            tags,
            ..shared.clone()
        }
    }

    /// The new instance.
    fn restore(
        &mut self,
        journal: &mut Journal,
        copy: &DbSnapshot,
    ) -> Result<replication::contract::DbInstance, Error> {
        let &mut Self { settings, replicated, announced, .. } = self;
        journal.enter(Machine::Destination, state_of(Machine::Destination, "restore", false));
        let (id, scope) = (journal.id.clone(), replicated.scope());
        let stage = journal.stage(StageName::Restore, settings.restore_deadline);
        let purpose = restore::Purpose::Replicate { id: &id, copy, most_ahead: settings.rules.most_ahead };
        let step = restore::decide(&scope, &purpose, None, &self.world())?;
        let restore::Step::Choose(choice) = step else {
            return Err(Error::new(ErrorName::NameTaken, "choosing the name of the version")
                .because(step.to_string()));
        };
        let doing = format!("restoring snapshot {}", choice.origin.snapshot);
        let storage = announced.shared.allocated_storage;
        settings.options.check_growth(&doing, storage)?;
        let tags = settings.options.tags(choice.tags(), &announced.input.replication.source_tags);
        let name = &choice.identifier;
        let why = format!("version {} of {}, from {}", choice.version, scope.database, copy.identifier);
        journal.call("rds:RestoreDBInstanceFromDBSnapshot", name, why);
        let Place { partition, account, region } = &self.facts.place;
        journal.uses(INSTANCES, region, 1);
        let mut instance = Instance {
            identifier: name.clone(),
            arn: format!("arn:{partition}:rds:{region}:{account}:db:{name}"),
            resource_id: Some("db-GIVEN-BY-RDS".to_owned()),
            host: Some(format!("{name}.{HOST}")),
            status: AVAILABLE.into(),
            tags,
            ..blank(name, &announced.shared)
        };
        let restored_by = RestoredBy::Replication(copy.arn.clone());
        let polls = finish(journal, settings, &mut instance, &restored_by);
        let (stack, database) = (scope.stack, scope.database);
        let from = self.snapshots.iter().find(|one| one.identifier == copy.identifier);
        let expected = history::expected_seconds(&self.snapshots, stack, database, StageName::Restore, from);
        // One poll chooses the name before, and one believes the first good answer after it.
        journal.take(stage, expected, polls + 2);
        if let Some(state) = journal.state() {
            state.makes = Some(name.to_string());
        }
        for one in self.snapshots.iter_mut().filter(|one| one.identifier == copy.identifier) {
            one.tags = one.tags.clone().with(lineage::VERSION, choice.version.to_string());
        }
        self.instances.push(instance.clone());
        Ok(replication::contract::DbInstance {
            identifier: name.clone(),
            version: choice.version,
            restored_version: choice.restored_version(),
            host: instance.host,
            resource_id: instance.resource_id,
            chosen: false,
            changing: None,
            left_out: vec![],
            stage: StageReport::available(&stage, AVAILABLE),
        })
    }
}

/// What is done to a new instance before readers come; answers in how many polls.
fn finish(journal: &mut Journal, settings: &Receiving, instance: &mut Instance, by: &RestoredBy) -> u32 {
    let mut polls = 0;
    loop {
        match restore::finish(instance, Some(by), true, &settings.options.after, None) {
            Finish::Seal(tags) => {
                let name = instance.identifier.clone();
                journal.call("rds:AddTagsToResource", name, format!("{}: whose it is", lineage::RESOURCE_ID));
                instance.tags =
                    tags.iter().fold(instance.tags.clone(), |all, (key, value)| all.with(key, value));
            }
            Finish::Change(change) => {
                let why = format!("{}, unless RDS has it so already", change.name());
                journal.call("rds:ModifyDBInstance", &instance.identifier, why);
                let changed = change.settings().iter().map(|(name, value)| (*name, value.clone()));
                instance.settings.extend(changed);
            }
            Finish::NoteVersion(copy) => {
                let why =
                    format!("{}, {}: of {}", lineage::VERSION, lineage::STAGE_SECONDS, instance.identifier);
                journal.call("rds:AddTagsToResource", &copy.identifier, why);
                return polls;
            }
            Finish::Wait | Finish::AwaitChange(..) | Finish::Done => return polls,
        }
        polls += 1;
    }
}

/// An instance of which nothing else is known.
fn blank(name: &InstanceIdentifier, from: &Snapshot) -> Instance {
    Instance {
        identifier: name.clone(),
        arn: String::new(),
        resource_id: None,
        cluster: None,
        option_groups: vec![],
        status: AVAILABLE.into(),
        host: None,
        port: None,
        engine: from.engine.clone(),
        database_name: None,
        deletion_protection: false,
        // Only whoever makes a password asks for it.
        master_username: Some("the master user of the source".to_owned()),
        password_is_pending: false,
        settings: replication::settings::Settings::new(),
        allocated_storage: from.allocated_storage,
        storage_operation: None,
        storage_percent_progress: None,
        log_exports: vec![],
        read_replicas: vec![],
        tags: Tags::default(),
    }
}
