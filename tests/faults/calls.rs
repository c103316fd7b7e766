//! Which calls the functions make: read from the log of a good run, so that a new call is covered when it appears.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use time::Duration;

use crate::switches::{Call, Order};

/// One of the machines, and where one does two things that differ, which of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Machine {
    /// In the source account.
    Source,
    /// In the destination account, with the function that starts it.
    Destination,
    /// In the destination account too, started by an operator, who asks for a version that has an instance.
    Rollback,
    /// The same, for a version of which only the snapshot is kept.
    Restoring,
}

impl Machine {
    /// What the table calls it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
            Self::Rollback => "rollback",
            Self::Restoring => "restoring",
        }
    }

    /// `source` or `destination`: how the name of the stack that has it ends.
    pub fn stack(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination | Self::Rollback | Self::Restoring => "destination",
        }
    }

    /// Whether a run of it makes no new data and takes the secret to a version that exists.
    pub fn rolls_back(self) -> bool {
        matches!(self, Self::Rollback | Self::Restoring)
    }
}

/// A call that a task makes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// The machine.
    pub machine: Machine,
    /// Whether the stack gives every copy a new master password, which takes calls of its own.
    pub rotates: bool,
    /// The task, as its function's resource is called without `Function`.
    pub task: String,
    /// The service that is called.
    pub service: String,
    /// The operation.
    pub action: String,
    /// Which of the run's calls of this operation by this task, from 1.
    pub occurrence: u64,
}

/// The part of a principal's ARN by which a task of a stack is known.
pub fn role_of(task: &str, stack: &str) -> String {
    format!("/{stack}-{task}Role-")
}

impl Point {
    /// An order that hits this call in the lane that is called so. Its effect is still to be given.
    pub fn order(&self, lane: &str) -> Order {
        let stack = format!("{lane}-{}", self.machine.stack());
        let is_invocation = self.service == "lambda";
        // The topic between the accounts, and not the one of the alerts, which the same function publishes to.
        let is_message = self.service == "sns";
        let principal = if is_invocation { String::new() } else { role_of(&self.task, &stack) };
        let resource = match (is_invocation, is_message) {
            (true, _) => format!(":{stack}-{}Function-", self.task),
            (_, true) => format!(":{stack}-Topic-"),
            _ => String::new(),
        };
        Order {
            service: self.service.clone(),
            action: self.action.clone(),
            principal,
            resource,
            nth: self.occurrence,
            ..Order::default()
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { machine, rotates, task, service, action, occurrence } = self;
        let machine = format!("{}{}", machine.word(), if *rotates { " rotate" } else { "" });
        write!(f, "{machine:<18} {task:<12} {:<44}", format!("{service}:{action} #{occurrence}"))
    }
}

/// The calls that the functions of a lane have made, by this log of one good run of a machine and of what that starts.
///
/// Of a task's first invocation every call counts; of the second one, which polls its progress, the first call; and
/// of each what it does otherwise than all before it. The rest only repeats these.
pub fn points(log: &[Call], lane: &str, from: Machine, rotates: bool) -> Vec<Point> {
    let mut invocations: BTreeMap<(Machine, String), Vec<&Call>> = BTreeMap::new();
    for call in log.iter().filter(|call| call.service == "lambda" && call.action == "Invoke") {
        if let Some(task) = task_of(&call.resource, lane, "Function-", from) {
            invocations.entry(task).or_default().push(call);
        }
    }
    let mut points = Vec::new();
    for ((machine, task), invocations) in invocations {
        let point = |service: &str, action: &str, occurrence: u64| Point {
            machine,
            rotates,
            task: task.clone(),
            service: service.to_owned(),
            action: action.to_owned(),
            occurrence,
        };
        points.push(point("lambda", "Invoke", 1));
        let mut seen: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        let mut beginnings = BTreeSet::new();
        for (number, invocation) in invocations.into_iter().enumerate() {
            let end = invocation.time + Duration::seconds_f64(invocation.seconds.unwrap_or_default());
            let within = log.iter().filter(|call| {
                task_of(&call.principal_arn, lane, "Role-", from) == Some((machine, task.clone()))
                    && (invocation.time..=end).contains(&call.time)
            });
            let mut so_far = Vec::new();
            for call in within {
                let operation = (call.service.as_str(), call.action.as_str());
                so_far.push(operation);
                let occurrence = seen.entry(operation).or_default();
                *occurrence += 1;
                let is_new = beginnings.insert(so_far.clone());
                if is_new || (number == 1 && so_far.len() == 1) {
                    points.push(point(&call.service, &call.action, *occurrence));
                }
            }
        }
    }
    // How often `prune` makes a call depends on how much there is to delete, which differs from run to run; what it does
    // the third time is what it has done before.
    points.retain(|point| point.task != "Prune" || point.occurrence <= 2);
    points
}

/// The machine and the task in `...<lane>-<stack>-<Task><kind>...`. The machines of the destination account share their functions, so
/// that it depends on the run which of them a call of these belongs to.
fn task_of(arn: &str, lane: &str, kind: &str, from: Machine) -> Option<(Machine, String)> {
    [Machine::Source, Machine::Destination].into_iter().find_map(|machine| {
        let (_, rest) = arn.split_once(&format!("{lane}-{}-", machine.stack()))?;
        let (task, _) = rest.split_once(kind)?;
        let machine = if from.rolls_back() { from } else { machine };
        Some((machine, task.to_owned()))
    })
}
