//! What the stacks say, as their functions read it.

use replication::destination::Destination;
use replication::environment::{self, Environment};
use replication::keys;
use replication::lineage::Tags;
use replication::moving;
use replication::naming::InstanceIdentifier;
use replication::overrides::Overrides;
use replication::preflight::Wanted;
use replication::receiving;
use replication::settings::Value;
use replication::{Error, naming};
use restore_options::Options;

/// What a source stack says to its functions.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name.
    pub stack: String,
    /// The database of a run whose input names none.
    pub database: InstanceIdentifier,
    /// How the names of the snapshots begin.
    pub snapshot_name: String,
    /// The tags that the stack gives to what it makes.
    pub extra_tags: Tags,
    /// Whether snapshots have the tags of the database.
    pub carries_source_tags: bool,
    /// How long the snapshot may take, in seconds.
    pub snapshot_deadline: u32,
    /// The key of what is shared.
    pub key: String,
    /// The other Region that copies are made in, if they are not made in the stack's.
    pub copies_into: Option<String>,
    /// How long the copy may take, in seconds.
    pub copy_deadline: u32,
    /// The account that snapshots are shared with.
    pub destination_account: String,
    /// How long a shared snapshot stays, where the destination is told.
    pub announced_hours: Option<u32>,
    /// How many snapshots of each kind stay.
    pub keep: usize,
    /// How long a shared snapshot stays, in hours.
    pub shared_hours: u32,
    /// How many deletions a run makes at most.
    pub max_deletions: usize,
}

impl Source {
    /// The functions whose environment it is read from.
    pub const FUNCTIONS: [&str; 5] =
        ["SnapshotFunction", "CopyFunction", "ShareFunction", "NotifyFunction", "PruneFunction"];

    /// Reads the environments of the functions of a stack, each from what answers to its name.
    ///
    /// # Errors
    /// Outside, if an environment is not known. Within, `InvalidConfiguration`, naming the variable.
    pub fn of<'e, E>(
        environment: impl Fn(&'static str) -> Result<&'e Environment, E>,
    ) -> Result<Result<Self, Error>, E> {
        let [snapshot, copy, share, notify, prune] = Self::FUNCTIONS;
        let (snapshot, copy) = (environment(snapshot)?, environment(copy)?);
        let (share, notify, prune) = (environment(share)?, environment(notify)?, environment(prune)?);
        Ok(Self::read(snapshot, copy, share, notify, prune))
    }

    /// The parameter that names the key of what is shared.
    pub fn key_parameter(&self) -> &'static str {
        if self.copies_into.is_some() { keys::PARAMETER_ELSEWHERE } else { keys::PARAMETER }
    }

    fn read(
        snapshot: &Environment,
        copy: &Environment,
        share: &Environment,
        notify: &Environment,
        prune: &Environment,
    ) -> Result<Self, Error> {
        Ok(Self {
            stack: snapshot.text("STACK_NAME")?,
            database: snapshot.parsed("SOURCE_DB_IDENTIFIER", "a database identifier")?,
            snapshot_name: snapshot.text("SOURCE_DB_SNAPSHOT_NAME")?,
            extra_tags: environment::extra_tags(snapshot)?,
            carries_source_tags: snapshot.parsed("CARRY_SOURCE_TAGS", "true or false")?,
            snapshot_deadline: snapshot.parsed("STAGE_DEADLINE_SECONDS", "a number of seconds")?,
            key: copy.text("KMS_KEY")?,
            copies_into: environment::copies_into(copy),
            copy_deadline: copy.parsed("STAGE_DEADLINE_SECONDS", "a number of seconds")?,
            destination_account: share.text("DESTINATION_ACCOUNT_NUMBER")?,
            announced_hours: notify
                .optional_parsed("SHARED_SNAPSHOT_HOURS", "a whole number of hours from 0")?,
            keep: prune.parsed("SNAPSHOTS_TO_KEEP", "a whole number from 1")?,
            shared_hours: prune.parsed("SHARED_SNAPSHOT_HOURS", "a whole number from 0")?,
            max_deletions: prune.parsed("MAX_DELETIONS", "a whole number from 2")?,
        })
    }
}

/// What a destination stack says to its functions, for a run whose source database chooses something of it.
#[derive(Debug, Clone)]
pub struct Receiving {
    /// What it replicates, and under which names.
    pub destination: Destination,
    /// The key of the copies.
    pub key: String,
    /// What the stack says about new versions.
    pub rules: receiving::Rules,
    /// How long the copy may take, in seconds.
    pub copy_deadline: u32,
    /// What RDS may refuse of the restore.
    pub wanted: Wanted,
    /// How a version comes up.
    pub options: Options,
    /// How long the restore may take, in seconds.
    pub restore_deadline: u32,
    /// How long moving the secret may take, in seconds.
    pub secret_deadline: u32,
    /// How many older versions stay.
    pub older_to_keep: usize,
    /// Whether every version gets a master password of its own.
    pub rotates_passwords: bool,
    /// Whether the secret gets the standard fields.
    pub adds_standard_fields: bool,
    /// Whether a snapshot is made of a version before it goes.
    pub final_snapshot: bool,
    /// How many snapshots stay.
    pub keep: usize,
    /// How many deletions a run makes at most.
    pub max_deletions: usize,
}

/// Reads one environment with what a source database chooses in its place.
fn of_run<T: Clone>(
    given: &Environment,
    overrides: &Overrides,
    read: impl Fn(&Environment) -> Result<T, Error>,
) -> Result<T, Error> {
    Ok(given.of_run(&read(given)?, overrides, &read)?.into_owned())
}

impl Receiving {
    /// The functions whose environment it is read from.
    pub const FUNCTIONS: [&str; 4] =
        ["CopyFunction", "RestoreFunction", "RotateSecretFunction", "PruneFunction"];

    /// Reads the environments of the functions of a stack, each from what answers to its name.
    ///
    /// # Errors
    /// Outside, if an environment is not known. Within, `InvalidConfiguration`, naming the variable; `OverrideRefused`.
    pub fn of<'e, E>(
        environment: impl Fn(&'static str) -> Result<&'e Environment, E>,
        overrides: &Overrides,
    ) -> Result<Result<Self, Error>, E> {
        let [copy, restore, rotate_secret, prune] = Self::FUNCTIONS;
        let (copy, restore) = (environment(copy)?, environment(restore)?);
        let (rotate_secret, prune) = (environment(rotate_secret)?, environment(prune)?);
        Ok(Self::read(copy, restore, rotate_secret, prune, overrides))
    }

    /// The security groups of the restored databases; nothing where RDS chooses them.
    pub fn security_groups(&self) -> &[String] {
        match self.options.chosen.get("SGID") {
            Some(Value::List(groups)) => groups,
            _ => &[],
        }
    }

    fn read(
        copy: &Environment,
        restore: &Environment,
        rotate_secret: &Environment,
        prune: &Environment,
        overrides: &Overrides,
    ) -> Result<Self, Error> {
        const SECONDS: &str = "a number of seconds";
        let copy = of_run(copy, overrides, |given| {
            let wanted = Wanted::of(&Options::read(given)?.chosen);
            let rules = receiving::Rules {
                most_ahead: given.parsed("MAX_VERSIONS_AHEAD", "a whole number from 1")?,
                promotes: given.choice("PROMOTE", ["manual", "automatic"])?,
            };
            let deadline: u32 = given.parsed("STAGE_DEADLINE_SECONDS", SECONDS)?;
            Ok((environment::destination(given)?, given.text("KMS_KEY")?, rules, wanted, deadline))
        })?;
        let (destination, key, rules, wanted, copy_deadline) = copy;
        let (options, restore_deadline) = of_run(restore, overrides, |given| {
            Ok((Options::read(given)?, given.parsed("STAGE_DEADLINE_SECONDS", SECONDS)?))
        })?;
        let secret = of_run(rotate_secret, overrides, |given| {
            Ok((
                given.parsed("NO_OF_OLDER_INSTANCES", "a whole number from 0")?,
                given.choice("MASTER_PASSWORD", ["keep", "rotate"])?,
                given.choice("SECRET_FIELDS", ["original", "standard"])?,
                given.parsed("STAGE_DEADLINE_SECONDS", SECONDS)?,
            ))
        })?;
        let (older_to_keep, rotates_passwords, adds_standard_fields, secret_deadline) = secret;
        let (final_snapshot, keep, max_deletions) = of_run(prune, overrides, |given| {
            Ok((
                given.parsed("FINAL_SNAPSHOT", "true or false")?,
                given.parsed("SNAPSHOTS_TO_KEEP", "a whole number from 1")?,
                given.parsed("MAX_DELETIONS", "a whole number from 2")?,
            ))
        })?;
        Ok(Self {
            destination,
            key,
            rules,
            copy_deadline,
            wanted,
            options,
            restore_deadline,
            secret_deadline,
            older_to_keep,
            rotates_passwords,
            adds_standard_fields,
            final_snapshot,
            keep,
            max_deletions,
        })
    }

    /// What the stack says about moving the secret.
    pub fn moving(&self) -> moving::Rules<'_> {
        moving::Rules {
            stack: &self.destination.stack,
            older_to_keep: self.older_to_keep,
            promotes: self.rules.promotes,
            rotates_passwords: self.rotates_passwords,
            adds_standard_fields: self.adds_standard_fields,
        }
    }
}

/// The final snapshot of an instance that is deleted, if it gets one.
pub fn final_snapshot(
    settings: &Receiving,
    instance: &replication::observed::Instance,
) -> Result<Option<naming::SnapshotIdentifier>, Error> {
    if !settings.final_snapshot || !instance.status.takes_final_snapshot() {
        return Ok(None);
    }
    let id = instance.tags.get(replication::lineage::REPLICATION_ID).unwrap_or_default();
    naming::final_snapshot(&instance.identifier, id).map(Some)
}

#[cfg(test)]
pub mod testing {
    use rds_access::settings::{Kind, SETTINGS};

    use super::*;

    /// What the functions of a destination stack are given, with these in place of the usual.
    pub fn environment(chosen: &[(&str, &str)]) -> Environment {
        let is_flag = |kind: &Kind| matches!(kind, Kind::Flag(_) | Kind::Switch(_));
        let flags = SETTINGS.iter().filter(|row| is_flag(&row.kind)).map(|row| (row.variable, "false"));
        let usual = [
            ("APPLY_SOURCE_TAGS", "false"),
            ("STACK_NAME", "destination"),
            ("SOURCE_DB_IDENTIFIER", "orders"),
            ("DATABASE_NAME", "copy"),
            ("SECRET_ARN", "secret"),
            ("KMS_KEY", "key"),
            ("MAX_VERSIONS_AHEAD", "1"),
            ("PROMOTE", "automatic"),
            ("MASTER_PASSWORD", "keep"),
            ("SECRET_FIELDS", "original"),
            ("STAGE_DEADLINE_SECONDS", "3600"),
            ("NO_OF_OLDER_INSTANCES", "0"),
            ("FINAL_SNAPSHOT", "false"),
            ("SNAPSHOTS_TO_KEEP", "1"),
            ("MAX_DELETIONS", "10"),
        ];
        flags.chain(usual).chain(chosen.iter().copied()).collect()
    }
}
