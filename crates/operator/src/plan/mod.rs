//! What a run would do now: the decisions that its functions would make, made with what they would read, and printed.
//!
//! Nothing is changed: everything here only reads, and the decisions are those of [`replication`]. What no one knows before
//! the run, such as the time in its names, is that of now.

mod costs;
mod destination;
mod document;
mod fleet;
mod journal;
mod moving;
mod observe;
mod prices;
mod pruning;
mod single;
mod source;
#[cfg(test)]
mod tests;
mod text;

use replication::Error;
use replication::environment::Environment as OfFunction;
use replication::fleet::room;
use time::OffsetDateTime;

use self::document::{Document, FORMAT, Place, Totals};
use crate::account::Account;
use crate::arguments::Plan as Given;
use crate::environment::{self, Environment};
use crate::failure::Failure;
use crate::functions::{self, Functions};
use crate::output::{columns, print};
use crate::screen::timestamp;
use crate::settings::{Receiving, Source};
use crate::status::facts::Stack;
use crate::status::observe::stacks;

/// What an execution is called that nobody has started.
const NOT_STARTED: &str = "plan";

/// One of the two stacks, and the account that it is in.
struct Side {
    account: Account,
    number: String,
    stack: Stack,
    functions: Functions,
}

/// Both, and what the first says.
#[derive(Clone, Copy)]
struct Sides<'a> {
    source: &'a Side,
    settings: &'a Source,
    destination: &'a Side,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
struct Asked {
    now: OffsetDateTime,
    /// How many runs a month has, if that is known.
    runs: Option<u64>,
}

impl Side {
    async fn open(account: Account, name: &str, functions: &[&str]) -> Result<Self, Failure> {
        let stack = stacks::named(&account, name).await?;
        let functions = functions::read(&account, &stack, functions).await?;
        Ok(Self { number: account.number().await?, account, stack, functions })
    }

    fn environment(&self, name: &str) -> Result<&OfFunction, Failure> {
        self.functions.of(name).map(|function| &function.environment)
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
        print(&text::render(&document, columns(text::WIDTH)))
    };
    if let Err(error) = written {
        eprintln!("failed: the plan cannot be written: {error}");
        return 1;
    }
    u8::from(!document.is_good())
}

async fn document(given: &Given, environment: &Environment) -> Result<Document, Failure> {
    let now = environment::now();
    let source = Account::open(&given.accounts.source(environment), environment).await?;
    let destination = Account::open(&given.accounts.destination(environment), environment).await?;
    let wanted = [&Source::FUNCTIONS[..], &[fleet::DISCOVER_FUNCTION]].concat();
    let source = Side::open(source, &given.stacks.source_stack, &wanted).await?;
    let destination = Side::open(destination, &given.stacks.destination_stack, &Receiving::FUNCTIONS).await?;
    let settings = Source::of(|function| source.environment(function))?;
    let settings = settings.map_err(|error| observe::unreadable(&error))?;
    let sides = Sides { source: &source, settings: &settings, destination: &destination };
    let asked = Asked { now, runs: given.runs_per_month };
    let (fleet, databases) = if given.fleet {
        let (fleet, databases) = Box::pin(fleet::plan(sides, asked)).await?;
        (Some(fleet), databases)
    } else {
        let database = match &given.source_db {
            Some(name) => name.parse().map_err(|error: Error| Failure::new(error.to_string()))?,
            None => settings.database.clone(),
        };
        let asked = Asked { runs: asked.runs.or_else(|| scheduled(&source.stack)), ..asked };
        (None, vec![Box::pin(single::plan(sides, &database, NOT_STARTED, asked)).await?])
    };
    Ok(Document {
        format: FORMAT,
        at: timestamp(now),
        source: source.place(),
        destination: destination.place(),
        totals: Totals::of(&databases),
        databases,
        fleet,
        prices: prices::WHOSE,
    })
}

/// How many runs the schedule of a stack starts in a month.
fn scheduled(stack: &Stack) -> Option<u64> {
    let is_on = stack.parameter("ScheduleState") == Some("ENABLED");
    let schedule = stack.parameter("ScheduleExpression").filter(|_| is_on)?;
    Some(room::runs_within(schedule, prices::HOURS_OF_MONTH.into()))
}
