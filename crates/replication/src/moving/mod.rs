//! How the secret is moved to a version: what the next step of a run is, from what it has observed.
//!
//! One poll does one step and reports. The steps of a move, each left out where there is nothing to do: the deletion tag
//! is removed, so that nothing deletes what readers are sent to; a password of its own is stored, what readers used before
//! is remembered, RDS is asked to set the password; the secret moves; deletion tags follow.
//!
//! Every change of the secret is a compare and swap: a new version, and the label moves to it only if it is still where
//! it was read. A change that was decided from a stale reading is refused, and decided again from a new one.

mod change;
mod marks;
mod needs;
mod report;
mod target;
#[cfg(test)]
mod world;

use std::fmt;

pub use change::{Change, NewPassword};
pub use marks::TagChange;
pub use needs::Needs;
pub use report::{Effect, Outcome, SecretMove};

use crate::contract::{Purpose, VersionState};
use crate::observed::Instance;
use crate::pacing::UNSEEN_POLLS;
use crate::passwords::{Credentials, StoredPasswords};
use crate::progress::{DELETED, Restored};
use crate::retention;
use crate::secret::{Login, Pointer, Standard, Version};
use crate::{Error, ErrorName, lineage};

use target::{Missing, Target};

/// After how many polls in a row with the same answer it is taken for current.
const CONVINCING_POLLS: u32 = 3;

/// What the stack says.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// Its name.
    pub stack: &'a str,
    /// How many older versions stay.
    pub older_to_keep: usize,
    /// Whether a replication goes live by itself.
    pub promotes: bool,
    /// Whether every version gets a master password of its own before the secret names it.
    pub rotates_passwords: bool,
    /// Whether the standard fields that the secret does not have are added to it.
    pub adds_standard_fields: bool,
}

/// What a poll has observed. Of all of it only the names may be shown.
#[derive(Clone, Copy)]
pub struct Observed<'a> {
    /// The current version of the secret.
    pub secret: &'a Version,
    /// The version of the secret that holds the passwords of versions, if there is one.
    pub passwords: Option<&'a StoredPasswords>,
    /// The instance of the run, the one that the secret names, and what [`Decision::needs`].
    pub instances: &'a [Instance],
    /// What the secret said before it named the instance of the run. It is read only where [`is_lost`] says so.
    pub before: Option<&'a Version>,
}

/// What a poll does next, and why.
pub struct Decision<'a> {
    /// What it does.
    pub step: Step<'a>,
    /// What the run has come to, once the step is done.
    pub outcome: Outcome,
    /// What the secret names.
    pub named: Pointer,
    /// What it names for this run, once the step is done.
    pub pointer: Pointer,
    /// The status of the instance, for the report.
    pub rds_status: String,
    /// Why.
    pub reason: String,
}

/// What a poll does; at most one thing.
pub enum Step<'a> {
    /// Nothing: the run has nothing left to do with the secret.
    Report,
    /// Nothing yet. The count is of the polls in a row that have not seen what must be there.
    Wait(u32),
    /// Removes the deletion tag from the instance.
    ClearMark(&'a Instance),
    /// Makes a password for the instance and stores it.
    MakePassword(Box<NewPassword<'a>>),
    /// Stores what readers use for the versions that have the source's password.
    Remember(Change),
    /// Asks RDS to set the password of the instance.
    SetPassword(&'a Instance, Credentials),
    /// Moves the secret to the instance.
    Move(Change),
    /// Moves the secret back, because the instance is deleted; then the run ends with the error.
    Revert(Change, Error),
    /// Changes tags, as it follows from what the secret names.
    Mark(Vec<(TagChange, &'a Instance)>, String),
}

impl fmt::Display for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.step {
            Step::Report => f.write_str("report"),
            Step::Wait(_) => f.write_str("wait"),
            Step::ClearMark(instance) => write!(f, "take the deletion tag off {}", instance.identifier),
            Step::MakePassword(new) => write!(f, "store a password for {}", new.instance.identifier),
            Step::Remember(_) => f.write_str("remember what readers use now"),
            Step::SetPassword(instance, _) => write!(f, "set the password of {}", instance.identifier),
            Step::Move(change) => {
                write!(f, "move the secret to {} as version {}", self.pointer.host, change.id)
            }
            Step::Revert(change, _) => write!(f, "move the secret back as version {}", change.id),
            Step::Mark(changes, host) => {
                write!(f, "change the tags of {} for {host}", changes.len())
            }
        }?;
        write!(f, ": {}", self.reason)
    }
}

/// Whether the secret names the instance of the run, and that is gone or being deleted: then the secret is moved back,
/// and what it said before has to be read.
#[must_use]
pub fn is_lost(state: &VersionState, secret: &Version, instances: &[Instance]) -> bool {
    state.db_instance.as_ref().is_some_and(|wanted| {
        let found = instances.iter().find(|instance| instance.identifier == wanted.identifier);
        target::is_named(&wanted.identifier, secret)
            && found.is_none_or(|instance| instance.status.restored() == Restored::Deleting)
    })
}

/// Decides what the poll does.
///
/// # Errors
/// What ends the run: `InvalidInput`, `NotFound`, `NameTaken`, `InstanceNotReady`, `SecretNotMoved`,
/// `CredentialsUnknown`, `SecretInvalid`.
pub fn decide<'a>(
    rules: Rules<'a>,
    state: &'a VersionState,
    observed: Observed<'a>,
) -> Result<Decision<'a>, Error> {
    let wanted = state.db_instance.as_ref().ok_or_else(|| {
        Error::new(ErrorName::InvalidInput, "moving the secret").because("field state.DBInstance is missing")
    })?;
    let found = target::find(rules.stack, wanted, &state.purpose, observed.instances);
    let poll = Poll { rules, state, observed, earlier: state.secret.as_ref() };
    if let Some(earlier) = poll.earlier.filter(|earlier| earlier.outcome.is_settled())
        && !(earlier.outcome.has_moved() && earlier.pointer == *poll.named())
    {
        return poll.after_settling(earlier, found);
    }
    match found {
        Ok(target) => poll.move_to(&target),
        Err(missing) => poll.without_target(missing),
    }
}

/// One poll of a run.
struct Poll<'a> {
    rules: Rules<'a>,
    state: &'a VersionState,
    observed: Observed<'a>,
    earlier: Option<&'a SecretMove>,
}

impl<'a> Poll<'a> {
    /// What the secret names.
    fn named(&self) -> &'a Pointer {
        &self.observed.secret.secret.pointer
    }

    fn decision(
        &self,
        step: Step<'a>,
        outcome: Outcome,
        status: &str,
        reason: impl Into<String>,
    ) -> Decision<'a> {
        let (named, rds_status) = (self.named().clone(), status.to_owned());
        Decision { step, outcome, pointer: named.clone(), named, rds_status, reason: reason.into() }
    }

    /// Waits for what must be there, unless it was waited for often enough.
    fn wait_unseen(&self, status: &str, reason: &str) -> Option<Decision<'a>> {
        let unseen = self.earlier.map_or(0, |earlier| earlier.stage.unseen) + 1;
        let settled = self.earlier.filter(|earlier| earlier.outcome.is_settled());
        let outcome = settled.map_or(self.not_yet(Outcome::InstanceBusy), |earlier| earlier.outcome);
        let wait = self.decision(Step::Wait(unseen), outcome, status, reason);
        let pointer = settled.map_or(wait.pointer.clone(), |earlier| earlier.pointer.clone());
        (unseen <= UNSEEN_POLLS).then_some(Decision { pointer, ..wait })
    }

    /// The outcome of a poll that has not moved the secret. What was asked of RDS is not forgotten.
    fn not_yet(&self, outcome: Outcome) -> Outcome {
        if self.has_asked() { Outcome::PasswordPending } else { outcome }
    }

    /// Whether an earlier poll of this run has asked RDS to set the password, and RDS has accepted it.
    fn has_asked(&self) -> bool {
        self.earlier.is_some_and(|earlier| earlier.outcome == Outcome::PasswordPending)
    }

    /// An earlier poll has moved the secret, or found that it is not to be moved; deletion tags may be left to change.
    fn after_settling(
        &self,
        earlier: &'a SecretMove,
        found: Result<Target<'a>, Missing>,
    ) -> Result<Decision<'a>, Error> {
        let outcome = earlier.outcome;
        let secret = self.observed.secret;
        let mark = |target: &Target<'a>, live: &Pointer| Decision {
            pointer: if outcome.has_moved() { earlier.pointer.clone() } else { live.clone() },
            ..self.mark(target, outcome, live.clone())
        };
        let through = |reason: &str| {
            let report = self.decision(Step::Report, outcome, "not there", reason);
            Decision { pointer: earlier.pointer.clone(), ..report }
        };
        if !outcome.has_moved() {
            return Ok(match found {
                Ok(target) => mark(&target, self.named()),
                Err(_) => through("it was not to be moved"),
            });
        }
        // That the move was accepted is the proof of it; this is what was read before it.
        if earlier.replaced.as_ref() == Some(&secret.id) {
            return match found {
                Ok(target) => Ok(mark(&target, &earlier.pointer)),
                Err(missing) => self
                    .wait_unseen("not there", "the secret has moved, and an older version of it was read")
                    .ok_or(missing.error()),
            };
        }
        let is_undone = !secret.is_written_by_us()
            && match &found {
                Ok(target) => {
                    earlier.moved_from.as_ref() == Some(&self.named().host)
                        || !self.is_older_than_live(target.instance)
                }
                Err(_) => true,
            };
        match found {
            Ok(target) if !is_undone => return Ok(mark(&target, self.named())),
            Err(_) if !is_undone => return Ok(through("another run has moved it on")),
            // It is read like this again and again, so deletion tags follow it before the run ends.
            Ok(target) if earlier.stage.unseen >= CONVINCING_POLLS => {
                let decision = mark(&target, self.named());
                if matches!(decision.step, Step::Mark(..)) {
                    return Ok(decision);
                }
            }
            _ => {}
        }
        let reason = "the secret has moved, and a version of somebody else was read";
        self.wait_unseen("moved", reason).ok_or_else(|| self.undone(earlier))
    }

    fn undone(&self, earlier: &SecretMove) -> Error {
        let Observed { secret, .. } = self.observed;
        Error::new(ErrorName::SecretNotMoved, format!("moving the secret to {}", earlier.pointer.host))
            .because(format!(
                "it was moved, and now it names {}, in version {} that is not ours",
                in_words(&self.named().host),
                secret.id
            ))
            .advise(
                "see who else writes the secret, such as a rotation that had begun before; then start the execution \
                 again or roll back to the version that readers are to use",
            )
    }

    /// The instance of the run cannot be used. If the secret names it, and it is deleted, the secret is moved back.
    fn without_target(&self, missing: Missing) -> Result<Decision<'a>, Error> {
        let secret = self.observed.secret;
        if !is_lost(self.state, secret, self.observed.instances) {
            return match missing {
                Missing::Unseen(error) => {
                    self.wait_unseen("not visible", "RDS does not show the database of this run").ok_or(error)
                }
                Missing::Unusable(error) => Err(error),
            };
        }
        let error = missing.error();
        let answers = |before: &'a Version| Some((before, self.answering(before)?));
        let Some((before, instance)) = self.observed.before.and_then(answers) else {
            return Err(error);
        };
        let reason = format!("{} is deleted, and {} answers", self.named().host, before.secret.pointer.host);
        let change = change::back(before, self.observed, &self.standard(instance))?;
        let mut decision = self.decision(Step::Revert(change, error), Outcome::InstanceBusy, DELETED, reason);
        decision.pointer = before.secret.pointer.clone();
        Ok(decision)
    }

    /// What a version of the secret names, if that answers readers.
    fn answering(&self, version: &Version) -> Option<&'a Instance> {
        let found = self.instance_of(&version.secret.pointer.host);
        found.filter(|instance| instance.status.restored() == Restored::Usable)
    }

    fn instance_of(&self, host: &str) -> Option<&'a Instance> {
        self.observed.instances.iter().find(|instance| instance.host.as_deref() == Some(host))
    }

    /// What the standard fields are to say of an instance.
    fn standard(&self, to: &'a Instance) -> Standard<'a> {
        Standard { to, from: self.instance_of(&self.named().host), adds: self.rules.adds_standard_fields }
    }

    /// Moves the secret to the instance, unless it is there or is not to be moved.
    fn move_to(&self, target: &Target<'a>) -> Result<Decision<'a>, Error> {
        let passwords = self.observed.passwords.map(|stored| &stored.passwords);
        let own = passwords.and_then(|passwords| passwords.of(target.instance));
        if *self.named() == target.pointer && !self.owes_login(own)? {
            // Once: what somebody writes after this run has moved it is left to the next one.
            let has_moved = self.earlier.is_some_and(|earlier| earlier.outcome.has_moved());
            if !has_moved && self.observed.secret.secret.says_otherwise(&self.standard(target.instance))? {
                return self.swap(target, None);
            }
            let outcome = match self.earlier {
                Some(earlier) if earlier.outcome.has_moved() => earlier.outcome,
                _ => Outcome::AlreadyMoved,
            };
            return Ok(self.mark(target, outcome, target.pointer.clone()));
        }
        if matches!(self.state.purpose, Purpose::Replicate { .. }) {
            if self.is_older_than_live(target.instance) {
                return Ok(self.mark(target, Outcome::NewerIsLive, self.named().clone()));
            }
            if !self.rules.promotes {
                return Ok(self.mark(target, Outcome::HeldBack, self.named().clone()));
            }
        }
        let (instance, status) = (target.instance, target.instance.status.as_str());
        // What carries the tag may be deleted at any time, so it goes before the readers come, and the instance has to be
        // there after that.
        if instance.tags.have_deletion_tag() {
            let outcome = self.not_yet(Outcome::InstanceBusy);
            return Ok(self.decision(
                Step::ClearMark(instance),
                outcome,
                status,
                "readers are to be sent to it",
            ));
        }
        if !target.is_ready {
            let outcome = self.not_yet(Outcome::InstanceBusy);
            return Ok(self.decision(Step::Wait(0), outcome, status, format!("the database is {status}")));
        }
        match own {
            Some(own) => self.move_with(target, own),
            None => self.move_without(target),
        }
    }

    /// Whether this run has had the password of the instance set, and the secret does not say it: then the run has acted
    /// on an old reading of the secret, or someone has moved it to the instance in the meantime without the password.
    fn owes_login(&self, own: Option<&Credentials>) -> Result<bool, Error> {
        match own.filter(|_| self.has_asked()) {
            Some(own) => Ok(!own.login()?.is_same(&self.observed.secret.secret.login())),
            None => Ok(false),
        }
    }

    /// Whether the secret names a version of the same database with newer data.
    fn is_older_than_live(&self, instance: &Instance) -> bool {
        let live = retention::live_instance(self.observed.instances, self.rules.stack, &self.named().host);
        let database = |one: &Instance| one.tags.get(lineage::SOURCE_DATABASE).map(str::to_owned);
        live.is_some_and(|live| {
            database(live) == database(instance) && live.tags.age_order() > instance.tags.age_order()
        })
    }

    /// Moves the secret to an instance that has a password of its own, together with that.
    fn move_with(&self, target: &Target<'a>, own: &Credentials) -> Result<Decision<'a>, Error> {
        let (instance, status) = (target.instance, target.instance.status.as_str());
        let (secret, passwords) = (&self.observed.secret.secret, self.observed.passwords);
        let original = passwords.and_then(|stored| stored.passwords.original());
        let login = secret.login();
        let is_known = !login.has_password() || original.is_some_and(|original| original.is_same(&login));
        if !self.is_of_one_version() && !is_known {
            let change = change::remember(self.observed)?;
            let reason = "the versions that have the source's password need it";
            return Ok(self.decision(
                Step::Remember(change),
                self.not_yet(Outcome::Prepared),
                status,
                reason,
            ));
        }
        if !self.has_asked() {
            let step = Step::SetPassword(instance, own.clone());
            return Ok(self.decision(step, Outcome::PasswordPending, status, "the secret is to say it"));
        }
        if instance.password_is_pending {
            let reason = "RDS is still setting its password";
            return Ok(self.decision(Step::Wait(0), Outcome::PasswordPending, status, reason));
        }
        let stored = passwords.map(|stored| stored.id.as_str()).unwrap_or_default();
        self.swap(target, Some((&own.login()?, &["own", stored])))
    }

    /// Moves the secret to an instance that has no password of its own that is known.
    fn move_without(&self, target: &Target<'a>) -> Result<Decision<'a>, Error> {
        let (instance, status) = (target.instance, target.instance.status.as_str());
        if self.has_asked()
            && let Some(wait) =
                self.wait_unseen(status, "RDS has the password, and an older store of them was read")
        {
            return Ok(wait);
        }
        if self.rules.rotates_passwords {
            let new = NewPassword::new(instance, self.observed, !self.is_of_one_version())?;
            let step = Step::MakePassword(Box::new(new));
            let reason = "every version gets a password of its own";
            return Ok(self.decision(step, Outcome::Prepared, status, reason));
        }
        if !self.is_of_one_version() {
            return self.swap(target, None);
        }
        let Some(stored) = self.observed.passwords else { return Err(credentials_unknown(instance)) };
        let original = stored.passwords.original().ok_or_else(|| credentials_unknown(instance))?;
        self.swap(target, Some((original, &["original", stored.id.as_str()])))
    }

    /// Whether what the secret says now opens one version only.
    fn is_of_one_version(&self) -> bool {
        let Observed { secret, passwords, instances, .. } = self.observed;
        passwords.is_some_and(|stored| stored.passwords.are_in(&secret.secret, instances))
    }

    /// Moves the secret, with another login if there is one, and where that comes from.
    fn swap(&self, target: &Target<'a>, login: Option<(&Login, &[&str; 2])>) -> Result<Decision<'a>, Error> {
        let change = change::moved(self.observed.secret, target, &self.standard(target.instance), login)?;
        let reason = format!("the database is {}", target.instance.status);
        let status = target.instance.status.as_str();
        let decision = self.decision(Step::Move(change), Outcome::Moved, status, reason);
        Ok(Decision { pointer: target.pointer.clone(), ..decision })
    }

    /// Changes the deletion tags as they follow from what is live; nothing is left to do if they are so already.
    fn mark(&self, target: &Target<'a>, outcome: Outcome, live: Pointer) -> Decision<'a> {
        let status = target.instance.status.as_str();
        let changes =
            marks::changes(self.rules, self.earlier, self.observed.instances, target.instance, &live.host);
        let step = match changes {
            changes if changes.is_empty() => Step::Report,
            changes => Step::Mark(changes, live.host.clone()),
        };
        let reason = format!("the secret names {}", in_words(&live.host));
        Decision { pointer: live, ..self.decision(step, outcome, status, reason) }
    }
}

/// What a secret names, in words. Somebody may have put more into the field than a host, such as an address with a password.
fn in_words(host: &str) -> String {
    let is_host = host.chars().all(|one| one.is_ascii_alphanumeric() || ".-_".contains(one));
    if is_host { format!("{host:?}") } else { "something that is no host name".to_owned() }
}

fn credentials_unknown(instance: &Instance) -> Error {
    Error::new(ErrorName::CredentialsUnknown, format!("moving the secret to database {}", instance.identifier))
        .because(
            "the user name and the password in the secret are those of another version only, and what opens this one \
             is not known",
        )
        .advise(
            "update the stack with MasterPassword=rotate and start it again, so that the database gets a password of its \
             own; the stack may be set to keep again afterwards",
        )
}

#[cfg(test)]
mod tests;
