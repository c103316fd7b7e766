//! Every rule notices when it is broken.

mod code;
mod machines;
mod organisation;
mod permissions;
mod templates;

use crate::problems;
use crate::sources::{Sources, machine_path, template_path};

/// What is broken: in which file, which text by which other, and what must be said about it.
struct Breakage {
    path: String,
    from: &'static str,
    to: &'static str,
    noticed: &'static str,
}

fn machine(account: &str, from: &'static str, to: &'static str, noticed: &'static str) -> Breakage {
    Breakage { path: machine_path(account), from, to, noticed }
}

fn template(account: &str, from: &'static str, to: &'static str, noticed: &'static str) -> Breakage {
    Breakage { path: template_path(account), from, to, noticed }
}

fn code(path: &str, from: &'static str, to: &'static str, noticed: &'static str) -> Breakage {
    Breakage { path: path.to_owned(), from, to, noticed }
}

fn unnoticed(breakages: Vec<Breakage>) -> Vec<String> {
    let sources = Sources::of_repository();
    let is_unnoticed = |breakage: Breakage| {
        let Breakage { path, from, to, noticed } = breakage;
        let problems = problems(&sources.broken(&path, from, to));
        let found = problems.iter().any(|problem| problem.contains(noticed));
        (!found).then(|| {
            format!("{path}: {to:?} instead of {from:?} should say {noticed:?}; it said {problems:?}")
        })
    };
    breakages.into_iter().filter_map(is_unnoticed).collect()
}

#[test]
fn broken_code_is_noticed() {
    let unnoticed = unnoticed(code::all());
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
}

#[test]
fn a_broken_machine_is_noticed() {
    let unnoticed = unnoticed(machines::all());
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
}

#[test]
fn a_broken_template_is_noticed() {
    let unnoticed = unnoticed(templates::all());
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
}

#[test]
fn a_broken_rule_of_an_organisation_is_noticed() {
    let unnoticed = unnoticed(organisation::all());
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
}

#[test]
fn a_broken_permission_is_noticed() {
    let unnoticed = unnoticed(permissions::all());
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
}
