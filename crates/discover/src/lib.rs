//! `discover` chooses the databases of a fleet run, before anything is snapshotted.
//!
//! Converges to: one plan for one execution. It only reads, so it may run again at any time; the names of the executions
//! that the machine then starts follow from the run, so that a second plan starts no second execution. The decisions are
//! those of [`replication::fleet`].
//!
//! Needs: `rds:DescribeDBInstances`, `rds:DescribeDBSnapshots`, `rds:ListTagsForResource`, `rds:DescribeAccountAttributes`,
//! `states:ListExecutions`, `states:DescribeExecution`.

mod executions;

use std::collections::BTreeSet;

use aws_sdk_sfn::Client as States;
use lambda_task::Environment;
use rds_access::Regions;
use replication::Error;
use replication::contract::Execution;
use replication::fleet::children::History;
use replication::fleet::choosing::{self, By};
use replication::fleet::room::{self, Keeping, Kinds, Shelf};
use replication::fleet::running::{self, Running};
use replication::fleet::{FleetState, Plan, Rule};
use replication::naming::{self, InstanceIdentifier};
use serde::Deserialize;

/// What the stack says.
#[derive(Debug, Clone)]
pub struct Config {
    stack: String,
    snapshot_name: String,
    tag: (String, String),
    pattern: Option<String>,
    read_replicas: bool,
    max_concurrency: u32,
    keeping: Keeping,
}

impl Config {
    /// Reads the function's environment.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable.
    pub fn read(environment: &Environment) -> Result<Self, Error> {
        let schedule = environment.text("SCHEDULE_EXPRESSION")?;
        let is_scheduled = environment.choice("SCHEDULE_STATE", ["DISABLED", "ENABLED"])?;
        Ok(Self {
            stack: environment.text("STACK_NAME")?,
            snapshot_name: environment.text("SOURCE_DB_SNAPSHOT_NAME")?,
            tag: (environment.text("TAG_KEY")?, environment.optional("TAG_VALUE").unwrap_or_default()),
            pattern: environment.optional("NAME_PATTERN"),
            read_replicas: environment.parsed("READ_REPLICAS", "true or false")?,
            max_concurrency: environment.parsed("MAX_CONCURRENCY", "a whole number")?,
            keeping: Keeping {
                snapshots: environment.parsed("SNAPSHOTS_TO_KEEP", "a whole number")?,
                shared_hours: environment.parsed("SHARED_SNAPSHOT_HOURS", "a whole number of hours")?,
                schedule: is_scheduled.then_some(schedule),
            },
        })
    }
}

/// What the function is called with.
#[derive(Debug, Clone, Deserialize)]
pub struct Input {
    execution: Execution,
    machines: Machines,
    state: FleetState,
}

/// The machines of the stack, by their ARNs.
#[derive(Debug, Clone, Deserialize)]
pub struct Machines {
    fleet: String,
    source: String,
}

/// Plans one run.
///
/// # Errors
/// `AlreadyRunning`, `NotFound` (nothing is chosen, or there is no such run to continue), `InvalidInput` (too many for one run),
/// `QuotaExceeded`, or a fault of RDS or Step Functions.
pub async fn run(regions: &Regions, states: &States, config: &Config, input: Input) -> Result<Plan, Error> {
    let Input { execution, machines, state } = input;
    let own = Running { started_at: execution.started_at, name: execution.name.clone() };
    running::check(&own, &executions::running(states, &machines.fleet).await?)?;
    let run = execution.replication_id();
    // A name that RDS would refuse is refused before there is anything.
    naming::encrypted_copy(&naming::source_snapshot(&config.snapshot_name, &run)?)?;

    let continued = executions::continued(states, &machines.fleet, state.continue_run).await?;
    let past = executions::succeeded(states, &machines.source, continued.since).await?;
    let rule = Rule {
        by: match (state.databases.or(continued.databases), &config.pattern) {
            (Some(databases), _) => By::List(databases),
            (None, Some(pattern)) => By::Pattern(pattern.clone()),
            (None, None) => By::Tag(config.tag.0.clone(), config.tag.1.clone()),
        },
        read_replicas: config.read_replicas,
        continued: continued.runs,
    };
    let candidates = rds_access::candidates(regions.own()).await?;
    let mut chosen = choosing::choose(&candidates, &rule, &History::of(&past))?;
    let (room, snapshotted) =
        room(regions, config, chosen.databases.len() + chosen.done_before.len()).await?;
    chosen.left_out.extend(choosing::abandoned(&candidates, &rule, &chosen, &snapshotted));
    tracing::info!(databases = chosen.databases.len(), left_out = ?chosen.left_out, by = %rule.by, "decided");
    Ok(Plan::new(run, chosen, config.max_concurrency, room))
}

/// Whether each Region that the stack keeps snapshots in has room for them: what there is to say of it, and which databases it
/// has snapshots of.
async fn room(
    regions: &Regions,
    config: &Config,
    databases: usize,
) -> Result<(Option<String>, BTreeSet<InstanceIdentifier>), Error> {
    let own_kinds = if regions.other().is_some() { Kinds::Made } else { Kinds::All };
    let own = std::iter::once((None, regions.own(), own_kinds));
    let other = regions.other().map(|(region, rds)| (Some(region), rds, Kinds::Copies));
    let (mut said, mut snapshotted) = (Vec::new(), BTreeSet::new());
    for (region, rds, kinds) in own.chain(other) {
        let snapshots = rds_access::snapshots_of_stack(rds, &config.stack).await?;
        let made = snapshots.iter().filter(|snapshot| snapshot.is_of_stack(&config.stack));
        snapshotted.extend(made.map(|snapshot| snapshot.source_database.clone()));
        let ours = snapshots.len();
        let quota = rds_access::snapshot_quota(rds).await?;
        said.extend(room::check(databases, &config.keeping, &Shelf { region, kinds, ours, quota })?);
    }
    Ok(((!said.is_empty()).then(|| said.join("; ")), snapshotted))
}
