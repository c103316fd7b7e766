//! Names: what RDS allows, and how the names of what a run creates follow from the run.
//!
//! A name is computed from the run's execution, never from a clock or a random number inside a task, so that a
//! task that runs twice finds the existing resource.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::place::Place;
use crate::{Error, ErrorName};

/// Longest identifier of a DB instance (API model, `CreateDBInstance`).
pub(crate) const INSTANCE_IDENTIFIER_LENGTH: usize = 63;
/// Longest identifier of a DB snapshot (API model, `CreateDBSnapshot`).
const SNAPSHOT_IDENTIFIER_LENGTH: usize = 255;
/// Hex digits of the digest in a replication id. A fleet starts hundreds of runs in one second: with six digits 300 of them
/// collide with a probability of 0.3 %, with ten of 0.00000004.
const DIGEST_LENGTH: usize = 10;
/// As many as ids of earlier releases have.
const EARLIER_DIGEST_LENGTH: usize = 6;
/// The characters of a time in an id.
const ID_TIME_LENGTH: usize = 16;
/// The characters of an id.
pub const ID_LENGTH: usize = ID_TIME_LENGTH + 1 + DIGEST_LENGTH;

/// How the name of a copy under the shared key ends.
const COPY_ENDING: &str = "-copy-in";

const ID_TIME: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]t[hour][minute][second]z");

/// The first bytes of the SHA-256 of a text, as hex digits.
pub(crate) fn hex_digest(of: &str, bytes: usize) -> String {
    let digest = Sha256::digest(of.as_bytes());
    digest.iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}

/// Checks RDS's rule for identifiers: letters, digits and hyphens, first a letter, no hyphen at the end, no two
/// hyphens in a row (API model). Stored in lower case by RDS, so it is lowered here.
fn identifier(kind: &str, text: &str, longest: usize) -> Result<String, Error> {
    let problem = if text.is_empty() {
        Some("is empty".to_owned())
    } else if text.len() > longest {
        Some(format!("has {} characters, at most {longest} are allowed", text.len()))
    } else if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        Some("does not start with a letter".to_owned())
    } else if !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        Some("has characters other than letters, digits and hyphens".to_owned())
    } else if text.ends_with('-') || text.contains("--") {
        Some("ends with a hyphen or has two in a row".to_owned())
    } else {
        None
    };
    match problem {
        None => Ok(text.to_ascii_lowercase()),
        Some(problem) => {
            Err(Error::new(ErrorName::InvalidInput, format!("reading {kind} {text:?}")).because(problem))
        }
    }
}

macro_rules! identifier_type {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $longest:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The identifier as RDS stores it, in lower case.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                identifier($kind, text, $longest).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self, Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

identifier_type!(
    /// The identifier of a DB instance: at most 63 characters.
    InstanceIdentifier,
    "the database identifier",
    INSTANCE_IDENTIFIER_LENGTH
);
identifier_type!(
    /// The identifier of a DB snapshot: at most 255 characters.
    SnapshotIdentifier,
    "the snapshot identifier",
    SNAPSHOT_IDENTIFIER_LENGTH
);

/// Names one replication, from the source's snapshot to the copy's instance: `20261122t103400z-1f2e3d4a5b`. Those of earlier
/// releases have six digits at the end.
///
/// The time is first, so ids of one source sort by age.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReplicationId(String);

impl ReplicationId {
    /// The id that follows from a start time and the text that distinguishes runs of the same second
    /// (the ARN of the source execution, or what replaces it).
    #[must_use]
    pub fn new(started_at: OffsetDateTime, unique: &str) -> Self {
        Self(format!("{}-{}", id_stamp(started_at), hex_digest(unique, DIGEST_LENGTH / 2)))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// When the replication started; nothing if the id begins with no possible time.
    #[must_use]
    pub fn started_at(&self) -> Option<OffsetDateTime> {
        let (stamp, _) = self.0.split_once('-')?;
        PrimitiveDateTime::parse(stamp, ID_TIME).ok().map(PrimitiveDateTime::assume_utc)
    }
}

/// The id at the end of a snapshot's name, before the ending of an encrypted copy.
#[must_use]
pub fn id_in(name: &SnapshotIdentifier) -> Option<ReplicationId> {
    let name = name.as_str().strip_suffix(COPY_ENDING).unwrap_or(name.as_str());
    let (rest, digest) = name.rsplit_once('-')?;
    let (_, stamp) = rest.rsplit_once('-')?;
    format!("{stamp}-{digest}").parse().ok()
}

/// Whether a snapshot of ours would have this name in the replication of this id: `<base>-<id>`, or the same with the ending of
/// an encrypted copy.
#[must_use]
pub fn is_snapshot_name(name: &str, id: &str) -> bool {
    let of_snapshot = name.strip_suffix(COPY_ENDING).unwrap_or(name);
    of_snapshot.strip_suffix(id).is_some_and(|base| base.len() > 1 && base.ends_with('-'))
}

/// How the ids of replications begin that started at a time; ids compare with it by age.
#[must_use]
pub fn id_stamp(at: OffsetDateTime) -> String {
    // Formatting a time with a constant, complete description cannot fail.
    at.to_offset(time::UtcOffset::UTC).format(ID_TIME).unwrap_or_default()
}

impl FromStr for ReplicationId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let is_digits =
            |part: &str, length: usize| part.len() == length && part.bytes().all(|b| b.is_ascii_digit());
        let is_hex = |part: &str| {
            [DIGEST_LENGTH, EARLIER_DIGEST_LENGTH].contains(&part.len())
                && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let well_formed = text.split_once('-').is_some_and(|(stamp, digest)| {
            is_hex(digest)
                && stamp
                    .strip_suffix('z')
                    .and_then(|stamp| stamp.split_once('t'))
                    .is_some_and(|(day, second)| is_digits(day, 8) && is_digits(second, 6))
        });
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::new(ErrorName::InvalidInput, format!("reading the replication id {text:?}"))
                .because("it is not of the form 20261122t103400z-1f2e3d4a5b"))
        }
    }
}

impl TryFrom<String> for ReplicationId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<ReplicationId> for String {
    fn from(id: ReplicationId) -> Self {
        id.0
    }
}

impl fmt::Display for ReplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The source snapshot of a replication: `<base>-<id>`.
///
/// # Errors
/// [`ErrorName::InvalidInput`] when the result is not a legal snapshot identifier.
pub fn source_snapshot(base: &str, id: &ReplicationId) -> Result<SnapshotIdentifier, Error> {
    format!("{base}-{id}").parse()
}

/// The copy of a source snapshot under the shared key: `<source snapshot>-copy-in`.
///
/// # Errors
/// [`ErrorName::InvalidInput`] when the result is too long.
pub fn encrypted_copy(of: &SnapshotIdentifier) -> Result<SnapshotIdentifier, Error> {
    format!("{of}{COPY_ENDING}").parse()
}

/// Whether a snapshot has the name of a copy under the shared key.
#[must_use]
pub fn is_encrypted_copy(name: &SnapshotIdentifier) -> bool {
    name.as_str().ends_with(COPY_ENDING)
}

/// The destination's own copy: `<DatabaseName>-<id>`.
///
/// # Errors
/// [`ErrorName::InvalidInput`] when the result is not a legal snapshot identifier.
pub fn destination_copy(database_name: &str, id: &ReplicationId) -> Result<SnapshotIdentifier, Error> {
    format!("{database_name}-{id}").parse()
}

/// How the name of a destination's copy begins: the `<prefix>` of `<prefix>-<id>`, which its versions have too.
#[must_use]
pub fn prefix_of_copy(name: &SnapshotIdentifier) -> Option<&str> {
    name.as_str().strip_suffix(id_in(name)?.as_str())?.strip_suffix('-')
}

/// Whether a name is that of a destination's copy: `<prefix>-<id>`, with exactly this prefix.
#[must_use]
pub fn is_snapshot_of(prefix: &str, name: &str) -> bool {
    let id = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
    id.is_some_and(|id| id.parse::<ReplicationId>().is_ok())
}

/// The version number of a restored instance, from 1.
pub type Version = u32;

/// The restored instance of a version: `<prefix>-<version>`.
///
/// # Errors
/// [`ErrorName::InvalidInput`] when the result is not a legal instance identifier.
pub fn instance(prefix: &InstanceIdentifier, version: Version) -> Result<InstanceIdentifier, Error> {
    format!("{prefix}-{version}").parse()
}

/// The version in an instance's name, if the name is `<prefix>-<version>`.
///
/// The prefix is cut off once, at the front, as text: digits are never searched for, so `app3` at version 3 has
/// nothing to do with `app-1`.
#[must_use]
pub fn version_of(prefix: &str, instance: &str) -> Option<Version> {
    let version = instance.strip_prefix(prefix)?.strip_prefix('-')?;
    let canonical = version.bytes().all(|b| b.is_ascii_digit()) && !version.starts_with('0');
    if canonical { version.parse().ok() } else { None }
}

/// The instance identifier at the front of an endpoint address (`orders-7.<hash>.<region>.rds...`).
#[must_use]
pub fn instance_of_endpoint(host: &str) -> &str {
    host.split_once('.').map_or(host, |(first, _)| first)
}

/// The snapshot that is made of an instance before it is deleted: `<instance>-final-<replication id>`. With the id,
/// because a stack that is made anew counts its versions from 1 again.
///
/// # Errors
/// [`ErrorName::InvalidInput`] when the result is not a legal snapshot identifier.
pub fn final_snapshot(of: &InstanceIdentifier, id: &str) -> Result<SnapshotIdentifier, Error> {
    format!("{of}-final-{id}").parse()
}

/// The parts of `arn:<partition>:rds:<region>:<account>:snapshot:<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SnapshotArn {
    /// `aws`, `aws-cn`, `aws-us-gov`, ...
    pub partition: String,
    /// The Region the snapshot is in.
    pub region: String,
    /// The account that owns the snapshot, 12 digits.
    pub account: String,
    /// The snapshot's identifier; an automated snapshot's (`rds:...`) is not accepted, it cannot be shared.
    pub identifier: SnapshotIdentifier,
}

/// Whether a text has the form of a partition: the first one's name, or that with more words.
fn is_partition(text: &str) -> bool {
    let mut words = text.split('-');
    words.next() == Some("aws") && words.all(is_word)
}

/// Whether a text could be a Region.
fn is_region(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase())
}

impl FromStr for SnapshotArn {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |what: &str| {
            Error::new(ErrorName::InvalidInput, format!("reading the snapshot ARN {text:?}")).because(what)
        };
        let parts: Vec<&str> = text.splitn(7, ':').collect();
        let &["arn", partition, "rds", region, account, "snapshot", name] = parts.as_slice() else {
            return Err(wrong(
                "it is not of the form arn:<partition>:rds:<region>:<account>:snapshot:<name>",
            ));
        };
        if !is_partition(partition) || !is_region(region) {
            return Err(wrong("its partition or Region has an impossible form"));
        }
        if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong("its account is not 12 digits"));
        }
        Ok(Self {
            partition: partition.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            identifier: name.parse()?,
        })
    }
}

impl SnapshotArn {
    /// The account and the Region that the snapshot is in.
    #[must_use]
    pub fn place(&self) -> Place {
        let Self { partition, region, account, .. } = self;
        Place { partition: partition.clone(), region: region.clone(), account: account.clone() }
    }
}

impl TryFrom<String> for SnapshotArn {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<SnapshotArn> for String {
    fn from(arn: SnapshotArn) -> Self {
        arn.to_string()
    }
}

impl fmt::Display for SnapshotArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, region, account, identifier } = self;
        write!(f, "arn:{partition}:rds:{region}:{account}:snapshot:{identifier}")
    }
}

/// Whether a name has the form of a pattern, in which `*` stands for any characters, also none.
#[must_use]
pub fn has_form(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}

/// The ARN of an execution of a machine, by the machine's ARN and the execution's name.
#[must_use]
pub fn execution_arn(machine: &str, name: &str) -> String {
    format!("{}:{name}", machine.replacen(":stateMachine:", ":execution:", 1))
}

/// The part of an ARN between two colons, counted from `arn` = 0.
#[must_use]
pub fn arn_part(arn: &str, index: usize) -> &str {
    arn.splitn(6, ':').nth(index).unwrap_or_default()
}

#[cfg(test)]
mod tests;
