//! Backup and maintenance windows: their forms, whether they meet, and those that RDS picks where none is chosen.

use crate::refusal::Refusal;

const DAY_MINUTES: u32 = 24 * 60;
const WEEK_MINUTES: u32 = 7 * DAY_MINUTES;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// The least that a window may last, and what those that RDS picks do last.
const SHORTEST_MINUTES: u32 = 30;
/// RDS picks windows from a block of eight hours (guide, backup window; here one for every Region).
const BLOCK: (u32, u32) = (3 * 60, 8 * 60);

/// `hh24:mi-hh24:mi`, at least half an hour (model, CreateDBInstance).
pub fn is_backup_window(text: &str) -> bool {
    backup(text).is_some()
}

/// `ddd:hh24:mi-ddd:hh24:mi`, at least half an hour (model, CreateDBInstance) and less than a day.
pub fn is_maintenance_window(text: &str) -> bool {
    maintenance(text).is_some()
}

/// Refuses windows that have a minute in common (model, ModifyDBInstance: they must not conflict).
pub fn check(backup_window: Option<&str>, maintenance_window: Option<&str>) -> Result<(), Refusal> {
    let both = backup_window.and_then(backup).zip(maintenance_window.and_then(maintenance));
    match both {
        Some((backup, maintenance)) if meet(backup, maintenance) => {
            Err(Refusal::invalid_value("The backup window and maintenance window must not overlap."))
        }
        _ => Ok(()),
    }
}

/// A backup window picked by `random`, beside the maintenance window if one was chosen.
pub fn pick_backup(maintenance_window: Option<&str>, random: impl Fn(u32) -> u32) -> String {
    let chosen = maintenance_window.and_then(maintenance);
    let first = random(BLOCK.1 - SHORTEST_MINUTES);
    // Seven windows side by side cannot all meet one that is shorter than a day at each of its two ends.
    let start = (0..DAY_MINUTES / SHORTEST_MINUTES)
        .map(|step| (BLOCK.0 + first + step * SHORTEST_MINUTES) % DAY_MINUTES)
        .find(|start| !chosen.is_some_and(|chosen| meet((*start, SHORTEST_MINUTES), chosen)))
        .unwrap_or(BLOCK.0);
    format!("{}-{}", time_of_day(start), time_of_day(start + SHORTEST_MINUTES))
}

/// A maintenance window picked by `random`, beside the backup window.
pub fn pick_maintenance(backup_window: &str, random: impl Fn(u32) -> u32) -> String {
    let taken = backup(backup_window);
    let (day, first) = (random(7) * DAY_MINUTES, random(BLOCK.1 - SHORTEST_MINUTES));
    let start = (0..DAY_MINUTES / SHORTEST_MINUTES)
        .map(|step| (day + BLOCK.0 + first + step * SHORTEST_MINUTES) % WEEK_MINUTES)
        .find(|start| !taken.is_some_and(|taken| meet(taken, (*start, SHORTEST_MINUTES))))
        .unwrap_or(day);
    format!("{}-{}", time_of_week(start), time_of_week(start + SHORTEST_MINUTES))
}

/// Its first minute of the day, and how long it lasts.
fn backup(text: &str) -> Option<(u32, u32)> {
    window(text, minutes_of_day, DAY_MINUTES)
}

/// Its first minute of the week, and how long it lasts.
fn maintenance(text: &str) -> Option<(u32, u32)> {
    let minutes_of_week = |moment: &str| {
        let (day, rest) = moment.split_once(':')?;
        let days = DAYS.iter().zip(0..).find(|(name, _)| name.eq_ignore_ascii_case(day))?.1;
        Some(days * DAY_MINUTES + minutes_of_day(rest)?)
    };
    window(text, minutes_of_week, WEEK_MINUTES).filter(|(_, length)| *length < DAY_MINUTES)
}

/// A window of a period that comes again and again.
fn window(text: &str, minutes: impl Fn(&str) -> Option<u32>, period: u32) -> Option<(u32, u32)> {
    let (start, end) = text.split_once('-')?;
    let (start, end) = (minutes(start)?, minutes(end)?);
    let length = (end + period - start) % period;
    (length >= SHORTEST_MINUTES).then_some((start, length))
}

/// Whether a daily window and a weekly one have a minute in common.
fn meet(daily: (u32, u32), weekly: (u32, u32)) -> bool {
    // Both are compared in a week that has a day before and a day after it.
    let weekly = weekly.0 + DAY_MINUTES..weekly.0 + DAY_MINUTES + weekly.1;
    (0..9).any(|day| {
        let daily = day * DAY_MINUTES + daily.0..day * DAY_MINUTES + daily.0 + daily.1;
        daily.start < weekly.end && weekly.start < daily.end
    })
}

fn minutes_of_day(moment: &str) -> Option<u32> {
    let (hour, minute) = moment.split_once(':')?;
    let number = |text: &str, below: u32| {
        let digits = text.len() == 2 && text.chars().all(|digit| digit.is_ascii_digit());
        text.parse::<u32>().ok().filter(|number| digits && *number < below)
    };
    Some(number(hour, 24)? * 60 + number(minute, 60)?)
}

fn time_of_day(minute: u32) -> String {
    let minute = minute % DAY_MINUTES;
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

fn time_of_week(minute: u32) -> String {
    let days = (minute / DAY_MINUTES) as usize % DAYS.len();
    format!("{}:{}", DAYS[days], time_of_day(minute))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_have_days_hours_and_half_an_hour() {
        for (text, fits) in [
            ("sun:23:45-mon:00:15", true),
            ("Sat:03:00-sat:03:30", true),
            ("sat:03:00-sun:02:59", true),
            ("sat:03:00-sun:03:00", false),
            ("sat:03:00-mon:03:00", false),
            ("sat:03:00-sat:03:29", false),
            ("sat:03:00-sat:03:00", false),
            ("sat:03:00", false),
            ("day:03:00-day:04:00", false),
            ("sat:24:00-sun:01:00", false),
            ("03:00-04:00", false),
        ] {
            assert_eq!(is_maintenance_window(text), fits, "{text}");
        }
        for (text, fits) in [
            ("23:45-00:15", true),
            ("03:00-02:30", true),
            ("03:00-03:00", false),
            ("03:00-03:20", false),
            ("3:00-4:00", false),
            ("any", false),
        ] {
            assert_eq!(is_backup_window(text), fits, "{text}");
        }
    }

    #[test]
    fn windows_that_have_a_minute_in_common_are_refused() {
        for (backup, maintenance, meets) in [
            ("03:00-04:00", "sun:03:30-sun:04:30", true),
            ("03:00-04:00", "sun:04:00-sun:05:00", false),
            ("03:00-04:00", "sun:02:00-sun:03:00", false),
            ("03:00-04:00", "sat:23:00-sun:03:01", true),
            ("23:30-00:30", "mon:00:00-mon:00:30", true),
            ("23:30-00:30", "sun:23:00-mon:00:00", true),
            ("23:30-00:30", "mon:00:30-mon:23:30", false),
            ("03:00-03:30", "sun:22:00-mon:04:00", true),
            ("03:00-03:30", "MON:03:00-mon:03:30", true),
        ] {
            let checked = check(Some(backup), Some(maintenance));
            assert_eq!(checked.is_err(), meets, "{backup} {maintenance}");
        }
        assert!(check(None, Some("sun:03:30-sun:04:30")).is_ok());
    }

    #[test]
    fn what_is_picked_has_its_form_and_meets_nothing() {
        for number in 0..450 {
            let random = |below: u32| number % below;
            for chosen in [None, Some("sun:03:00-sun:11:00"), Some("mon:00:00-mon:23:00")] {
                let backup = pick_backup(chosen, random);
                assert!(is_backup_window(&backup) && check(Some(&backup), chosen).is_ok(), "{backup}");
                let maintenance = pick_maintenance(&backup, random);
                assert!(is_maintenance_window(&maintenance), "{maintenance}");
                assert!(check(Some(&backup), Some(&maintenance)).is_ok(), "{backup} {maintenance}");
            }
        }
        assert_eq!(pick_backup(None, |_| 60), "04:00-04:30");
        assert_eq!(pick_maintenance("04:00-04:30", |_| 0), "mon:03:00-mon:03:30");
    }
}
