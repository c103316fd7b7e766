//! Moments as the SDKs have them.

use aws_smithy_types::DateTime;
use time::OffsetDateTime;

/// A moment, to the nanosecond; nothing if it is out of all calendars.
pub fn moment(at: &DateTime) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(at.as_nanos()).ok()
}

/// A moment that every answer has.
pub fn certain(at: &DateTime) -> OffsetDateTime {
    moment(at).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
