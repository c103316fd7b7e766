//! What the tags of a source database choose for its restored versions, where the destination stack lets them.
//!
//! Who may tag the source database decides these, in the other account. So the destination takes only what it has allowed by
//! name, and only of what is here: never keys, groups, the network, the secret, or whoever may reach the data.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::lineage::Tags;
use crate::{Error, ErrorName};

/// How the tags of the source database begin that say what its versions get.
pub const TAG: &str = "rds-replication:config:";

/// What a value has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Flag,
    Class,
    Word(&'static [&'static str]),
    Number(u32, u32),
    /// It is judged with the other window.
    Window,
}

/// A parameter that may be allowed, and the environment variable that has its value.
struct Overridable(&'static str, &'static str, Kind);

/// What may be allowed at all, with the limits of the template.
const OVERRIDABLE: &[Overridable] = &[
    Overridable("AutoMinorVersionUpgrade", "AUTO_MINOR_VERSION_UPGRADE", Kind::Flag),
    Overridable("BackupRetentionPeriod", "BACKUP_RETENTION_PERIOD", Kind::Number(0, 35)),
    Overridable("DBInstanceClass", "DB_INSTANCE_CLASS", Kind::Class),
    Overridable("Iops", "IOPS", Kind::Number(0, 999_999)),
    Overridable("MaxAllocatedStorage", "MAX_ALLOCATED_STORAGE", Kind::Number(1, 99_999)),
    Overridable("MultiAZ", "MULTI_AZ", Kind::Flag),
    Overridable("NoOfOlderInstances", "NO_OF_OLDER_INSTANCES", Kind::Number(0, 30)),
    Overridable("PreferredBackupWindow", "PREFERRED_BACKUP_WINDOW", Kind::Window),
    Overridable("PreferredMaintenanceWindow", "PREFERRED_MAINTENANCE_WINDOW", Kind::Window),
    Overridable("StorageThroughput", "STORAGE_THROUGHPUT", Kind::Number(1, 9999)),
    Overridable("StorageType", "STORAGE_TYPE", Kind::Word(&["gp2", "gp3", "io1", "io2", "standard"])),
];

impl Kind {
    /// What the value has to be, if it is not that.
    fn refusal(self, value: &str) -> Option<String> {
        let is_of_class = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-';
        match self {
            Self::Flag => (!["false", "true"].contains(&value)).then(|| "true or false".to_owned()),
            Self::Class => (!(value.starts_with("db.") && value.chars().all(is_of_class)))
                .then(|| "an instance class such as db.m6i.large".to_owned()),
            Self::Word(words) => (!words.contains(&value)).then(|| format!("one of {}", words.join(", "))),
            Self::Number(least, most) => {
                let number = value.parse::<u32>().ok().filter(|_| value.bytes().all(|b| b.is_ascii_digit()));
                (!number.is_some_and(|number| (least..=most).contains(&number)))
                    .then(|| format!("a whole number from {least} to {most}"))
            }
            Self::Window => value.is_empty().then(|| "a window such as 02:00-02:30".to_owned()),
        }
    }
}

/// What a source database asks for, by parameter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Overrides(BTreeMap<String, String>);

/// The parameters that the destination stack lets a source database choose: its parameter `AllowedOverrides`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowed(Vec<String>);

impl FromStr for Allowed {
    type Err = Error;

    /// Reads names with commas between them.
    fn from_str(text: &str) -> Result<Self, Error> {
        let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
        let known = |name: &str| OVERRIDABLE.iter().any(|Overridable(one, ..)| *one == name);
        match names.iter().find(|name| !known(name)) {
            None => Ok(Self(names)),
            Some(other) => Err(Error::new(ErrorName::InvalidConfiguration, "reading AllowedOverrides")
                .because(format!("{other:?} is not one of {}", overridable().join(", ")))
                .advise(
                    "what keys, groups, network, secret and rights are is for this account alone to say",
                )),
        }
    }
}

/// The names of what may be allowed.
#[must_use]
pub fn overridable() -> Vec<&'static str> {
    OVERRIDABLE.iter().map(|Overridable(name, ..)| *name).collect()
}

impl Overrides {
    /// What the tags of a source database ask for.
    #[must_use]
    pub fn of_tags(tags: &Tags) -> Self {
        let asked = tags.iter().filter_map(|(key, value)| Some((key.strip_prefix(TAG)?, value)));
        Self(asked.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect())
    }

    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The environment variables that have what is asked for.
    ///
    /// # Errors
    /// [`ErrorName::OverrideRefused`], if the stack does not allow one or it is not valid.
    pub fn variables(&self, allowed: &Allowed) -> Result<Vec<(&'static str, String)>, Error> {
        let mut variables = Vec::new();
        for (name, value) in &self.0 {
            let known = OVERRIDABLE.iter().find(|Overridable(one, ..)| one == name);
            let Some(Overridable(_, variable, kind)) = known.filter(|_| allowed.0.contains(name)) else {
                let which = match allowed.0.join(", ") {
                    none if none.is_empty() => "none".to_owned(),
                    names => names,
                };
                return Err(refused(format!("{TAG}{name}: this stack allows {which}")));
            };
            if let Some(right) = kind.refusal(value) {
                return Err(refused(format!("{TAG}{name}: {value:?} is not {right}")));
            }
            variables.push((*variable, value.clone()));
        }
        Ok(variables)
    }

    /// The error of settings that are refused with what the database asks for. Without any it is the stack's own.
    #[must_use]
    pub fn blamed(&self, error: Error) -> Error {
        if self.is_empty() || error.name() != ErrorName::InvalidConfiguration {
            return error;
        }
        let asked: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        refused(format!("with {}: {error}", asked.join(", ")))
    }
}

fn refused(because: String) -> Error {
    Error::new(ErrorName::OverrideRefused, "reading what the tags of the source database choose")
        .because(because)
        .advise(
            "correct or remove the tag of the source database, or allow it in AllowedOverrides of the destination stack; \
             then start the source execution again",
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asked(pairs: &[(&str, &str)]) -> Overrides {
        let tags: Tags = pairs.iter().map(|(name, value)| (format!("{TAG}{name}"), *value)).collect();
        Overrides::of_tags(&tags.with("team", "data").with("rds-replication:source-db", "orders"))
    }

    /// > A source database chooses what the destination stack lets it choose, and nothing of rights, keys, network or secret.
    #[test]
    fn only_what_is_allowed_and_valid_is_taken() {
        let allowed: Allowed = "DBInstanceClass, MultiAZ,StorageType,NoOfOlderInstances".parse().unwrap();
        assert!(asked(&[]).is_empty() && asked(&[]).variables(&Allowed::default()).unwrap().is_empty());
        let taken = asked(&[("DBInstanceClass", "db.r6g.large "), ("NoOfOlderInstances", "0")]);
        let expected = [("DB_INSTANCE_CLASS", "db.r6g.large"), ("NO_OF_OLDER_INSTANCES", "0")];
        assert_eq!(
            taken.variables(&allowed).unwrap(),
            expected.map(|(name, value)| (name, value.to_owned()))
        );
        for (name, value, words) in [
            ("KMSKey", "alias/theirs", "this stack allows DBInstanceClass, MultiAZ"),
            ("BackupRetentionPeriod", "7", "this stack allows"),
            ("MultiAZ", "yes", "\"yes\" is not true or false"),
            ("NoOfOlderInstances", "31", "a whole number from 0 to 30"),
            ("NoOfOlderInstances", "+1", "a whole number"),
            ("DBInstanceClass", "m6i.large", "an instance class"),
            ("StorageType", "", "one of gp2"),
        ] {
            let error = asked(&[(name, value)]).variables(&allowed).unwrap_err();
            assert_eq!(error.name(), ErrorName::OverrideRefused);
            assert!(error.to_string().contains(words) && error.to_string().contains(name), "{error}");
        }
        let error = asked(&[("MultiAZ", "true")]).variables(&Allowed::default()).unwrap_err();
        assert!(error.to_string().contains("this stack allows none"), "{error}");
    }

    #[test]
    fn what_only_the_destination_may_say_cannot_be_allowed() {
        for name in [
            "KMSKey",
            "SGID",
            "Subnetgroups",
            "PubliclyAccessible",
            "Port",
            "SecretName",
            "MasterPassword",
            "IAMDatabaseAuthentication",
            "Domain",
            "MonitoringRoleArn",
            "DBParameterGroupName",
            "OptionGroupName",
            "DeletionProtection",
            "FinalSnapshot",
            "ExtraTags",
            "PerformanceInsightsKMSKeyId",
            "",
        ] {
            let error = format!("MultiAZ,{name}").parse::<Allowed>().unwrap_err();
            assert_eq!(error.name(), ErrorName::InvalidConfiguration, "{name}");
        }
        assert!(overridable().join(",").parse::<Allowed>().is_ok());
    }

    #[test]
    fn a_refusal_of_the_settings_names_what_the_database_asks_for() {
        let wrong = || Error::new(ErrorName::InvalidConfiguration, "checking");
        assert_eq!(asked(&[]).blamed(wrong()).name(), ErrorName::InvalidConfiguration);
        let blamed = asked(&[("DBInstanceClass", "db.x1.none")]).blamed(wrong());
        assert_eq!(blamed.name(), ErrorName::OverrideRefused);
        assert!(blamed.to_string().contains("DBInstanceClass=db.x1.none"), "{blamed}");
        let other = Error::new(ErrorName::Throttled, "checking");
        assert_eq!(asked(&[("MultiAZ", "true")]).blamed(other.clone()), other);
    }

    /// The template allows the same names.
    #[test]
    fn the_template_lets_the_same_be_allowed() {
        let template = include_str!("../../../cloudformation/destination-account.yaml");
        let (_, parameter) = template.split_once("\n  AllowedOverrides:\n").unwrap();
        let pattern = parameter.lines().find_map(|line| line.strip_prefix("    AllowedPattern: ")).unwrap();
        let names = overridable().join("|");
        assert_eq!(pattern, format!("'^(({names})(,({names}))*)?$'"));
    }

    proptest! {
        /// > Whatever the tags of a source database say, only allowed parameters are changed.
        #[test]
        fn no_tag_changes_anything_else(tags in proptest::collection::btree_map(".{0,40}", ".{0,20}", 0..6)) {
            let allowed: Allowed = "MultiAZ".parse().unwrap();
            let tags: Tags = tags.into_iter().map(|(name, value)| (format!("{TAG}{name}"), value)).collect();
            if let Ok(variables) = Overrides::of_tags(&tags).variables(&allowed) {
                for (name, value) in &variables {
                    prop_assert_eq!(*name, "MULTI_AZ");
                    prop_assert!(["true", "false"].contains(&value.as_str()));
                }
            }
        }
    }
}
