//! A strict reader of the Amazon States Language, as far as this project uses it: a field that is not here is refused.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// How [`Rule::comparison`] writes that a field is there.
pub const PRESENT: &str = "(is present)";

/// A whole state machine.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Machine {
    pub comment: String,
    pub start_at: String,
    pub timeout_seconds: u64,
    pub states: BTreeMap<String, State>,
}

/// One state. The house uses eight types; what any of them does not allow is refused.
#[derive(Debug, Deserialize)]
#[serde(tag = "Type")]
pub enum State {
    Task(Task),
    Map(Map),
    Choice(Choice),
    Wait(Wait),
    Pass(Pass),
    Succeed(Succeed),
    Fail(Fail),
}

/// Invokes a function.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Task {
    pub comment: String,
    pub resource: String,
    pub parameters: Value,
    pub result_selector: Option<Value>,
    /// The outer `None` is a missing field, the inner one is `null`, which keeps the input and drops the result.
    #[serde(default, deserialize_with = "present")]
    pub result_path: Option<Option<String>>,
    pub timeout_seconds: u64,
    pub retry: Vec<Retry>,
    pub catch: Vec<Catch>,
    pub next: Option<String>,
    pub end: Option<bool>,
}

/// Does the same for every item of a list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Map {
    pub comment: String,
    pub items_path: String,
    pub max_concurrency: Option<u32>,
    pub max_concurrency_path: Option<String>,
    pub item_processor: Processor,
    pub result_path: String,
    pub catch: Vec<Catch>,
    pub next: String,
}

/// The states that each item goes through, in the history of the same execution.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Processor {
    pub processor_config: BTreeMap<String, String>,
    pub start_at: String,
    pub states: BTreeMap<String, State>,
}

/// When and how a task is tried again.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Retry {
    pub error_equals: Vec<String>,
    pub interval_seconds: u64,
    pub backoff_rate: f64,
    pub max_attempts: u64,
    pub max_delay_seconds: u64,
    pub jitter_strategy: String,
}

/// Where a task goes that failed for good.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Catch {
    pub error_equals: Vec<String>,
    pub result_path: String,
    pub next: String,
}

/// Branches on a status, or on whether there is something to report.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Choice {
    pub comment: String,
    pub choices: Vec<Rule>,
    pub default: String,
}

/// One branch of a choice.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Rule {
    pub variable: String,
    pub string_equals: Option<String>,
    pub is_present: Option<bool>,
    pub next: String,
}

impl Rule {
    /// What is compared with what: `("$.prune.status", "Available")`; empty where it is not exactly one comparison.
    pub fn comparison(&self) -> (&str, &str) {
        let compared = match (self.string_equals.as_deref(), self.is_present) {
            (Some(text), None) => text,
            (None, Some(true)) => PRESENT,
            _ => "",
        };
        (&self.variable, compared)
    }
}

/// Waits as long as the document says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Wait {
    pub comment: String,
    pub seconds_path: String,
    pub next: String,
}

/// Writes into the document, or is its end: a constant, a part of it, or some of its fields.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Pass {
    pub comment: String,
    pub input_path: Option<String>,
    pub parameters: Option<BTreeMap<String, String>>,
    pub result: Option<BTreeMap<String, String>>,
    pub result_path: Option<String>,
    pub next: Option<String>,
    pub end: Option<bool>,
}

/// Ends the execution.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Succeed {
    pub comment: String,
}

/// Ends the execution with an error.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Fail {
    pub comment: String,
    pub error: Option<String>,
    pub error_path: Option<String>,
    pub cause_path: String,
}

impl Machine {
    /// Reads a machine.
    pub fn read(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The tasks, by their state's name.
    pub fn tasks(&self) -> impl Iterator<Item = (&str, &Task)> {
        self.states.iter().filter_map(|(name, state)| match state {
            State::Task(task) => Some((name.as_str(), task)),
            _ => None,
        })
    }
}

impl Machine {
    /// The maps, by their state's name.
    pub fn maps(&self) -> impl Iterator<Item = (&str, &Map)> {
        self.states.iter().filter_map(|(name, state)| match state {
            State::Map(map) => Some((name.as_str(), map)),
            _ => None,
        })
    }

    /// The tasks inside its maps.
    pub fn tasks_of_items(&self) -> impl Iterator<Item = (&str, &Task)> {
        self.maps().flat_map(|(_, map)| &map.item_processor.states).filter_map(|(name, state)| match state {
            State::Task(task) => Some((name.as_str(), task)),
            _ => None,
        })
    }
}

impl State {
    /// Why the state is there.
    pub fn comment(&self) -> &str {
        match self {
            Self::Task(Task { comment, .. })
            | Self::Map(Map { comment, .. })
            | Self::Choice(Choice { comment, .. })
            | Self::Wait(Wait { comment, .. })
            | Self::Pass(Pass { comment, .. })
            | Self::Succeed(Succeed { comment })
            | Self::Fail(Fail { comment, .. }) => comment,
        }
    }

    /// The states that may follow.
    pub fn targets(&self) -> Vec<&str> {
        match self {
            Self::Task(task) => task
                .next
                .iter()
                .chain(task.catch.iter().map(|catch| &catch.next))
                .map(String::as_str)
                .collect(),
            Self::Choice(choice) => choice
                .choices
                .iter()
                .map(|rule| rule.next.as_str())
                .chain([choice.default.as_str()])
                .collect(),
            Self::Map(map) => {
                map.catch.iter().map(|catch| catch.next.as_str()).chain([map.next.as_str()]).collect()
            }
            Self::Wait(wait) => vec![&wait.next],
            Self::Pass(pass) => pass.next.iter().map(String::as_str).collect(),
            Self::Succeed(_) | Self::Fail(_) => vec![],
        }
    }

    /// Whether the execution may end here.
    pub fn is_end(&self) -> bool {
        match self {
            Self::Task(task) => task.end == Some(true),
            Self::Pass(pass) => pass.end == Some(true),
            Self::Succeed(_) | Self::Fail(_) => true,
            _ => false,
        }
    }
}

fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(value).map(Some)
}
