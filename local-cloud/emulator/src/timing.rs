//! How long operations take: a base and, where bytes move, those over a throughput.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// Seconds that each operation takes at least, and how fast bytes move.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Timing {
    pub create_instance_seconds: f64,
    pub snapshot_seconds: f64,
    pub copy_seconds: f64,
    pub restore_seconds: f64,
    pub delete_seconds: f64,
    pub modify_seconds: f64,
    /// How long a new master password takes; `None` is as long as any modification.
    pub password_seconds: Option<f64>,
    /// How long a new instance with automated backups is `backing-up` before it is `available`.
    pub backing_up_seconds: f64,
    /// How long a restored instance is `available` the first time, and then busy (see the switch `availableFlaps`).
    pub flap_seconds: f64,
    /// How long the storage of a restored instance is initialised after its server runs.
    pub storage_seconds: f64,
    pub bytes_per_second: f64,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            create_instance_seconds: 2.0,
            snapshot_seconds: 1.0,
            copy_seconds: 1.0,
            restore_seconds: 2.0,
            delete_seconds: 1.0,
            modify_seconds: 1.0,
            password_seconds: None,
            backing_up_seconds: 0.3,
            flap_seconds: 0.3,
            storage_seconds: 1.0,
            bytes_per_second: 200.0 * 1024.0 * 1024.0,
        }
    }
}

impl Timing {
    /// Refuses values that no operation can take.
    pub fn check(&self) -> Result<(), String> {
        let bases = [
            self.create_instance_seconds,
            self.snapshot_seconds,
            self.copy_seconds,
            self.restore_seconds,
            self.delete_seconds,
            self.modify_seconds,
            self.password_seconds.unwrap_or_default(),
            self.backing_up_seconds,
            self.flap_seconds,
            self.storage_seconds,
        ];
        if bases.iter().any(|seconds| !(0.0..=86_400.0).contains(seconds)) {
            return Err("seconds must be from 0 to 86400".to_owned());
        }
        if !(1.0..=f64::MAX).contains(&self.bytes_per_second) {
            return Err("bytesPerSecond must be at least 1".to_owned());
        }
        Ok(())
    }

    /// How long a modification takes, with or without a new master password.
    pub fn modification(&self, with_password: bool) -> Duration {
        let seconds = self.password_seconds.filter(|_| with_password).unwrap_or(self.modify_seconds);
        self.duration(seconds, 0)
    }

    /// A base of `seconds`, and `bytes` at the throughput.
    pub fn duration(&self, seconds: f64, bytes: u64) -> Duration {
        #[expect(clippy::cast_precision_loss, reason = "a duration needs no more than 53 bits of bytes")]
        Duration::try_from_secs_f64(seconds + bytes as f64 / self.bytes_per_second).unwrap_or(Duration::MAX)
    }
}

/// An operation that runs: since when, and how long it takes in all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    pub started: OffsetDateTime,
    pub duration: Duration,
}

impl Progress {
    /// The whole percents done at `moment`. It stays below 100 until the operation has really ended.
    pub fn percent(&self, moment: OffsetDateTime) -> u8 {
        let elapsed = (moment - self.started).as_seconds_f64().max(0.0);
        let whole = self.duration.as_secs_f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it lies between 0 and 99"
        )]
        let percent = (100.0 * elapsed / whole).min(99.0) as u8;
        percent
    }

    /// When the operation ends.
    pub fn end(&self) -> OffsetDateTime {
        self.started + self.duration
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn progress_grows_and_stops_short_of_done() {
        let started = datetime!(2026-11-22 10:00 UTC);
        let progress = Progress { started, duration: Duration::from_secs(10) };
        let after = |seconds| progress.percent(started + Duration::from_secs(seconds));
        assert_eq!((after(0), after(5), after(10), after(99)), (0, 50, 99, 99));
    }

    #[test]
    fn bytes_add_their_time() {
        let timing = Timing { bytes_per_second: 100.0, ..Timing::default() };
        assert_eq!(timing.duration(1.0, 250), Duration::from_millis(3500));
    }

    #[test]
    fn senseless_timing_is_refused() {
        assert!(Timing { copy_seconds: -1.0, ..Timing::default() }.check().is_err());
        assert!(Timing { bytes_per_second: f64::NAN, ..Timing::default() }.check().is_err());
        assert!(serde_json::from_str::<Timing>(r#"{"copySecond": 1}"#).is_err());
    }
}
