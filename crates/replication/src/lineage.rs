//! The tags by which everything we create says whose it is and where it came from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::naming::{InstanceIdentifier, ReplicationId, Version};

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident = $key:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $key;)*

        /// Every key of ours whose value differs from thing to thing, with its name here.
        pub const KEYS: &[(&str, &str)] = &[$((stringify!($name), $key)),*];
    };
}

keys! {
    /// The stack that owns the thing. Nothing without this tag, and this stack's name in it, is ever changed.
    STACK = "rds-replication:stack";
    /// The identifier that the thing was made under. RDS copies tags: to an instance that someone restores from one of our
    /// snapshots, to a snapshot that someone makes of one of our instances, to a copy of either. What has another identifier
    /// than this is not ours.
    NAME = "rds-replication:name";
    /// The `DbiResourceId` of the restored instance that carries it. What inherits the tag has another one.
    RESOURCE_ID = "rds-replication:resource-id";
    /// The replication that made the thing.
    REPLICATION_ID = "rds-replication:id";
    /// The identifier of the source database.
    SOURCE_DATABASE = "rds-replication:source-db";
    /// The ARN of the snapshot that the thing was made from.
    SOURCE_SNAPSHOT = "rds-replication:source-snapshot";
    /// The version number of a restored instance; on a snapshot, the version that was restored from it.
    VERSION = "rds-replication:version";
    /// On an instance that a rollback has restored: the version whose data it holds.
    RESTORED_VERSION = "rds-replication:restored-version";
    /// The point in time of the data of a restored instance, as RFC 3339.
    DATA_TIME = "rds-replication:data-time";
    /// On a snapshot of the source account: when it was shared with the destination account, as RFC 3339.
    SHARED_AT = "rds-replication:shared-at";
    /// On the snapshot that a run shares, and on the copy that it restores: the run, and how many seconds its stages took in
    /// that account, as `<run> snapshot=<seconds> copy=<seconds>` and `<run> copy=<seconds> restore=<seconds>`. The next run
    /// goes by it when it waits. Where the run is not that of the snapshot itself, the tag was handed on and says nothing.
    STAGE_SECONDS = "rds-replication:stage-seconds";
    /// How many runs have not been able to delete the thing, and which was the last: `<count>:<run>`.
    UNDELETED = "rds-replication:undeleted";
}

/// Marks what the next prune may delete; the name and value are those of the original.
pub const DELETION_TAG: (&str, &str) = ("to-be-deleted", "True");

/// On a version that the secret has named: it has served readers, so it is no leftover of a run that failed.
pub const PROMOTED: (&str, &str) = ("rds-replication:promoted", "True");

/// How every key of ours begins.
const OURS: &str = "rds-replication:";
/// How keys and values begin that only AWS may set (API model, `Tag`).
const OF_AWS: [&str; 2] = ["aws:", "rds:"];
/// The most tags that a resource may have (RDS User Guide, "Tagging Amazon RDS resources").
const MOST_TAGS: usize = 50;
/// The tags that a thing gets after it was made: an instance the deletion tag, its resource id, that it was live, and how
/// often its deletion failed; a snapshot the deletion tag, when it was shared or which version was restored from it, how long
/// its run took, and how often its deletion failed.
const LATER_TAGS: usize = 4;
/// The tags of ours that a thing may have when it is made: stack, name, replication, database, snapshot, version, restored
/// version and time of the data.
const OUR_TAGS: usize = 8;
/// The most tags that a stack may choose for what is made: those always fit, so that none of them is ever left out, as a
/// rule of an organisation that demands one would refuse the call.
pub const MOST_CHOSEN_TAGS: usize = MOST_TAGS - OUR_TAGS - LATER_TAGS;
/// The most characters of a tag's key.
const LONGEST_TAG_KEY: usize = 128;
/// The most characters of a tag's value.
const LONGEST_TAG_VALUE: usize = 256;

/// Whether nobody else may choose this tag: it says whose a thing is or what is to happen to it, or RDS would refuse it.
#[must_use]
pub fn is_reserved(key: &str, value: &str) -> bool {
    let of_aws = |text: &str| OF_AWS.iter().any(|start| text.to_ascii_lowercase().starts_with(start));
    key.starts_with(OURS) || key == DELETION_TAG.0 || of_aws(key) || of_aws(value)
}

/// A time as RFC 3339, if it is one.
#[must_use]
pub fn read_time(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

/// Why RDS would refuse the tag, if it would (API model, `Tag`; RDS User Guide, "Tagging Amazon RDS resources"). The
/// letters are as near to RDS's `\p{L}` as the standard library knows them.
#[must_use]
pub fn refusal(key: &str, value: &str) -> Option<String> {
    let allowed = |c: &char| {
        c.is_alphabetic()
            || c.is_numeric()
            || (c.is_whitespace() && !c.is_control())
            || "_.:/=+-@".contains(*c)
    };
    let (key_length, value_length) = (key.chars().count(), value.chars().count());
    if key.is_empty() {
        Some("its key is empty".to_owned())
    } else if key_length > LONGEST_TAG_KEY {
        Some(format!("its key has {key_length} characters, at most {LONGEST_TAG_KEY} are allowed"))
    } else if value_length > LONGEST_TAG_VALUE {
        Some(format!("its value has {value_length} characters, at most {LONGEST_TAG_VALUE} are allowed"))
    } else {
        let odd = key.chars().chain(value.chars()).find(|c| !allowed(c))?;
        Some(format!("it has the character {odd:?}; letters, numbers, blanks and _.:/=+-@ are allowed"))
    }
}

/// The tags of a resource, as found or as to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tags(BTreeMap<String, String>);

impl Tags {
    /// The tags of what a stack makes in a replication.
    #[must_use]
    pub fn of_replication(stack: &str, id: &ReplicationId, source_database: &InstanceIdentifier) -> Self {
        Self::default()
            .with(STACK, stack)
            .with(REPLICATION_ID, id.as_str())
            .with(SOURCE_DATABASE, source_database.as_str())
    }

    /// Adds the identifier of the thing that is made.
    #[must_use]
    pub fn named(self, identifier: &str) -> Self {
        self.with(NAME, identifier)
    }

    /// Adds one tag, replacing an earlier value.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// Adds one tag if there is a value for it.
    #[must_use]
    pub fn with_some(self, key: &str, value: Option<String>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// The value of a tag.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Whether they name the stack, which is also true of what others have made from the stack's things.
    #[must_use]
    pub fn tagged_with_stack(&self, stack: &str) -> bool {
        self.get(STACK) == Some(stack)
    }

    /// Whether they say that the stack has made the thing of this identifier.
    #[must_use]
    pub fn created_by_stack(&self, stack: &str, identifier: &str) -> bool {
        self.tagged_with_stack(stack) && self.get(NAME) == Some(identifier)
    }

    /// Whether they name the replication.
    #[must_use]
    pub fn are_of_replication(&self, id: &ReplicationId) -> bool {
        self.get(REPLICATION_ID) == Some(id.as_str())
    }

    /// Whether they name the source database.
    #[must_use]
    pub fn are_of_database(&self, database: &InstanceIdentifier) -> bool {
        self.get(SOURCE_DATABASE) == Some(database.as_str())
    }

    /// The version in the tags, if it is a number.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        self.get(VERSION)?.parse().ok()
    }

    /// The point in time of the data: as the tag says, else the start of the replication.
    #[must_use]
    pub fn data_time(&self) -> Option<OffsetDateTime> {
        self.time(DATA_TIME).or_else(|| self.replicated_at())
    }

    /// The start of the replication, as its id says.
    #[must_use]
    pub fn replicated_at(&self) -> Option<OffsetDateTime> {
        self.get(REPLICATION_ID)?.parse::<ReplicationId>().ok()?.started_at()
    }

    /// When the snapshot was shared with the destination account.
    #[must_use]
    pub fn shared_at(&self) -> Option<OffsetDateTime> {
        self.time(SHARED_AT)
    }

    fn time(&self, key: &str) -> Option<OffsetDateTime> {
        self.get(key).and_then(read_time)
    }

    /// The order of versions: by the time of their data, then by the replication, then by their number, so that what
    /// arrives late does not count as new. What has no time is the oldest.
    #[must_use]
    pub fn age_order(&self) -> impl Ord + use<'_> {
        (self.data_time(), self.get(REPLICATION_ID), self.version())
    }

    /// Whether two things hold the same data: those of one replication, or of one point in time, as a message does that was
    /// replicated under two ids.
    #[must_use]
    pub fn are_of_same_data(&self, other: &Self) -> bool {
        let same = |key| self.get(key).is_some() && self.get(key) == other.get(key);
        let time = self.time(DATA_TIME);
        same(REPLICATION_ID) || (time.is_some() && time == other.time(DATA_TIME))
    }

    /// The version whose data a rollback has restored, if one has.
    #[must_use]
    pub fn restored_version(&self) -> Option<Version> {
        self.get(RESTORED_VERSION)?.parse().ok()
    }

    /// What another thing may inherit: every tag but ours, which say whose *this* thing is, and those of AWS.
    #[must_use]
    pub fn inheritable(&self) -> Self {
        self.iter().filter(|(key, value)| !is_reserved(key, value)).collect()
    }

    /// These tags, and of `others` what may be inherited and RDS accepts, in the order of their keys and as far as there
    /// is room for it and for what comes later. A key of these keeps its value.
    #[must_use]
    pub fn merged_under(mut self, others: &Self) -> Self {
        for (key, value) in others.inheritable().0 {
            if self.0.len() + LATER_TAGS < MOST_TAGS && refusal(&key, &value).is_none() {
                self.0.entry(key).or_insert(value);
            }
        }
        self
    }

    /// What [`Self::merged_under`] has left out of `others` here, with the reason.
    pub fn left_out_of(&self, others: &Self) -> impl Iterator<Item = (String, String)> {
        others.inheritable().0.into_iter().filter(|(key, _)| self.get(key).is_none()).map(|(key, value)| {
            let reason = refusal(&key, &value);
            (key, reason.unwrap_or_else(|| format!("a resource has at most {MOST_TAGS} tags")))
        })
    }

    /// Whether the secret has named the version.
    #[must_use]
    pub fn are_promoted(&self) -> bool {
        self.get(PROMOTED.0) == Some(PROMOTED.1)
    }

    /// Whether the thing is marked for deletion.
    #[must_use]
    pub fn have_deletion_tag(&self) -> bool {
        self.get(DELETION_TAG.0) == Some(DELETION_TAG.1)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All tags, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Tags {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(tags: I) -> Self {
        Self(tags.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_ours_only_by_stack_name_and_replication() {
        let id: ReplicationId = "20261122t103400z-1f2e3d".parse().unwrap();
        let tags = Tags::of_replication("stack", &id, &"orders".parse().unwrap()).named("copy-1");
        assert!(tags.created_by_stack("stack", "copy-1") && !tags.created_by_stack("stac", "copy-1"));
        assert!(!tags.created_by_stack("stack", "investigation") && tags.tagged_with_stack("stack"));
        assert!(!Tags::default().created_by_stack("", ""));
        assert_eq!(tags.version(), None);
        assert!(tags.with(DELETION_TAG.0, DELETION_TAG.1).have_deletion_tag());
    }

    #[test]
    fn versions_are_in_the_order_of_their_data() {
        let tags = |time: Option<&str>, id: &str, version: &str| {
            Tags::default()
                .with_some(DATA_TIME, time.map(str::to_owned))
                .with(REPLICATION_ID, id)
                .with(VERSION, version)
        };
        let late = tags(Some("2020-01-01T00:00:00Z"), "20261122t103400z-1f2e3d", "7");
        let older = tags(Some("2026-11-21T10:00:00Z"), "20261121t100000z-1f2e3d", "5");
        let untimed = tags(None, "20261122t103400z-1f2e3d", "6");
        assert!(late.age_order() < older.age_order() && older.age_order() < untimed.age_order());
        assert!(Tags::default().age_order() < late.age_order());
    }

    /// > Tags that are carried over never say whose a thing is, and never are its deletion tag.
    #[test]
    fn tags_of_others_never_take_the_place_of_ours() {
        let found: Tags = [
            ("team", "data"),
            (STACK, "theirs"),
            (VERSION, "9"),
            ("aws:cloudformation:stack-name", "x"),
            ("origin", "rds:snapshot"),
            (DELETION_TAG.0, DELETION_TAG.1),
        ]
        .into_iter()
        .collect();
        assert_eq!(found.inheritable(), Tags::default().with("team", "data"));
        let ours = Tags::default().with(STACK, "ours").with("owner", "us");
        let both = ours.merged_under(&found.with("owner", "them"));
        assert_eq!(both, Tags::default().with(STACK, "ours").with("owner", "us").with("team", "data"));
        let many: Tags = (0..60).map(|n| (format!("key{n:02}"), "v")).collect();
        let most = Tags::default().with(STACK, "ours").merged_under(&many);
        assert_eq!(most.iter().count(), 46, "four places are left for what comes later");
        assert_eq!((most.get("key44"), most.get("key45")), (Some("v"), None));
        let left_out: Vec<_> = most.left_out_of(&many).collect();
        assert_eq!((left_out.len(), left_out[0].0.as_str()), (15, "key45"));
    }

    /// > A tag of the source database that RDS would refuse is left out and named, and does not fail the run.
    #[test]
    fn a_tag_that_rds_would_refuse_is_left_out_and_named() {
        let long = "x".repeat(257);
        for (key, value, reason) in [
            ("team", "Data & Co", Some("has the character '&'")),
            ("te*m", "data", Some("has the character '*'")),
            ("team", "a\tb", Some("has the character '\\t'")),
            ("", "x", Some("its key is empty")),
            (&long[..129], "x", Some("its key has 129 characters")),
            ("team", &long, Some("its value has 257 characters")),
            ("Überbau 7", "Größe_.:/=+-@ 数", None),
            (&long[..128], &long[..256], None),
            ("team", "", None),
        ] {
            let refused = refusal(key, value);
            match reason {
                None => assert_eq!(refused, None),
                Some(reason) => assert!(refused.is_some_and(|said| said.contains(reason)), "{key} {value}"),
            }
        }
        let source = Tags::default().with("team", "data").with("note", "a|b").with(STACK, "theirs");
        let ours = Tags::default().with(STACK, "ours").merged_under(&source);
        assert_eq!(ours, Tags::default().with(STACK, "ours").with("team", "data"));
        let left_out: Vec<_> = ours.left_out_of(&source).collect();
        assert_eq!(left_out.len(), 1);
        assert!(left_out[0].0 == "note" && left_out[0].1.contains('|'), "{left_out:?}");
    }
}
