//! Whether the quota of manual snapshots has room for what a fleet keeps, said before its first snapshot.

use crate::quota::SnapshotQuota;
use crate::{Error, ErrorName};

/// What the stack keeps of each database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeping {
    /// `SnapshotsToKeep`: how many of each kind stay.
    pub snapshots: u32,
    /// `SharedSnapshotHours`: how long a shared one stays.
    pub shared_hours: u32,
    /// The schedule of the fleet, if it is on.
    pub schedule: Option<String>,
}

/// The kinds of snapshots that a stack keeps in one Region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinds {
    /// Those of the databases, and their copies under the shared key.
    All,
    /// Those of the databases: their copies are made in another Region.
    Made,
    /// The copies, in that other Region.
    Copies,
}

impl Kinds {
    /// What a run makes of a database in the Region before it deletes anything: a snapshot, and a copy of it.
    const fn made_by_a_run(self) -> u32 {
        match self {
            Self::All => 2,
            Self::Made | Self::Copies => 1,
        }
    }
}

const SECONDS_OF_HOUR: u64 = 3600;
const MINUTES_OF_DAY: u64 = 24 * 60;

impl Keeping {
    /// The most snapshots that the stack holds of one database in one Region: those that are not shared, those that are still
    /// shared, and those of the run that is under way.
    #[must_use]
    pub fn of_a_database(&self, kinds: Kinds) -> u32 {
        let hours = u64::from(self.shared_hours);
        let runs = self.schedule.as_deref().map_or(0, |schedule| runs_within(schedule, hours));
        let shared = u32::try_from(runs + 1).unwrap_or(u32::MAX).max(self.snapshots);
        let kept = match kinds {
            Kinds::All => self.snapshots.saturating_add(shared),
            Kinds::Made => self.snapshots,
            Kinds::Copies => shared,
        };
        kept.saturating_add(kinds.made_by_a_run())
    }
}

/// How many runs an EventBridge schedule starts in so many hours, at most. A `cron` that is not every day is taken as if it
/// were.
#[must_use]
pub fn runs_within(schedule: &str, hours: u64) -> u64 {
    let inner = |kind: &str| schedule.strip_prefix(kind)?.strip_prefix('(')?.strip_suffix(')');
    let seconds = hours * SECONDS_OF_HOUR;
    if let Some(rate) = inner("rate") {
        let (number, unit) = rate.trim().split_once(' ').unwrap_or((rate, ""));
        let unit = match unit.trim().trim_end_matches('s') {
            "minute" => 60,
            "hour" => SECONDS_OF_HOUR,
            _ => 24 * SECONDS_OF_HOUR,
        };
        let every = number.trim().parse::<u64>().unwrap_or(1).max(1) * unit;
        return seconds.div_ceil(every);
    }
    let mut fields = inner("cron").unwrap_or_default().split_whitespace();
    let minutes = fields.next().map_or(1, |field| values(field, 60));
    let of_day = minutes * fields.next().map_or(1, |field| values(field, 24));
    (hours * 60 * of_day).div_ceil(MINUTES_OF_DAY)
}

/// How many values a field of a cron expression stands for, of so many.
fn values(field: &str, all: u64) -> u64 {
    let of_part = |part: &str| {
        let (range, step) = part.split_once('/').unwrap_or((part, ""));
        let number = |text: &str| text.parse::<u64>().ok();
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (number(from).unwrap_or(0), number(to).unwrap_or(all - 1)),
            None if range == "*" => (0, all - 1),
            None => {
                let from = number(range).unwrap_or(0);
                (from, if step.is_empty() { from } else { all - 1 })
            }
        };
        (to.saturating_sub(from) + 1).div_ceil(number(step).unwrap_or(1).max(1))
    };
    field.split(',').map(of_part).sum::<u64>().clamp(1, all)
}

/// What is known of one Region.
#[derive(Debug, Clone, Copy)]
pub struct Shelf<'a> {
    /// Its name; nothing for the Region of the stack.
    pub region: Option<&'a str>,
    /// What the stack keeps there.
    pub kinds: Kinds,
    /// How many manual snapshots the stack has there already.
    pub ours: usize,
    /// The quota of manual snapshots, if RDS says it.
    pub quota: Option<SnapshotQuota>,
}

/// Compares what a fleet needs in one Region with the quota. What it answers is for operators: the quota is enough for this run,
/// and will not be for those that follow.
///
/// # Errors
/// [`ErrorName::QuotaExceeded`] if not even the snapshots of one run have room.
pub fn check(databases: usize, keeping: &Keeping, shelf: &Shelf<'_>) -> Result<Option<String>, Error> {
    let &Shelf { region, kinds, ours, quota } = shelf;
    let place = region.map_or_else(|| "this Region".to_owned(), |region| format!("Region {region}"));
    let Some(SnapshotQuota { used, max }) = quota else { return Ok(None) };
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let others = used.saturating_sub(count(ours)).max(0);
    let of_one = keeping.of_a_database(kinds);
    let wanted = others.saturating_add(count(databases).saturating_mul(i64::from(of_one)));
    let least = others.saturating_add(count(databases).saturating_mul(i64::from(kinds.made_by_a_run())));
    if wanted <= max {
        return Ok(None);
    }
    let said = format!(
        "the account may have {max} manual snapshots in {place}; {databases} databases need up to {} ({of_one} each, with \
         SnapshotsToKeep={} and SharedSnapshotHours={}) beside {others} that are not of this stack",
        wanted - others,
        keeping.snapshots,
        keeping.shared_hours,
    );
    let there = region.map_or_else(String::new, |region| format!(" in Region {region}"));
    let ask = format!("ask AWS for a quota of {wanted} manual snapshots{there} (Service Quotas, Amazon RDS)");
    if least > max {
        return Err(Error::new(
            ErrorName::QuotaExceeded,
            format!("planning snapshots of {databases} databases"),
        )
        .because(said)
        .advise(format!("{ask}, keep fewer, or delete snapshots that nobody needs")));
    }
    Ok(Some(format!("{said}: {ask}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeping(snapshots: u32, shared_hours: u32, schedule: &str) -> Keeping {
        let schedule = (!schedule.is_empty()).then(|| schedule.to_owned());
        Keeping { snapshots, shared_hours, schedule }
    }

    #[test]
    fn a_schedule_says_how_many_runs_there_are() {
        for (schedule, hours, runs) in [
            ("rate(1 hour)", 12, 12),
            ("rate(5 minutes)", 1, 12),
            ("rate(1 day)", 12, 1),
            ("rate(7 days)", 168, 1),
            ("cron(0 * * * ? *)", 12, 12),
            ("cron(0/15 * * * ? *)", 2, 8),
            ("cron(0,30 8-17 ? * MON-FRI *)", 24, 20),
            ("cron(0 3 * * ? *)", 12, 1),
            ("cron(0 3 * * ? *)", 0, 0),
            ("cron()", 24, 1),
        ] {
            assert_eq!(runs_within(schedule, hours), runs, "{schedule} in {hours} hours");
        }
        for (keeping, number) in [
            (keeping(2, 12, "rate(1 hour)"), 17),
            (keeping(2, 12, "cron(0 3 * * ? *)"), 6),
            (keeping(2, 12, ""), 6),
            (keeping(5, 0, ""), 12),
        ] {
            assert_eq!(keeping.of_a_database(Kinds::All), number, "{keeping:?}");
            let apart = keeping.of_a_database(Kinds::Made) + keeping.of_a_database(Kinds::Copies);
            assert_eq!(apart, number, "{keeping:?}");
        }
    }

    /// > Before its first snapshot a fleet says which quota of manual snapshots it needs, and ends if not even one run fits.
    #[test]
    fn a_quota_that_is_too_small_is_said_with_the_number_to_ask_for() {
        let keeping = keeping(2, 12, "rate(1 day)");
        let shelf = |ours, quota| Shelf { region: None, kinds: Kinds::All, ours, quota };
        let check = |databases, ours, used, max| {
            check(databases, &keeping, &shelf(ours, Some(SnapshotQuota { used, max })))
        };
        assert_eq!(check(10, 0, 40, 100), Ok(None));
        assert_eq!(check(15, 80, 90, 100), Ok(None), "what the stack holds already is part of it");
        let said = check(20, 10, 40, 100).unwrap().unwrap();
        for words in [
            "may have 100",
            "20 databases need up to 120 (6 each",
            "beside 30 that",
            "ask AWS for a quota of 150",
        ] {
            assert!(said.contains(words), "{words} in {said}");
        }
        let error = check(40, 0, 21, 100).unwrap_err();
        assert_eq!(error.name(), ErrorName::QuotaExceeded);
        assert!(error.to_string().contains("ask AWS for a quota of 261 manual snapshots"), "{error}");
        assert_eq!(super::check(500, &keeping, &shelf(0, None)), Ok(None));
        let quota = Some(SnapshotQuota { used: 0, max: 100 });
        let far = Shelf { region: Some("eu-west-1"), kinds: Kinds::Copies, ours: 0, quota };
        let said = super::check(40, &keeping, &far).unwrap().unwrap();
        for words in [
            "manual snapshots in Region eu-west-1; 40",
            "120 (3 each",
            "120 manual snapshots in Region eu-west-1 (",
        ] {
            assert!(said.contains(words), "{words} in {said}");
        }
    }
}
