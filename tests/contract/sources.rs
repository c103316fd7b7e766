//! The files that ship, as text, so that a test can break one of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::code::Code;
use crate::machine::Machine;
use crate::template::Template;
use crate::vocabulary;

/// The two templates, by their account.
pub const ACCOUNTS: [&str; 2] = ["source", "destination"];
/// The machines: the name of each, its account, and its resource in the account's template.
pub const MACHINES: [(&str, &str, &str); 4] = [
    ("source", "source", "StateMachine"),
    ("destination", "destination", "StateMachine"),
    ("rollback", "destination", "RollbackStateMachine"),
    (FLEET, "source", "FleetStateMachine"),
];

/// The machine of many databases. Nothing of it is there unless the stack wants it, so it has rules and a role of its own.
pub const FLEET: &str = "fleet";

/// The script that builds and packs the functions.
pub const BUILD: &str = "scripts/build";
/// What can be relied on.
pub const SEMANTICS: &str = "docs/semantics.md";
/// What functions in a VPC need.
pub const VPC: &str = "docs/vpc.md";
/// The front page.
pub const PARAMETERS: &str = "docs/parameters.md";

/// Every file that a check reads, by its path from the root of the repository; templates, machines and code are also read
/// once, because many checks need them.
#[derive(Debug, Clone)]
pub struct Sources {
    files: BTreeMap<String, String>,
    templates: BTreeMap<String, Rc<Result<Template, String>>>,
    machines: BTreeMap<String, Rc<Result<Machine, String>>>,
    code: BTreeMap<String, Rc<syn::Result<Code>>>,
}

impl Sources {
    /// Reads the repository.
    pub fn of_repository() -> Self {
        let mut files = BTreeMap::new();
        for directory in ["cloudformation", "crates", "statemachines", "tests"] {
            read(&root(), directory, &mut files);
        }
        for path in [BUILD, PARAMETERS, SEMANTICS, VPC, vocabulary::PATH] {
            files.insert(path.to_owned(), read_text(&root(), path));
        }
        let paths: Vec<String> = files.keys().cloned().collect();
        let mut sources =
            Self { files, templates: BTreeMap::new(), machines: BTreeMap::new(), code: BTreeMap::new() };
        for path in paths {
            sources.understand(&path);
        }
        sources
    }

    /// The same sources with one text replaced, once, in one file.
    pub fn broken(&self, path: &str, from: &str, to: &str) -> Self {
        let text = self.text(path);
        assert!(text.contains(from), "{path} has no {from:?} to break");
        let mut broken = self.clone();
        broken.files.insert(path.to_owned(), text.replacen(from, to, 1));
        broken.understand(path);
        broken
    }

    fn understand(&mut self, path: &str) {
        let text = self.text(path).to_owned();
        if path.ends_with(".yaml") {
            self.templates.insert(path.to_owned(), Rc::new(Template::read(&text)));
        } else if path.ends_with(".asl.json") {
            let machine = Machine::read(&text).map_err(|error| error.to_string());
            self.machines.insert(path.to_owned(), Rc::new(machine));
        } else if path.starts_with("crates/") && path.ends_with(".rs") {
            self.code.insert(path.to_owned(), Rc::new(Code::read(&text)));
        }
    }

    /// The text of one file.
    pub fn text(&self, path: &str) -> &str {
        self.files.get(path).unwrap_or_else(|| panic!("there is no {path}"))
    }

    /// Every file, by its path.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Every file of the functions and their libraries, or why it cannot be read.
    pub fn code(&self) -> impl Iterator<Item = (&str, &syn::Result<Code>)> {
        self.code.iter().map(|(path, file)| (path.as_str(), file.as_ref()))
    }

    /// A state machine, before substitution, or why it cannot be read.
    pub fn machine(&self, name: &str) -> &Result<Machine, String> {
        &self.machines[&machine_path(name)]
    }

    /// The template of an account, or why it cannot be read.
    pub fn template(&self, account: &str) -> &Result<Template, String> {
        &self.templates[&template_path(account)]
    }
}

/// Where a state machine is.
pub fn machine_path(name: &str) -> String {
    format!("statemachines/{name}.asl.json")
}

/// Where the template of an account is.
pub fn template_path(account: &str) -> String {
    format!("cloudformation/{account}-account.yaml")
}

/// Where the repository is.
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_owned()
}

fn read(root: &Path, directory: &str, files: &mut BTreeMap<String, String>) {
    let entries =
        root.join(directory).read_dir().unwrap_or_else(|error| panic!("reading {directory}: {error}"));
    for entry in entries {
        let entry = entry.unwrap_or_else(|error| panic!("reading {directory}: {error}"));
        let path = format!("{directory}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            read(root, &path, files);
        } else if path == BUILD
            || [".rs", ".json", ".md", ".py", ".yaml"].iter().any(|ending| path.ends_with(ending))
        {
            files.insert(path.clone(), read_text(root, &path));
        }
    }
}

fn read_text(root: &Path, path: &str) -> String {
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("reading {path}: {error}"))
}
