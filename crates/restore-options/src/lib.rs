//! How a version comes up: the stack's choices for a restored instance.
//!
//! `restore` applies them. `copy` judges them first in the destination account, so that what the restore would refuse
//! ends a run before hours of copying and not after them.

use aws_sdk_rds::operation::restore_db_instance_from_db_snapshot::builders::RestoreDBInstanceFromDBSnapshotFluentBuilder as Request;
use rds_access::settings::{self, Kind, SETTINGS, Setting};
use replication::contract::LeftOut;
use replication::environment::{self, Environment, invalid};
use replication::lineage::Tags;
use replication::preflight::can_grow;
use replication::restore::AfterRestore;
use replication::settings::{Settings, Value, Way, judge, way};
use replication::windows::{Problem, Windows};
use replication::{Error, ErrorName};

/// The stack's choices; what is not given is left to RDS.
#[derive(Debug, Clone)]
pub struct Options {
    /// All of them, by parameter, as the operator has chosen.
    pub chosen: Settings,
    at_restore: Settings,
    /// What is changed after the restore, before readers come.
    pub after: AfterRestore,
    extra_tags: Tags,
    apply_source_tags: bool,
}

impl Options {
    /// Reads the function's environment.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable, or the parameter for what does not go together.
    pub fn read(environment: &Environment) -> Result<Self, Error> {
        let chosen = chosen(environment)?;
        let engine = match chosen.get("Engine") {
            Some(Value::Text(engine)) => engine.clone(),
            _ => String::new(),
        };
        judge(&engine, &chosen)?;
        let sent = SETTINGS.iter().filter_map(|row| Some((row, chosen.get(row.parameter)?.clone())));
        let (at_restore, after) = sent
            .filter(|(row, _)| way(&engine, row.parameter) != Way::Never)
            .map(|(row, value)| (row, (row.parameter, value)))
            .partition::<Vec<_>, _>(|(row, _)| {
                row.is_taken_by_restore() && way(&engine, row.parameter) == Way::AsUsual
            });
        let settings = |rows: Vec<(&Setting, _)>| rows.into_iter().map(|(_, one)| one).collect::<Settings>();
        Ok(Self {
            at_restore: settings(at_restore),
            after: AfterRestore::of(&settings(after)),
            chosen,
            extra_tags: environment::extra_tags(environment)?,
            apply_source_tags: environment.parsed("APPLY_SOURCE_TAGS", "true or false")?,
        })
    }

    /// Puts the choices into the request.
    #[must_use]
    pub fn apply(&self, request: Request) -> Request {
        settings::restored_with(request, &self.at_restore)
    }

    /// Refuses a limit of growth that is too low for the storage to be restored, in GiB. After the restore RDS would refuse
    /// it, or take one that is the present size as none, and every run would leave an instance that never goes live.
    /// A limit is larger by a tenth at least (RDS User Guide, "Managing capacity automatically with storage autoscaling").
    ///
    /// # Errors
    /// `InvalidConfiguration`.
    pub fn check_growth(&self, doing: &str, storage: Option<i32>) -> Result<(), Error> {
        match (self.after.get("MaxAllocatedStorage"), storage) {
            (Some(Value::Number(most)), Some(storage)) if !can_grow(storage, *most) => {
                Err(Error::new(ErrorName::InvalidConfiguration, doing)
                    .because(format!("its storage of {storage} GiB cannot grow to {most} GiB by itself"))
                    .advise(
                        "give the stack a MaxAllocatedStorage that is larger by a tenth at least, or none",
                    ))
            }
            _ => Ok(()),
        }
    }

    /// The tags that the stack gives to everything that is made.
    #[must_use]
    pub fn extra_tags(&self) -> &Tags {
        &self.extra_tags
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
        LeftOut::of_source_tags(of_instance, of_source)
    }
}

/// What an operator has chosen, by parameter.
fn chosen(environment: &Environment) -> Result<Settings, Error> {
    let mut chosen = Settings::new();
    for row in SETTINGS {
        if let Some(value) = value(environment, row)? {
            chosen.insert(row.parameter, value);
        }
    }
    let Windows { backup, maintenance } = windows(environment)?;
    for (parameter, window) in
        [("PreferredBackupWindow", backup), ("PreferredMaintenanceWindow", maintenance)]
    {
        if let Some(window) = window {
            chosen.insert(parameter, Value::Text(window));
        }
    }
    Ok(chosen)
}

fn value(environment: &Environment, row: &Setting) -> Result<Option<Value>, Error> {
    const FLAG: &str = "true or false";
    let name = row.variable;
    Ok(match row.kind {
        Kind::Text(_) => environment.optional(name).map(Value::Text),
        Kind::Group(_) => lower_case(environment, name)?.map(Value::Text),
        Kind::Number(_) => environment.optional_parsed(name, "a whole number")?.map(Value::Number),
        Kind::Flag(_) => Some(Value::Flag(environment.parsed(name, FLAG)?)),
        Kind::Switch(_) => Some(environment.parsed(name, FLAG)?).filter(|is_on| *is_on).map(Value::Flag),
        Kind::List(_) => environment.optional_list(name).map(Value::List),
    })
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

#[cfg(test)]
mod tests {
    use replication::lineage;

    use super::*;

    pub fn environment(chosen: &[(&str, &str)]) -> Environment {
        let is_flag = |row: &&Setting| matches!(row.kind, Kind::Flag(_) | Kind::Switch(_));
        let flags = SETTINGS.iter().filter(is_flag).map(|row| row.variable).chain(["APPLY_SOURCE_TAGS"]);
        flags.map(|flag| (flag, "false")).chain(chosen.iter().copied()).collect()
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
        let text = |window: &str| Value::Text(window.to_owned());
        assert_eq!(options.after.get("PreferredMaintenanceWindow"), Some(&text("sun:04:00-sun:04:30")));
        assert_eq!(options.at_restore.get("PreferredBackupWindow"), Some(&text("16:00-16:30")));
        let both = [
            ("PREFERRED_MAINTENANCE_WINDOW", "sun:04:00-sun:04:30"),
            ("PREFERRED_BACKUP_WINDOW", "04:00-05:00"),
        ];
        let error = Options::read(&environment(&both)).unwrap_err();
        assert!(error.to_string().contains("overlaps"), "{error}");
    }

    /// What is asked of RDS at the restore, and what after it.
    fn asked(chosen: &[(&str, &str)]) -> (Vec<&'static str>, Vec<&'static str>) {
        let options = Options::read(&environment(chosen)).unwrap();
        let said =
            ["PubliclyAccessible", "DeletionProtection", "AutoMinorVersionUpgrade", "CopyTagsToSnapshot"];
        let is_chosen = |row: &&Setting| !said.contains(&row.parameter);
        let of = |has: &dyn Fn(&str) -> bool| {
            let rows = SETTINGS.iter().filter(is_chosen).filter(|row| has(row.parameter));
            rows.map(|row| row.parameter).collect()
        };
        let at_restore = of(&|parameter| options.at_restore.contains_key(parameter));
        (at_restore, of(&|parameter| options.after.get(parameter).is_some()))
    }

    /// > What the restore call of an engine refuses is asked of RDS after the restore, and only what an operator has chosen.
    #[test]
    fn each_engine_is_asked_for_what_it_takes_when_it_takes_it() {
        let storage = [("STORAGE_TYPE", "gp3"), ("IOPS", "16000")];
        let mirrored = [&storage[..], &[("MULTI_AZ", "true")]].concat();
        let of = |engine: &'static str, more: &[(&'static str, &'static str)]| {
            asked(&[&[("ENGINE", engine)], more].concat())
        };
        let iam = "IAMDatabaseAuthentication";
        assert_eq!(of("postgres", &[]), (vec!["Engine", iam], vec![]));
        let all = vec!["Engine", "MultiAZ", "StorageType", "Iops", iam];
        assert_eq!(of("postgres", &mirrored), (all, vec![]));
        assert_eq!(of("sqlserver-se", &[]), (vec!["Engine"], vec![]));
        assert_eq!(of("sqlserver-se", &mirrored), (vec!["Engine"], vec!["MultiAZ", "StorageType", "Iops"]));
        assert_eq!(of("sqlserver-web", &storage), (vec!["Engine"], vec!["StorageType", "Iops"]));
        assert_eq!(of("oracle-ee-cdb", &mirrored), (vec!["MultiAZ", "StorageType", "Iops"], vec![]));
        assert_eq!(of("oracle-ee", &[]), (vec!["Engine"], vec![]));
    }

    #[test]
    fn every_choice_is_in_the_request_and_what_is_not_chosen_is_not() {
        let config = aws_sdk_rds::Config::builder()
            .behavior_version(aws_sdk_rds::config::BehaviorVersion::latest())
            .build();
        let client = aws_sdk_rds::Client::from_conf(config);
        let request = |chosen: &[(&str, &str)]| {
            let options = Options::read(&environment(chosen)).unwrap();
            options.apply(client.restore_db_instance_from_db_snapshot())
        };
        let disabled = "open-source-rds-extended-support-disabled";
        let full = request(&[
            ("ENGINE", "postgres"),
            ("ENGINE_LIFECYCLE_SUPPORT", disabled),
            ("NETWORK_TYPE", "DUAL"),
            ("DEDICATED_LOG_VOLUME", "true"),
            ("DOMAIN", "d-0123456789"),
            ("DOMAIN_IAM_ROLE_NAME", "directory"),
            ("MULTI_AZ", "true"),
        ]);
        assert_eq!(full.get_engine_lifecycle_support().as_deref(), Some(disabled));
        assert_eq!(full.get_network_type().as_deref(), Some("DUAL"));
        assert_eq!(*full.get_dedicated_log_volume(), Some(true));
        assert_eq!(full.get_domain().as_deref(), Some("d-0123456789"));
        assert_eq!(full.get_domain_iam_role_name().as_deref(), Some("directory"));
        assert_eq!(*full.get_multi_az(), Some(true));
        let empty = request(&[("ENGINE", "postgres"), ("DEDICATED_LOG_VOLUME", "false")]);
        assert_eq!(*empty.get_engine_lifecycle_support(), None);
        assert_eq!(*empty.get_network_type(), None);
        assert_eq!(*empty.get_dedicated_log_volume(), None);
        assert_eq!(*empty.get_multi_az(), None);
        assert_eq!(*empty.get_publicly_accessible(), Some(false));
        let own = request(&[
            ("ENGINE", "sqlserver-se"),
            ("DOMAIN_FQDN", "ad.example"),
            ("DOMAIN_OU", "OU=databases,DC=ad,DC=example"),
            ("DOMAIN_AUTH_SECRET_ARN", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:ad-123456"),
            ("DOMAIN_DNS_IPS", "10.0.0.1,10.0.0.2"),
        ]);
        assert_eq!(own.get_domain_fqdn().as_deref(), Some("ad.example"));
        assert_eq!(own.get_domain_dns_ips().as_deref().map(<[_]>::len), Some(2));
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
