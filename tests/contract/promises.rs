//! Every promise of docs/semantics.md is quoted by the test that proves it.

use crate::sources::{SEMANTICS, Sources};

/// A row names a test; one file has that test and, in a comment, the promise word for word.
pub fn quoted(sources: &Sources) -> Vec<String> {
    let rows = rows(sources.text(SEMANTICS));
    if rows.is_empty() {
        return vec![format!("{SEMANTICS} promises nothing")];
    }
    rows.into_iter()
        .filter(|(promise, test)| !sources.files().any(|(path, text)| proves(path, text, promise, test)))
        .map(|(promise, test)| format!("no test {test} quotes {promise:?}"))
        .collect()
}

fn rows(table: &str) -> Vec<(String, String)> {
    table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix("` |")?.split_once(" | `"))
        .map(|(promise, test)| (promise.to_owned(), test.to_owned()))
        .collect()
}

fn proves(path: &str, text: &str, promise: &str, test: &str) -> bool {
    let is_rust = path.ends_with(".rs") && text.contains(&format!("fn {test}("));
    let is_python = path.ends_with(".py") && text.contains(&format!("def {test}("));
    is_rust && comments(text).contains(promise) || is_python && docstrings(text).contains(promise)
}

/// The quotations in the docstrings of a Python file as running text.
fn docstrings(text: &str) -> String {
    let quotations = text.split("\"\"\"> ").skip(1).filter_map(|rest| rest.split("\"\"\"").next());
    quotations.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

/// The comments of a file as running text, so that a quotation may be broken into lines.
fn comments(text: &str) -> String {
    let lines = text.lines().filter_map(|line| line.trim_start().strip_prefix("//"));
    let words = lines.flat_map(|line| line.trim_start_matches(['/', '!', ' ', '>']).split_whitespace());
    words.collect::<Vec<_>>().join(" ")
}
