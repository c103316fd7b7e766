//! One file a story.

pub mod adopting;
pub mod arriving;
pub mod commands;
pub mod crowd;
pub mod dozen;
pub mod fleet;
pub mod keeping;
pub mod key;
pub mod message;
pub mod moving;
pub mod options;
pub mod organisation;
pub mod pairs;
pub mod planning;
pub mod pruning;
pub mod regions;
pub mod releasing;
pub mod returning;
pub mod room;
pub mod rotating;
pub mod settings;
pub mod sharing;
pub mod statuses;
pub mod telling;
pub mod trial;
pub mod waking;
