//! What a trial has begun to make, as a file: written before anything is made, so that also a trial that was killed can be
//! destroyed.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::plan::Names;
use crate::failure::Failure;

/// One of the two accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// Its profile; none are the credentials of the environment.
    pub profile: Option<String>,
    /// The Region.
    pub region: String,
    /// The account's number.
    pub account: String,
    /// Whether the bucket of scripts/deploy was not there before.
    pub makes_bucket: bool,
    /// Whether the stack was begun: before that there is nothing of it, and nobody is asked about that.
    #[serde(default = "unknown")]
    pub is_begun: bool,
    /// The key that the stack has made, once that is known.
    pub key: String,
}

/// A trial that an earlier version has begun may have made anything.
fn unknown() -> bool {
    true
}

/// A trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Its id.
    pub id: String,
    /// The directory of the local cloud, if it is that.
    pub local: Option<PathBuf>,
    /// The source account.
    pub source: Side,
    /// The destination account.
    pub destination: Side,
    /// Whether all of it is destroyed.
    pub is_destroyed: bool,
}

impl State {
    /// The names of what it makes.
    pub fn names(&self) -> Names {
        Names::of(&self.id)
    }

    /// One of its accounts.
    pub fn side(&self, role: &str) -> &Side {
        if role == "source" { &self.source } else { &self.destination }
    }

    /// The same, to be changed.
    pub fn side_mut(&mut self, role: &str) -> &mut Side {
        if role == "source" { &mut self.source } else { &mut self.destination }
    }

    /// Where it is kept.
    pub fn file(directory: &Path, id: &str) -> PathBuf {
        directory.join(format!("{id}.json"))
    }

    /// Writes it down: all of it or, where that fails or this process is killed, nothing, and what was written before stays.
    ///
    /// # Errors
    /// If the file cannot be written: then nothing may be made.
    pub fn write(&self, directory: &Path) -> Result<(), Failure> {
        let file = Self::file(directory, &self.id);
        let text = serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        let new = file.with_extension("json.new");
        let write = || -> std::io::Result<()> {
            let mut written = File::create(&new)?;
            written.write_all(text.as_bytes())?;
            written.sync_all()?;
            std::fs::rename(&new, &file)
        };
        write().map_err(|error| Failure::new(format!("{} cannot be written: {error}", file.display())))
    }

    /// Reads what the trial of an id has written.
    ///
    /// # Errors
    /// If there is none.
    pub fn read(directory: &Path, id: &str) -> Result<Self, Failure> {
        let file = Self::file(directory, id);
        let wrong = |why: String| Failure::new(format!("{} cannot be read: {why}", file.display()));
        let is_id = !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric());
        if !is_id {
            return Err(Failure::new(format!("{id} is not the id of a trial")));
        }
        let text = std::fs::read_to_string(&file).map_err(|error| wrong(error.to_string()))?;
        let state: Self = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if state.id == id { Ok(state) } else { Err(wrong("it is of another trial".to_owned())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_leaves_what_was_written_before() {
        let directory = std::env::temp_dir().join(format!("trial-state-{:x}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let mut state = State {
            id: "t1".to_owned(),
            local: None,
            source: Side::default(),
            destination: Side::default(),
            is_destroyed: false,
        };
        state.write(&directory).unwrap();
        let before = state.clone();
        // Nothing can be created where a directory is.
        std::fs::create_dir(directory.join("t1.json.new")).unwrap();
        state.is_destroyed = true;
        assert!(state.write(&directory).unwrap_err().text.contains("cannot be written"));
        assert_eq!(State::read(&directory, "t1").unwrap(), before);
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn a_trial_is_read_as_it_was_written() {
        let directory = std::env::temp_dir();
        let id = format!("t{:x}", std::process::id());
        let state = State {
            id: id.clone(),
            local: None,
            source: Side { account: "1".to_owned(), makes_bucket: true, ..Side::default() },
            destination: Side { key: "k".to_owned(), ..Side::default() },
            is_destroyed: false,
        };
        state.write(&directory).unwrap();
        assert_eq!(State::read(&directory, &id).unwrap(), state);
        assert!(!State::file(&directory, &id).with_extension("json.new").exists());
        std::fs::remove_file(State::file(&directory, &id)).unwrap();
        for id in [id.as_str(), "../x", ""] {
            State::read(&directory, id).unwrap_err();
        }
    }
}
