//! What every Lambda function of this project shares, and the one place that knows the Lambda runtime, the
//! environment and the clock. A task itself is a function of its clients, its configuration, its input and the time.

mod serve;
mod stages;

pub use replication::environment::{
    AccountRole, Environment, allowed, copies_into, destination, extra_tags, invalid,
};
pub use serve::{Stop, parse, refuse, serve, start};
pub use stages::log_stage_seconds;
