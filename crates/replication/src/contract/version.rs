//! The document of the machines that bring up a version: a replication, or a rollback.

use serde::Deserialize;

use super::{DbInstance, DbSnapshot, DestinationInput, Room, SecretMove};
use crate::naming::InstanceIdentifier;
use crate::overrides::Overrides;
use crate::rollback::RequestedVersion;
use crate::{Error, ErrorName};

/// The document of the two machines that bring up a version and move the secret to it.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "VersionDocument")]
pub struct VersionState {
    /// What the machine is for.
    pub purpose: Purpose,
    /// The result of `restore`.
    pub db_instance: Option<DbInstance>,
    /// The result of `rotate-secret`.
    pub secret: Option<SecretMove>,
    /// The result of `prune` at the beginning of a replication.
    pub room: Option<Room>,
}

/// What a machine brings up a version for.
#[derive(Debug, Clone)]
pub enum Purpose {
    /// A replication: a new version, from its own snapshot copy.
    Replicate {
        /// The message.
        input: Box<DestinationInput>,
        /// The result of `copy` in the destination account.
        db_snapshot: Option<Box<DbSnapshot>>,
    },
    /// A rollback: a version that exists.
    RollBack {
        /// Which one.
        version: RequestedVersion,
        /// The database that the operator means, compared with the stack's.
        source_db_identifier: Option<InstanceIdentifier>,
    },
}

impl Purpose {
    /// What the source database chooses for its versions. An operator who rolls back goes by what the stack says.
    #[must_use]
    pub fn overrides(&self) -> Overrides {
        match self {
            Self::Replicate { input, .. } => input.replication.overrides.clone(),
            Self::RollBack { .. } => Overrides::default(),
        }
    }

    /// The source database, if the document says which.
    #[must_use]
    pub fn database(&self) -> Option<&InstanceIdentifier> {
        match self {
            Self::Replicate { input, db_snapshot } => {
                let copied = db_snapshot.as_ref().map(|copy| &copy.source_db_identifier);
                copied.or(input.replication.source_db_identifier.as_ref())
            }
            Self::RollBack { source_db_identifier, .. } => source_db_identifier.as_ref(),
        }
    }
}

/// Both documents as they arrive.
#[derive(Deserialize)]
struct VersionDocument {
    #[serde(rename = "Input")]
    input: Option<Box<DestinationInput>>,
    version: Option<RequestedVersion>,
    #[serde(rename = "SourceDBIdentifier")]
    source_db_identifier: Option<InstanceIdentifier>,
    #[serde(rename = "DBSnapshot")]
    db_snapshot: Option<Box<DbSnapshot>>,
    #[serde(rename = "DBInstance")]
    db_instance: Option<DbInstance>,
    secret: Option<SecretMove>,
    room: Option<Room>,
}

impl TryFrom<VersionDocument> for VersionState {
    type Error = Error;

    fn try_from(document: VersionDocument) -> Result<Self, Error> {
        let VersionDocument { input, version, source_db_identifier, db_snapshot, db_instance, secret, room } =
            document;
        let purpose = match (input, version) {
            (Some(input), _) => Purpose::Replicate { input, db_snapshot },
            (None, Some(version)) => Purpose::RollBack { version, source_db_identifier },
            (None, None) => {
                return Err(Error::new(ErrorName::InvalidInput, "reading the machine's document").because(
                    r"it has neither version, which a rollback needs, nor Input, the message of a replication",
                ));
            }
        };
        Ok(Self { purpose, db_instance, secret, room })
    }
}
