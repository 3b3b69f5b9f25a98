//! Times that recur, as they are written in the configuration.

use orszem_alerting::{Interval, Schedule, When};
use orszem_model::Span;
use serde::{Deserialize, Serialize};

use super::Wrong;

const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const DAY: u16 = 24 * 60;

/// A time: intervals of the week, or from each moment of a cron pattern for a while.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeConfig {
    /// An IANA name; absent: UTC.
    pub zone: String,
    pub intervals: Vec<IntervalConfig>,
    /// 5 or 6 fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// How long it lasts from each moment of `cron`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Span>,
}

/// As Alertmanager's time intervals; what is absent covers everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IntervalConfig {
    /// `22:00-06:00`
    pub times: Vec<String>,
    /// `saturday`, `monday:friday`
    pub weekdays: Vec<String>,
    /// `1`, `1:7`, `-1`
    pub days_of_month: Vec<String>,
    /// `december`, `6:8`
    pub months: Vec<String>,
    /// `2026:2027`
    pub years: Vec<String>,
}

impl TimeConfig {
    pub(super) fn schedule(&self, name: &str, wrong: &mut Vec<Wrong>) -> Option<Schedule> {
        let Self { zone, intervals, cron, lasts } = self;
        let key = format!("times.{name}");
        let when = match (cron, lasts) {
            (Some(cron), Some(lasts)) if intervals.is_empty() => When::Cron(cron.clone(), lasts.0),
            (None, None) => {
                let before = wrong.len();
                let intervals = intervals.iter().enumerate();
                let read = intervals.map(|(at, interval)| interval.interval(&format!("{key}.intervals[{at}]"), wrong));
                let read = read.collect();
                if wrong.len() > before {
                    return None;
                }
                When::Weekly(read)
            }
            _ => {
                let remedy = "write `intervals`, or `cron` with `lasts`";
                wrong.push(Wrong::new(key, cron.as_deref().unwrap_or(""), "is neither a week nor a pattern", remedy));
                return None;
            }
        };
        Some(Schedule { zone: zone.clone(), when })
    }
}

impl IntervalConfig {
    fn interval(&self, key: &str, wrong: &mut Vec<Wrong>) -> Interval {
        let Self { times, weekdays, days_of_month, months, years } = self;
        let mut interval = Interval::default();
        let mut bad = |field: &str, text: &str, remedy: &str| {
            wrong.push(Wrong::new(format!("{key}.{field}"), text, "is not understood", remedy));
        };
        for text in times {
            match clock_range(text) {
                Some((from, until)) if from < until => interval.minutes.push((from, until)),
                Some((from, until)) => interval.minutes.extend([(from, DAY), (0, until)]),
                None => bad("times", text, "write such as 22:00-06:00"),
            }
        }
        for text in weekdays {
            match range(text, |day| named(day, &WEEKDAYS, 0)) {
                Some(range) => interval.weekdays.push(range),
                None => bad("weekdays", text, "write such as monday:friday"),
            }
        }
        for text in days_of_month {
            match range(text, |day| day.parse().ok()) {
                Some(range) => interval.days_of_month.push(range),
                None => bad("days_of_month", text, "write such as 1:7, or -1 for the last"),
            }
        }
        for text in months {
            match range(text, |month| named(month, &MONTHS, 1)) {
                Some(range) => interval.months.push(range),
                None => bad("months", text, "write such as june:august"),
            }
        }
        for text in years {
            match range(text, |year| year.parse().ok()) {
                Some(range) => interval.years.push(range),
                None => bad("years", text, "write such as 2026:2027"),
            }
        }
        interval
    }
}

/// `from-until` in minutes after midnight.
fn clock_range(text: &str) -> Option<(u16, u16)> {
    let (from, until) = text.split_once('-')?;
    Some((clock(from)?, clock(until)?)).filter(|(from, until)| from != until)
}

fn clock(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let minute = hours * 60 + minutes;
    (hours <= 24 && minutes < 60 && minute <= DAY).then_some(minute)
}

/// `a` or `a:b`.
fn range<T: Copy>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<(T, T)> {
    let (from, until) = text.split_once(':').unwrap_or((text, text));
    Some((read(from.trim())?, read(until.trim())?))
}

/// A name, its first three letters, or its number.
fn named(text: &str, names: &[&str], first: u8) -> Option<u8> {
    let text = text.to_ascii_lowercase();
    let place = names.iter().position(|name| *name == text || name.get(..3) == Some(text.as_str()));
    let place = place.and_then(|at| u8::try_from(at).ok()).map(|at| at + first);
    place.or_else(|| text.parse().ok().filter(|number| (first..first + names.len() as u8).contains(number)))
}
