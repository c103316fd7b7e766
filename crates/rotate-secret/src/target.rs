//! Where the secret should point: at this run's own instance.

use rds_access::Instance;
use replication::contract::{Purpose, VersionState};
use replication::lineage;
use replication::progress::Progress;
use replication::secret::Pointer;
use replication::{Error, ErrorName};

use crate::Config;

/// The instance that the secret is to name.
pub struct Target<'a> {
    /// The instance.
    pub instance: &'a Instance,
    /// What the secret is to say.
    pub pointer: Pointer,
    /// Whether readers may be sent to it now.
    pub is_ready: bool,
}

/// The instance of the document, if it is this run's: of this stack, and of this replication or of the version that a
/// person asked for.
pub fn find<'a>(
    config: &Config,
    instances: &'a [Instance],
    state: &VersionState,
) -> Result<Target<'a>, Error> {
    let wanted = state.db_instance.as_ref().ok_or_else(|| {
        Error::new(ErrorName::InvalidInput, "moving the secret").because("field state.DBInstance is missing")
    })?;
    let doing = format!("moving the secret to database {}", wanted.identifier);
    let again = "start the execution again";
    let is_it = |instance: &&Instance| instance.identifier == wanted.identifier;
    let instance = instances
        .iter()
        .find(is_it)
        .ok_or_else(|| Error::new(ErrorName::NotFound, &doing).because("it is gone").advise(again))?;
    let is_own = match &state.purpose {
        Purpose::Replicate { input, .. } => instance.is_of_replication(&config.stack, &input.replication.id),
        Purpose::RollBack { .. } => {
            instance.is_of_stack(&config.stack)
                && instance.tags.version() == Some(wanted.version)
                && instance.tags.restored_version() == wanted.restored_version
        }
    };
    if !is_own {
        return Err(Error::new(ErrorName::NameTaken, doing)
            .because("its tags are not those of the version that this run has brought up")
            .advise(again));
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
        _ => Err(Error::new(ErrorName::InstanceNotReady, doing)
            .because(format!("it is {}", instance.status))
            .advise("bring it to available, then start the execution again")),
    }
}

/// The replication that the live copy came from, if it is one of ours. Ids begin with the time, so they compare by age.
pub fn live_replication<'a>(config: &Config, instances: &'a [Instance], live_host: &str) -> Option<&'a str> {
    instances
        .iter()
        .find(|instance| instance.host.as_deref() == Some(live_host) && instance.is_of_stack(&config.stack))?
        .tags
        .get(lineage::REPLICATION_ID)
}
