//! The versions of one source database in one stack: which is live, which are newer, and which number is next.
//!
//! A stack that was given another source database still holds things of the former one. They are of another scope, so
//! that no decision about one database counts, names or touches what is of another.

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::fmt;

use time::OffsetDateTime;

use crate::lineage::Tags;
use crate::naming::{self, InstanceIdentifier, ReplicationId, Version};
use crate::observed::{Instance, Snapshot};
use crate::{Error, ErrorName};

/// What a decision is about: the things of one source database in one stack.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The name of the stack.
    pub stack: &'a str,
    /// How the names of its restored instances begin.
    pub prefix: &'a InstanceIdentifier,
    /// The source database.
    pub database: &'a InstanceIdentifier,
}

impl Scope<'_> {
    /// Whether the stack has made the instance from data of the database.
    #[must_use]
    pub fn owns(&self, instance: &Instance) -> bool {
        instance.is_of_stack(self.stack) && instance.is_of_database(self.database)
    }

    /// Whether the stack has made the snapshot from data of the database.
    #[must_use]
    pub fn owns_snapshot(&self, snapshot: &Snapshot) -> bool {
        snapshot.is_of_stack(self.stack) && snapshot.is_of_database(self.database)
    }
}

/// What was observed.
#[derive(Debug, Clone, Copy)]
pub struct World<'w> {
    /// Every instance of the account.
    pub instances: &'w [Instance],
    /// Every manual snapshot with the tag of the stack.
    pub snapshots: &'w [Snapshot],
    /// The host that the secret names.
    pub live_host: &'w str,
    /// How the names of the versions began when the secret was moved to it.
    pub live_prefix: &'w str,
}

/// What the secret names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Live<'w> {
    /// This instance of the scope.
    Instance(&'w Instance),
    /// A version whose instance does not exist any more; its host name says which.
    Gone(Version),
    /// No version of the scope.
    Nothing,
}

impl fmt::Display for Live<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance(live) => write!(f, "the live version {}", live.identifier),
            Self::Gone(version) => write!(f, "version {version}, which the secret names"),
            Self::Nothing => f.write_str("what the secret names"),
        }
    }
}

/// How old the data of a version are: the order of versions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Age {
    data_time: Option<OffsetDateTime>,
    replication: Option<String>,
    version: Version,
}

impl Age {
    fn of(tags: &Tags, data_time: Option<OffsetDateTime>, version: Version) -> Self {
        let replication = tags.get(crate::lineage::REPLICATION_ID).map(str::to_owned);
        Self { data_time: data_time.or_else(|| tags.data_time()), replication, version }
    }

    /// Whether both are versions of the same data, as a version and what a rollback has restored of it are.
    #[must_use]
    pub fn is_of_same_data(&self, other: &Self) -> bool {
        self.replication.is_some() && self.replication == other.replication
    }

    /// The age of the version that an instance is.
    #[must_use]
    pub fn of_instance(instance: &Instance) -> Self {
        Self::of(&instance.tags, None, instance.tags.version().unwrap_or_default())
    }

    /// The age of the version that was restored from a snapshot.
    #[must_use]
    pub fn of_snapshot(snapshot: &Snapshot) -> Self {
        Self::of(&snapshot.tags, snapshot.time_of_data(), snapshot.tags.version().unwrap_or_default())
    }
}

impl<'w> World<'w> {
    /// What the secret names, as far as it is of the scope.
    #[must_use]
    pub fn live(&self, scope: &Scope<'_>) -> Live<'w> {
        if self.live_host.is_empty() {
            return Live::Nothing;
        }
        let name = naming::instance_of_endpoint(self.live_host);
        let named =
            |i: &&Instance| i.host.as_deref() == Some(self.live_host) || i.identifier.as_str() == name;
        match self.instances.iter().find(named) {
            Some(one) if scope.owns(one) && one.host.as_deref().is_none_or(|host| host == self.live_host) => {
                Live::Instance(one)
            }
            // It is there and someone else's, or of another database.
            Some(_) => Live::Nothing,
            None => match naming::version_of(scope.prefix.as_str(), name) {
                Some(version) if !self.is_of_other_database(scope, version) => Live::Gone(version),
                _ => Live::Nothing,
            },
        }
    }

    /// Whether the version is known and holds data of another database than that of the scope.
    fn is_of_other_database(&self, scope: &Scope<'_>, version: Version) -> bool {
        self.other_database(scope, version).is_some()
            && !self.ages(scope).any(|(age, _)| age.version == version)
    }

    /// The other database whose version has this number under the same names, if there is one: the stack had another
    /// source database before.
    #[must_use]
    pub fn other_database(&self, scope: &Scope<'_>, version: Version) -> Option<&'w str> {
        self.tags_of_names(scope)
            .filter(|tags| tags.version() == Some(version))
            .filter_map(|tags| tags.get(crate::lineage::SOURCE_DATABASE))
            .find(|database| *database != scope.database.as_str())
    }

    /// The age of every version of the scope that exists as an instance or a snapshot.
    fn ages(&self, scope: &Scope<'_>) -> impl Iterator<Item = (Age, &'w Tags)> {
        let instances = self.instances.iter().filter(|i| scope.owns(i));
        let snapshots = self.snapshots.iter().filter(|s| scope.owns_snapshot(s));
        let instances = instances.map(|i| (Age::of_instance(i), &i.tags));
        let snapshots = snapshots.map(|s| (Age::of_snapshot(s), &s.tags));
        instances.chain(snapshots).filter(|(_, tags)| tags.version().is_some())
    }

    /// The tags of everything that the stack has made under the names of the scope, of any database. A stack for several
    /// gives each of them names of its own.
    fn tags_of_names(&self, scope: &Scope<'_>) -> impl Iterator<Item = &'w Tags> {
        let Scope { stack, prefix, .. } = *scope;
        let has_name =
            move |i: &&Instance| naming::version_of(prefix.as_str(), i.identifier.as_str()).is_some();
        let is_named = move |s: &&Snapshot| naming::is_snapshot_of(prefix.as_str(), s.identifier.as_str());
        let instances = self.instances.iter().filter(move |i| i.is_of_stack(stack)).filter(has_name);
        let snapshots = self.snapshots.iter().filter(move |s| s.is_of_stack(stack)).filter(is_named);
        instances.map(|i| &i.tags).chain(snapshots.map(|s| &s.tags))
    }

    /// The age of the live version, if it is known.
    #[must_use]
    pub fn live_age(&self, scope: &Scope<'_>) -> Option<Age> {
        match self.live(scope) {
            Live::Instance(live) => Some(Age::of_instance(live)),
            Live::Gone(version) => self.ages(scope).map(|(age, _)| age).find(|age| age.version == version),
            Live::Nothing => None,
        }
    }

    /// The time of the data of the live version, if it is known.
    #[must_use]
    pub fn live_data_time(&self, scope: &Scope<'_>) -> Option<OffsetDateTime> {
        self.live_age(scope)?.data_time
    }

    /// The restored instances of the scope that are newer than what is live and that no run has made live, but for those
    /// of this replication. What a rollback has left behind was live once.
    #[must_use]
    pub fn ahead(&self, scope: &Scope<'_>, this: &ReplicationId) -> Vec<&'w Instance> {
        let (live, live_age) = (self.live(scope), self.live_age(scope));
        let is_ahead = |instance: &Instance| match (&live, &live_age) {
            (Live::Nothing, _) => true,
            (_, Some(live)) => {
                let age = Age::of_instance(instance);
                age > *live && !age.is_of_same_data(live)
            }
            (Live::Gone(version), None) => instance.tags.version() > Some(*version),
            (Live::Instance(_), None) => false,
        };
        let others = |instance: &&Instance| {
            !instance.tags.are_promoted() && !instance.is_of_replication(scope.stack, this)
        };
        self.instances.iter().filter(|i| scope.owns(i)).filter(others).filter(|i| is_ahead(i)).collect()
    }

    /// Refuses one more version while `most` are newer than what is live: readers use none of them, and each costs as
    /// much as the one that they use.
    ///
    /// # Errors
    /// [`ErrorName::TooManyVersionsAhead`].
    pub fn check_ahead(
        &self,
        scope: &Scope<'_>,
        this: &ReplicationId,
        most: usize,
        doing: &str,
    ) -> Result<(), Error> {
        let ahead = self.ahead(scope, this);
        if ahead.len() < most {
            return Ok(());
        }
        let names: Vec<&str> = ahead.iter().map(|instance| instance.identifier.as_str()).collect();
        let because = match self.live(scope) {
            Live::Nothing => {
                format!("the secret names no version of {}, and {} wait for it", scope.database, names.len())
            }
            live => format!(
                "{} versions of {} are newer than {live} and were never live",
                names.len(),
                scope.database
            ),
        };
        Err(Error::new(ErrorName::TooManyVersionsAhead, doing)
            .because(format!("{because}: {}", names.join(", ")))
            .advise(
                "see why earlier executions did not move the secret; start the rollback machine with the version that \
                 readers are to use, or delete the databases that are no longer needed; or raise MaxVersionsAhead",
            ))
    }

    /// The number of the next instance: one more than the largest that the database has, that anything of the stack has
    /// under the same names, or that the secret names, past names that are taken by anything. A number gives an instance
    /// its address, and a reader that still uses an old address must not reach other data there, least of all another
    /// database's.
    ///
    /// # Errors
    /// [`ErrorName::VersionsExhausted`] if there is no larger number.
    pub fn next_version(&self, scope: &Scope<'_>) -> Result<Version, Error> {
        let in_name = |name: &str| naming::version_of(scope.prefix.as_str(), name);
        // A secret that was there before the stack may have other names in it, whose numbers go on all the same.
        let named = naming::instance_of_endpoint(self.live_host);
        let named = in_name(named).into_iter().chain(naming::version_of(self.live_prefix, named));
        let of_database = self.ages(scope).map(|(_, tags)| tags);
        let known = self.tags_of_names(scope).chain(of_database).filter_map(Tags::version);
        let largest = known.chain(named).max().unwrap_or_default();
        let taken = |version: &Version| {
            self.instances.iter().any(|instance| in_name(instance.identifier.as_str()) == Some(*version))
        };
        largest.checked_add(1).and_then(|next| (next..=Version::MAX).find(|version| !taken(version))).ok_or_else(|| {
            Error::new(ErrorName::VersionsExhausted, "choosing the next version")
                .because(format!(
                    "version {largest} exists or is named by the secret, and no larger number is free"
                ))
                .advise(
                    "correct the tag rds-replication:version of the database or snapshot, or db_host in the secret, that \
                     has this number; if it is right, give the stack another DatabaseName",
                )
        })
    }
}
