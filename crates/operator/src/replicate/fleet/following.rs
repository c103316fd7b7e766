//! Where the databases of a run are, as both accounts show it, and what is said of them: nothing here asks AWS.

use std::collections::HashMap;

use replication::fleet::Plan;
use time::OffsetDateTime;

use crate::execution::{Execution, Outline, plain};
use crate::screen::{duration, length};
use crate::status::facts::{Child, FleetRun, Stack, includes};

/// The error of a database whose message has started nothing in the destination account.
const NOT_ARRIVED: &str = "NotArrived";

/// One database of the run.
#[derive(Debug, Clone)]
pub struct Database {
    /// Its identifier.
    pub name: String,
    /// Its execution in the source account.
    pub source: Option<Child>,
    /// Its execution in the destination account.
    pub destination: Option<Outline>,
    /// Whether a destination stack takes messages about it; nothing where the destination account cannot be read.
    has_destination: Option<bool>,
    /// The error that it ended with in either account, or nothing.
    pub error: String,
    /// Its cause, or nothing.
    pub cause: String,
    /// When its end in the source account was seen, in seconds since the command began.
    sent_at: f64,
    /// When its execution in the destination account was last asked for.
    asked_at: f64,
    /// What the newest poll of its execution saw; empty before it is in a stage.
    doing: String,
}

impl Database {
    fn new(name: String, has_destination: Option<bool>) -> Self {
        Self {
            name,
            source: None,
            destination: None,
            has_destination,
            error: String::new(),
            cause: String::new(),
            sent_at: 0.0,
            asked_at: 0.0,
            doing: String::new(),
        }
    }

    /// Whether its snapshot is shared and the destination account notified.
    fn is_sent(&self) -> bool {
        self.source.as_ref().is_some_and(Child::has_succeeded)
    }

    /// Whether its message is on its way, or lost.
    fn is_on_its_way(&self) -> bool {
        self.is_sent() && self.has_destination == Some(true) && self.destination.is_none()
    }

    /// Whether nothing tells what became of it after it was sent.
    fn is_unknown(&self) -> bool {
        self.is_sent() && self.has_destination != Some(true)
    }

    /// The account in which its execution is running, or nothing.
    pub fn runs_in(&self) -> &'static str {
        if self.source.as_ref().is_some_and(Child::is_running) {
            "source"
        } else if self.destination.as_ref().is_some_and(Outline::is_running) {
            "destination"
        } else {
            ""
        }
    }

    /// From its start to its end in the account where it is last, in seconds; nothing where it has not begun.
    pub fn seconds(&self, now: OffsetDateTime) -> Option<f64> {
        let source = self.source.as_ref()?;
        let end = match &self.destination {
            Some(there) => there.ended,
            None => source.ended,
        };
        Some((end.unwrap_or(now) - source.started).as_seconds_f64())
    }

    /// What became of it, or where it is.
    pub fn words(&self) -> String {
        if !self.error.is_empty() {
            let account = if self.is_sent() { "the destination" } else { "the source" };
            return format!("FAILED in {account} account");
        }
        if self.destination.as_ref().is_some_and(Outline::has_succeeded) {
            return "replicated".to_owned();
        }
        match (self.is_sent(), self.has_destination, self.runs_in()) {
            (true, Some(false), _) => "sent; no destination stack here takes it".to_owned(),
            (true, None, _) => "sent; the destination account cannot be read".to_owned(),
            (_, _, "") => if self.is_sent() { "sent" } else { "not started" }.to_owned(),
            (_, _, account) => format!("running in the {account} account"),
        }
    }

    /// Whether the destination account has, or may have, an execution for it that has not been seen to end.
    fn may_run_there(&self) -> bool {
        let has_ended = self.destination.as_ref().is_some_and(|there| !there.is_running());
        self.is_sent() && self.has_destination == Some(true) && self.error.is_empty() && !has_ended
    }

    /// Whether something of it is still to come.
    fn is_awaited(&self, now: f64, arrival: f64) -> bool {
        let may_arrive = self.is_on_its_way() && now - self.sent_at <= arrival;
        self.error.is_empty() && (!self.runs_in().is_empty() || may_arrive)
    }

    fn fail(&mut self, error: &str, cause: &str) -> String {
        self.error = error.to_owned();
        self.cause = cause.to_owned();
        let line = format!("{}: {}: {error}: {cause}", self.name, self.words());
        line.trim_end_matches([':', ' ']).to_owned()
    }
}

/// All databases of a run, those that were opened last at the end.
#[derive(Debug, Default)]
pub struct Following {
    /// These.
    pub databases: Vec<Database>,
}

impl Following {
    /// Those of a plan, and those that it has left out and that count as failed. `stacks` are those that may take them, unless the
    /// destination account cannot be read.
    pub fn of(plan: &Plan, stacks: Option<&[Stack]>) -> Self {
        let chosen = plan.databases.iter().map(|item| {
            let name = item.database.to_string();
            let has_destination = stacks.map(|stacks| stack_of(stacks, &name).is_some());
            Database::new(name, has_destination)
        });
        let left_out = plan.left_out.iter().filter_map(|one| {
            let mut database = Database::new(one.database.to_string(), Some(false));
            database.error = one.error.clone()?;
            database.cause = one.reason.clone();
            Some(database)
        });
        Self { databases: chosen.chain(left_out).collect() }
    }

    /// One of them.
    pub fn get(&self, name: &str) -> Option<&Database> {
        self.databases.iter().find(|one| one.name == name)
    }

    fn get_mut(&mut self, name: &str) -> Option<&mut Database> {
        self.databases.iter_mut().find(|one| one.name == name)
    }

    /// Takes over how far each is in the source account; a line for each that has ended there. `failures` has the error and the
    /// cause of those that have failed since.
    pub fn take_children(
        &mut self,
        children: &HashMap<String, Child>,
        failures: &HashMap<String, (String, String)>,
        now: f64,
    ) -> Vec<String> {
        let mut lines = Vec::new();
        for one in &mut self.databases {
            let Some(child) = children.get(&one.name) else { continue };
            let before = one.source.replace(child.clone());
            if let Some((error, cause)) = failures.get(&one.name).filter(|_| one.error.is_empty()) {
                lines.push(one.fail(error, cause));
            }
            if child.has_succeeded() && before.is_none_or(|before| before.is_running()) {
                one.sent_at = now;
                one.doing = "the message is on its way".to_owned();
                lines.push(format!("{}: sent to the destination account", one.name));
            }
        }
        lines
    }

    /// The few whose executions in the destination account are to be asked for next, which are asked for now.
    pub fn next_to_ask(&mut self, most: usize, now: f64) -> Vec<String> {
        let mut open: Vec<&mut Database> =
            self.databases.iter_mut().filter(|one| one.may_run_there()).collect();
        open.sort_by(|one, other| one.asked_at.total_cmp(&other.asked_at));
        let asked = open.into_iter().take(most).map(|one| {
            one.asked_at = now;
            one.name.clone()
        });
        asked.collect()
    }

    /// Takes over how far one is in the destination account; a line if it has ended there.
    pub fn take_destination(
        &mut self,
        name: &str,
        found: Option<Outline>,
        now: OffsetDateTime,
    ) -> Option<String> {
        let one = self.get_mut(name)?;
        one.destination = found;
        let there = one.destination.clone().filter(|there| !there.is_running())?;
        if there.has_succeeded() {
            let seconds = one.seconds(now).unwrap_or_default();
            return Some(format!("{name}: replicated in {}", duration(seconds)));
        }
        let error = if there.error.is_empty() { &there.status } else { &there.error };
        Some(one.fail(error, &there.cause))
    }

    /// Those of which something is still to come.
    pub fn awaited(&self, now: f64, arrival: f64) -> Vec<&Database> {
        self.databases.iter().filter(|one| one.is_awaited(now, arrival)).collect()
    }

    /// The few whose executions are to be opened next.
    pub fn next_to_open(&self, most: usize) -> Vec<String> {
        let running = self.databases.iter().filter(|one| !one.runs_in().is_empty());
        running.take(most).map(|one| one.name.clone()).collect()
    }

    /// Takes over what an execution is doing.
    pub fn take_doing(&mut self, name: &str, execution: &Execution) {
        let percent = execution.newest_result().get("percentProgress").filter(|percent| !percent.is_null());
        let percent = percent.map(|percent| format!(" {}%", plain(percent))).unwrap_or_default();
        if let Some(one) = self.get_mut(name) {
            one.doing = format!("{}{percent}", execution.stage().unwrap_or_default());
        }
    }

    /// Lets its turn come again after all others.
    pub fn put_last(&mut self, name: &str) {
        if let Some(place) = self.databases.iter().position(|one| one.name == name) {
            let one = self.databases.remove(place);
            self.databases.push(one);
        }
    }

    /// A line for the run and one for each that is under way.
    pub fn shown(&self, now: OffsetDateTime) -> (String, Vec<String>) {
        if self.databases.is_empty() {
            return ("fleet: choosing the databases".to_owned(), Vec::new());
        }
        let count =
            |wanted: &dyn Fn(&Database) -> bool| self.databases.iter().filter(|one| wanted(one)).count();
        let words = format!(
            "fleet: {} running, {} to be started, {} on their way, {} failed, of {}",
            count(&|one| !one.runs_in().is_empty()),
            count(&|one| one.source.is_none()),
            count(&|one| one.is_on_its_way() && one.error.is_empty()),
            count(&|one| !one.error.is_empty()),
            self.databases.len()
        );
        let width = self.databases.iter().map(|one| length(&one.name)).max().unwrap_or_default();
        let mut running: Vec<&Database> =
            self.databases.iter().filter(|one| !one.runs_in().is_empty()).collect();
        running.sort_by(|one, other| one.name.cmp(&other.name));
        let lines = running.into_iter().map(|one| {
            let since = duration(one.seconds(now).unwrap_or_default());
            let begun = if one.doing.is_empty() { "starting, " } else { ", " };
            format!("{:<width$}  {:<11}  {}{begun}since {since}", one.name, one.runs_in(), one.doing)
        });
        (words, lines.collect())
    }

    /// Calls those failed whose messages have not arrived; how many they are.
    pub fn take_late(&mut self) -> usize {
        let late = self.databases.iter_mut().filter(|one| one.is_on_its_way());
        late.map(|one| {
            if one.error.is_empty() {
                one.error = NOT_ARRIVED.to_owned();
            }
        })
        .count()
    }

    /// Those that have failed first, then those that have taken longest.
    pub fn sorted(&self, now: OffsetDateTime) -> Vec<&Database> {
        let mut all: Vec<&Database> = self.databases.iter().collect();
        let seconds = |one: &Database| one.seconds(now).unwrap_or_default();
        all.sort_by(|one, other| {
            let by_error = one.error.is_empty().cmp(&other.error.is_empty());
            by_error
                .then_with(|| seconds(other).total_cmp(&seconds(one)))
                .then_with(|| one.name.cmp(&other.name))
        });
        all
    }

    /// The table at the end.
    pub fn rows(&self, now: OffsetDateTime) -> Vec<Vec<String>> {
        let heads = ["database", "status", "error", "time"].map(str::to_owned).to_vec();
        let rows = self.sorted(now).into_iter().map(|one| {
            let time = one.seconds(now).map_or_else(|| "-".to_owned(), duration);
            vec![one.name.clone(), one.words(), one.error.clone(), time]
        });
        [heads].into_iter().chain(rows).collect()
    }

    /// Why the command fails, if it does; `late` is how many did not arrive within `arrival` seconds, and `again` the command that
    /// continues the run.
    pub fn failure(&self, run: &FleetRun, late: usize, arrival: f64, again: &str) -> Option<String> {
        let with_cause = self.databases.iter().filter(|one| !one.cause.is_empty());
        let causes: Vec<String> = with_cause.map(|one| format!("  {}: {}", one.name, one.cause)).collect();
        if !run.has_succeeded() {
            return Some(why_it_ended(run, causes, again));
        }
        if run.plan.is_none() {
            return Some(format!(
                "the fleet run {} has ended well, but what it has chosen cannot be read: its stack is of another version than this \
                 command",
                run.name()
            ));
        }
        let failed = self.databases.iter().filter(|one| one.is_sent() && !one.error.is_empty()).count();
        let hint = match late {
            0 => String::new(),
            late => format!("; {late} did not arrive within {}", duration(arrival)),
        };
        let all = self.databases.len();
        if failed > 0 {
            return Some(format!(
                "{failed} of {all} databases failed in the destination account{hint}\n{}",
                causes.join("\n")
            ));
        }
        let unknown = self.databases.iter().filter(|one| one.is_unknown()).count();
        (unknown > 0).then(|| {
            format!(
                "{unknown} of {all} databases were sent, and it is not known what became of them\nto fix this: let this command read \
                 the account whose stacks listen to the topic; scripts/status shows there how it ended"
            )
        })
    }
}

fn why_it_ended(run: &FleetRun, causes: Vec<String>, again: &str) -> String {
    let or = |text: &str, none: &str| if text.is_empty() { none } else { text }.to_owned();
    let mut lines =
        vec![format!("the fleet run {} ended {}: {}", run.name(), run.status, or(&run.error, "(no error)"))];
    // The cause of a run whose databases have failed names them as the lines above do.
    if run.error == "ReplicationsFailed" && !causes.is_empty() {
        lines.extend(causes);
    } else {
        lines.push(format!("  {}", or(&run.cause, "(no cause)")));
    }
    lines.push(format!("  execution  {}", run.arn));
    if run.plan.is_some() {
        lines.push("to fix this: end what the errors name; then".to_owned());
        lines.push(format!("  {again}"));
        lines.push("repeats only what was not sent".to_owned());
    }
    lines.join("\n")
}

/// What is said of a plan before its first replication.
pub fn plan_lines(plan: &Plan) -> Vec<String> {
    let done = match plan.done_before.len() {
        0 => String::new(),
        number => format!(", {number} that were sent before"),
    };
    let number = plan.databases.len();
    let mut lines = vec![format!("fleet        this is run {}: {number} databases{done}", plan.run)];
    lines.extend(plan.left_out.iter().map(|one| {
        let error = one.error.as_ref().map(|error| format!("{error}: ")).unwrap_or_default();
        format!("left out     {}: {error}{}", one.database, one.reason)
    }));
    if plan.left_out_beside > 0 {
        lines.push(format!(
            "left out     {} more: the log of the function report names them",
            plan.left_out_beside
        ));
    }
    lines.extend(plan.room.iter().map(|room| format!("quota        {room}")));
    lines
}

/// The stack that takes messages about a database: the one that names it, before one whose pattern fits.
pub fn stack_of<'s>(stacks: &'s [Stack], database: &str) -> Option<&'s Stack> {
    let fitting = stacks.iter().filter(|stack| includes(&stack.database(), database));
    fitting.min_by_key(|stack| stack.database() != database)
}
