//! What every Lambda function of this project shares, and the one place that knows the Lambda runtime, the
//! environment and the clock. A task itself is a function of its clients, its configuration, its input and the time.

mod aws;
mod environment;
mod fault;
mod serve;

pub use aws::aws_config;
pub use environment::{AccountRole, Environment, invalid, windows};
pub use fault::{code_and_message, fault};
pub use serve::{Stop, parse, serve, start};
