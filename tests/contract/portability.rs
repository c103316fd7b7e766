//! What ships works in every account, Region and partition, and against every endpoint.

use crate::sources::{BUILD, PARAMETERS, SEMANTICS, Sources, VPC};

/// The first part of the name of a Region.
const CONTINENTS: [&str; 10] = ["af", "ap", "ca", "cn", "eu", "il", "me", "mx", "sa", "us"];
/// A word in the middle of the name of a Region.
const DIRECTIONS: [&str; 9] =
    ["central", "east", "north", "northeast", "northwest", "south", "southeast", "southwest", "west"];
/// Services are named like this in every partition; these are not endpoints.
const SERVICE_NAMES: [&str; 8] = [
    "cloudwatch.amazonaws.com",
    "directoryservice.rds.amazonaws.com",
    "events.amazonaws.com",
    "lambda.amazonaws.com",
    "monitoring.rds.amazonaws.com",
    "rds.amazonaws.com",
    "sns.amazonaws.com",
    "states.amazonaws.com",
];

/// Texts for operators: a page that a function may name but never calls, and whose prices the operator's command has.
const TEXTS: [&str; 2] = ["https://console.aws.amazon.com/", "list prices of us-east-1"];

/// Nothing that ships names an account, a Region, a partition or an endpoint.
pub fn constants(sources: &Sources) -> Vec<String> {
    let mut problems = Vec::new();
    for (path, text) in sources.files().filter(|(path, _)| ships(path)) {
        for (number, line) in shipped_lines(text) {
            let line = TEXTS.iter().fold(line.to_owned(), |line, text| line.replace(text, ""));
            for (what, found) in found_in(&line) {
                problems.push(format!("{path}:{number} names {what}: {found}"));
            }
        }
    }
    problems
}

/// What is deployed: not what only tests, the local cloud and operators use.
fn ships(path: &str) -> bool {
    let is_deployed = ![BUILD, PARAMETERS].contains(&path);
    let is_test = path.ends_with("/tests.rs") || path.contains("/tests/") || path.starts_with("tests/");
    is_deployed && !is_test && ![SEMANTICS, VPC].contains(&path)
}

/// The lines that are not comments, up to the tests at the end of a file; with their numbers.
fn shipped_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).take_while(|(_, line)| line.trim() != "#[cfg(test)]").filter(|(_, line)| {
        let line = line.trim_start();
        !line.starts_with("//") && !line.starts_with('#')
    })
}

fn found_in(line: &str) -> Vec<(&'static str, &str)> {
    let mut found = Vec::new();
    if line.contains("arn:aws") {
        found.push(("a partition", "arn:aws"));
    }
    for endpoint in ["http://", "https://", "localhost", "127.0.0.1"] {
        if line.contains(endpoint) {
            found.push(("an endpoint", endpoint));
        }
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    for name in line.split(|c| !is_name(c)) {
        if name.contains("amazonaws") && !SERVICE_NAMES.contains(&name) {
            found.push(("an endpoint", name));
        }
        for part in name.split('.') {
            if part.len() == 12 && part.bytes().all(|b| b.is_ascii_digit()) {
                found.push(("an account", part));
            }
            if is_region(part) {
                found.push(("a Region", part));
            }
        }
    }
    found
}

/// Whether a text is the name of a Region, such as the first one or a secluded one.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    match parts.as_slice() {
        [continent, .., direction, number] => {
            CONTINENTS.contains(continent)
                && DIRECTIONS.contains(direction)
                && number.len() == 1
                && number.bytes().all(|b| b.is_ascii_digit())
        }
        _ => false,
    }
}
