//! The instance that the secret is to name.

use crate::contract::{DbInstance, Purpose};
use crate::naming::{self, InstanceIdentifier};
use crate::observed::Instance;
use crate::progress::Progress;
use crate::secret::{Pointer, Version};
use crate::{Error, ErrorName};

/// The instance that the secret is to name.
pub(super) struct Target<'a> {
    /// The instance.
    pub instance: &'a Instance,
    /// What the secret is to say.
    pub pointer: Pointer,
    /// Whether readers may be sent to it now.
    pub is_ready: bool,
}

/// Why there is no instance that the secret could name.
pub(super) enum Missing {
    /// RDS shows none of this name, which it may do for a while with one that is there.
    Unseen(Error),
    /// It is there and cannot be used.
    Unusable(Error),
}

impl Missing {
    pub(super) fn error(self) -> Error {
        match self {
            Self::Unseen(error) | Self::Unusable(error) => error,
        }
    }
}

/// Whether the secret names an instance of this name.
pub(super) fn is_named(identifier: &InstanceIdentifier, secret: &Version) -> bool {
    naming::instance_of_endpoint(&secret.secret.pointer.host) == identifier.as_str()
}

/// The instance of the document, if it is this run's: of this stack, and of this replication or of the version that an
/// operator asked for.
pub(super) fn find<'a>(
    stack: &str,
    wanted: &DbInstance,
    purpose: &Purpose,
    instances: &'a [Instance],
) -> Result<Target<'a>, Missing> {
    let doing = format!("moving the secret to database {}", wanted.identifier);
    let again = "start the execution again";
    let Some(instance) = instances.iter().find(|instance| instance.identifier == wanted.identifier) else {
        let gone = Error::new(ErrorName::NotFound, doing).because("it is gone").advise(again);
        return Err(Missing::Unseen(gone));
    };
    let is_own = match purpose {
        Purpose::Replicate { input, .. } => instance.is_of_replication(stack, &input.replication.id),
        Purpose::RollBack { .. } => {
            instance.is_of_stack(stack)
                && instance.tags.version() == Some(wanted.version)
                && instance.tags.restored_version() == wanted.restored_version
        }
    };
    if !is_own {
        let because = "its tags are not those of the version that this run has brought up";
        let taken = Error::new(ErrorName::NameTaken, doing).because(because).advise(again);
        return Err(Missing::Unusable(taken));
    }
    let progress = instance.status.restored().progress();
    match &instance.host {
        Some(host) if progress != Progress::Failed => {
            let version = format!("-{}", wanted.version);
            let name = instance.identifier.as_str();
            let prefix = name.strip_suffix(&version).unwrap_or(name).to_owned();
            let pointer = Pointer { host: host.clone(), prefix };
            Ok(Target { instance, pointer, is_ready: progress == Progress::Ready })
        }
        _ => Err(Missing::Unusable(
            Error::new(ErrorName::InstanceNotReady, doing)
                .because(format!("it is {}", instance.status))
                .advise("bring it to available, then start the execution again"),
        )),
    }
}
