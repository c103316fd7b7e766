//! The rules of RDS that need neither state nor time. Where each is written is said beside it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

/// An instance identifier in the form in which it is stored. Model, CreateDBInstance: 1 to 63 letters, digits and
/// hyphens, first a letter, no hyphen last and no two in a row; stored in lower case.
pub fn instance_identifier(text: &str) -> Result<String, Refusal> {
    identifier(text, 63, "DBInstanceIdentifier")
}

/// A snapshot identifier in the form in which it is stored: as for instances, with 255 characters.
pub fn snapshot_identifier(text: &str, parameter: &str) -> Result<String, Refusal> {
    identifier(text, 255, parameter)
}

fn identifier(text: &str, longest: usize, parameter: &str) -> Result<String, Refusal> {
    let well_formed = (1..=longest).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|character| character.is_ascii_alphanumeric() || character == '-')
        && !text.ends_with('-')
        && !text.contains("--");
    if well_formed {
        return Ok(text.to_ascii_lowercase());
    }
    Err(Refusal::invalid_value(format!(
        "The parameter {parameter} is not a valid identifier. Identifiers must begin with a letter; must contain only \
         ASCII letters, digits, and hyphens; must not end with a hyphen or contain two consecutive hyphens; and must \
         not be longer than {longest} characters."
    )))
}

/// The name of a parameter or option group in the form in which it is stored: as for snapshots (model).
pub fn group_name(text: &str, parameter: &str) -> Result<String, Refusal> {
    identifier(text, 255, parameter)
}

/// A subnet group's name in the form in which it is stored. Model, CreateDBSubnetGroup.
pub fn subnet_group_name(text: &str) -> Result<String, Refusal> {
    let allowed = |character: char| character.is_ascii_alphanumeric() || " ._-".contains(character);
    if (1..=255).contains(&text.len()) && text.chars().all(allowed) && !text.eq_ignore_ascii_case("default") {
        return Ok(text.to_ascii_lowercase());
    }
    Err(Refusal::invalid_value(format!("The parameter DBSubnetGroupName is not a valid name: {text}")))
}

/// Model, Tag: keys of 1 to 128 and values of up to 256 characters, no reserved prefix in either. Guide, tagging: letters,
/// separators, numbers and a few signs, `[\p{L}\p{Z}\p{N}_.:/=+\-@]`.
pub fn tag(key: &str, value: &str) -> Result<(), Refusal> {
    let is_separator = |character: char| character.is_whitespace() && !character.is_control();
    let allowed = |character: char| {
        character.is_alphanumeric() || is_separator(character) || "_.:/=+-@".contains(character)
    };
    let is_reserved =
        |text: &str| ["aws:", "rds:"].iter().any(|prefix| text.to_ascii_lowercase().starts_with(prefix));
    if (1..=128).contains(&key.chars().count())
        && value.chars().count() <= 256
        && key.chars().chain(value.chars()).all(allowed)
        && !is_reserved(key)
        && !is_reserved(value)
    {
        return Ok(());
    }
    Err(Refusal::invalid_value(format!(
        "The tag {key} is not valid: a key has 1 to 128 characters, a value up to 256; both are letters, digits, spaces \
         and _.:/=+-@, and neither begins with aws: or rds:"
    )))
}

/// Guide, tagging: at most 50 tags a resource.
pub fn tag_count(count: usize) -> Result<(), Refusal> {
    match count {
        0..=50 => Ok(()),
        _ => Err(Refusal::invalid_value("A resource can have at most 50 tags.")),
    }
}

/// Model, CreateDBInstance: 1 to 63 letters, digits and underscores, first a letter, no word that is reserved.
pub fn master_username(text: &str) -> Result<(), Refusal> {
    let well_formed = (1..=63).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
    let lower = text.to_ascii_lowercase();
    let reserved =
        lower.starts_with("pg_") || ["admin", "rdsadmin", "public", "user"].contains(&lower.as_str());
    if !well_formed || reserved {
        return Err(Refusal::invalid_value(format!(
            "MasterUsername {text} is not valid or is a reserved word."
        )));
    }
    Ok(())
}

/// Model, CreateDBInstance: 8 to 128 printable ASCII characters but slash, quote, at sign and space.
pub fn master_password(text: &str) -> Result<(), Refusal> {
    let allowed = |character: char| character.is_ascii_graphic() && !"/\"@".contains(character);
    if (8..=128).contains(&text.len()) && text.chars().all(allowed) {
        return Ok(());
    }
    Err(Refusal::invalid_value(
        "The parameter MasterUserPassword is not a valid password: it has 8 to 128 printable ASCII characters besides \
         '/', '@', '\"' and ' '.",
    ))
}

/// Model, CreateDBInstance, PostgreSQL: 1 to 63 letters, digits and underscores, first a letter or underscore.
pub fn database_name(text: &str) -> Result<(), Refusal> {
    let well_formed = (1..=63).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
    let reserved = ["template0", "template1", "rdsadmin"].contains(&text.to_ascii_lowercase().as_str());
    if well_formed && !reserved {
        return Ok(());
    }
    Err(Refusal::invalid_value(format!("DBName {text} is not valid or is a reserved word.")))
}

/// Whether an account identifier has the form of one.
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.chars().all(|character| character.is_ascii_digit())
}

/// CreateDBSnapshot needs the instance in one of these (model).
pub fn may_be_snapshotted(instance_status: &str) -> bool {
    matches!(instance_status, "available" | "storage-optimization")
}

/// ModifyDBInstance needs the instance in one of these.
pub fn may_be_modified(instance_status: &str) -> bool {
    matches!(
        instance_status,
        "available"
            | "storage-optimization"
            | "storage-full"
            | "incompatible-parameters"
            | "incompatible-option-group"
    )
}

/// DeleteDBInstance is refused while another change runs (model, InvalidDBInstanceState). These words say so; whatever
/// else an instance is, it may be deleted.
pub fn is_busy(instance_status: &str) -> bool {
    instance_status.starts_with("configuring-")
        || matches!(
            instance_status,
            "backing-up"
                | "converting-to-vpc"
                | "creating"
                | "delete-precheck"
                | "deleting"
                | "maintenance"
                | "modifying"
                | "moving-to-vpc"
                | "rebooting"
                | "renaming"
                | "resetting-master-credentials"
                | "starting"
                | "stopping"
                | "storage-config-upgrade"
                | "storage-initialization"
                | "upgrading"
        )
}

/// In these, DeleteDBInstance works only with SkipFinalSnapshot (model; and whatever has no server that could be backed
/// up).
pub fn can_only_be_dropped(instance_status: &str) -> bool {
    matches!(
        instance_status,
        "failed"
            | "incompatible-create"
            | "incompatible-credentials"
            | "incompatible-network"
            | "incompatible-restore"
            | "insufficient-capacity"
            | "stopped"
    ) || instance_status.starts_with("inaccessible-encryption-credentials")
        || instance_status.ends_with("-failed")
        || instance_status.ends_with("-error")
}

/// DeleteDBSnapshot: at rest. Copies may be deleted while they run too, which cancels them (guide, copying).
pub fn snapshot_may_be_deleted(status: &str) -> bool {
    matches!(status, "available" | "failed" | "incompatible-restore")
}

/// How a copy moves its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyKind {
    Full,
    Incremental,
}

impl CopyKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
        }
    }
}

/// Which text of the guide decides between a full and an incremental copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum IncrementalRule {
    /// That of 2026: the same lineage, the same depth of inheritance, the same key at every level.
    Newer,
    /// That of 2023: no copy of a copy, and no copy under another key.
    Older,
}

/// What decides between a full and an incremental copy.
#[derive(Debug)]
pub struct CopyHistory<'a> {
    /// Whether the source is itself a copy.
    pub source_is_copy: bool,
    /// Whether the source is encrypted.
    pub source_is_encrypted: bool,
    /// The newest completed copy of the same instance in the account and Region of the target: whether it still exists.
    pub newest_exists: Option<bool>,
    /// The same of the copies that came about in as many steps and under the same key in each of them.
    pub newest_alike_exists: Option<bool>,
    /// The keys of the copies of the same instance that are there.
    pub keys: BTreeSet<Option<&'a str>>,
    /// The key of the copy to be made.
    pub key: Option<&'a str>,
}

/// Guide, "Incremental snapshot copying". The second value says why.
pub fn copy_kind(rule: IncrementalRule, history: &CopyHistory<'_>) -> (CopyKind, &'static str) {
    match rule {
        IncrementalRule::Newer => newer_copy_kind(history),
        IncrementalRule::Older => older_copy_kind(history),
    }
}

fn newer_copy_kind(history: &CopyHistory<'_>) -> (CopyKind, &'static str) {
    if !history.source_is_encrypted && history.key.is_some() {
        return (CopyKind::Full, "an unencrypted snapshot is encrypted while it is copied");
    }
    match history.newest_alike_exists {
        None => (CopyKind::Full, "no snapshot of this instance was copied here before under the same keys"),
        Some(false) => (CopyKind::Full, "the newest copy of this instance under the same keys was deleted"),
        Some(true) => (CopyKind::Incremental, "the newest copy of this instance under the same keys is here"),
    }
}

fn older_copy_kind(history: &CopyHistory<'_>) -> (CopyKind, &'static str) {
    if history.source_is_copy {
        return (CopyKind::Full, "the source is itself a copy");
    }
    match history.newest_exists {
        None => (CopyKind::Full, "no snapshot of this instance was copied here before"),
        Some(false) => (CopyKind::Full, "the newest copy of this instance was deleted"),
        Some(true) if history.keys.iter().any(|key| *key != history.key) => {
            (CopyKind::Full, "the copies of this instance here are under another key")
        }
        Some(true) => (CopyKind::Incremental, "the newest copy of this instance is here, under the same key"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_stored_in_lower_case() {
        assert_eq!(instance_identifier("Orders-1").unwrap(), "orders-1");
        assert!(snapshot_identifier(&"a".repeat(255), "DBSnapshotIdentifier").is_ok());
    }

    #[test]
    fn malformed_identifiers_are_refused() {
        for text in ["", "1a", "-a", "a-", "a--b", "a_b", "a.b", "rds:a", "é", &"a".repeat(64)] {
            assert_eq!(instance_identifier(text).unwrap_err().code, "InvalidParameterValue", "{text}");
        }
    }

    #[test]
    fn reserved_tags_names_and_weak_passwords_are_refused() {
        assert!(tag("rds-replication:stack", "arn:aws:x/y=z+@").is_ok());
        assert!(tag(&"k".repeat(128), &"v".repeat(256)).is_ok());
        assert!(tag(&"k".repeat(129), "").is_err() && tag("k", &"v".repeat(257)).is_err());
        assert!(tag("größe 大", "½\u{a0}").is_ok());
        for odd in ["a;b", "a,b", "a*b", "a\tb", "a\nb", "#", "(", "\"", "a&b", "{", "\u{1f600}"] {
            assert!(tag(odd, "").is_err() && tag("a", odd).is_err(), "{odd}");
        }
        for (key, value) in [("", "x"), ("aws:x", ""), ("RDS:x", ""), ("a", "<b>"), ("a", "aws:b")] {
            assert!(tag(key, value).is_err(), "{key}={value}");
        }
        assert!(tag_count(50).is_ok() && tag_count(51).is_err());
        assert!(master_username("postgres").is_ok());
        assert!(["rdsadmin", "pg_x", "1a", "a-b", ""].iter().all(|name| master_username(name).is_err()));
        assert!(master_password("correct-horse").is_ok());
        assert!(
            ["short", "has space in", "has@sign-", "has\"quote"]
                .iter()
                .all(|word| master_password(word).is_err())
        );
        assert!(database_name("_orders").is_ok() && database_name("template1").is_err());
    }

    /// Every instance status that the guide documents, and what it allows.
    #[test]
    fn busy_instances_are_left_alone() {
        for busy in [
            "creating",
            "backing-up",
            "modifying",
            "deleting",
            "rebooting",
            "configuring-enhanced-monitoring",
        ] {
            assert!(!may_be_snapshotted(busy) && !may_be_modified(busy) && is_busy(busy), "{busy}");
        }
        for broken in ["failed", "incompatible-restore", "incompatible-network", "upgrade-failed", "stopped"]
        {
            assert!(
                !may_be_snapshotted(broken) && !is_busy(broken) && can_only_be_dropped(broken),
                "{broken}"
            );
        }
        for odd in ["available", "storage-full", "incompatible-parameters", "something-new"] {
            assert!(!is_busy(odd) && !can_only_be_dropped(odd), "{odd}");
        }
        assert!(may_be_snapshotted("storage-optimization"));
    }

    #[test]
    fn a_copy_of_a_copy_is_incremental_where_one_like_it_is_there() {
        let history = |source_is_encrypted, newest_alike_exists, key| CopyHistory {
            source_is_copy: true,
            source_is_encrypted,
            newest_exists: Some(true),
            newest_alike_exists,
            keys: BTreeSet::from([Some("other")]),
            key,
        };
        let kind = |history: CopyHistory<'_>| copy_kind(IncrementalRule::Newer, &history).0;
        assert_eq!(kind(history(true, Some(true), Some("k"))), CopyKind::Incremental);
        assert_eq!(kind(history(false, Some(true), None)), CopyKind::Incremental);
        assert_eq!(kind(history(false, Some(true), Some("k"))), CopyKind::Full);
        assert_eq!(kind(history(true, Some(false), Some("k"))), CopyKind::Full);
        assert_eq!(kind(history(true, None, Some("k"))), CopyKind::Full);
    }

    #[test]
    fn copies_are_incremental_only_when_every_condition_holds() {
        let history = |source_is_copy, newest_exists, keys: &[Option<&'static str>], key| CopyHistory {
            source_is_copy,
            source_is_encrypted: true,
            newest_exists,
            newest_alike_exists: None,
            keys: keys.iter().copied().collect(),
            key,
        };
        let kind = |history: CopyHistory<'_>| copy_kind(IncrementalRule::Older, &history).0;
        assert_eq!(kind(history(false, Some(true), &[Some("k")], Some("k"))), CopyKind::Incremental);
        assert_eq!(kind(history(false, Some(true), &[None], None)), CopyKind::Incremental);
        assert_eq!(kind(history(true, Some(true), &[Some("k")], Some("k"))), CopyKind::Full);
        assert_eq!(kind(history(false, None, &[], Some("k"))), CopyKind::Full);
        assert_eq!(kind(history(false, Some(false), &[Some("k")], Some("k"))), CopyKind::Full);
        assert_eq!(kind(history(false, Some(true), &[Some("k"), Some("old")], Some("k"))), CopyKind::Full);
        assert_eq!(kind(history(false, Some(true), &[None], Some("k"))), CopyKind::Full);
    }
}
