//! What was found in the two accounts, before anything is made of it: no AWS client, and no field of the secret but our two.

use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;

use replication::destination::{Destination, SourceDatabases};
use replication::fleet::Plan;
use replication::lineage::{self, Tags};
use replication::naming::{InstanceIdentifier, Version};
use replication::observed;
use replication::secret::{OUR_VERSIONS, Pointer};
use time::OffsetDateTime;

use crate::execution::{Execution, Outline};
use crate::failure::Failure;

/// Takes the place of a fact that could not be read: the error's own name, such as `AccessDenied`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Unreadable(pub String);

/// A fact, or what hides it.
pub type Read<T> = Result<T, Unreadable>;

/// What the secret names, and which version of it says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The two fields of the secret that are ours.
    pub pointer: Pointer,
    /// The id of the secret's version; empty if it is not known.
    pub version_id: String,
}

impl Named {
    /// Whether something else than our functions wrote the version that is current.
    pub fn is_written_by_another(&self) -> bool {
        !self.version_id.is_empty() && !self.version_id.starts_with(OUR_VERSIONS)
    }
}

/// A CloudFormation stack.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Stack {
    /// Its name.
    pub name: String,
    /// CloudFormation's word for it.
    pub status: String,
    /// Its parameters.
    pub parameters: BTreeMap<String, String>,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
    /// When it was created.
    #[cfg_attr(test, serde(with = "time::serde::rfc3339::option"))]
    pub created: Option<OffsetDateTime>,
    /// The `SourceDBIdentifier` of a stack for several databases, where this is what the stack is for one of them.
    pub pattern: String,
}

impl Stack {
    /// A parameter that is there and not empty.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// An output, or nothing.
    pub fn output(&self, name: &str) -> &str {
        self.outputs.get(name).map(String::as_str).unwrap_or_default()
    }

    /// The source database that it serves, or the pattern of those; empty if it has no such parameter.
    pub fn database(&self) -> String {
        self.parameter("SourceDBIdentifier").unwrap_or_default().to_ascii_lowercase()
    }

    /// The other Region that a source stack copies snapshots into itself, if it does.
    pub fn copies_into(&self) -> Option<&str> {
        self.parameter("DestinationRegion")
            .filter(|_| self.parameter("CrossRegionCopy") == Some("source-copies"))
    }

    /// How the names of its instances and snapshots begin.
    pub fn prefix(&self) -> &str {
        self.parameter("DatabaseName").unwrap_or_default()
    }

    /// A parameter that is a whole number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.parameter(name)?.parse().ok()
    }

    /// Whether it replicates several databases.
    pub fn is_for_several(&self) -> bool {
        matches!(self.database().parse(), Ok(SourceDatabases::Matching(_)))
    }

    /// The stack as it would be for this database alone, where it replicates several.
    ///
    /// # Errors
    /// If it does not replicate the database, or the names would be too long.
    pub fn for_database(&self, database: &str) -> Result<Self, Failure> {
        if !self.is_for_several() {
            return Ok(self.clone());
        }
        let failed = |error: replication::Error| Failure::new(format!("the stack {}: {error}", self.name));
        let destination = Destination {
            stack: self.name.clone(),
            databases: self.database().parse().map_err(failed)?,
            database_name: self.prefix().parse().map_err(failed)?,
            secret: self.parameter("SecretName").unwrap_or_default().to_owned(),
        };
        let database: InstanceIdentifier = database.parse().map_err(failed)?;
        let one = destination.of(Some(&database), "naming its versions").map_err(failed)?;
        let mut stack = Self { pattern: self.database(), ..self.clone() };
        let names = [
            ("SourceDBIdentifier", one.database.to_string()),
            ("DatabaseName", one.prefix.to_string()),
            ("SecretName", one.secret.id.clone()),
        ];
        stack.parameters.extend(names.map(|(name, text)| (name.to_owned(), text)));
        let secret = ["SecretArn", "SecretName"].map(|name| (name.to_owned(), one.secret.id.clone()));
        stack.outputs.extend(secret);
        Ok(stack)
    }
}

/// Whether a `SourceDBIdentifier` is this database's, or a pattern that it matches.
pub fn includes(databases: &str, database: &str) -> bool {
    let databases = databases.parse::<SourceDatabases>().ok();
    let database = database.parse::<InstanceIdentifier>().ok();
    databases.zip(database).is_some_and(|(databases, database)| databases.include(&database))
}

/// When what an instance or a snapshot holds was written, and what breaks ties: the order of versions.
pub type Order<'t> = (Option<OffsetDateTime>, Option<&'t str>, Option<Version>);

/// A DB instance of the destination account.
#[derive(Debug, Clone)]
pub struct Instance {
    /// As RDS describes it.
    pub seen: observed::Instance,
    /// When RDS made it.
    pub created: Option<OffsetDateTime>,
}

impl Instance {
    /// Its identifier.
    pub fn identifier(&self) -> &str {
        self.seen.identifier.as_str()
    }

    /// Its tags.
    pub fn tags(&self) -> &Tags {
        &self.seen.tags
    }

    /// Whether the stack of this name made it, which is also to be seen in its name.
    pub fn is_of(&self, stack: &str) -> bool {
        let is_named = |version| self.identifier().ends_with(&format!("-{version}"));
        self.seen.is_of_stack(stack) && self.tags().version().is_none_or(is_named)
    }

    /// Whether its tags are those of another instance: RDS copies tags to what is restored, under the same name too.
    pub fn has_broken_seal(&self) -> bool {
        let seal = self.tags().get(lineage::RESOURCE_ID);
        self.seen.resource_id.is_some()
            && seal.is_some_and(|seal| Some(seal) != self.seen.resource_id.as_deref())
    }

    /// Its place in the order of versions.
    pub fn order(&self) -> Order<'_> {
        let tags = self.tags();
        (tags.data_time(), tags.get(lineage::REPLICATION_ID), tags.version())
    }

    /// How many replications in a row could not delete it.
    pub fn times_undeleted(&self) -> u32 {
        let tag = self.tags().get(lineage::UNDELETED).unwrap_or_default();
        tag.split(':').next().and_then(|count| count.parse().ok()).unwrap_or_default()
    }
}

/// A manual DB snapshot of either account.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// As RDS describes it.
    pub seen: observed::Snapshot,
    /// Account numbers, or `all`; `None` if it was not read.
    pub shared_with: Option<Vec<String>>,
}

impl Snapshot {
    /// Its identifier.
    pub fn identifier(&self) -> &str {
        self.seen.identifier.as_str()
    }

    /// Its ARN.
    pub fn arn(&self) -> String {
        self.seen.arn.to_string()
    }

    /// Its tags.
    pub fn tags(&self) -> &Tags {
        &self.seen.tags
    }

    /// Whether its tags say that the stack of this name made it.
    pub fn is_of(&self, stack: &str) -> bool {
        self.tags().created_by_stack(stack, self.identifier())
    }

    /// The point in time of the data, which copies keep.
    pub fn data_time(&self) -> Option<OffsetDateTime> {
        self.seen.data_time.as_deref().and_then(lineage::read_time)
    }

    /// Its place in the order of versions.
    pub fn order(&self) -> Order<'_> {
        (self.seen.time_of_data(), self.tags().get(lineage::REPLICATION_ID), self.tags().version())
    }

    /// Whether a replication has made it, of the source database or from a snapshot of it: its name ends in the id.
    pub fn is_of_replication(&self) -> bool {
        self.tags().get(lineage::STACK).is_some_and(|stack| self.seen.is_of_stack(stack))
    }

    /// Whether it was made of an instance before that was deleted.
    pub fn is_final(&self) -> bool {
        self.identifier().starts_with(&format!("{}-final", self.seen.source_database))
    }
}

/// An execution of the source or destination machine, and the replication that it is part of.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Run {
    /// Its id; empty if the execution was started with something else than a message.
    pub replication: String,
    /// As it was read.
    pub execution: Execution,
}

/// A CloudWatch alarm, by its logical name in the stack.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Alarm {
    /// The logical name.
    pub name: String,
    /// Its state.
    pub state: String,
    /// Since when.
    #[cfg_attr(test, serde(with = "time::serde::rfc3339::option"))]
    pub since: Option<OffsetDateTime>,
}

/// The EventBridge rule that starts replications.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Schedule {
    /// The rule's own name.
    #[cfg_attr(test, serde(default))]
    pub rule: String,
    /// When.
    pub expression: String,
    /// Whether it does.
    pub state: String,
}

/// What belongs to one database in the source account.
#[derive(Debug, Clone)]
pub struct Source {
    /// The stack that made the topic.
    pub stack: Stack,
    /// Its snapshots of the database.
    pub snapshots: Read<Vec<Snapshot>>,
    /// Those for this database, newest first.
    pub runs: Read<Vec<Run>>,
    /// What starts them.
    pub schedule: Read<Schedule>,
}

/// What belongs to one destination stack, apart from instances and snapshots, which are known by their tags.
#[derive(Debug, Clone)]
pub struct Database {
    /// The stack, or what it is for one of its databases.
    pub stack: Stack,
    /// What the secret names.
    pub secret: Read<Named>,
    /// Those of the destination machine, newest first.
    pub runs: Read<Vec<Run>>,
    /// Those of the rollback machine, newest first; `None` if the stack has no such machine.
    pub rollbacks: Option<Read<Vec<Execution>>>,
    /// Its alarms.
    pub alarms: Read<Vec<Alarm>>,
    /// How many messages are in the dead-letter queue; `None` if the stack has none.
    pub dead_letters: Option<Read<i64>>,
    /// What belongs to it in the source account.
    pub source: Read<Source>,
}

/// Everything that was found, at one moment.
#[derive(Debug, Clone)]
pub struct Facts {
    /// That moment.
    pub now: OffsetDateTime,
    /// The destination account.
    pub account: String,
    /// The Region of the destination stacks.
    pub region: String,
    /// Those of the destination account.
    pub instances: Read<Vec<Instance>>,
    /// Those of the destination account.
    pub snapshots: Read<Vec<Snapshot>>,
    /// One for each destination stack and database.
    pub databases: Vec<Database>,
    /// The stacks of the source account with a machine for many databases.
    pub fleets: Vec<Fleet>,
}

/// A source stack with a fleet machine, and the newest run of it.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Fleet {
    /// The source stack.
    pub stack: Stack,
    /// `None` if there was none.
    pub run: Option<Read<FleetRun>>,
    /// Error and cause by database.
    pub failures: HashMap<String, (String, String)>,
}

/// One execution of the fleet machine.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct FleetRun {
    /// What Step Functions says of it.
    #[cfg_attr(test, serde(flatten))]
    pub outline: Outline,
    /// What it does, once that is known.
    pub plan: Option<Plan>,
    /// The executions of the source machine, by database.
    pub children: HashMap<String, Child>,
    /// When the newest execution began that has succeeded for a database of the plan, in this run or an earlier one.
    #[cfg_attr(test, serde(deserialize_with = "crate::status::golden::moments"))]
    pub last_sent: HashMap<String, OffsetDateTime>,
}

impl Deref for FleetRun {
    type Target = Outline;

    fn deref(&self) -> &Outline {
        &self.outline
    }
}

impl FleetRun {
    /// One that was started just now.
    pub fn started(arn: &str, at: OffsetDateTime) -> Self {
        Self {
            outline: Outline::started(arn, at),
            plan: None,
            children: HashMap::new(),
            last_sent: HashMap::new(),
        }
    }
}

/// The execution of the source machine for one database.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Child {
    /// Its ARN.
    pub arn: String,
    /// Step Functions' word for it.
    pub status: String,
    /// When it started.
    #[cfg_attr(test, serde(with = "time::serde::rfc3339"))]
    pub started: OffsetDateTime,
    /// When it ended.
    #[cfg_attr(test, serde(with = "time::serde::rfc3339::option"))]
    pub ended: Option<OffsetDateTime>,
}

impl Child {
    /// Whether it has not ended.
    pub fn is_running(&self) -> bool {
        self.status == "RUNNING"
    }

    /// Whether it ended well.
    pub fn has_succeeded(&self) -> bool {
        self.status == "SUCCEEDED"
    }

    /// Whether it ended otherwise.
    pub fn has_failed(&self) -> bool {
        !self.is_running() && !self.has_succeeded()
    }
}

/// Whole seconds from one moment to another, each as it is written.
pub fn seconds_between(earlier: OffsetDateTime, later: OffsetDateTime) -> i64 {
    later.unix_timestamp() - earlier.unix_timestamp()
}
