//! Which calls the functions make: read from the log of a good run, so that a new call is covered when it appears.

use std::collections::BTreeMap;
use std::fmt;

use time::Duration;

use crate::switches::{Call, Order};

/// One of the two machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Machine {
    /// In account A.
    Source,
    /// In account B, with the function that starts it.
    Destination,
}

impl Machine {
    /// `source` or `destination`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
        }
    }
}

/// A call that a task makes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// The machine.
    pub machine: Machine,
    /// The task, as its function's resource is called without `Function`.
    pub task: String,
    /// The service that is called.
    pub service: String,
    /// The operation.
    pub action: String,
    /// Which of the run's calls of this operation by this task, from 1.
    pub occurrence: u64,
}

impl Point {
    /// An order that hits this call in the lane that is called so. Its effect is still to be given.
    pub fn order(&self, lane: &str) -> Order {
        let stack = format!("{lane}-{}", self.machine.word());
        let is_invocation = self.service == "lambda";
        // The topic between the accounts, and not the one of the alerts, which the same function publishes to.
        let is_message = self.service == "sns";
        let principal = if is_invocation { String::new() } else { format!("/{stack}-{}Role-", self.task) };
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
        let Self { machine, task, service, action, occurrence } = self;
        write!(f, "{:<11} {task:<12} {:<44}", machine.word(), format!("{service}:{action} #{occurrence}"))
    }
}

/// The calls that the functions of a lane have made, by this log of one good run.
///
/// Of a task's first invocation every call counts, and of its second one, which asks how far the thing is, the first
/// call. What comes later only repeats these.
pub fn points(log: &[Call], lane: &str) -> Vec<Point> {
    let mut invocations: BTreeMap<(Machine, String), Vec<&Call>> = BTreeMap::new();
    for call in log.iter().filter(|call| call.service == "lambda" && call.action == "Invoke") {
        if let Some(task) = task_of(&call.resource, lane, "Function-") {
            invocations.entry(task).or_default().push(call);
        }
    }
    let mut points = Vec::new();
    for ((machine, task), invocations) in invocations {
        let point = |service: &str, action: &str, occurrence: u64| Point {
            machine,
            task: task.clone(),
            service: service.to_owned(),
            action: action.to_owned(),
            occurrence,
        };
        points.push(point("lambda", "Invoke", 1));
        let mut seen: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for (number, invocation) in invocations.iter().take(2).enumerate() {
            let end = invocation.time + Duration::seconds_f64(invocation.seconds.unwrap_or_default());
            let within = log.iter().filter(|call| {
                task_of(&call.principal_arn, lane, "Role-") == Some((machine, task.clone()))
                    && (invocation.time..=end).contains(&call.time)
            });
            let all = if number == 0 { usize::MAX } else { 1 };
            for call in within.take(all) {
                let occurrence = seen.entry((&call.service, &call.action)).or_default();
                *occurrence += 1;
                points.push(point(&call.service, &call.action, *occurrence));
            }
        }
    }
    points
}

/// The machine and the task in `...<lane>-<machine>-<Task><kind>...`.
fn task_of(arn: &str, lane: &str, kind: &str) -> Option<(Machine, String)> {
    [Machine::Source, Machine::Destination].into_iter().find_map(|machine| {
        let (_, rest) = arn.split_once(&format!("{lane}-{}-", machine.word()))?;
        let (task, _) = rest.split_once(kind)?;
        Some((machine, task.to_owned()))
    })
}
