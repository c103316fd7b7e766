//! The environment of every function: what the templates give is what the code reads.

use std::collections::BTreeSet;

use restore_options::Options;

use crate::sources::Sources;

/// Read by the logging of every function, and by nothing else.
const LOGGING: &str = "RUST_LOG";

/// What each function of each account reads.
const VARIABLES: [(&str, &str, &[&[&str]]); 11] = [
    ("source", "Snapshot", &[snapshot::Config::ENVIRONMENT]),
    ("source", "Copy", &[copy::Config::ENVIRONMENT]),
    ("source", "Share", &[share::Config::ENVIRONMENT]),
    ("source", "Notify", &[notify::Config::ENVIRONMENT, notify::Config::SOURCE_ENVIRONMENT]),
    ("source", "Prune", &[prune::Config::ENVIRONMENT, prune::Config::SOURCE_ENVIRONMENT]),
    (
        "destination",
        "Copy",
        &[copy::Config::ENVIRONMENT, copy::Config::DESTINATION_ENVIRONMENT, Options::ENVIRONMENT],
    ),
    ("destination", "Restore", &[restore::Config::ENVIRONMENT, Options::ENVIRONMENT]),
    ("destination", "RotateSecret", &[rotate_secret::Config::ENVIRONMENT]),
    ("destination", "Prune", &[prune::Config::ENVIRONMENT, prune::Config::DESTINATION_ENVIRONMENT]),
    ("destination", "Notify", &[notify::Config::ENVIRONMENT]),
    ("destination", "Launch", &[launch::Config::ENVIRONMENT]),
];

/// No function lacks a variable, and none is given one that it does not read.
pub fn variables(sources: &Sources) -> Vec<String> {
    let mut problems = Vec::new();
    for (account, task, read) in VARIABLES {
        let Ok(template) = sources.template(account) else {
            continue;
        };
        let given = &template.properties(&format!("{task}Function"))["Environment"]["Variables"];
        let given: BTreeSet<&str> =
            given.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        let read: BTreeSet<&str> = read.iter().copied().flatten().copied().chain([LOGGING]).collect();
        for missing in read.difference(&given) {
            problems.push(format!("{account}: {task} reads {missing}, which the template does not give"));
        }
        for unread in given.difference(&read) {
            problems.push(format!("{account}: {task} is given {unread}, which it does not read"));
        }
    }
    problems.extend(options(sources));
    problems
}

/// What the copy function judges is what the restore function asks for.
fn options(sources: &Sources) -> Vec<String> {
    let Ok(template) = sources.template("destination") else {
        return vec![];
    };
    let given = |function: &str, name: &str| {
        template.properties(function)["Environment"]["Variables"][name].to_string()
    };
    let differs = |name: &&&str| given("CopyFunction", name) != given("RestoreFunction", name);
    let say = |name: &&str| format!("destination: Copy and Restore are given another {name}");
    Options::ENVIRONMENT.iter().filter(differs).map(say).collect()
}
