//! The environment of every function: what the templates give is what the code reads, with every value that a parameter may
//! have.

use std::collections::{BTreeMap, BTreeSet};

use lambda_task::{AccountRole, Environment};
use replication::Error;
use restore_options::Options;
use serde_json::{Value, json};

use crate::machines;
use crate::sources::Sources;
use crate::template::Template;

/// Read by the logging of every function, and by nothing else.
const LOGGING: &str = "RUST_LOG";
/// Asked for in both accounts and given in one: only the source has a topic for the other account.
const OF_ONE_ACCOUNT: (&str, &str, &str) = ("destination", "Notify", "TOPIC_ARN");
/// A parameter that RDS takes only with another one, and a value of that.
const COMPANIONS: [(&str, &str, &str); 2] = [
    ("MonitoringInterval", "MonitoringRoleArn", "arn:aws:iam::111122223333:role/monitoring"),
    ("PerformanceInsightsRetentionPeriod", "EnablePerformanceInsights", "true"),
];
/// How a function reads its environment.
type Read = fn(&Environment) -> Result<(), Error>;

/// The functions of each account.
const FUNCTIONS: [(&str, &str, Read); 13] = [
    ("source", "Snapshot", |given| snapshot::Config::read(given).map(drop)),
    ("source", "Copy", |given| in_role(given, copy::source::Config::read)),
    ("source", "Share", |given| in_regions(given, share::Config::read)),
    ("source", "Notify", |given| notify::Config::read(given).map(drop)),
    ("source", "Prune", |given| in_role(given, |given| in_regions(given, prune::source::Config::read))),
    ("source", "Discover", |given| in_regions(given, discover::Config::read)),
    ("source", "Report", |given| report::Config::read(given).map(drop)),
    ("destination", "Copy", |given| in_role(given, copy::destination::Config::read)),
    ("destination", "Restore", |given| restore::Config::read(given).map(drop)),
    ("destination", "RotateSecret", |given| rotate_secret::Config::read(given).map(drop)),
    ("destination", "Prune", |given| in_role(given, prune::destination::Config::read)),
    ("destination", "Notify", |given| notify::Config::read(given).map(drop)),
    ("destination", "Launch", |given| launch::Config::read(given).map(drop)),
];

/// Which of two tasks a function is, is read before the configuration of that task.
fn in_role<T>(given: &Environment, read: fn(&Environment) -> Result<T, Error>) -> Result<(), Error> {
    AccountRole::read(given).and_then(|_| read(given)).map(drop)
}

/// Which Regions a function speaks to is read before its configuration.
fn in_regions<T>(given: &Environment, read: fn(&Environment) -> Result<T, Error>) -> Result<(), Error> {
    let _ = lambda_task::copies_into(given);
    read(given).map(drop)
}

/// No function lacks a variable, none is given one that it does not read, and each can read what parameters may be.
pub fn variables(sources: &Sources) -> Vec<String> {
    let mut problems = Vec::new();
    for (account, task, read) in FUNCTIONS {
        let Ok(template) = sources.template(account) else {
            continue;
        };
        let variables = &template.properties(&format!("{task}Function"))["Environment"]["Variables"];
        let given: BTreeSet<&str> =
            variables.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        let environment = environment_of(template, variables, &BTreeMap::new());
        let found = read(&environment);
        if let Err(error) = &found {
            problems.push(format!("{account}: {task} cannot read its environment: {error}"));
        }
        let asked = environment.asked();
        let asked: BTreeSet<&str> = asked.iter().map(String::as_str).chain([LOGGING]).collect();
        let missing = asked.difference(&given).filter(|name| (account, task, **name) != OF_ONE_ACCOUNT);
        problems.extend(
            missing.map(|name| format!("{account}: {task} reads {name}, which the template does not give")),
        );
        // A reading that failed may have ended before it asked for them.
        let unread = given.difference(&asked).filter(|_| found.is_ok());
        problems
            .extend(unread.map(|name| format!("{account}: {task} is given {name}, which it does not read")));
        problems.extend(unreadable(account, task, template, variables, read));
        let pattern: BTreeMap<&str, String> = [("SourceDBIdentifier", "orders-*".to_owned())].into();
        if account == "destination"
            && let Err(error) = read(&environment_of(template, variables, &pattern))
        {
            problems.push(format!("{account}: {task} cannot read a pattern of databases: {error}"));
        }
    }
    problems.extend(options(sources));
    problems
}

/// The values of parameters that a template allows and a function cannot read.
fn unreadable(account: &str, task: &str, template: &Template, variables: &Value, read: Read) -> Vec<String> {
    let used = variables.to_string();
    let mut problems = Vec::new();
    for (name, parameter) in
        template.section("Parameters").filter(|(name, _)| used.contains(&format!("\"{name}\"")))
    {
        let limits =
            machines::limits(parameter).map_or(vec![], |(least, most)| vec![json!(least), json!(most)]);
        let allowed = parameter["AllowedValues"].as_array().into_iter().flatten();
        for value in limits.iter().chain(allowed) {
            let mut chosen: BTreeMap<&str, String> = [(name, text(value))].into();
            if value.as_str().is_none_or(|value| !value.is_empty()) {
                let companions = COMPANIONS.iter().filter(|(of, ..)| *of == name);
                chosen.extend(companions.map(|(_, companion, value)| (*companion, (*value).to_owned())));
            }
            if let Err(error) = read(&environment_of(template, variables, &chosen)) {
                problems.push(format!("{account}: {task} cannot read {value} of {name}: {error}"));
            }
        }
    }
    problems
}

/// What the copy function judges is what the restore function asks for.
fn options(sources: &Sources) -> Vec<String> {
    let Ok(template) = sources.template("destination") else {
        return vec![];
    };
    let variables = |function: &str| &template.properties(function)["Environment"]["Variables"];
    let (copy, restore) = (variables("CopyFunction"), variables("RestoreFunction"));
    let environment = environment_of(template, restore, &BTreeMap::new());
    // A wrong value is a problem of its own.
    let _ = Options::read(&environment);
    let differs = |name: &String| copy[name.as_str()] != restore[name.as_str()];
    let asked = environment.asked().into_iter().filter(differs);
    asked.map(|name| format!("destination: Copy and Restore are given another {name}")).collect()
}

/// The environment that a template gives, with its defaults but for the parameters that are chosen.
fn environment_of(template: &Template, variables: &Value, chosen: &BTreeMap<&str, String>) -> Environment {
    let variables = variables.as_object().into_iter().flatten();
    variables.map(|(name, value)| (name.clone(), resolved(template, value, chosen))).collect()
}

/// What CloudFormation makes of a value.
fn resolved(template: &Template, value: &Value, chosen: &BTreeMap<&str, String>) -> String {
    if let Some(name) = value["Ref"].as_str() {
        if name == "AWS::NoValue" {
            return String::new();
        }
        let parameter = &template.value()["Parameters"][name];
        return match chosen.get(name) {
            Some(chosen) => chosen.clone(),
            None if parameter.is_null() => "arn:aws:service:eu-west-1:111122223333:thing".to_owned(),
            None => parameter.get("Default").map_or_else(|| "given-by-an-operator".to_owned(), text),
        };
    }
    if let Some([condition, yes, no]) = value["Fn::If"].as_array().map(Vec::as_slice) {
        let condition = &template.value()["Conditions"][condition.as_str().unwrap_or_default()];
        return resolved(template, if holds(template, condition, chosen) { yes } else { no }, chosen);
    }
    if let Some([index, list]) = value["Fn::Select"].as_array().map(Vec::as_slice)
        && let Some([delimiter, text_of]) = list["Fn::Split"].as_array().map(Vec::as_slice)
    {
        let whole = resolved(template, text_of, chosen);
        let index = index.as_u64().and_then(|index| usize::try_from(index).ok()).unwrap_or_default();
        return whole.split(delimiter.as_str().unwrap_or_default()).nth(index).unwrap_or_default().to_owned();
    }
    if value.is_object() { "arn:aws:service:eu-west-1:111122223333:thing".to_owned() } else { text(value) }
}

fn holds(template: &Template, condition: &Value, chosen: &BTreeMap<&str, String>) -> bool {
    match (
        condition["Fn::Not"].as_array().map(Vec::as_slice),
        condition["Fn::Equals"].as_array().map(Vec::as_slice),
    ) {
        (Some([negated]), _) => !holds(template, negated, chosen),
        (_, Some([one, other])) => resolved(template, one, chosen) == resolved(template, other, chosen),
        // Of another form than this project uses.
        _ => false,
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
