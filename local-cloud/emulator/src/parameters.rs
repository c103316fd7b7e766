//! The parameters of parameter groups, as far as they are known here, and what those of PostgreSQL do to a server.

use std::fmt::Write;

use crate::engines::Brand;
use crate::groups::Values;
use crate::refusal::Refusal;

/// A parameter of an engine.
#[derive(Debug)]
pub struct Parameter {
    pub name: &'static str,
    /// Whether it takes effect only when the instance is rebooted.
    pub is_static: bool,
    pub allowed: Allowed,
    pub default: Option<&'static str>,
    /// Whether it is a setting of PostgreSQL under the same name, which the server gets.
    reaches_server: bool,
}

/// What a parameter can be.
#[derive(Debug)]
pub enum Allowed {
    Number(i64, i64),
    Words(&'static [&'static str]),
    /// Some of these, with commas between.
    List(&'static [&'static str]),
    /// The name of something.
    Name,
}

const fn row(
    name: &'static str,
    is_static: bool,
    allowed: Allowed,
    default: Option<&'static str>,
) -> Parameter {
    Parameter { name, is_static, allowed, default, reaches_server: true }
}

/// One that is taken and shown, and does nothing here.
const fn mute(
    name: &'static str,
    is_static: bool,
    allowed: Allowed,
    default: Option<&'static str>,
) -> Parameter {
    Parameter { name, is_static, allowed, default, reaches_server: false }
}

const STATIC: bool = true;
const DYNAMIC: bool = false;
const FLAG: Allowed = Allowed::Words(&["0", "1"]);
const SWITCH: Allowed = Allowed::Words(&["ON", "OFF", "0", "1"]);
const LIBRARIES: &[&str] =
    &["auto_explain", "pg_cron", "pg_hint_plan", "pg_prewarm", "pg_stat_statements", "pgaudit", "pglogical"];
const STATEMENTS: Allowed = Allowed::Words(&["none", "ddl", "mod", "all"]);
const MILLISECONDS: Allowed = Allowed::Number(0, 2_147_483_647);

/// Sets several settings of PostgreSQL at once (guide, logical replication).
const LOGICAL_REPLICATION: &str = "rds.logical_replication";

#[rustfmt::skip]
const POSTGRES: &[Parameter] = &[
    row("autovacuum", DYNAMIC, FLAG, Some("1")),
    mute("cron.database_name", STATIC, Allowed::Name, Some("postgres")),
    row("idle_in_transaction_session_timeout", DYNAMIC, MILLISECONDS, Some("86400000")),
    row("lock_timeout", DYNAMIC, MILLISECONDS, None),
    row("log_connections", DYNAMIC, FLAG, None),
    row("log_disconnections", DYNAMIC, FLAG, None),
    row("log_min_duration_statement", DYNAMIC, Allowed::Number(-1, 2_147_483_647), None),
    row("log_statement", DYNAMIC, STATEMENTS, None),
    row("maintenance_work_mem", DYNAMIC, Allowed::Number(1_024, 2_147_483_647), None),
    row("max_connections", STATIC, Allowed::Number(6, 262_143), None),
    row("max_logical_replication_workers", STATIC, Allowed::Number(0, 262_143), Some("4")),
    row("max_replication_slots", STATIC, Allowed::Number(5, 262_143), Some("20")),
    row("max_sync_workers_per_subscription", DYNAMIC, Allowed::Number(0, 262_143), Some("2")),
    row("max_worker_processes", STATIC, Allowed::Number(1, 262_143), None),
    mute("rds.force_ssl", DYNAMIC, FLAG, Some("0")),
    mute(LOGICAL_REPLICATION, STATIC, FLAG, Some("0")),
    row("shared_preload_libraries", STATIC, Allowed::List(LIBRARIES), Some("pg_stat_statements")),
    row("statement_timeout", DYNAMIC, MILLISECONDS, None),
    row("track_activity_query_size", STATIC, Allowed::Number(100, 1_048_576), Some("4096")),
    row("work_mem", DYNAMIC, Allowed::Number(64, 2_147_483_647), None),
];

/// What two installations must have in common for the data of one to be used in the other.
pub const LETTER_CASE: &str = "lower_case_table_names";

#[rustfmt::skip]
const MYSQL: &[Parameter] = &[
    mute("binlog_format", DYNAMIC, Allowed::Words(&["ROW", "STATEMENT", "MIXED"]), Some("MIXED")),
    mute("event_scheduler", DYNAMIC, SWITCH, Some("ON")),
    mute(LETTER_CASE, STATIC, FLAG, Some("0")),
    mute("max_connections", DYNAMIC, Allowed::Number(1, 100_000), None),
    mute("read_only", DYNAMIC, FLAG, None),
    mute("slow_query_log", DYNAMIC, FLAG, None),
];

#[rustfmt::skip]
const SQL_SERVER: &[Parameter] = &[
    mute("max degree of parallelism", DYNAMIC, Allowed::Number(0, 32_767), Some("0")),
    mute("max server memory (mb)", DYNAMIC, Allowed::Number(128, 2_147_483_647), None),
];

#[rustfmt::skip]
const ORACLE: &[Parameter] = &[
    mute("job_queue_processes", DYNAMIC, Allowed::Number(0, 1_000), Some("50")),
    mute("open_cursors", DYNAMIC, Allowed::Number(0, 65_535), Some("300")),
    mute("processes", STATIC, Allowed::Number(80, 20_000), None),
];

/// The parameters of an engine.
pub fn of(brand: Brand) -> &'static [Parameter] {
    match brand {
        Brand::Postgres => POSTGRES,
        Brand::MySql | Brand::MariaDb => MYSQL,
        Brand::SqlServer => SQL_SERVER,
        Brand::Oracle | Brand::OracleContainer => ORACLE,
    }
}

/// The parameter of this name.
pub fn named(brand: Brand, name: &str) -> Result<&'static Parameter, Refusal> {
    let found = of(brand).iter().find(|parameter| parameter.name == name);
    found.ok_or_else(|| Refusal::invalid_value(format!("Could not find parameter with name: {name}")))
}

impl Parameter {
    /// Refuses a value that it cannot have.
    pub fn check(&self, value: &str) -> Result<(), Refusal> {
        let fits = match &self.allowed {
            Allowed::Number(least, most) => {
                value.parse::<i64>().is_ok_and(|number| (*least..=*most).contains(&number))
            }
            Allowed::Words(words) => words.contains(&value),
            Allowed::List(words) => value.split(',').all(|word| words.contains(&word)),
            Allowed::Name => value.chars().all(|one| one.is_ascii_alphanumeric() || one == '_'),
        };
        if fits {
            return Ok(());
        }
        Err(Refusal::invalid_value(format!(
            "Invalid parameter value: {value} for: {} allowed values are: {}",
            self.name,
            self.allowed_values()
        )))
    }

    /// As DescribeDBParameters shows it.
    pub fn allowed_values(&self) -> String {
        match &self.allowed {
            Allowed::Number(least, most) => format!("{least}-{most}"),
            Allowed::Words(words) | Allowed::List(words) => words.join(","),
            Allowed::Name => "[A-Za-z0-9_]+".to_owned(),
        }
    }

    pub fn data_type(&self) -> &'static str {
        match self.allowed {
            Allowed::Number(..) => "integer",
            Allowed::Words(&["0", "1"]) => "boolean",
            Allowed::Words(_) | Allowed::Name => "string",
            Allowed::List(_) => "list",
        }
    }

    pub fn apply_type(&self) -> &'static str {
        if self.is_static { "static" } else { "dynamic" }
    }
}

/// The lines that a server of PostgreSQL reads. `has_library` says whether a library to be loaded is installed: a server
/// does not start with one that is not, and RDS has them all.
pub fn configuration(values: &Values, has_library: impl Fn(&str) -> bool) -> String {
    let is_publisher = values.get(LOGICAL_REPLICATION).is_some_and(|value| value == "1");
    let mut lines = format!("wal_level = {}\n", if is_publisher { "logical" } else { "replica" });
    for parameter in POSTGRES.iter().filter(|parameter| parameter.reaches_server) {
        let Some(value) = values.get(parameter.name) else { continue };
        let kept = match parameter.allowed {
            Allowed::List(_) => {
                value.split(',').filter(|library| has_library(library)).collect::<Vec<_>>().join(",")
            }
            _ => value.clone(),
        };
        // A value has neither quotes nor backslashes: it is a number, or of known words and names.
        let _ = writeln!(lines, "{} = '{kept}'", parameter.name);
    }
    lines
}

pub fn group_not_found(group: &str) -> Refusal {
    Refusal::new("DBParameterGroupNotFound", 404, format!("DBParameterGroup not found: {group}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn values_outside_what_is_allowed_are_refused() {
        for (name, value, fits) in [
            ("max_logical_replication_workers", "0", true),
            ("max_logical_replication_workers", "-1", false),
            ("max_logical_replication_workers", "0'\nport = 1", false),
            ("log_statement", "ddl", true),
            ("log_statement", "some", false),
            ("shared_preload_libraries", "pg_cron,pg_stat_statements", true),
            ("shared_preload_libraries", "pg_cron,evil", false),
            ("cron.database_name", "shop", true),
            ("cron.database_name", "it's", false),
        ] {
            let parameter = named(Brand::Postgres, name).unwrap();
            assert_eq!(parameter.check(value).is_ok(), fits, "{name}={value}");
        }
        assert!(named(Brand::Postgres, "event_scheduler").is_err());
        assert_eq!(named(Brand::MySql, "event_scheduler").unwrap().apply_type(), "dynamic");
    }

    #[test]
    fn a_server_reads_what_reaches_it_and_only_libraries_that_are_there() {
        let given = values(&[
            ("log_statement", "all"),
            ("rds.force_ssl", "1"),
            ("shared_preload_libraries", "pg_cron,auto_explain"),
        ]);
        let lines = configuration(&given, |library| library == "auto_explain");
        assert_eq!(
            lines,
            "wal_level = replica\nlog_statement = 'all'\nshared_preload_libraries = 'auto_explain'\n"
        );
        let publisher = values(&[("rds.logical_replication", "1")]);
        assert_eq!(configuration(&publisher, |_| true), "wal_level = logical\n");
    }
}
