//! What a poll reports, which is what the next one knows of it.

use serde::{Deserialize, Serialize};
use strum::VariantArray;

use crate::contract::{StageReport, is_zero};
use crate::pacing::Stage;
use crate::secret::Pointer;
use crate::{Error, ErrorName};

use super::{Decision, Step};

/// Until the next step of a move.
const NEXT_STEP_SECONDS: u32 = 1;
/// Until the secret is read again that somebody else has changed; it may be read late.
const REFUSED_SECONDS: u32 = 5;
/// How often the secret is read again because somebody else has changed it, before the run ends.
const MOST_REFUSALS: u32 = 20;
/// Until it is believed that RDS has set a password: right after the call what it shows may be older than the call.
const PASSWORD_SECONDS: u32 = 60;
/// Until readers are sent to an instance whose deletion tag was just taken off: a prune that has seen the tag may still be
/// deleting it, and no function runs for longer than this (`Timeout` in the templates).
const DELETION_UNDER_WAY_SECONDS: u32 = 60;

/// What the secret names now, and the progress of moving it. Of the secret only our two fields are ever shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretMove {
    /// The two fields.
    #[serde(flatten)]
    pub pointer: Pointer,
    /// What the last poll did to the secret.
    pub outcome: Outcome,
    /// Its progress.
    #[serde(flatten)]
    pub stage: StageReport,
    /// The instances that were marked for deletion.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marked: Vec<String>,
    /// The instances whose deletion tag was removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmarked: Vec<String>,
    /// What the secret named when they were.
    #[serde(rename = "markedFor", default, skip_serializing_if = "Option::is_none")]
    pub marked_for: Option<String>,
    /// The id of the version of the secret that the move has replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<String>,
    /// What the secret named before the move.
    #[serde(rename = "movedFrom", default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<String>,
    /// How often in a row somebody else has changed the secret in the meantime.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub again: u32,
}

/// What a poll did to the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, VariantArray)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It named another version before and was moved.
    Moved,
    /// It named this version already.
    AlreadyMoved,
    /// It names a version with newer data, which stays.
    NewerIsLive,
    /// The stack promotes by hand: the version waits until the rollback machine is started with its number.
    HeldBack,
    /// Nothing yet: what comes before the move was done, or somebody else has changed the secret in the meantime.
    Prepared,
    /// Nothing yet: the instance is not available at the moment.
    InstanceBusy,
    /// Nothing yet: RDS has accepted the password of the instance.
    PasswordPending,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Whether the secret has moved or is not to be moved.
    #[must_use]
    pub fn is_settled(self) -> bool {
        self.has_moved() || matches!(self, Self::NewerIsLive | Self::HeldBack)
    }

    /// Whether the secret names the version of the run, or did when the run read it.
    #[must_use]
    pub fn has_moved(self) -> bool {
        matches!(self, Self::Moved | Self::AlreadyMoved)
    }
}

/// How the step of a poll went.
#[derive(Debug)]
pub enum Effect {
    /// It is done, or there was none.
    Done,
    /// RDS cannot do it in the present state of the instance.
    NotNow,
    /// Somebody else has changed the secret since it was read; what Secrets Manager said.
    Refused(String),
    /// The deletion tags of these were set, and taken off these.
    Marked(Vec<String>, Vec<String>),
}

impl Decision<'_> {
    /// What the poll reports, after its step went like this.
    ///
    /// # Errors
    /// `DeadlineExceeded`; `SecretNotMoved` if others have changed the secret too often in the meantime; what ends a run whose
    /// instance is deleted.
    pub fn report(
        &self,
        effect: Effect,
        stage: &Stage,
        earlier: Option<&SecretMove>,
    ) -> Result<SecretMove, Error> {
        let status = self.rds_status.as_str();
        let mut report = SecretMove {
            pointer: self.pointer.clone(),
            outcome: self.outcome,
            stage: StageReport::pending(stage, status, None),
            marked: earlier.map(|earlier| earlier.marked.clone()).unwrap_or_default(),
            unmarked: earlier.map(|earlier| earlier.unmarked.clone()).unwrap_or_default(),
            marked_for: earlier.and_then(|earlier| earlier.marked_for.clone()),
            replaced: earlier.and_then(|earlier| earlier.replaced.clone()),
            moved_from: earlier.and_then(|earlier| earlier.moved_from.clone()),
            again: 0,
        };
        let again = earlier.map_or(0, |earlier| earlier.again) + 1;
        match (&self.step, effect) {
            (Step::Report, _) => {
                report.stage = StageReport::available(stage, status);
                report.again = again - 1;
            }
            (Step::Wait(unseen), _) => {
                if !self.outcome.is_settled() {
                    self.check_deadline(stage)?;
                }
                report.stage.unseen = *unseen;
            }
            (_, Effect::Refused(said)) => return self.refused(report, again, &said, earlier),
            (Step::ClearMark(_), _) => {
                self.check_deadline(stage)?;
                report.stage.wait_seconds = report.stage.wait_seconds.max(DELETION_UNDER_WAY_SECONDS);
            }
            (Step::SetPassword(..), Effect::NotNow) => {
                self.check_deadline(stage)?;
                report.outcome = Outcome::InstanceBusy;
            }
            (Step::SetPassword(..), _) => report.stage.wait_seconds = PASSWORD_SECONDS,
            (Step::Revert(_, error), _) => return Err(error.clone()),
            (Step::Move(change), _) => {
                // Where it names the instance already, only other fields follow, and what it named before is as it was.
                if self.named != self.pointer {
                    report.replaced.clone_from(&change.replaces);
                    report.moved_from = Some(self.named.host.clone());
                }
                report.stage.wait_seconds = NEXT_STEP_SECONDS;
            }
            (Step::Mark(_, host), effect) => {
                if let Effect::Marked(marked, unmarked) = effect {
                    report.marked.extend(marked);
                    report.unmarked.extend(unmarked);
                }
                report.marked_for = Some(host.clone());
                report.again = again;
                report.stage.wait_seconds = NEXT_STEP_SECONDS;
            }
            (Step::MakePassword(_) | Step::Remember(_), _) => report.stage.wait_seconds = NEXT_STEP_SECONDS,
        }
        Ok(report)
    }

    /// Another writer changed the secret first: the next poll reads it and decides again.
    fn refused(
        &self,
        report: SecretMove,
        again: u32,
        said: &str,
        earlier: Option<&SecretMove>,
    ) -> Result<SecretMove, Error> {
        if again > MOST_REFUSALS {
            return Err(Error::new(
                ErrorName::SecretNotMoved,
                format!("moving the secret to {}", self.pointer.host),
            )
            .because(format!("somebody else has changed it {MOST_REFUSALS} times since it was read: {said}"))
            .advise("see who writes the secret so often, then start the execution again"));
        }
        let (pointer, outcome) = match earlier {
            Some(earlier) if earlier.outcome.is_settled() => (earlier.pointer.clone(), earlier.outcome),
            Some(SecretMove { outcome: Outcome::PasswordPending, .. }) => {
                (self.named.clone(), Outcome::PasswordPending)
            }
            _ => (self.named.clone(), Outcome::Prepared),
        };
        let stage = StageReport { wait_seconds: REFUSED_SECONDS, ..report.stage };
        Ok(SecretMove { pointer, outcome, stage, again, ..report })
    }

    fn check_deadline(&self, stage: &Stage) -> Result<(), Error> {
        stage.check_deadline("the database before the secret moves", &self.rds_status)
    }
}
