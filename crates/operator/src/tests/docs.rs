//! The commands in the documents of the repository have the options with which they are written there: asked of the parser
//! itself. What is no command of this program, tests/console/test_docs.py checks.

use std::path::{Path, PathBuf};

use clap::CommandFactory;

use crate::arguments::Arguments;

/// Every document of the checkout.
fn documents(directory: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            documents(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            into.push(path);
        }
    }
}

/// The commands of this program in a text, each with the options behind it.
fn commands(text: &str) -> Vec<(String, Vec<String>)> {
    let text = text.replace("\\\n", " ");
    let is_of_name = |c: char| c.is_ascii_lowercase() || c == '-';
    let mut found = Vec::new();
    for line in text.lines() {
        for (at, word) in ["scripts/operator ", "rds-replication ", "scripts/"]
            .iter()
            .flat_map(|word| line.match_indices(word))
        {
            let rest = &line[at + word.len()..];
            let end = rest.find(|c| !is_of_name(c)).unwrap_or(rest.len());
            let (name, rest) = rest.split_at(end);
            let rest = rest.split(['`', '|', ';', ')']).next().unwrap_or_default();
            let rest = rest.split(" #").next().unwrap_or_default();
            let option = |word: &str| {
                let name = word.strip_prefix("--")?;
                Some(name[..name.find(|c| !is_of_name(c)).unwrap_or(name.len())].to_owned())
            };
            found.push((name.to_owned(), rest.split_whitespace().filter_map(option).collect()));
        }
    }
    found
}

/// What is written in a text and is not so.
fn wrong(text: &str) -> (usize, Vec<String>) {
    let program = Arguments::command();
    let mut wrong = Vec::new();
    let mut checked = 0;
    for (name, options) in commands(text) {
        let Some(command) = program.find_subcommand(&name) else { continue };
        for option in options {
            let is_known = option == "help"
                || command.get_arguments().any(|argument| argument.get_long() == Some(option.as_str()));
            checked += 1;
            wrong.extend((!is_known).then(|| format!("{name} has no --{option}")));
        }
    }
    (checked, wrong)
}

/// > Every command in the documents exists and has the options with which it is written there.
#[test]
fn commands_are_written_as_they_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (mut paths, mut checked, mut all) = (Vec::new(), 0, Vec::new());
    documents(&root, &mut paths);
    for path in paths {
        let (number, wrong) = wrong(&std::fs::read_to_string(&path).unwrap());
        checked += number;
        all.extend(wrong.into_iter().map(|words| format!("{}: {words}", path.display())));
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
    assert!(checked > 10, "only {checked} options were found in the documents");
}

#[test]
fn the_check_sees_what_is_wrong() {
    let text = "```sh\nscripts/replicate --fleet \\\n  --last 3   # --not-this\n```\n`scripts/rollback 7 --local=/x`\n\
                `rds-replication status --fleet`, --not-this; scripts/none --x";
    assert_eq!(
        wrong(text),
        (4, vec!["replicate has no --last".to_owned(), "status has no --fleet".to_owned()])
    );
}
