//! The engines of RDS and their releases. Instances here are PostgreSQL beneath whatever they are called: only the
//! administrator can call one something else, to try what RDS says about other engines and versions.

mod table;
#[cfg(test)]
mod tests;

use time::{Date, OffsetDateTime};

use crate::refusal::Refusal;
use table::ENGINES;

/// An engine in one edition.
#[derive(Debug)]
pub struct Engine {
    pub name: &'static str,
    pub description: &'static str,
    pub brand: Brand,
    /// The first is the one of an instance for which none is chosen.
    pub licenses: &'static [&'static str],
    /// The logs that can be exported.
    pub logs: &'static [&'static str],
    pub storage: &'static [Storage],
    pub lines: &'static [Line],
}

struct Edition {
    name: &'static str,
    description: &'static str,
    lines: &'static [Line],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brand {
    Postgres,
    MySql,
    MariaDb,
    SqlServer,
    Oracle,
    /// Oracle with the architecture of container databases.
    OracleContainer,
}

/// A major version.
#[derive(Debug)]
pub struct Line {
    /// As option groups name it.
    pub major: &'static str,
    /// The family of its parameter groups.
    pub family: &'static str,
    /// Oldest first.
    pub versions: &'static [&'static str],
    classes: &'static [&'static [&'static str]],
    pub support: Option<Support>,
}

/// The days on which support of a major version begins and ends.
#[derive(Debug)]
pub struct Support {
    pub begins: &'static str,
    pub standard_ends: &'static str,
    pub extended_ends: Option<&'static str>,
}

/// A type of storage of an engine. Sizes in GiB.
#[derive(Debug)]
pub struct Storage {
    pub kind: &'static str,
    pub size: (u32, u32),
    /// What may be chosen beside the size.
    pub performance: Option<Performance>,
}

#[derive(Debug)]
pub struct Performance {
    /// From this size on it can be chosen.
    pub from_gib: u32,
    pub iops: (u32, u32),
    /// Operations a second for each GiB.
    pub per_gib: (f64, f64),
    pub throughput: Option<Throughput>,
}

/// In MiB a second.
#[derive(Debug)]
pub struct Throughput {
    pub range: (u32, u32),
    /// The most for each operation a second.
    pub per_operation: f64,
}

/// A version of an engine.
#[derive(Debug, Clone)]
pub struct Release {
    pub engine: &'static Engine,
    pub line: &'static Line,
    pub version: String,
}

impl PartialEq for Release {
    fn eq(&self, other: &Self) -> bool {
        self.engine.name == other.engine.name && self.version == other.version
    }
}

/// All engines.
pub fn all() -> impl Iterator<Item = &'static Engine> {
    ENGINES.iter()
}

/// The engine of this name.
pub fn named(name: &str) -> Result<&'static Engine, Refusal> {
    let found = ENGINES.iter().find(|engine| engine.name == name);
    found.ok_or_else(|| Refusal::invalid_value(format!("Invalid DB engine: {name}")))
}

/// The family of this name, with its engine.
pub fn family(name: &str) -> Option<(&'static Engine, &'static Line)> {
    let lines = |engine: &'static Engine| engine.lines.iter().map(move |line| (engine, line));
    ENGINES.iter().flat_map(lines).find(|(_, line)| line.family == name)
}

/// What the name of a default parameter group says in front of its family.
pub const DEFAULT_PARAMETERS: &str = "default.";

impl Engine {
    /// The release of this version. The minor version need not be one of the table.
    pub fn release(&'static self, version: &str) -> Option<Release> {
        let of_it = |line: &&Line| {
            version.strip_prefix(line.major).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let line = self.lines.iter().find(of_it)?;
        Some(Release { engine: self, line, version: version.to_owned() })
    }

    /// The type of storage, if the engine has it.
    pub fn storage(&self, kind: &str) -> Option<&'static Storage> {
        self.storage.iter().find(|storage| storage.kind == kind)
    }

    /// Model, RestoreDBInstanceFromDBSnapshot: EngineLifecycleSupport applies to these only.
    pub fn has_extended_support(&self) -> bool {
        matches!(self.brand, Brand::Postgres | Brand::MySql)
    }

    /// Guide, IAM database authentication.
    pub fn has_iam_authentication(&self) -> bool {
        matches!(self.brand, Brand::Postgres | Brand::MySql | Brand::MariaDb)
    }

    /// Model, CreateDBInstance, Domain.
    pub fn has_kerberos(&self) -> bool {
        self.brand != Brand::MariaDb
    }

    /// Guide, Multi-AZ deployments for SQL Server: not in the small editions.
    pub fn has_multi_az(&self) -> bool {
        !["sqlserver-ex", "sqlserver-web"].contains(&self.name)
    }

    /// Guide, Performance Insights: MySQL and MariaDB do without it on the smallest classes.
    pub fn has_insights_on(&self, class: &str) -> bool {
        let small = ["db.t2.", "db.t3.micro", "db.t3.small", "db.t4g.micro", "db.t4g.small"];
        !matches!(self.brand, Brand::MySql | Brand::MariaDb)
            || !small.iter().any(|small| class.starts_with(small))
    }

    /// The storage and the type that can have their log on a volume of its own. Guide, dedicated log volume.
    pub fn has_log_volume(&self, line: &Line, kind: &str) -> bool {
        let old = ["postgres11", "postgres12", "mysql5.7"];
        self.has_iam_authentication() && !old.contains(&line.family) && matches!(kind, "io1" | "io2")
    }

    /// The name of the option group of an instance for which none is chosen.
    pub fn default_options(&self, major: &str) -> String {
        format!("default:{}-{}", self.name, major.replace('.', "-"))
    }
}

impl Line {
    /// Whether an instance class runs it.
    pub fn runs_on(&self, class: &str) -> bool {
        let family = class.split('.').nth(1).unwrap_or_default();
        self.classes.iter().any(|families| families.contains(&family))
    }

    /// Whether its standard support has ended.
    pub fn is_past_standard_support(&self, now: OffsetDateTime) -> bool {
        self.support
            .as_ref()
            .and_then(|support| day(support.standard_ends))
            .is_some_and(|end| now.date() > end)
    }
}

impl Release {
    pub fn default_parameters(&self) -> String {
        format!("{DEFAULT_PARAMETERS}{}", self.line.family)
    }

    pub fn default_options(&self) -> String {
        self.engine.default_options(self.line.major)
    }

    /// Whether it can be had on this class with this type of storage.
    pub fn is_orderable(&self, class: &str, storage: &str) -> bool {
        self.line.runs_on(class) && self.engine.storage(storage).is_some()
    }

    /// The release to which RDS upgrades one that may not enter extended support: the newest of the next major version
    /// that still has standard support.
    pub fn without_extended_support(self, now: OffsetDateTime) -> Self {
        if !self.engine.has_extended_support() || !self.line.is_past_standard_support(now) {
            return self;
        }
        let newer = self.engine.lines.iter().find(|line| !line.is_past_standard_support(now));
        match newer.and_then(|line| Some((line, line.versions.last()?))) {
            Some((line, version)) => Self { line, version: (*version).to_owned(), ..self },
            None => self,
        }
    }
}

/// Guide, encryption: every class but the smallest of the first ones.
pub fn encrypts(class: &str) -> bool {
    class != "db.t2.micro"
}

/// A day of the table.
pub fn day(text: &str) -> Option<Date> {
    Date::parse(text, time::macros::format_description!("[year]-[month]-[day]")).ok()
}
