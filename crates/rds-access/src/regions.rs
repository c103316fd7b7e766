//! RDS of the Regions that the source account keeps snapshots in: its own, and the one that it copies into by itself, if it
//! does.

use aws_client::SdkConfig;
use aws_sdk_rds::Client;
use replication::Error;
use replication::naming::{InstanceIdentifier, SnapshotArn};

use crate::{Snapshot, snapshots_of_database};

/// The clients, each of one Region, so that which one is meant is said wherever a call is made.
#[derive(Debug, Clone)]
pub struct Regions {
    own: Client,
    /// The Region that copies are made in, where that is another one.
    other: Option<(String, Client)>,
}

impl Regions {
    /// The clients; `copies_into` is the other Region that copies are made in, if there is one.
    #[must_use]
    pub fn new(aws: &SdkConfig, copies_into: Option<String>) -> Self {
        let other = copies_into.map(|region| {
            let client = Client::new(&aws_client::in_region(aws, &region));
            (region, client)
        });
        Self { own: Client::new(aws), other }
    }

    /// These clients; the other one is of the Region that copies are made in, where that is another one.
    #[must_use]
    pub const fn of_clients(own: Client, other: Option<(String, Client)>) -> Self {
        Self { own, other }
    }

    /// The client of one Region, for a stack that has nothing in another one.
    #[must_use]
    pub const fn one(own: Client) -> Self {
        Self { own, other: None }
    }

    /// RDS of this Region.
    #[must_use]
    pub const fn own(&self) -> &Client {
        &self.own
    }

    /// The other Region that copies are made in, and its RDS.
    #[must_use]
    pub fn other(&self) -> Option<(&str, &Client)> {
        self.other.as_ref().map(|(region, client)| (region.as_str(), client))
    }

    /// RDS of the Region that a snapshot is in.
    #[must_use]
    pub fn of(&self, snapshot: &SnapshotArn) -> &Client {
        match &self.other {
            Some((region, client)) if *region == snapshot.region => client,
            _ => &self.own,
        }
    }

    /// The manual snapshots of a database with the tag of a stack, as [`snapshots_of_database`] reads them: those of the other
    /// Region first.
    ///
    /// A run makes one copy. Where it is in both Regions, because the stack was changed during the run, that in this Region
    /// waits until the other is gone: what is decided about a snapshot names it by its identifier.
    ///
    /// # Errors
    /// A fault of RDS of either Region.
    pub async fn snapshots_of_database(
        &self,
        stack: &str,
        database: &InstanceIdentifier,
    ) -> Result<Vec<Snapshot>, Error> {
        let mut all = match &self.other {
            Some((_, client)) => snapshots_of_database(client, stack, database, None).await?,
            None => Vec::new(),
        };
        let mut own = snapshots_of_database(&self.own, stack, database, None).await?;
        own.retain(|snapshot| all.iter().all(|other| other.identifier != snapshot.identifier));
        all.extend(own);
        Ok(all)
    }
}
