//! The domain of cross-account RDS replication.
//!
//! Everything here is pure: observations and the time are arguments, a decision is a value that says why.
//! The tasks (one crate each) observe AWS, ask this crate what to do, and do it.
//!
//! | module | question it answers |
//! |---|---|
//! | [`environment`] | what does a stack say to its functions |
//! | [`contract`] | what goes into a task and comes out of it, and what crosses accounts |
//! | [`naming`] | what is it called, and is that a legal name |
//! | [`place`] | in which account and Region is it, and can RDS copy from there |
//! | [`observed`] | what does RDS say of a database or a snapshot |
//! | [`progress`] | does this status word mean ready, wait, or never |
//! | [`pacing`] | how long to wait before the next poll, and when to give up |
//! | [`machines`] | which stages does a machine have, and in which did a run fail |
//! | [`lineage`] | is it ours, and which replication made it |
//! | [`snapshotting`] | is the snapshot of a run to be made, and how far is it |
//! | [`sharing`] | may a snapshot be shared, and is it already |
//! | [`copies`] | is the copy of a run to be made, and how far is it |
//! | [`quota`] | what does it mean that there is no room for a snapshot |
//! | [`destination`] | which databases does a destination stack replicate, and what are their names |
//! | [`keys`] | can this key encrypt what leaves the account |
//! | [`copying`] | will RDS copy everything or only what changed |
//! | [`secret`] | how to change the secret without touching what is not ours |
//! | [`settings`] | do these choices for an instance go together, and how does its engine take them |
//! | [`overrides`] | what may the tags of a source database choose for its versions |
//! | [`passwords`] | which version has a password of its own, and what opens the others |
//! | [`moving`] | what is the next step of moving the secret to a version |
//! | [`looking`] | which instances of the account does a poll read |
//! | [`versions`] | which version is live, which are newer, which number is next |
//! | [`receiving`] | is what a message announces copied |
//! | [`restore`] | which instance does a run bring up, and when may readers come |
//! | [`preflight`] | would RDS refuse the stack's settings for this snapshot in this account |
//! | [`windows`] | can these backup and maintenance windows be together |
//! | [`retention`] | what stays, what is marked, what is deleted |
//! | [`rollback`] | which instance or snapshot is the version that is asked for |
//! | [`fleet`] | which databases does one execution replicate, and what became of each |
//! | [`error`] | what went wrong, and what an operator can do about it |

pub mod budget;
pub mod contract;
pub mod copies;
pub mod copying;
pub mod destination;
pub mod environment;
pub mod error;
pub mod fleet;
pub mod keys;
pub mod lineage;
pub mod looking;
pub mod machines;
pub mod moving;
pub mod naming;
pub mod observed;
pub mod overrides;
pub mod pacing;
pub mod passwords;
pub mod place;
pub mod preflight;
pub mod progress;
pub mod quota;
pub mod receiving;
pub mod restore;
pub mod retention;
pub mod rollback;
pub mod secret;
pub mod settings;
pub mod sharing;
pub mod snapshotting;
pub mod staleness;
pub mod versions;
pub mod windows;

pub use error::{Error, ErrorName};
