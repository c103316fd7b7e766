//! What a stack makes a metric of: how long the stages of a run have taken.

use replication::pacing::history;

/// Logs each stage with its seconds, as they stand in the value of the tag `rds-replication:stage-seconds`. The templates have a
/// metric filter for these two fields.
pub fn log_stage_seconds(written: Option<&str>) {
    for (stage, stage_seconds) in written.into_iter().flat_map(history::stages) {
        tracing::info!(stage, stage_seconds, "how long a stage took");
    }
}
