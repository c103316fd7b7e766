//! What a run of the fleet machine would choose, and what it would do with each.
//!
//! Needs in the source account also `states:ListExecutions`.

use aws_sdk_sfn::types::ExecutionStatus;
use replication::Error;
use replication::environment::Environment;
use replication::fleet::choosing::{self, By, Chosen};
use replication::fleet::room::{self, Keeping, Kinds, Shelf};
use replication::fleet::running::{self, Running};
use replication::fleet::{Past, Rule, children};
use replication::machines::{DISCOVER, Machine};
use replication::naming::{self, ReplicationId};
use replication::quota::SnapshotQuota;
use time::OffsetDateTime;

use super::document::{Ends, Fleet, Plan};
use super::{Asked, Sides, observe, single};
use crate::failure::{Failure, fault};

/// The function that chooses.
pub const DISCOVER_FUNCTION: &str = "DiscoverFunction";
/// What an execution is called that nobody has started.
const NOT_STARTED: &str = "plan";

/// What the stack says.
struct Settings {
    stack: String,
    by: By,
    read_replicas: bool,
    at_once: u32,
    keeping: Keeping,
}

impl Settings {
    fn read(given: &Environment) -> Result<Self, Error> {
        let schedule = given.text("SCHEDULE_EXPRESSION")?;
        let is_scheduled = given.choice("SCHEDULE_STATE", ["DISABLED", "ENABLED"])?;
        let tag = || -> Result<By, Error> {
            Ok(By::Tag(given.text("TAG_KEY")?, given.optional("TAG_VALUE").unwrap_or_default()))
        };
        Ok(Self {
            stack: given.text("STACK_NAME")?,
            by: given.optional("NAME_PATTERN").map_or_else(tag, |pattern| Ok(By::Pattern(pattern)))?,
            read_replicas: given.parsed("READ_REPLICAS", "true or false")?,
            at_once: given.parsed("MAX_CONCURRENCY", "a whole number")?,
            keeping: Keeping {
                snapshots: given.parsed("SNAPSHOTS_TO_KEEP", "a whole number")?,
                shared_hours: given.parsed("SHARED_SNAPSHOT_HOURS", "a whole number of hours")?,
                schedule: is_scheduled.then_some(schedule),
            },
        })
    }

    /// How many runs the schedule of the fleet starts in a month.
    fn runs(&self) -> Option<u64> {
        let hours = super::prices::HOURS_OF_MONTH.into();
        self.keeping.schedule.as_deref().map(|schedule| room::runs_within(schedule, hours))
    }
}

/// What a run of the fleet would do.
///
/// # Errors
/// If something cannot be read that is about all of the databases.
pub async fn plan(sides: Sides<'_>, asked: Asked) -> Result<(Fleet, Vec<Plan>), Failure> {
    let source = sides.source;
    let machine = source.stack.output("FleetStateMachineArn");
    if machine.is_empty() {
        let stack = &source.stack.name;
        return Err(Failure::new(format!("the stack {stack} has no fleet; deploy it with Fleet=true")));
    }
    let settings = Settings::read(source.environment(DISCOVER_FUNCTION)?);
    let settings = settings.map_err(|error| observe::unreadable(&error))?;
    let run = ReplicationId::new(asked.now, &naming::execution_arn(machine, NOT_STARTED));
    let mut fleet = Fleet {
        by: settings.by.to_string(),
        left_out: Vec::new(),
        at_once: settings.at_once,
        room: None,
        ends: None,
    };
    let chosen = match choose(sides, machine, &settings, &mut fleet, asked.now).await? {
        Ok(chosen) => chosen,
        Err(error) => {
            let (error, cause) = (error.name().as_str(), error.to_string());
            fleet.ends = Some(Ends { machine: Machine::Fleet, state: DISCOVER.state, error, cause });
            return Ok((fleet, Vec::new()));
        }
    };
    fleet.left_out = chosen.left_out;
    let asked = Asked { runs: asked.runs.or_else(|| settings.runs()), ..asked };
    let mut plans = Vec::new();
    for database in &chosen.databases {
        let name = children::name(&run, database);
        plans.push(match Box::pin(single::plan(sides, database, &name, asked)).await {
            Ok(plan) => plan,
            Err(failure) => {
                let id = naming::execution_arn(source.stack.output("StateMachineArn"), &name);
                let id = ReplicationId::new(asked.now, &id);
                let unreadable = Some(failure.to_string());
                Plan { unreadable, ..Plan::new(database.to_string(), id.to_string()) }
            }
        });
    }
    Ok((fleet, plans))
}

/// What the machine's first state would choose, or what it would end with.
async fn choose(
    sides: Sides<'_>,
    machine: &str,
    settings: &Settings,
    fleet: &mut Fleet,
    now: OffsetDateTime,
) -> Result<Result<Chosen, Error>, Failure> {
    let account = &sides.source.account;
    let failed = |error: Error| observe::unreadable(&error);
    let running = executions(sides, machine, ExecutionStatus::Running).await?;
    let running = running.into_iter().map(|(name, started_at, _)| Running { started_at, name });
    let own = Running { started_at: now, name: NOT_STARTED.to_owned() };
    if let Err(error) = running::check(&own, &running.collect::<Vec<_>>()) {
        return Ok(Err(error));
    }
    let of_source = sides.source.stack.output("StateMachineArn");
    let past = executions(sides, of_source, ExecutionStatus::Succeeded).await?;
    let past = past.into_iter().map(|(name, _, seconds)| Past { name, seconds }).collect::<Vec<_>>();
    let rule = Rule { by: settings.by.clone(), read_replicas: settings.read_replicas, continued: Vec::new() };
    let rds = account.rds();
    let candidates = rds_access::candidates(&rds).await.map_err(failed)?;
    let mut chosen = match choosing::choose(&candidates, &rule, &children::History::of(&past)) {
        Ok(chosen) => chosen,
        Err(error) => return Ok(Err(error)),
    };
    let other = sides.settings.copies_into.as_deref();
    let own_kinds = if other.is_some() { Kinds::Made } else { Kinds::All };
    let regions = [Some((None, own_kinds)), other.map(|region| (Some(region), Kinds::Copies))];
    let mut snapshotted = std::collections::BTreeSet::new();
    let mut said = Vec::new();
    for (region, kinds) in regions.into_iter().flatten() {
        let rds = region.map_or_else(|| account.rds(), |region| account.rds_in(region));
        let snapshots = rds_access::snapshots_of_stack(&rds, &settings.stack).await.map_err(failed)?;
        let made = snapshots.iter().filter(|snapshot| snapshot.is_of_stack(&settings.stack));
        snapshotted.extend(made.map(|snapshot| snapshot.source_database.clone()));
        let quota: Option<SnapshotQuota> = rds_access::snapshot_quota(&rds).await.map_err(failed)?;
        let shelf = Shelf { region, kinds, ours: snapshots.len(), quota };
        match room::check(chosen.databases.len(), &settings.keeping, &shelf) {
            Ok(full) => said.extend(full),
            Err(error) => return Ok(Err(error)),
        }
    }
    fleet.room = (!said.is_empty()).then(|| said.join("; "));
    chosen.left_out.extend(choosing::abandoned(&candidates, &rule, &chosen, &snapshotted));
    Ok(Ok(chosen))
}

/// The newest executions of a machine in this state: the name, the start, and how many seconds each took. One page of them, which
/// is as many as the function reads.
async fn executions(
    sides: Sides<'_>,
    machine: &str,
    status: ExecutionStatus,
) -> Result<Vec<(String, OffsetDateTime, u64)>, Failure> {
    let client = sides.source.account.machines();
    let answer = client.list_executions().state_machine_arn(machine).status_filter(status).send().await;
    let answer = answer.map_err(|error| fault("states:ListExecutions", &error))?;
    let read = |one: &aws_sdk_sfn::types::ExecutionListItem| {
        let began = one.start_date();
        let took = one.stop_date().map_or(0, |end| end.secs() - began.secs());
        let began = OffsetDateTime::from_unix_timestamp(began.secs()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        (one.name().to_owned(), began, u64::try_from(took).unwrap_or_default())
    };
    Ok(answer.executions().iter().map(read).collect())
}
