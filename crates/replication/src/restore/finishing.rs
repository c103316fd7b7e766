//! What is left to do to an instance after its restore, one effect a poll.

use crate::contract::{DbInstance, LeftOut, StageReport};
use crate::lineage::{self, Tags};
use crate::naming::SnapshotArn;
use crate::observed::Instance;
use crate::pacing::{Stage, UNSEEN_POLLS};
use crate::settings::{self, Settings, Value};
use crate::{Error, ErrorName};

use super::RestoredBy;

/// How many polls in a row may still show the old value after RDS has accepted a change, before it is asked again.
const CHANGE_POLLS: u32 = 4;

/// What is changed after the restore, before readers come: what the restore call does not take of any engine (API model,
/// `RestoreDBInstanceFromDBSnapshot`), or not of this one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AfterRestore(Vec<Change>);

impl AfterRestore {
    /// The changes by which an instance gets these settings: one call each for those that belong together.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let mut changes: Vec<Change> = Vec::new();
        for (parameter, value) in settings {
            let together = settings::changed_with(parameter);
            let begun =
                changes.iter_mut().find(|change| together.iter().any(|one| change.0.contains_key(one)));
            match begun {
                Some(change) => drop(change.0.insert(parameter, value.clone())),
                None => changes.push(Change([(*parameter, value.clone())].into())),
            }
        }
        Self(changes)
    }

    /// Whether a text names one of the changes.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|change| change.name() == name)
    }

    /// The value of a setting that is changed.
    #[must_use]
    pub fn get(&self, parameter: &str) -> Option<&Value> {
        self.0.iter().find_map(|change| change.0.get(parameter))
    }
}

/// A change of settings that belong together, in one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change(Settings);

impl Change {
    /// The parameters of the stack that it comes from.
    #[must_use]
    pub fn name(&self) -> String {
        self.0.keys().copied().collect::<Vec<_>>().join(", ")
    }

    /// What the instance is to have.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0
    }

    fn is_made(&self, instance: &Instance) -> bool {
        self.0.iter().all(|(parameter, value)| instance.settings.get(parameter) == Some(value))
    }
}

/// What a poll has to do to an instance that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish<'a> {
    /// Write its resource id on it, which what inherits its tags has not.
    Seal(Tags),
    /// Only wait: it is not usable yet.
    Wait,
    /// Change what belongs together.
    Change(Change),
    /// RDS has accepted this change and does not show it yet.
    AwaitChange(Change, u32),
    /// Write the version on the snapshot that it was restored from.
    NoteVersion(&'a SnapshotArn),
    /// Nothing: readers may come.
    Done,
}

/// Decides what is left to do. What others have restored stays as it is.
#[must_use]
pub fn finish<'a>(
    instance: &Instance,
    restored_by: Option<&'a RestoredBy>,
    is_usable: bool,
    wanted: &AfterRestore,
    earlier: Option<&DbInstance>,
) -> Finish<'a> {
    let Some(restored_by) = restored_by else {
        return if is_usable { Finish::Done } else { Finish::Wait };
    };
    if let (Some(id), None) = (&instance.resource_id, instance.tags.get(lineage::RESOURCE_ID)) {
        return Finish::Seal(Tags::default().with(lineage::RESOURCE_ID, id));
    }
    if !is_usable {
        return Finish::Wait;
    }
    let left_out = earlier.map_or(&[][..], |earlier| &earlier.left_out);
    if let Some(change) = next_change(wanted, instance, left_out) {
        let asked = earlier.filter(|earlier| earlier.changing.as_deref() == Some(&*change.name()));
        return match asked.map(|earlier| earlier.stage.unseen + 1) {
            Some(polls) if polls <= CHANGE_POLLS => Finish::AwaitChange(change, polls),
            _ => Finish::Change(change),
        };
    }
    match restored_by {
        RestoredBy::Replication(Some(snapshot)) => Finish::NoteVersion(snapshot),
        RestoredBy::Replication(None) | RestoredBy::Rollback => Finish::Done,
    }
}

/// The report of a poll that has written the resource id, or was refused: the next poll sees whether it is there. It is
/// written again a bounded number of times, so that a tag that never appears does not hold the run for ever.
///
/// # Errors
/// `refused` when the polls are used up; [`ErrorName::RestoreFailed`] if RDS has accepted the tag and does not show it.
pub fn sealing(
    instance: &Instance,
    refused: Option<Error>,
    earlier: Option<&DbInstance>,
    stage: &Stage,
) -> Result<StageReport, Error> {
    let polls = earlier.map_or(0, |earlier| earlier.stage.unseen) + 1;
    if polls <= UNSEEN_POLLS {
        return Ok(StageReport::unseen(stage, instance.status.as_str(), polls));
    }
    Err(refused.unwrap_or_else(|| {
        Error::new(ErrorName::RestoreFailed, format!("tagging database {}", instance.identifier))
            .because(format!(
                "RDS has accepted tag {} and has not shown it in {UNSEEN_POLLS} polls",
                lineage::RESOURCE_ID
            ))
            .advise("see who removes or changes tags, then start the source execution again")
    }))
}

/// The first change that the instance does not have yet, and that RDS has not refused before.
fn next_change(wanted: &AfterRestore, instance: &Instance, left_out: &[LeftOut]) -> Option<Change> {
    let was_refused = |change: &Change| left_out.iter().any(|one| one.what == change.name());
    wanted.0.iter().find(|change| !change.is_made(instance) && !was_refused(change)).cloned()
}
