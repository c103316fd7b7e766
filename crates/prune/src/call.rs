//! A call of `prune`: at which end of a run it is made, and what earlier calls of the run have planned.

use replication::contract::Execution;
use replication::retention::Planned;
use serde::Deserialize;

use crate::report::Left;

/// At which end of a run it is called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// Before the run makes anything.
    Room,
    /// At its end.
    #[default]
    Prune,
}

/// The result of an earlier call.
#[derive(Debug, Clone, Deserialize)]
struct Earlier {
    #[serde(default)]
    planned: Vec<Planned>,
    #[serde(default)]
    left: Vec<Left>,
}

/// The earlier results in the machine's document.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Results {
    room: Option<Earlier>,
    prune: Option<Earlier>,
}

/// A call, as both accounts know it.
#[derive(Debug, Clone)]
pub struct Call {
    /// The execution that asks.
    pub execution: Execution,
    /// At which end of the run.
    pub place: Place,
    /// What came before it.
    pub results: Results,
}

impl Call {
    /// What an earlier call of this place has planned.
    pub fn planned(&self) -> Option<&[Planned]> {
        let earlier = match self.place {
            Place::Room => &self.results.room,
            Place::Prune => &self.results.prune,
        };
        earlier.as_ref().map(|earlier| earlier.planned.as_slice())
    }

    /// How many deletions this run may have made at the other place: all that it had planned, because RDS may have begun
    /// one although its answer was lost and the next one was a refusal.
    pub fn planned_elsewhere(&self) -> usize {
        match self.place {
            Place::Room => 0,
            Place::Prune => self.results.room.as_ref().map_or(0, |room| room.planned.len()),
        }
    }

    /// What could not be deleted at the other place, before the run made anything.
    pub fn refused_elsewhere(&self) -> Vec<Left> {
        let room = self.results.room.as_ref().filter(|_| self.place == Place::Prune);
        room.map_or_else(Vec::new, |room| {
            room.left.iter().filter(|left| left.is_undeleted).cloned().collect()
        })
    }
}
