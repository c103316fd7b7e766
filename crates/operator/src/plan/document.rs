//! What is printed with `--json`: every field is described in `help.txt`.

use replication::machines::Machine;
use serde::Serialize;

use super::costs::Costs;
use super::destination::Outcome;
use super::journal::Entered;

/// The number of the form.
pub const FORMAT: u32 = 1;

/// Everything.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    pub format: u32,
    /// When it was read.
    pub at: String,
    pub source: Place,
    pub destination: Place,
    /// One for each database.
    pub databases: Vec<Plan>,
    /// What the fleet does before, where it is a run of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fleet: Option<Fleet>,
    /// Of all databases together.
    pub totals: Totals,
    /// Whose prices these are.
    pub prices: &'static str,
}

impl Document {
    /// Whether all of it could be read, and every run would end well.
    pub fn is_good(&self) -> bool {
        let is_whole =
            |fleet: &Fleet| fleet.ends.is_none() && fleet.left_out.iter().all(|one| one.error.is_none());
        self.databases.iter().all(Plan::is_good) && self.fleet.as_ref().is_none_or(is_whole)
    }
}

/// One of the two stacks.
#[derive(Debug, Clone, Serialize)]
pub struct Place {
    pub account: String,
    pub region: String,
    pub stack: String,
}

/// What a run of one database would do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    pub source_database: String,
    /// The id in every name: that of a run that begins now.
    pub replication_id: String,
    /// How it ends well.
    pub outcome: Option<Outcome>,
    /// How it ends otherwise.
    pub ends: Option<Ends>,
    /// What could not be read.
    pub unreadable: Option<String>,
    pub states: Vec<Entered>,
    pub duration: Duration,
    pub costs: Option<Costs>,
    pub quotas: Vec<Quota>,
}

impl Plan {
    /// Of a run of which nothing is known yet.
    pub fn new(source_database: String, replication_id: String) -> Self {
        Self {
            source_database,
            replication_id,
            outcome: None,
            ends: None,
            unreadable: None,
            states: Vec::new(),
            duration: Duration::of(&[]),
            costs: None,
            quotas: Vec::new(),
        }
    }

    /// Whether it could be read, and the run would end well.
    pub fn is_good(&self) -> bool {
        self.outcome.is_some()
    }
}

/// The error that a run would end with.
#[derive(Debug, Clone, Serialize)]
pub struct Ends {
    /// The machine and the state.
    pub machine: Machine,
    pub state: &'static str,
    pub error: &'static str,
    pub cause: String,
}

/// How long the run takes, by the last ones.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Duration {
    pub seconds: u32,
    /// Whether every stage is in it; not where nobody knows how long one takes.
    pub is_complete: bool,
}

impl Duration {
    /// That of a run through these states.
    pub fn of(states: &[Entered]) -> Self {
        Self {
            seconds: states.iter().filter_map(|state| state.expected_seconds).sum(),
            is_complete: states.iter().all(|state| state.expected_seconds.is_some()),
        }
    }
}

/// How much of a quota is used, and how much is while the run has its most.
#[derive(Debug, Clone, Serialize)]
pub struct Quota {
    #[serde(skip)]
    pub machine: Machine,
    pub account: String,
    pub region: String,
    pub name: &'static str,
    pub used: i64,
    /// While the run has its most: with what it makes, the final snapshots too, and without what it deletes before.
    pub needed: i64,
    pub max: i64,
}

impl Quota {
    /// One of which a run needs nothing.
    pub fn of(
        machine: Machine,
        account: &str,
        region: &str,
        name: &'static str,
        (used, max): (i64, i64),
    ) -> Self {
        let (account, region) = (account.to_owned(), region.to_owned());
        Self { machine, account, region, name, used, needed: used, max }
    }

    /// Counts what the run takes of it and gives back, to its most.
    pub fn count(&mut self, states: &[Entered]) {
        let uses = states.iter().filter(|state| state.machine == self.machine).flat_map(|state| &state.uses);
        let (mut now, mut most) = (0, 0);
        for one in uses.filter(|one| one.name == self.name && one.region == self.region) {
            now += one.by;
            most = most.max(now);
        }
        self.needed = self.used + most;
    }
}

/// What a run of the fleet decides before.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fleet {
    /// By what databases are chosen.
    pub by: String,
    /// Those that are chosen and not replicated.
    pub left_out: Vec<replication::fleet::LeftOut>,
    /// How many are replicated at once.
    pub at_once: u32,
    /// What there is to say of the quota.
    pub room: Option<String>,
    /// The error that the run of the fleet would end with.
    pub ends: Option<Ends>,
}

/// All databases together.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    pub databases: usize,
    /// How many would end well.
    pub good: usize,
    /// Calls that change something.
    pub calls: usize,
    pub deletions: usize,
    pub dollars_of_run: f64,
    /// Without what has no price here.
    pub dollars_of_month: f64,
    /// Whether everything has a price.
    pub is_complete: bool,
}

impl Totals {
    /// Of these.
    pub fn of(plans: &[Plan]) -> Self {
        let calls = || plans.iter().flat_map(|plan| &plan.states).flat_map(|state| &state.calls);
        let costs = || plans.iter().filter_map(|plan| plan.costs.as_ref());
        Self {
            databases: plans.len(),
            good: plans.iter().filter(|plan| plan.is_good()).count(),
            calls: calls().count(),
            deletions: calls().filter(|call| call.action.starts_with("rds:Delete")).count(),
            dollars_of_run: costs().map(|costs| costs.run.dollars).sum(),
            dollars_of_month: costs().map(|costs| costs.month.dollars).sum(),
            is_complete: costs().count() == plans.len()
                && costs().all(|costs| costs.run.is_complete && costs.month.is_complete),
        }
    }
}
