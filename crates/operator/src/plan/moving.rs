//! What a run does with the secret, poll by poll, with the decision of the function that does it.

use replication::contract::VersionState;
use replication::lineage::{DELETION_TAG, PROMOTED};
use replication::machines::{self, Machine};
use replication::moving::{self, Change, Effect, Observed, Step, TagChange};
use replication::naming::InstanceIdentifier;
use replication::observed::Instance;
use replication::pacing::StageName;
use replication::passwords::{Passwords, StoredPasswords};
use replication::secret::{Secret, Version};
use replication::{Error, ErrorName};

use super::destination::Outcome;
use super::journal::Journal;
use crate::settings::Receiving;

/// More polls than moving the secret ever takes.
const MOST_POLLS: u32 = 32;

/// What the polls observe.
pub struct World {
    pub secret: Version,
    pub passwords: Option<StoredPasswords>,
    pub instances: Vec<Instance>,
}

/// What has changed once a step is done.
enum Changed {
    Nothing,
    Secret(Change),
    Passwords(Change),
    Tags(Vec<(TagChange, InstanceIdentifier)>),
}

/// Thinks through how the secret is moved.
///
/// # Errors
/// What the run would end with.
pub fn run(
    journal: &mut Journal,
    settings: &Receiving,
    mut state: VersionState,
    mut world: World,
) -> Result<(World, Outcome), Error> {
    journal.enter(Machine::Destination, &machines::SECRET);
    let stage = journal.stage(StageName::Secret, settings.secret_deadline);
    for poll in 1..=MOST_POLLS {
        let observed = Observed {
            secret: &world.secret,
            passwords: world.passwords.as_ref(),
            instances: &world.instances,
            before: None,
        };
        let decision = moving::decide(settings.moving(), &state, observed)?;
        let (changed, effect) = step(journal, &decision.step, &decision.reason)?;
        let report = decision.report(effect, &stage, state.secret.as_ref())?;
        let is_done = matches!(decision.step, Step::Report);
        if is_done {
            journal.take(stage, Some(0), poll - 1);
            let outcome = match report.outcome {
                moving::Outcome::HeldBack => Outcome::HeldBack,
                moving::Outcome::NewerIsLive => Outcome::NewerIsLive,
                _ => Outcome::Live,
            };
            return Ok((world, outcome));
        }
        state.secret = Some(report);
        apply(&mut world, changed)?;
    }
    Err(Error::new(ErrorName::DeadlineExceeded, "thinking through how the secret is moved"))
}

/// The calls of one step, and what they change.
fn step(journal: &mut Journal, step: &Step<'_>, reason: &str) -> Result<(Changed, Effect), Error> {
    let swap = |journal: &mut Journal, change: &Change, what: &str| {
        let version = format!("version {} of the secret", change.id);
        journal.call("secretsmanager:PutSecretValue", version, format!("{what}: {reason}"));
        let why = format!("moves there from {}", change.replaces.as_deref().unwrap_or("no version"));
        journal.call("secretsmanager:UpdateSecretVersionStage", change.label, why);
    };
    let changed = match step {
        Step::Report | Step::Wait(_) => Changed::Nothing,
        Step::ClearMark(instance) => {
            journal.call("rds:RemoveTagsFromResource", &instance.identifier, reason);
            Changed::Tags(vec![(TagChange::Keep, instance.identifier.clone())])
        }
        Step::MakePassword(new) => {
            journal.call("secretsmanager:GetRandomPassword", &new.instance.identifier, reason);
            // Nobody sees it: it is never stored.
            let change = new.stored("made-by-the-run".to_owned())?;
            swap(journal, &change, "stores the password");
            Changed::Passwords(change)
        }
        Step::Remember(change) => {
            swap(journal, change, "remembers what readers use now");
            Changed::Passwords(copied(change))
        }
        Step::SetPassword(instance, _) => {
            journal.call(
                "rds:ModifyDBInstance",
                &instance.identifier,
                format!("its master password: {reason}"),
            );
            Changed::Nothing
        }
        Step::Move(change) => {
            swap(journal, change, "names the new version");
            Changed::Secret(copied(change))
        }
        Step::Revert(_, error) => return Err(error.clone()),
        Step::Mark(changes, host) => {
            for (change, instance) in changes {
                mark(journal, *change, instance, host);
            }
            let changes = changes.iter().map(|(change, one)| (*change, one.identifier.clone()));
            Changed::Tags(changes.collect())
        }
    };
    let effect = match &changed {
        Changed::Tags(_) if matches!(step, Step::Mark(..)) => Effect::Marked(vec![], vec![]),
        _ => Effect::Done,
    };
    Ok((changed, effect))
}

fn mark(journal: &mut Journal, change: TagChange, instance: &Instance, host: &str) {
    let name = &instance.identifier;
    match change {
        TagChange::Supersede => {
            let why = format!("{}={}: superseded once {host} is live", DELETION_TAG.0, DELETION_TAG.1);
            journal.call("rds:AddTagsToResource", name, why);
        }
        TagChange::Keep => {
            let why = format!("{}: it stays, once {host} is live", DELETION_TAG.0);
            journal.call("rds:RemoveTagsFromResource", name, why);
        }
        TagChange::Promote => {
            let why = format!("{}={}: it is live", PROMOTED.0, PROMOTED.1);
            journal.call("rds:AddTagsToResource", name, why);
        }
    }
}

fn copied(change: &Change) -> Change {
    Change {
        id: change.id.clone(),
        text: change.text.clone(),
        label: change.label,
        replaces: change.replaces.clone(),
    }
}

fn apply(world: &mut World, changed: Changed) -> Result<(), Error> {
    match changed {
        Changed::Nothing => {}
        Changed::Secret(change) => {
            world.secret = Version { id: change.id, secret: Secret::parse(&change.text)? };
        }
        Changed::Passwords(change) => {
            let passwords = Passwords::parse(&change.text)?;
            world.passwords = Some(StoredPasswords { id: change.id, passwords });
        }
        Changed::Tags(changes) => {
            for (change, name) in changes {
                for one in world.instances.iter_mut().filter(|one| one.identifier == name) {
                    let tags = one.tags.clone();
                    one.tags = match change {
                        TagChange::Supersede => tags.with(DELETION_TAG.0, DELETION_TAG.1),
                        TagChange::Promote => tags.with(PROMOTED.0, PROMOTED.1),
                        TagChange::Keep => tags.iter().filter(|(key, _)| *key != DELETION_TAG.0).collect(),
                    };
                }
            }
        }
    }
    Ok(())
}
