//! The harness of the tests that run what ships: the local cloud, its accounts, a pair of stacks in them, and waiting.

#![expect(
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and it watches a world that has its own clock"
)]

pub mod account;
pub mod aws;
pub mod cloud;
pub mod fleet;
pub mod model;
pub mod network;
pub mod pair;
pub mod queue;
pub mod waiting;
