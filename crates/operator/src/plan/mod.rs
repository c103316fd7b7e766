//! What a run would do now: the decisions that its functions would make, made with what they would read, and printed.
//!
//! Nothing is changed: everything here only reads, and the decisions are those of [`replication`]. What no one knows before
//! the run, such as the time in its names, is that of now.

mod costs;
mod destination;
mod document;
mod functions;
mod journal;
mod moving;
mod observe;
mod prices;
mod pruning;
mod settings;
mod source;
#[cfg(test)]
mod tests;
mod text;

use replication::Error;
use replication::fleet::room;
use replication::machines::Machine;
use replication::naming::{self, InstanceIdentifier};
use replication::preflight::{self, Known};
use replication::quota::SnapshotQuota;
use time::OffsetDateTime;

use self::document::{Document, Duration, Ends, FORMAT, Place, Plan, Quota, Totals};
use self::functions::Functions;
use self::journal::Journal;
use self::settings::{Receiving, ReceivingEnvironments, Source, SourceEnvironments};
use crate::account::Account;
use crate::arguments::Plan as Given;
use crate::environment::{self, Environment};
use crate::failure::Failure;
use crate::output::print;
use crate::screen::timestamp;
use crate::status::facts::Stack;
use crate::status::observe::stacks;

/// The functions of the source stack whose environment says what a run does.
const OF_SOURCE: [&str; 5] =
    ["SnapshotFunction", "CopyFunction", "ShareFunction", "NotifyFunction", "PruneFunction"];
/// Those of the destination stack.
const OF_DESTINATION: [&str; 4] =
    ["CopyFunction", "RestoreFunction", "RotateSecretFunction", "PruneFunction"];
/// What an execution is called that nobody has started.
const NOT_STARTED: &str = "plan";
/// How RDS calls its quota of manual snapshots.
const MANUAL_SNAPSHOTS: &str = "ManualSnapshots";
/// How it calls that of instances.
const INSTANCES: &str = "DBInstances";

/// One of the two stacks, and the account that it is in.
struct Side {
    account: Account,
    number: String,
    stack: Stack,
    functions: Functions,
}

impl Side {
    async fn open(account: Account, name: &str, functions: &[&str]) -> Result<Self, Failure> {
        let stack = stacks::named(&account, name).await?;
        let functions = functions::read(&account, &stack, functions).await?;
        Ok(Self { number: account.number().await?, account, stack, functions })
    }

    fn place(&self) -> Place {
        Place {
            account: self.number.clone(),
            region: self.account.region.clone(),
            stack: self.stack.name.clone(),
        }
    }
}

/// The command. Answers with its exit code.
pub async fn run(given: &Given, environment: &Environment) -> u8 {
    let document = match Box::pin(document(given, environment)).await {
        Ok(document) => document,
        Err(failure) => {
            eprintln!("failed: {failure}");
            return 1;
        }
    };
    let written = if given.json {
        serde_json::to_string_pretty(&document).map_err(Into::into).and_then(|json| print(&(json + "\n")))
    } else {
        print(&text::render(&document))
    };
    if let Err(error) = written {
        eprintln!("failed: the plan cannot be written: {error}");
        return 1;
    }
    u8::from(!document.databases.iter().all(Plan::is_good))
}

async fn document(given: &Given, environment: &Environment) -> Result<Document, Failure> {
    let now = environment::now();
    let source = Account::open(&given.accounts.source(environment), environment).await?;
    let destination = Account::open(&given.accounts.destination(environment), environment).await?;
    let source = Side::open(source, &given.source_stack, &OF_SOURCE).await?;
    let destination = Side::open(destination, &given.destination_stack, &OF_DESTINATION).await?;
    let database = match &given.source_db {
        Some(name) => Some(name.parse().map_err(|error: Error| Failure::new(error.to_string()))?),
        None => None,
    };
    let plan = plan(&source, &destination, database.as_ref(), given.runs_per_month, now);
    let plan = Box::pin(plan).await?;
    let databases = vec![plan];
    Ok(Document {
        format: FORMAT,
        at: timestamp(now),
        source: source.place(),
        destination: destination.place(),
        totals: Totals::of(&databases),
        databases,
        fleet: None,
        prices: prices::WHOSE,
    })
}

/// What one database's run would do.
async fn plan(
    source: &Side,
    destination: &Side,
    database: Option<&InstanceIdentifier>,
    runs: Option<u64>,
    now: OffsetDateTime,
) -> Result<Plan, Failure> {
    let environment = |side: &Side, name: &str| side.functions.of(name).map(|one| one.environment.clone());
    let [snapshot, copy, share, notify, prune] = OF_SOURCE;
    let settings = Source::read(SourceEnvironments {
        snapshot: &environment(source, snapshot)?,
        copy: &environment(source, copy)?,
        share: &environment(source, share)?,
        notify: &environment(source, notify)?,
        prune: &environment(source, prune)?,
    });
    let settings = settings.map_err(|error| observe::unreadable(&error))?;
    let database = database.unwrap_or(&settings.database).clone();
    let machine = source.stack.output("StateMachineArn");
    let mut journal = Journal::new(now, naming::execution_arn(machine, NOT_STARTED));
    let mut plan = Plan {
        source_database: database.to_string(),
        replication_id: journal.id.to_string(),
        outcome: None,
        ends: None,
        unreadable: None,
        states: Vec::new(),
        duration: Duration::of(&[]),
        costs: None,
        quotas: Vec::new(),
    };
    let facts = observe::source(&source.account, &settings, &database).await?;
    plan.quotas = quotas(source, Machine::Source, facts.quota, &[]);
    let announced = match source::run(&mut journal, &settings, &facts, &database) {
        Ok(announced) => announced,
        Err(error) => return Ok(ended(plan, journal, &error)),
    };
    let [copy, restore, rotate_secret, prune] = OF_DESTINATION;
    let environments = [copy, restore, rotate_secret, prune].map(|name| environment(destination, name));
    let [copy, restore, rotate_secret, prune] = environments;
    let (copy, restore, rotate_secret, prune) = (copy?, restore?, rotate_secret?, prune?);
    let environments = ReceivingEnvironments {
        copy: &copy,
        restore: &restore,
        rotate_secret: &rotate_secret,
        prune: &prune,
    };
    let read = Receiving::read(environments, &announced.input.replication.overrides).and_then(|receiving| {
        let doing = format!("copying shared snapshot {}", announced.input.target_db_snapshot.arn);
        Ok((receiving.destination.of(Some(&database), &doing)?, receiving))
    });
    let (replicated, receiving) = match read {
        Ok(read) => read,
        Err(error) => {
            // Every function refuses it; the first that ends the run is the copy.
            let copies = journal::state_of(Machine::Destination, "copy", false);
            journal.enter(Machine::Destination, copies);
            return Ok(ended(plan, journal, &error));
        }
    };
    let there =
        observe::destination(&destination.account, &destination.stack, &receiving, &replicated, &announced)
            .await?;
    let others = there.offered.quotas.as_slice();
    plan.quotas.extend(quotas(destination, Machine::Destination, there.quota, others));
    let end = match destination::run(&mut journal, &receiving, &replicated, &there, &announced) {
        Ok(end) => end,
        Err(error) => return Ok(ended(plan, journal, &error)),
    };
    plan.outcome = Some(end.outcome);
    let described = facts.database.as_ref().map(|(_, described)| described);
    let kept = costs::Kept {
        snapshots: announced.kept.iter().chain(&end.snapshots).collect(),
        instances: versions(&end, &replicated),
        class: receiving.wanted.class.clone().or_else(|| described.and_then(|one| one.class.clone())),
        multi_az: receiving.wanted.multi_az,
    };
    let function = source.functions.any().cloned().unwrap_or_default();
    plan = finished(plan, journal);
    plan.costs = Some(costs::of(&plan.states, &function, runs.or_else(|| scheduled(&source.stack)), &kept));
    Ok(plan)
}

/// The storage of each version that is there at the end.
fn versions(end: &destination::Ended, replicated: &replication::destination::Replicated) -> Vec<i32> {
    let scope = replicated.scope();
    let owned = end.instances.iter().filter(|instance| scope.owns(instance));
    owned.map(|instance| instance.allocated_storage.unwrap_or_default()).collect()
}

/// How many runs the schedule of a stack starts in a month.
fn scheduled(stack: &Stack) -> Option<u64> {
    let is_on = stack.parameter("ScheduleState") == Some("ENABLED");
    let schedule = stack.parameter("ScheduleExpression").filter(|_| is_on)?;
    Some(room::runs_within(schedule, prices::HOURS_OF_MONTH.into()))
}

fn ended(plan: Plan, journal: Journal, error: &Error) -> Plan {
    let ends = journal.states.last().map(|state| Ends {
        machine: state.machine,
        state: state.state,
        error: error.name().as_str(),
        cause: error.to_string(),
    });
    Plan { ends, ..finished(plan, journal) }
}

/// The plan with what its run does.
fn finished(mut plan: Plan, journal: Journal) -> Plan {
    plan.duration = Duration::of(&journal.states);
    plan.states = journal.states;
    let states = &plan.states;
    for quota in &mut plan.quotas {
        quota.needed = quota.used + more(states, quota);
    }
    plan
}

/// How much more of a quota is used while the run has its most: with what it makes, without what it deletes before.
fn more(states: &[journal::Entered], quota: &Quota) -> i64 {
    let of_machine = states.iter().filter(|state| state.machine == quota.machine);
    let made: &[&str] = match quota.name {
        MANUAL_SNAPSHOTS => &["rds:CreateDBSnapshot", "rds:CopyDBSnapshot"],
        _ => &["rds:RestoreDBInstanceFromDBSnapshot"],
    };
    let deleted =
        if quota.name == MANUAL_SNAPSHOTS { "rds:DeleteDBSnapshot" } else { "rds:DeleteDBInstance" };
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let calls = of_machine.clone().flat_map(|state| &state.calls);
    let makes = calls.filter(|call| made.contains(&call.action.as_str())).count();
    let room = of_machine.take(1).flat_map(|state| &state.calls);
    count(makes) - count(room.filter(|call| call.action == deleted).count())
}

/// What there is of each quota that a run needs something of.
fn quotas(
    side: &Side,
    machine: Machine,
    snapshots: Option<SnapshotQuota>,
    others: &[Known<Vec<preflight::Quota>>],
) -> Vec<Quota> {
    let quota = |name: &'static str, used: i64, max: i64| Quota {
        machine,
        account: side.number.clone(),
        region: side.account.region.clone(),
        name,
        used,
        needed: used,
        max,
    };
    let mut found: Vec<Quota> = Vec::new();
    found.extend(snapshots.map(|SnapshotQuota { used, max }| quota(MANUAL_SNAPSHOTS, used, max)));
    for one in others {
        let Known::Seen(all) = one else { continue };
        found.extend(
            all.iter().filter(|one| one.name == INSTANCES).map(|one| quota(INSTANCES, one.used, one.max)),
        );
    }
    found
}
