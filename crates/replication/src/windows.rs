//! The backup window and the maintenance window of a restored instance, judged before anything is copied or restored.
//!
//! RDS refuses windows that overlap, and picks a backup window at random where none is given (API model,
//! `ModifyDBInstance`). The restore takes a backup window only, so that a maintenance window that cannot be set would
//! be refused when the instance is already there. All times are UTC.

use std::fmt;

const DAY_MINUTES: u32 = 24 * 60;
const WEEK_MINUTES: u32 = 7 * DAY_MINUTES;
/// The shortest window that RDS accepts, in minutes.
const SHORTEST_MINUTES: u32 = 30;
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The windows that a restored instance gets, in lower case, as RDS stores them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Windows {
    /// The daily backup window, sent with the restore.
    pub backup: Option<String>,
    /// The weekly maintenance window, set after the restore.
    pub maintenance: Option<String>,
}

/// Which of the two is wrong, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The backup window.
    Backup(String),
    /// The maintenance window.
    Maintenance(String),
}

/// A window in minutes from the beginning of the day or of the week. It may go past the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    start: u32,
    length: u32,
}

impl Windows {
    /// Judges the windows of the stack. If only a maintenance window is given, a backup window is chosen that cannot overlap
    /// it, because the one that RDS picks may.
    ///
    /// # Errors
    /// What is wrong: the form, the length, or that the two overlap.
    pub fn judge(backup: Option<&str>, maintenance: Option<&str>) -> Result<Self, Problem> {
        let backup = backup.map(str::to_ascii_lowercase);
        let maintenance = maintenance.map(str::to_ascii_lowercase);
        let daily = backup.as_deref().map(daily).transpose().map_err(Problem::Backup)?;
        let weekly = maintenance.as_deref().map(weekly).transpose().map_err(Problem::Maintenance)?;
        match (daily, weekly) {
            (Some(daily), Some(weekly)) if overlap(daily, weekly) => Err(Problem::Backup(format!(
                "{} overlaps the maintenance window {}",
                backup.unwrap_or_default(),
                maintenance.unwrap_or_default()
            ))),
            (None, Some(weekly)) => match backup_window_next_to(weekly) {
                Some(daily) => Ok(Self { backup: Some(daily.to_string()), maintenance }),
                None => Err(Problem::Maintenance(format!(
                    "{} leaves no {SHORTEST_MINUTES} minutes of its day for the backup window",
                    maintenance.unwrap_or_default()
                ))),
            },
            _ => Ok(Self { backup, maintenance }),
        }
    }
}

/// Reads `02:00-02:30`.
fn daily(text: &str) -> Result<Window, String> {
    let form = || format!("{text:?} is not of the form 02:00-02:30, with hours from 00 to 23");
    let (start, end) = text.split_once('-').ok_or_else(form)?;
    let (start, end) = (time_of_day(start).ok_or_else(form)?, time_of_day(end).ok_or_else(form)?);
    window(text, start, end, DAY_MINUTES)
}

/// Reads `sun:04:00-sun:04:30`.
fn weekly(text: &str) -> Result<Window, String> {
    let form = || format!("{text:?} is not of the form sun:04:00-sun:04:30, with hours from 00 to 23");
    let (start, end) = text.split_once('-').ok_or_else(form)?;
    let (start, end) = (time_of_week(start).ok_or_else(form)?, time_of_week(end).ok_or_else(form)?);
    let window = window(text, start, end, WEEK_MINUTES)?;
    if window.length < DAY_MINUTES {
        Ok(window)
    } else {
        Err(format!("{text} is 24 hours long or longer, and RDS accepts less"))
    }
}

fn window(text: &str, start: u32, end: u32, circle: u32) -> Result<Window, String> {
    let length = (end + circle - start) % circle;
    if length < SHORTEST_MINUTES {
        return Err(format!("{text} is {length} minutes long, and RDS accepts {SHORTEST_MINUTES} and more"));
    }
    Ok(Window { start, length })
}

fn time_of_day(text: &str) -> Option<u32> {
    let number = |text: &str, below: u32| -> Option<u32> {
        let is_number = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|number| is_number && *number < below)
    };
    let (hour, minute) = text.split_once(':')?;
    Some(number(hour, 24)? * 60 + number(minute, 60)?)
}

fn time_of_week(text: &str) -> Option<u32> {
    let (day, time) = text.split_once(':')?;
    let day = (0..).zip(WEEKDAYS).find(|(_, weekday)| *weekday == day)?.0;
    Some(day * DAY_MINUTES + time_of_day(time)?)
}

/// Whether the daily window overlaps the weekly one on any day.
fn overlap(daily: Window, weekly: Window) -> bool {
    let meets = |start: u32| {
        let after = (start + WEEK_MINUTES - weekly.start) % WEEK_MINUTES;
        let before = (weekly.start + WEEK_MINUTES - start) % WEEK_MINUTES;
        after < weekly.length || before < daily.length
    };
    (0..7).any(|day| meets(day * DAY_MINUTES + daily.start))
}

/// The shortest daily window, in the middle of the part of the day that the weekly one leaves free.
fn backup_window_next_to(weekly: Window) -> Option<Window> {
    let free = DAY_MINUTES.checked_sub(weekly.length).filter(|free| *free >= SHORTEST_MINUTES)?;
    let start = (weekly.start + weekly.length + (free - SHORTEST_MINUTES) / 2) % DAY_MINUTES;
    Some(Window { start, length: SHORTEST_MINUTES })
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = (self.start + self.length) % DAY_MINUTES;
        write!(f, "{:02}:{:02}-{:02}:{:02}", self.start / 60, self.start % 60, end / 60, end % 60)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// > Windows that RDS would refuse are refused before anything is copied.
    #[test]
    fn what_rds_would_refuse_is_refused_with_the_reason() {
        for (backup, maintenance, problem) in [
            (Some("02:00-02:29"), None, Some("29 minutes")),
            (Some("02:00-02:00"), None, Some("0 minutes")),
            (Some("24:00-24:30"), None, Some("hours from 00 to 23")),
            (Some("2:00-3:00"), None, Some("is not of the form")),
            (Some("02:00"), None, Some("is not of the form")),
            (None, Some("sun:04:00-sun:04:20"), Some("20 minutes")),
            (None, Some("sun:24:00-sun:24:30"), Some("hours from 00 to 23")),
            (None, Some("sun:04:00-mon:04:00"), Some("24 hours long")),
            (None, Some("sun:04:00-wed:04:30"), Some("24 hours long")),
            (None, Some("sunday:04:00-sun:04:30"), Some("is not of the form")),
            (None, Some("sun:04:00-mon:03:45"), Some("leaves no 30 minutes")),
            (Some("04:15-05:00"), Some("sun:04:00-sun:04:30"), Some("overlaps the maintenance window")),
            (Some("03:00-04:01"), Some("sun:04:00-sun:04:30"), Some("overlaps the maintenance window")),
            (Some("00:00-00:30"), Some("sun:23:45-mon:00:15"), Some("overlaps the maintenance window")),
            (Some("23:30-00:30"), Some("mon:00:00-mon:00:30"), Some("overlaps the maintenance window")),
            (Some("03:30-04:00"), Some("sun:04:00-sun:04:30"), None),
            (Some("04:30-05:00"), Some("sun:04:00-sun:04:30"), None),
            (Some("23:45-00:15"), None, None),
            (None, Some("sun:23:45-mon:00:15"), None),
            (None, None, None),
        ] {
            let judged = Windows::judge(backup, maintenance);
            match (problem, judged) {
                (None, Ok(_)) => {}
                (Some(said), Err(Problem::Backup(found) | Problem::Maintenance(found))) => {
                    assert!(found.contains(said), "{backup:?} {maintenance:?}: {found}");
                }
                (_, judged) => panic!("{backup:?} {maintenance:?}: {judged:?}"),
            }
        }
    }

    /// The cases that `scripts/deploy` is tried with, too: what it lets through is not refused hours later.
    #[test]
    fn the_functions_and_the_command_judge_windows_alike() {
        let lines = include_str!("../../../tests/windows.txt").lines().filter(|line| !line.starts_with('#'));
        for line in lines {
            let words: Vec<&str> = line.split_whitespace().collect();
            let given = |word: usize| Some(words[word]).filter(|window| *window != "-");
            let verdict = match Windows::judge(given(0), given(1)) {
                Ok(_) => "good",
                Err(Problem::Backup(because)) if because.contains("overlaps") => "overlap",
                Err(Problem::Backup(_)) => "backup",
                Err(Problem::Maintenance(_)) => "maintenance",
            };
            assert_eq!(verdict, words[2], "{line}");
        }
    }

    #[test]
    fn a_maintenance_window_alone_gets_a_backup_window_that_cannot_meet_it() {
        let windows = Windows::judge(None, Some("SUN:04:00-Sun:04:30")).unwrap();
        assert_eq!(windows.maintenance.as_deref(), Some("sun:04:00-sun:04:30"));
        assert_eq!(windows.backup.as_deref(), Some("16:00-16:30"));
        let alone = Windows::judge(Some("02:00-02:30"), None).unwrap();
        assert_eq!((alone.backup.as_deref(), alone.maintenance), (Some("02:00-02:30"), None));
    }

    proptest! {
        #[test]
        fn the_chosen_backup_window_is_accepted_with_any_maintenance_window(
            start in 0..WEEK_MINUTES, length in SHORTEST_MINUTES..=DAY_MINUTES - SHORTEST_MINUTES,
        ) {
            let at = |minute: u32| {
                let minute = minute % WEEK_MINUTES;
                let day = WEEKDAYS[usize::try_from(minute / DAY_MINUTES).unwrap()];
                format!("{day}:{:02}:{:02}", minute % DAY_MINUTES / 60, minute % 60)
            };
            let maintenance = format!("{}-{}", at(start), at(start + length));
            let chosen = Windows::judge(None, Some(&maintenance)).unwrap();
            let again = Windows::judge(chosen.backup.as_deref(), Some(&maintenance));
            prop_assert_eq!(again.unwrap(), chosen);
        }

        #[test]
        fn overlapping_is_meeting_in_some_minute(
            daily in (0..DAY_MINUTES, SHORTEST_MINUTES..DAY_MINUTES),
            weekly in (0..WEEK_MINUTES, SHORTEST_MINUTES..DAY_MINUTES),
        ) {
            let (daily, weekly) = (Window { start: daily.0, length: daily.1 }, Window { start: weekly.0, length: weekly.1 });
            let in_daily = |minute: u32| (minute + DAY_MINUTES - daily.start) % DAY_MINUTES < daily.length;
            let meet = (0..weekly.length).any(|after| in_daily((weekly.start + after) % DAY_MINUTES));
            prop_assert_eq!(overlap(daily, weekly), meet);
        }
    }
}
