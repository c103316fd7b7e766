//! How a version comes up: the stack's choices for a restored instance.
//!
//! `restore` applies them. `copy` judges them first in the destination account, so that what the restore would refuse
//! ends a run before hours of copying and not after them.

use aws_sdk_rds::operation::restore_db_instance_from_db_snapshot::builders::RestoreDBInstanceFromDBSnapshotFluentBuilder as Request;
use lambda_task::{Environment, invalid};
use replication::contract::LeftOut;
use replication::lineage::{self, Tags};
use replication::restore::AfterRestore;
use replication::windows::{Problem, Windows};
use replication::{Error, ErrorName};

/// How the value of an option is read, and how it goes into the request.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text(fn(Request, Option<String>) -> Request),
    /// The name of a group, which RDS stores in lower case.
    Group(fn(Request, Option<String>) -> Request),
    Number(fn(Request, Option<i32>) -> Request),
    Flag(fn(Request, Option<bool>) -> Request),
    List(fn(Request, Option<Vec<String>>) -> Request),
}

/// Every option of the restore call but the windows: the variable that holds it, and what becomes of it. Public access is
/// always said, because RDS otherwise decides by the kind of the subnet group (API model).
const OPTIONS: &[(&str, Kind)] = &[
    ("ENGINE", Kind::Text(Request::set_engine)),
    ("DB_INSTANCE_CLASS", Kind::Text(Request::set_db_instance_class)),
    ("MULTI_AZ", Kind::Flag(Request::set_multi_az)),
    ("PORT", Kind::Number(Request::set_port)),
    ("DB_SUBNET_GROUP", Kind::Text(Request::set_db_subnet_group_name)),
    ("SECURITY_GROUP_IDS", Kind::List(Request::set_vpc_security_group_ids)),
    ("PUBLICLY_ACCESSIBLE", Kind::Flag(Request::set_publicly_accessible)),
    ("DB_PARAMETER_GROUP_NAME", Kind::Group(Request::set_db_parameter_group_name)),
    ("OPTION_GROUP_NAME", Kind::Group(Request::set_option_group_name)),
    ("STORAGE_TYPE", Kind::Text(Request::set_storage_type)),
    ("IOPS", Kind::Number(Request::set_iops)),
    ("STORAGE_THROUGHPUT", Kind::Number(Request::set_storage_throughput)),
    ("IAM_DATABASE_AUTHENTICATION", Kind::Flag(Request::set_enable_iam_database_authentication)),
    ("CLOUDWATCH_LOGS_EXPORTS", Kind::List(Request::set_enable_cloudwatch_logs_exports)),
    ("DELETION_PROTECTION", Kind::Flag(Request::set_deletion_protection)),
    ("CA_CERTIFICATE_IDENTIFIER", Kind::Text(Request::set_ca_certificate_identifier)),
    ("BACKUP_RETENTION_PERIOD", Kind::Number(Request::set_backup_retention_period)),
    ("AUTO_MINOR_VERSION_UPGRADE", Kind::Flag(Request::set_auto_minor_version_upgrade)),
    ("COPY_TAGS_TO_SNAPSHOT", Kind::Flag(Request::set_copy_tags_to_snapshot)),
];

/// The value of an option, with what puts it into the request.
#[derive(Debug, Clone)]
enum Choice {
    Text(fn(Request, Option<String>) -> Request, Option<String>),
    Number(fn(Request, Option<i32>) -> Request, Option<i32>),
    Flag(fn(Request, Option<bool>) -> Request, bool),
    List(fn(Request, Option<Vec<String>>) -> Request, Option<Vec<String>>),
}

impl Choice {
    fn read(environment: &Environment, name: &str, kind: Kind) -> Result<Self, Error> {
        Ok(match kind {
            Kind::Text(set) => Self::Text(set, environment.optional(name)),
            Kind::Group(set) => Self::Text(set, lower_case(environment, name)?),
            Kind::Number(set) => Self::Number(set, environment.optional_parsed(name, "a whole number")?),
            Kind::Flag(set) => Self::Flag(set, environment.parsed(name, "true or false")?),
            Kind::List(set) => Self::List(set, environment.optional_list(name)),
        })
    }

    fn apply(&self, request: Request) -> Request {
        match self {
            Self::Text(set, value) => set(request, value.clone()),
            Self::Number(set, value) => set(request, *value),
            Self::Flag(set, value) => set(request, Some(*value)),
            Self::List(set, value) => set(request, value.clone()),
        }
    }
}

/// The stack's choices; what is not given is left to RDS.
#[derive(Debug, Clone)]
pub struct Options {
    choices: Vec<Choice>,
    backup_window: Option<String>,
    /// What is changed after the restore, before readers come.
    pub after: AfterRestore,
    extra_tags: Tags,
    apply_source_tags: bool,
}

impl Options {
    /// Reads the function's environment.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable.
    pub fn read(environment: &Environment) -> Result<Self, Error> {
        let windows = windows(environment)?;
        let choices = OPTIONS.iter().map(|(name, kind)| Choice::read(environment, name, *kind));
        Ok(Self {
            choices: choices.collect::<Result<_, _>>()?,
            backup_window: windows.backup,
            after: AfterRestore {
                max_allocated_storage: environment
                    .optional_parsed("MAX_ALLOCATED_STORAGE", "a whole number")?,
                maintenance_window: windows.maintenance,
            },
            extra_tags: extra_tags(environment)?,
            apply_source_tags: environment.parsed("APPLY_SOURCE_TAGS", "true or false")?,
        })
    }

    /// Puts the choices into the request.
    #[must_use]
    pub fn apply(&self, request: Request) -> Request {
        let request = request.set_preferred_backup_window(self.backup_window.clone());
        self.choices.iter().fold(request, |request, choice| choice.apply(request))
    }

    /// Refuses a limit of growth that is too low for the storage to be restored, in GiB. After the restore RDS would refuse
    /// it, or take one that is the present size as none, and every run would leave an instance that never goes live.
    /// A limit is larger by a tenth at least (RDS User Guide, "Managing capacity automatically with storage autoscaling").
    ///
    /// # Errors
    /// `InvalidConfiguration`.
    pub fn check_growth(&self, doing: &str, storage: Option<i32>) -> Result<(), Error> {
        match (self.after.max_allocated_storage, storage) {
            (Some(most), Some(storage)) if i64::from(most) * 10 < i64::from(storage) * 11 => {
                Err(Error::new(ErrorName::InvalidConfiguration, doing)
                    .because(format!("its storage of {storage} GiB cannot grow to {most} GiB by itself"))
                    .advise(
                        "give the stack a MaxAllocatedStorage that is larger by a tenth at least, or none",
                    ))
            }
            _ => Ok(()),
        }
    }

    /// All tags of a new instance: ours, the stack's own, and those of the source database where the stack wants them.
    #[must_use]
    pub fn tags(&self, ours: Tags, of_source: &Tags) -> Tags {
        let with_extra = ours.merged_under(&self.extra_tags);
        if self.apply_source_tags { with_extra.merged_under(of_source) } else { with_extra }
    }

    /// The tags of the source database that an instance with these tags does not have, with the reasons.
    #[must_use]
    pub fn left_out(&self, of_instance: &Tags, of_source: &Tags) -> Vec<LeftOut> {
        if !self.apply_source_tags || of_instance.is_empty() {
            return vec![];
        }
        let say = |(key, because)| LeftOut { what: format!("tag {key:?} of the source database"), because };
        of_instance.left_out_of(of_source).map(say).collect()
    }
}

/// The backup and the maintenance window, judged together, because RDS would refuse them only when the instance is there.
fn windows(environment: &Environment) -> Result<Windows, Error> {
    let (backup, maintenance) = ("PREFERRED_BACKUP_WINDOW", "PREFERRED_MAINTENANCE_WINDOW");
    let given = |name: &str| environment.optional(name);
    Windows::judge(given(backup).as_deref(), given(maintenance).as_deref()).map_err(|problem| match problem {
        Problem::Backup(because) => invalid(backup, &because),
        Problem::Maintenance(because) => invalid(maintenance, &because),
    })
}

/// The name of a group, which RDS stores in lower case. IAM compares the names as they are written.
fn lower_case(environment: &Environment, name: &str) -> Result<Option<String>, Error> {
    match environment.optional(name) {
        Some(group) if group.chars().any(char::is_uppercase) => Err(invalid(
            name,
            &format!("{group:?} has upper case, and RDS stores the names of groups in lower case"),
        )),
        group => Ok(group),
    }
}

/// `Key=Value,Key=Value`; a value has no comma, which a tag's value may not have either (RDS, `Tag`).
fn extra_tags(environment: &Environment) -> Result<Tags, Error> {
    const NAME: &str = "EXTRA_TAGS";
    let mut tags = Tags::default();
    for entry in environment.optional_list(NAME).unwrap_or_default() {
        match entry.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
            Some((key, value)) if lineage::is_reserved(key, value) => {
                return Err(invalid(NAME, &format!("the tag {key}={value} is reserved")));
            }
            Some((key, value)) if !key.is_empty() => {
                if let Some(because) = lineage::refusal(key, value) {
                    return Err(invalid(NAME, &format!("RDS would refuse the tag {key}={value}: {because}")));
                }
                tags = tags.with(key, value);
            }
            _ => return Err(invalid(NAME, &format!("{entry:?} is not of the form Key=Value"))),
        }
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn environment(chosen: &[(&str, &str)]) -> Environment {
        let flags = [
            "MULTI_AZ",
            "PUBLICLY_ACCESSIBLE",
            "IAM_DATABASE_AUTHENTICATION",
            "DELETION_PROTECTION",
            "AUTO_MINOR_VERSION_UPGRADE",
            "COPY_TAGS_TO_SNAPSHOT",
            "APPLY_SOURCE_TAGS",
        ];
        flags.iter().map(|flag| (*flag, "false")).chain(chosen.iter().copied()).collect()
    }

    #[test]
    fn tags_of_the_stack_go_before_those_of_the_source_and_never_before_ours() {
        let source: Tags =
            [("team", "sales"), ("app", "shop"), (lineage::STACK, "theirs")].into_iter().collect();
        let ours = Tags::default().with(lineage::STACK, "ours");
        let chosen = [("EXTRA_TAGS", "team=data, cost centre = 42"), ("APPLY_SOURCE_TAGS", "true")];
        let options = Options::read(&environment(&chosen)).unwrap();
        let expected = ours.clone().with("team", "data").with("cost centre", "42");
        assert_eq!(options.tags(ours.clone(), &source), expected.clone().with("app", "shop"));
        let options = Options::read(&environment(&chosen[..1])).unwrap();
        assert_eq!(options.tags(ours, &source), expected);
    }

    #[test]
    fn a_source_tag_that_rds_would_refuse_is_named() {
        let source: Tags =
            [("team", "sales"), ("note", "a|b"), (lineage::STACK, "theirs")].into_iter().collect();
        let options = Options::read(&environment(&[("APPLY_SOURCE_TAGS", "true")])).unwrap();
        let tags = options.tags(Tags::default().with(lineage::STACK, "ours"), &source);
        let left_out = options.left_out(&tags, &source);
        assert_eq!(left_out.len(), 1, "{left_out:?}");
        assert_eq!(left_out[0].what, "tag \"note\" of the source database");
        let options = Options::read(&environment(&[])).unwrap();
        assert_eq!(options.left_out(&tags, &source), []);
    }

    /// > A maintenance window is never given without a backup window that it cannot overlap.
    #[test]
    fn a_maintenance_window_brings_a_backup_window_along() {
        let chosen = [("PREFERRED_MAINTENANCE_WINDOW", "Sun:04:00-Sun:04:30")];
        let options = Options::read(&environment(&chosen)).unwrap();
        assert_eq!(options.after.maintenance_window.as_deref(), Some("sun:04:00-sun:04:30"));
        assert_eq!(options.backup_window.as_deref(), Some("16:00-16:30"));
        let both = [
            ("PREFERRED_MAINTENANCE_WINDOW", "sun:04:00-sun:04:30"),
            ("PREFERRED_BACKUP_WINDOW", "04:00-05:00"),
        ];
        let error = Options::read(&environment(&both)).unwrap_err();
        assert!(error.to_string().contains("overlaps"), "{error}");
    }

    #[test]
    fn storage_that_has_outgrown_its_limit_is_refused() {
        let limited = Options::read(&environment(&[("MAX_ALLOCATED_STORAGE", "110")])).unwrap();
        let unlimited = Options::read(&environment(&[])).unwrap();
        for (options, storage, fits) in [
            (&limited, Some(100), true),
            (&limited, Some(101), false),
            (&limited, Some(110), false),
            (&limited, Some(200), false),
            (&limited, None, true),
            (&unlimited, Some(200), true),
        ] {
            let checked = options.check_growth("restoring", storage);
            assert_eq!(checked.is_ok(), fits, "{storage:?}");
            assert!(checked.err().is_none_or(|error| error.name() == ErrorName::InvalidConfiguration));
        }
    }

    #[test]
    fn wrong_choices_are_named() {
        for (variable, value, because) in [
            ("EXTRA_TAGS", "team", "\"team\" is not of the form Key=Value"),
            ("EXTRA_TAGS", "a=b,,c=d", "\"\" is not of the form Key=Value"),
            ("EXTRA_TAGS", "rds-replication:stack=mine", "the tag rds-replication:stack=mine is reserved"),
            ("EXTRA_TAGS", "to-be-deleted=True", "the tag to-be-deleted=True is reserved"),
            ("EXTRA_TAGS", "team=R&D", "RDS would refuse the tag team=R&D: it has the character '&'"),
            ("EXTRA_TAGS", "AWS:team=x", "the tag AWS:team=x is reserved"),
            ("DB_PARAMETER_GROUP_NAME", "Orders", "\"Orders\" has upper case"),
            ("OPTION_GROUP_NAME", "orderS", "\"orderS\" has upper case"),
            ("PREFERRED_BACKUP_WINDOW", "02:00-02:10", "02:00-02:10 is 10 minutes long"),
            ("PREFERRED_MAINTENANCE_WINDOW", "sun:24:00-sun:24:30", "\"sun:24:00-sun:24:30\" is not of"),
            ("PORT", "many", "\"many\" is not a whole number"),
            ("MULTI_AZ", "yes", "\"yes\" is not true or false"),
        ] {
            let error = Options::read(&environment(&[(variable, value)])).unwrap_err();
            assert_eq!(error.name(), ErrorName::InvalidConfiguration);
            assert!(error.to_string().contains(&format!("{variable}: {because}")), "{error}");
        }
    }
}
