//! The names of the executions that a run starts. They follow from the run and the database, so that a start that is retried
//! meets its own child, and a database's execution is found by its name.

use std::collections::BTreeMap;

use crate::naming::{ID_LENGTH, InstanceIdentifier, ReplicationId, hex_digest};

/// The most characters of the name of an execution (Step Functions API, `StartExecution`).
const LONGEST_NAME: usize = 80;
/// What stands between the beginning of a name that is too long and its digest. No identifier has two hyphens in a row.
const CUT: &str = "--";
/// The bytes of that digest.
const DIGEST_BYTES: usize = 5;

/// The name of a database's execution in a run: `<run>-<database>`, of a long one its beginning and a digest.
#[must_use]
pub fn name(run: &ReplicationId, database: &InstanceIdentifier) -> String {
    format!("{run}-{}", ending(database))
}

/// How the names of a database's executions end.
fn ending(database: &InstanceIdentifier) -> String {
    let room = LONGEST_NAME - ID_LENGTH - 1;
    let database = database.as_str();
    if database.len() <= room {
        return database.to_owned();
    }
    let digest = hex_digest(database, DIGEST_BYTES);
    let kept = &database[..room - CUT.len() - digest.len()];
    format!("{}{CUT}{digest}", kept.trim_end_matches('-'))
}

/// An execution of the source machine that has succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Its name.
    pub name: String,
    /// How long it took, in seconds.
    pub seconds: u64,
}

/// What earlier executions of the source machine tell, newest first.
#[derive(Debug, Clone, Default)]
pub struct History<'a> {
    seconds: BTreeMap<&'a str, u64>,
    names: Vec<&'a str>,
}

impl<'a> History<'a> {
    /// Reads the names of the children among them; executions of other names are ignored.
    #[must_use]
    pub fn of(past: &'a [Past]) -> Self {
        let mut history = Self::default();
        for Past { name, seconds } in past {
            let Some((run, ending)) = name.split_at_checked(ID_LENGTH) else { continue };
            if let (Ok(_), Some(ending)) = (run.parse::<ReplicationId>(), ending.strip_prefix('-')) {
                history.seconds.entry(ending).or_insert(*seconds);
                history.names.push(name);
            }
        }
        history
    }

    /// How long the newest execution for a database took, in seconds.
    #[must_use]
    pub fn seconds(&self, database: &InstanceIdentifier) -> Option<u64> {
        self.seconds.get(ending(database).as_str()).copied()
    }

    /// Whether one of these runs has replicated a database.
    #[must_use]
    pub fn is_done(&self, runs: &[ReplicationId], database: &InstanceIdentifier) -> bool {
        runs.iter().any(|run| self.names.contains(&name(run, database).as_str()))
    }
}
