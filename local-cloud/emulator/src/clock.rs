//! The one file of the emulator that reads the clock and sleeps: simulated operations take real seconds here.

use std::time::Duration;

use time::OffsetDateTime;
use time::macros::format_description;

/// The present moment.
#[expect(clippy::disallowed_methods, reason = "this server is the clock of the databases that it simulates")]
pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// Waits for `duration`.
#[expect(
    clippy::disallowed_methods,
    reason = "an operation of a database service takes time, which is simulated"
)]
pub async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Waits until `moment`; returns at once when it has passed.
pub async fn sleep_until(moment: OffsetDateTime) {
    if let Ok(remaining) = Duration::try_from(moment - now()) {
        sleep(remaining).await;
    }
}

/// `moment` as the query protocol writes timestamps: ISO 8601 in UTC with milliseconds.
pub fn timestamp(moment: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    moment.format(&format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    #[test]
    fn timestamps_have_milliseconds() {
        assert_eq!(super::timestamp(datetime!(2026-11-22 10:34:05.67 UTC)), "2026-11-22T10:34:05.670Z");
    }
}
