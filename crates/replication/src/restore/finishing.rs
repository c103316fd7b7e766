//! What is left to do to an instance after its restore, one effect a poll.

use crate::contract::{DbInstance, LeftOut, StageReport};
use crate::lineage::{self, Tags};
use crate::naming::SnapshotArn;
use crate::observed::Instance;
use crate::pacing::{Stage, UNSEEN_POLLS};
use crate::{Error, ErrorName};

use super::RestoredBy;

/// How many polls in a row may still show the old value after RDS has accepted a change, before it is asked again.
const CHANGE_POLLS: u32 = 4;

/// What a restore does not take (API model, `RestoreDBInstanceFromDBSnapshot`), so that it is changed before readers
/// come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AfterRestore {
    /// How far the storage may grow by itself, in GiB.
    pub max_allocated_storage: Option<i32>,
    /// The weekly maintenance window.
    pub maintenance_window: Option<String>,
}

/// A change of one option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// `MaxAllocatedStorage`, in GiB.
    MaxAllocatedStorage(i32),
    /// `PreferredMaintenanceWindow`.
    MaintenanceWindow(String),
}

impl Change {
    /// The parameters of the stack that are applied after the restore.
    pub const PARAMETERS: [&str; 2] = ["MaxAllocatedStorage", "PreferredMaintenanceWindow"];

    /// The parameter of the stack that it comes from.
    #[must_use]
    pub fn parameter(&self) -> &'static str {
        match self {
            Self::MaxAllocatedStorage(_) => "MaxAllocatedStorage",
            Self::MaintenanceWindow(_) => "PreferredMaintenanceWindow",
        }
    }
}

/// What a poll has to do to an instance that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish<'a> {
    /// Write its resource id on it, which what inherits its tags has not.
    Seal(Tags),
    /// Only wait: it is not usable yet.
    Wait,
    /// Change one option.
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
        let asked = earlier.filter(|earlier| earlier.changing.as_deref() == Some(change.parameter()));
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

/// The first option that the instance does not have yet, and that RDS has not refused before.
fn next_change(wanted: &AfterRestore, instance: &Instance, left_out: &[LeftOut]) -> Option<Change> {
    let storage = wanted.max_allocated_storage.filter(|most| instance.max_allocated_storage != Some(*most));
    let window = wanted.maintenance_window.as_ref().filter(|window| {
        // RDS writes the days of the week in lower case.
        !instance.maintenance_window.as_ref().is_some_and(|found| found.eq_ignore_ascii_case(window))
    });
    let changes = [storage.map(Change::MaxAllocatedStorage), window.cloned().map(Change::MaintenanceWindow)];
    let was_refused = |change: &Change| left_out.iter().any(|one| one.what == change.parameter());
    changes.into_iter().flatten().find(|change| !was_refused(change))
}
