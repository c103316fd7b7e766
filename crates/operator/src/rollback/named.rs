//! What the secret names, as far as the credentials show it.

use std::collections::BTreeSet;

use replication::lineage;
use time::OffsetDateTime;

use crate::account::Account;
use crate::screen::{age, timestamp};
use crate::status::facts::{Instance, Stack, Unreadable, seconds_between};
use crate::status::observe::{databases, secret};

/// That.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// Empty if the secret names nothing or cannot be read.
    pub host: String,
    /// The one that has this address.
    pub instance: Option<Instance>,
    /// The point in time of its data.
    pub data_time: Option<OffsetDateTime>,
    /// The code of the error for which the secret could not be read, or empty.
    pub hidden_by: String,
}

impl Named {
    /// The instance, its version and the age of its data.
    pub fn words(&self, now: OffsetDateTime) -> String {
        if !self.hidden_by.is_empty() {
            return format!("nothing that these credentials can read ({})", self.hidden_by);
        }
        if self.host.is_empty() {
            return "no database: its db_host is empty".to_owned();
        }
        let Some(instance) = &self.instance else { return self.host.clone() };
        let tags = instance.tags();
        let version = tags.version().map(|version| format!("version {version}"));
        let mut words = vec![version.unwrap_or_else(|| "without a version number".to_owned())];
        if let Some(version) = tags.restored_version() {
            words.push(format!("restored from the snapshot of version {version}"));
        }
        if let Some(at) = self.data_time {
            words.push(format!("data as of {}, {} old", timestamp(at), age(seconds_between(at, now))));
        }
        format!("{} ({})", instance.identifier(), words.join(", "))
    }
}

/// What the secret of a stack names now.
pub async fn named(account: &Account, stack: &Stack) -> Named {
    let (arn, name) = (stack.output("SecretArn"), stack.output("SecretName"));
    match secret::read(&account.secrets(), arn, name).await {
        Err(Unreadable(code)) => Named { hidden_by: code, ..Named::default() },
        Ok(found) => of_host(account, &found.pointer.host).await,
    }
}

/// What has this address.
pub async fn of_host(account: &Account, host: &str) -> Named {
    let nothing = Named { host: host.to_owned(), ..Named::default() };
    if host.is_empty() {
        return nothing;
    }
    let Ok(instances) = databases::instances(account).await else { return nothing };
    let found = instances.into_iter().find(|one| one.seen.host.as_deref() == Some(host));
    let data_time = match &found {
        Some(instance) => data_time(account, instance).await,
        None => None,
    };
    Named { instance: found, data_time, ..nothing }
}

/// From the instance's tag or, before there was one, from the snapshot that it came from.
async fn data_time(account: &Account, instance: &Instance) -> Option<OffsetDateTime> {
    let tag = instance.tags().get(lineage::DATA_TIME).and_then(lineage::read_time);
    if tag.is_some() {
        return tag;
    }
    let arn = instance.tags().get(lineage::SOURCE_SNAPSHOT)?;
    let snapshots = databases::snapshots(account, &BTreeSet::new()).await.ok()?;
    snapshots.iter().find(|one| one.arn() == arn)?.data_time()
}
