//! What others rely on, in one file that a reviewer reads: parameters, logical ids, outputs, states, tags, names, documents,
//! messages, mails and error names. Every change of one of them shows up as a changed line of that file.

mod documents;
mod machines;
mod templates;

use std::collections::BTreeMap;

use crate::sources::{ACCOUNTS, MACHINES, Sources, root};
use crate::vocabulary;

/// Where it is written, from the root of the repository.
const PATH: &str = "tests/contract/golden.txt";
/// Set to write the file anew.
const RENEW: &str = "RENEW_GOLDEN";

/// What is there is what the file says, line by line.
pub fn held(sources: &Sources) -> Vec<String> {
    differences(include_str!("golden.txt"), &text(sources))
}

/// Everything that is held, as the lines of the file.
fn text(sources: &Sources) -> String {
    let mut lines =
        vec![format!("Held by the contract test; where a change is meant: {RENEW}=1 scripts/test contract")];
    for account in ACCOUNTS {
        if let Ok(template) = sources.template(account) {
            lines.extend(templates::lines(account, template));
        }
    }
    for (name, _, _) in MACHINES {
        lines.extend(machines::lines(name, sources));
    }
    lines.extend(documents::lines());
    lines.join("\n") + "\n"
}

/// What was there and is not any more, and what is there and was not; the place alone, where only the order differs.
fn differences(before: &str, now: &str) -> Vec<String> {
    let mut left = counted(before);
    let mut problems = Vec::new();
    for line in now.lines().filter(|line| !line.is_empty()) {
        match left.get_mut(line) {
            Some(count) if *count > 0 => *count -= 1,
            _ => problems.push(format!("it does not hold: {line}")),
        }
    }
    for (number, line) in (1..).zip(before.lines()) {
        if let Some(count) = left.get_mut(line).filter(|count| **count > 0) {
            *count -= 1;
            problems.push(format!("line {number} holds what is not so: {line}"));
        }
    }
    if problems.is_empty() && before != now {
        let same = before.lines().zip(now.lines()).take_while(|(before, now)| before == now).count();
        problems.push(format!("from line {} on the order is another", same + 1));
    }
    if let Some(first) = problems.first_mut() {
        *first = format!(
            "{PATH} and what ships differ (where that is meant, run the test with {RENEW}=1)\n{first}"
        );
    }
    problems
}

fn counted(text: &str) -> BTreeMap<&str, usize> {
    let mut lines = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        *lines.entry(line).or_default() += 1;
    }
    lines
}

/// Writes the file anew, if that is asked for.
pub fn renew_if_asked() {
    #[expect(
        clippy::disallowed_methods,
        reason = "whether a developer wants the file to be written is no configuration"
    )]
    let is_asked = std::env::var_os(RENEW).is_some();
    if is_asked {
        let sources = Sources::of_repository();
        for (path, text) in [(PATH, text(&sources)), (vocabulary::PATH, vocabulary::text())] {
            let file = root().join(path);
            std::fs::write(&file, text).unwrap_or_else(|error| panic!("writing {path}: {error}"));
        }
        panic!(
            "{PATH} and {} are written anew: see what has changed, and run the test again without {RENEW}",
            vocabulary::PATH
        );
    }
}

#[test]
fn a_difference_names_its_line() {
    let before = "head\n\none a\none a\ntwo b\n";
    assert_eq!(differences(before, before), Vec::<String>::new());
    let found = differences(before, "head\n\none a\nthree c\ntwo b\n");
    assert_eq!(found.len(), 2);
    assert!(found[0].ends_with("it does not hold: three c"), "{found:?}");
    assert_eq!(found[1], "line 3 holds what is not so: one a");
    let found = differences(before, "head\n\ntwo b\none a\none a\n");
    assert!(found[0].ends_with("from line 3 on the order is another"), "{found:?}");
}
