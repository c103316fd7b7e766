//! What ships, read without running it: the machines, the templates and the functions have to agree with each other.
//!
//! Every check is a function from the sources to a list of problems. One test says that what ships has none, and one
//! breaks what ships, once for each rule, and says that the rule notices: a check that cannot fail is a defect.

#![expect(clippy::panic, reason = "a check that cannot read the sources has nothing to say")]
#![expect(clippy::case_sensitive_file_extension_comparisons, reason = "the repository has lower case only")]
#![expect(clippy::option_option, reason = "in ASL a missing field differs from one that is null")]

mod alerting;
mod breakage;
mod code;
mod environment;
mod fleet;
mod golden;
mod languages;
mod layout;
mod limits;
mod machine;
mod machines;
mod organisation;
mod permissions;
mod portability;
mod promises;
mod regions;
mod secrets;
mod sources;
mod template;
mod templates;
mod vocabulary;
mod words;

use sources::Sources;

/// A check: its name, and how it finds problems.
type Check = (&'static str, fn(&Sources) -> Vec<String>);

/// Every check, in the order in which a developer wants to see problems.
const CHECKS: &[Check] = &[
    ("machines are read strictly", languages::of_machines),
    ("templates are read strictly", languages::of_templates),
    ("machines say the same in the same words", layout::of_machines),
    ("states say what they do", layout::of_comments),
    ("states are found and reached", machines::paths),
    ("every task has its net", machines::nets),
    ("every loop asks, waits and asks again", machines::loops),
    ("stages are those of the table", machines::table),
    ("templates give the machines their functions", templates::substitutions),
    ("parameters are those of the original, and explained", templates::parameters),
    ("snapshots are shared with another account", templates::another_account),
    ("outputs are what an operator needs next", templates::outputs),
    ("every function has a role, a log group and a zip", templates::functions),
    ("every role has the boundary and the path", organisation::roles),
    ("every function runs in the VPC", organisation::network),
    ("the endpoints of a VPC are those that functions call", organisation::endpoints),
    ("what must not be lost is kept", templates::keeping),
    ("one secret is made or named", secrets::one_or_the_other),
    ("nothing of the fleet is there without it", templates::fleet),
    ("the secrets of several databases are the stack's own", secrets::of_each),
    ("the accounts are joined by the destination's own subscription", templates::joining),
    ("every end of a run is alerted once", alerting::rules),
    ("functions get the environment that they read", environment::variables),
    ("roles may do what they need and no more", permissions::policies),
    ("files and functions fit a screen or a few", limits::lengths),
    ("a status word is asked and not compared", words::of_status),
    ("a stage is named once", words::of_stages),
    ("what others rely on is held", golden::held),
    ("commands have the words of the domain", |sources| {
        vocabulary::is_current(sources).into_iter().collect()
    }),
    ("promises are quoted by their tests", promises::quoted),
    ("a pair in one Region has nothing of a second one", regions::one_region),
    ("nothing names an account, a Region, a partition or an endpoint", portability::constants),
];

/// All problems of the sources, each with the name of the check that found it.
fn problems(sources: &Sources) -> Vec<String> {
    CHECKS
        .iter()
        .flat_map(|(name, find)| find(sources).into_iter().map(move |problem| format!("{name}: {problem}")))
        .collect()
}

#[test]
fn what_ships_keeps_every_contract() {
    golden::renew_if_asked();
    let problems = problems(&Sources::of_repository());
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}
