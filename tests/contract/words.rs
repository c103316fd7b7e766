//! Words that are in one file only: the status words of RDS, whose meaning is asked there and never found out by comparing
//! them, and the names of the stages.

use std::collections::BTreeSet;

use replication::machines::Machine;
use replication::progress::{INSTANCE_STATUSES, SNAPSHOT_STATUSES};

use crate::code::Text;
use crate::sources::Sources;

/// The file that has the status words.
const STATUSES: &str = "crates/replication/src/progress.rs";
/// The file that has the stages.
const STAGES: &str = "crates/replication/src/machines.rs";
/// What is a word of RDS only by accident: how an execution has ended, for operators.
const ENGLISH: [(&str, &str); 1] = [("crates/notify/src/alert.rs", "failed")];
/// A part of a word with fewer letters says nothing about its status.
const SHORTEST_PART: usize = 3;

/// No other file than one has a status word or searches for a part of one.
pub fn of_status(sources: &Sources) -> Vec<String> {
    let words: BTreeSet<&str> = INSTANCE_STATUSES
        .iter()
        .map(|status| status.word)
        .chain(SNAPSHOT_STATUSES.iter().map(|(word, _)| *word))
        .collect();
    let is_status = |Text { text, is_part, .. }: &Text| {
        words.contains(text.as_str())
            || (*is_part
                && text.len() >= SHORTEST_PART
                && words.iter().any(|word| word.contains(text.as_str())))
    };
    let mut problems = Vec::new();
    for (path, Text { line, text, .. }) in texts(sources, STATUSES).filter(|(_, text)| is_status(text)) {
        if !ENGLISH.contains(&(path, text)) {
            problems
                .push(format!("{path}:{line} has the status word {text:?}; {STATUSES} says what it means"));
        }
    }
    problems
}

/// No other file than one names a stage.
pub fn of_stages(sources: &Sources) -> Vec<String> {
    let stages: BTreeSet<&str> =
        Machine::ALL.iter().flat_map(|machine| machine.stages()).map(|stage| stage.state).collect();
    texts(sources, STAGES)
        .filter(|(_, text)| stages.contains(text.text.as_str()))
        .map(|(path, Text { line, text, .. })| {
            format!("{path}:{line} names the stage {text}; {STAGES} has it")
        })
        .collect()
}

/// The texts in every file of the functions and their libraries but one.
fn texts<'s>(sources: &'s Sources, home: &str) -> impl Iterator<Item = (&'s str, &'s Text)> {
    let tests = files_of_tests(sources);
    sources
        .code()
        .filter(move |(path, _)| *path != home && !tests.iter().any(|test| is_in(path, test)))
        .flat_map(|(path, code)| {
            code.iter().flat_map(move |code| code.texts.iter().map(move |text| (path, text)))
        })
}

/// The paths, without their ending, of the modules that are there only for tests.
fn files_of_tests(sources: &Sources) -> Vec<String> {
    let of_file = |(path, code): (&str, &syn::Result<crate::code::Code>)| -> Vec<String> {
        let stem = path.trim_end_matches(".rs");
        let parent = ["/mod", "/lib", "/main"].iter().find_map(|end| stem.strip_suffix(end)).unwrap_or(stem);
        let modules = code.iter().flat_map(|code| &code.test_modules);
        modules.map(|module| format!("{parent}/{module}")).collect()
    };
    sources.code().flat_map(of_file).collect()
}

fn is_in(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}
