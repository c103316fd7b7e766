//! How every client of AWS is configured, and which of our error names its faults get. It knows neither the Lambda
//! runtime nor a service, so that what reads and writes AWS depends on no more than this.

mod config;
mod fault;
mod trust;

pub use aws_config::SdkConfig;
pub use config::{config, in_region};
pub use fault::{code_and_message, fault};
pub use trust::http_client;
