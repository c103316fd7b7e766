//! What an operator chooses for the restored instances: which choices go together, and what each engine takes.

use std::collections::BTreeMap;

use crate::{Error, ErrorName};

/// A choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A word, a name, an ARN.
    Text(String),
    /// A number, in the unit of its parameter.
    Number(i32),
    /// On or off.
    Flag(bool),
    /// Several names.
    List(Vec<String>),
}

/// Choices by the parameter of the stack that they come from.
pub type Settings = BTreeMap<&'static str, Value>;

/// How RDS takes a setting of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// In the restore call, or after it where that call takes it of no engine.
    AsUsual,
    /// After the restore only.
    Afterwards,
    /// Not at all: RDS takes it from the snapshot.
    Never,
}

/// What is special about a family of engines.
struct Family {
    /// Whether an engine is of it.
    has: fn(&str) -> bool,
    /// What its restore call refuses and a later change does not.
    afterwards: &'static [&'static str],
    /// What its restore call refuses, and what is as in the snapshot anyway.
    never: &'static [&'static str],
    /// What it does not have.
    lacks: &'static [&'static [&'static str]],
}

impl Family {
    fn lacks(&self) -> impl Iterator<Item = &'static str> {
        self.lacks.iter().flat_map(|group| group.iter().copied())
    }
}

/// What only MySQL, PostgreSQL and partly MariaDB have.
const OF_OPEN_SOURCE: &[&str] =
    &["EngineLifecycleSupport", "IAMDatabaseAuthentication", "DedicatedLogVolume"];
const DIRECTORY: &[&str] = &["Domain", "DomainIAMRoleName"];
const SELF_MANAGED_DIRECTORY: &[&str] = &["DomainFqdn", "DomainOu", "DomainAuthSecretArn", "DomainDnsIps"];
const STORAGE: &[&str] = &["StorageType", "Iops", "StorageThroughput"];
const MONITORING: &[&str] = &["MonitoringInterval", "MonitoringRoleArn"];
const INSIGHTS: &[&str] =
    &["EnablePerformanceInsights", "PerformanceInsightsKMSKeyId", "PerformanceInsightsRetentionPeriod"];

/// SQL Server: its mirroring and its storage are changed after the restore. Oracle in containers: the engine is that of the
/// snapshot. Both as the handler of CloudFormation does it; the rest is in the API model and the user guide (Extended
/// Support, IAM database authentication, Kerberos, self-managed Active Directory, dedicated log volume). Of these engines
/// only PostgreSQL was ever tried here; an engine that is in no row is asked for like PostgreSQL.
const FAMILIES: &[Family] = &[
    Family {
        has: |engine| ["postgres", "mysql"].contains(&engine),
        afterwards: &[],
        never: &[],
        lacks: &[SELF_MANAGED_DIRECTORY],
    },
    Family {
        has: |engine| engine == "mariadb",
        afterwards: &[],
        never: &[],
        lacks: &[&["EngineLifecycleSupport"], DIRECTORY, SELF_MANAGED_DIRECTORY],
    },
    Family {
        has: |engine| ["sqlserver-ex", "sqlserver-web"].contains(&engine),
        afterwards: STORAGE,
        never: &[],
        lacks: &[OF_OPEN_SOURCE, &["MultiAZ"]],
    },
    Family {
        has: |engine| engine.starts_with("sqlserver-"),
        afterwards: &["MultiAZ", "StorageType", "Iops", "StorageThroughput"],
        never: &[],
        lacks: &[OF_OPEN_SOURCE],
    },
    Family {
        has: |engine| engine.starts_with("oracle-") && engine.ends_with("-cdb"),
        afterwards: &[],
        never: &["Engine"],
        lacks: &[OF_OPEN_SOURCE, SELF_MANAGED_DIRECTORY],
    },
    Family {
        has: |engine| engine.starts_with("oracle-"),
        afterwards: &[],
        never: &[],
        lacks: &[OF_OPEN_SOURCE, SELF_MANAGED_DIRECTORY],
    },
    Family {
        has: |engine| engine.starts_with("db2-"),
        afterwards: &[],
        never: &[],
        lacks: &[OF_OPEN_SOURCE],
    },
];

fn family(engine: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| (family.has)(engine))
}

/// How RDS takes the setting of a parameter for an engine.
#[must_use]
pub fn way(engine: &str, parameter: &str) -> Way {
    match family(engine) {
        Some(family) if family.afterwards.contains(&parameter) => Way::Afterwards,
        Some(family) if family.never.contains(&parameter) => Way::Never,
        Some(family) if family.lacks().any(|lacking| lacking == parameter) => Way::Never,
        _ => Way::AsUsual,
    }
}

/// Parameters of which RDS takes all or none.
const ALL_OR_NONE: &[&[&str]] = &[MONITORING, DIRECTORY, SELF_MANAGED_DIRECTORY];
/// What says something about another parameter, which has to be on.
const NEEDS: &[(&str, &str)] = &[
    ("PerformanceInsightsKMSKeyId", "EnablePerformanceInsights"),
    ("PerformanceInsightsRetentionPeriod", "EnablePerformanceInsights"),
];
/// What one call changes together.
const CHANGED_TOGETHER: &[&[&str]] = &[STORAGE, MONITORING, INSIGHTS];

/// The parameters that are changed in one call with this one, itself among them.
#[must_use]
pub fn changed_with<'a>(parameter: &'a &'static str) -> &'a [&'static str] {
    let group = CHANGED_TOGETHER.iter().find(|group| group.contains(parameter));
    group.copied().unwrap_or(std::slice::from_ref(parameter))
}

/// Refuses choices that RDS refuses together, or that the engine does not have. RDS would say so only at the restore, after
/// hours of copying.
///
/// # Errors
/// [`ErrorName::InvalidConfiguration`], naming the parameter.
pub fn judge(engine: &str, chosen: &Settings) -> Result<(), Error> {
    let is_chosen =
        |parameter: &&str| chosen.get(*parameter).is_some_and(|value| *value != Value::Flag(false));
    let mut lacks = family(engine).into_iter().flat_map(Family::lacks);
    if let Some(lacking) = lacks.find(|parameter| is_chosen(parameter)) {
        let because = format!("the engine {engine} does not have it");
        return Err(refused(lacking, &because, "leave it at its default"));
    }
    for group in ALL_OR_NONE {
        if let (Some(one), Some(missing)) =
            (group.iter().find(|name| is_chosen(name)), group.iter().find(|name| !is_chosen(name)))
        {
            let advice = format!("give {} too, or leave {} empty", missing, group.join(" and "));
            return Err(refused(missing, &format!("it is not given, and {one} is"), &advice));
        }
    }
    if let Some((one, other)) = NEEDS.iter().find(|(one, other)| is_chosen(one) && !is_chosen(other)) {
        let advice = format!("set {other} to true, or leave {one} empty");
        return Err(refused(one, &format!("it is given, and {other} is not true"), &advice));
    }
    if is_chosen(&"Domain") && is_chosen(&"DomainFqdn") {
        let because = "an instance is in one directory, and DomainFqdn names another";
        return Err(refused(
            "Domain",
            because,
            "give Domain and DomainIAMRoleName, or the four of a directory of yours",
        ));
    }
    match (chosen.get("DedicatedLogVolume"), chosen.get("StorageType")) {
        (Some(Value::Flag(true)), Some(Value::Text(kind))) if !["io1", "io2"].contains(&kind.as_str()) => {
            let because = format!("the storage type {kind} has none");
            Err(refused(
                "DedicatedLogVolume",
                &because,
                "give the StorageType io1 or io2, or set it to false",
            ))
        }
        _ => Ok(()),
    }
}

fn refused(parameter: &str, because: &str, advice: &str) -> Error {
    Error::new(ErrorName::InvalidConfiguration, format!("reading the stack's parameter {parameter}"))
        .because(because)
        .advise(advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Value {
        Value::Text(value.to_owned())
    }

    /// > What RDS refuses together, or of an engine, is refused by the parameter's name before anything is copied.
    #[test]
    fn what_does_not_go_together_is_refused_by_name() {
        let on = || Value::Flag(true);
        for (engine, chosen, named) in [
            ("postgres", vec![("MonitoringInterval", Value::Number(15))], Some("MonitoringRoleArn")),
            ("postgres", vec![("MonitoringRoleArn", text("a"))], Some("MonitoringInterval")),
            (
                "postgres",
                vec![("MonitoringInterval", Value::Number(15)), ("MonitoringRoleArn", text("a"))],
                None,
            ),
            ("postgres", vec![("Domain", text("d-0"))], Some("DomainIAMRoleName")),
            ("postgres", vec![("Domain", text("d-0")), ("DomainIAMRoleName", text("a"))], None),
            ("postgres", vec![("DomainFqdn", text("a.b"))], Some("DomainFqdn")),
            ("mariadb", vec![("Domain", text("d-0"))], Some("Domain")),
            ("sqlserver-se", vec![("DomainFqdn", text("a.b"))], Some("DomainOu")),
            ("sqlserver-se", vec![("IAMDatabaseAuthentication", on())], Some("IAMDatabaseAuthentication")),
            ("sqlserver-se", vec![("IAMDatabaseAuthentication", Value::Flag(false))], None),
            ("sqlserver-ex", vec![("MultiAZ", on())], Some("MultiAZ")),
            ("sqlserver-se", vec![("MultiAZ", on())], None),
            ("oracle-ee", vec![("EngineLifecycleSupport", text("a"))], Some("EngineLifecycleSupport")),
            ("mysql", vec![("EngineLifecycleSupport", text("a"))], None),
            (
                "postgres",
                vec![("PerformanceInsightsRetentionPeriod", Value::Number(7))],
                Some("PerformanceInsightsRetentionPeriod"),
            ),
            (
                "postgres",
                vec![("DedicatedLogVolume", on()), ("StorageType", text("gp3"))],
                Some("DedicatedLogVolume"),
            ),
            ("postgres", vec![("DedicatedLogVolume", on()), ("StorageType", text("io2"))], None),
            ("postgres", vec![("DedicatedLogVolume", on())], None),
        ] {
            let judged = judge(engine, &chosen.iter().cloned().collect());
            let Some(named) = named else {
                assert_eq!(judged, Ok(()), "{engine}: {chosen:?}");
                continue;
            };
            let error = judged.unwrap_err();
            assert_eq!(error.name(), ErrorName::InvalidConfiguration);
            let start = format!("reading the stack's parameter {named}: ");
            assert!(error.to_string().starts_with(&start), "{engine}: {error}");
        }
        let own = SELF_MANAGED_DIRECTORY.iter().map(|name| (*name, text("a")));
        let both: Settings = own.clone().chain(DIRECTORY.iter().map(|name| (*name, text("d-0")))).collect();
        let error = judge("sqlserver-se", &both).unwrap_err();
        assert!(error.to_string().contains("an instance is in one directory"), "{error}");
        assert_eq!(judge("sqlserver-se", &own.collect()), Ok(()));
    }

    #[test]
    fn each_engine_is_asked_in_its_own_way() {
        for (engine, parameter, wanted) in [
            ("postgres", "MultiAZ", Way::AsUsual),
            ("postgres", "StorageType", Way::AsUsual),
            ("sqlserver-se", "MultiAZ", Way::Afterwards),
            ("sqlserver-ee", "StorageThroughput", Way::Afterwards),
            ("sqlserver-web", "StorageType", Way::Afterwards),
            ("sqlserver-web", "MultiAZ", Way::Never),
            ("sqlserver-se", "Engine", Way::AsUsual),
            ("oracle-ee-cdb", "Engine", Way::Never),
            ("oracle-se2", "Engine", Way::AsUsual),
            ("oracle-se2", "IAMDatabaseAuthentication", Way::Never),
            ("an-engine-of-next-year", "MultiAZ", Way::AsUsual),
        ] {
            assert_eq!(way(engine, parameter), wanted, "{engine} {parameter}");
        }
    }

    #[test]
    fn what_belongs_together_is_changed_in_one_call() {
        assert_eq!(changed_with(&"Iops"), STORAGE);
        assert_eq!(changed_with(&"MultiAZ"), ["MultiAZ"]);
    }
}
