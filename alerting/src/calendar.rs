//! Times that recur: windows by weekday, date and hour, or by a cron pattern, in an IANA time zone.

use std::time::Duration;

use croner::Cron;
use jiff::tz::TimeZone;
use jiff::{Timestamp as Instant, ToSpan, Zoned};
use orszem_model::{Timestamp, coded, coded_enum};

use crate::error::ConfigError;

/// Minutes in a day.
const DAY_MINUTES: u16 = 1_440;
/// What recurs by cron lasts at most this long.
const CRON_LASTS_MAX: Duration = Duration::from_secs(31 * 86_400);
/// A boundary for those that have none.
const FAR: Duration = Duration::from_secs(366 * 86_400);

/// Since when and until when something holds, and when within that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    pub from: Timestamp,
    /// `None`: until it is ended.
    pub until: Option<Timestamp>,
    /// `None`: all the time.
    pub recurs: Option<Schedule>,
}

impl Period {
    /// Once, from a moment until another.
    pub fn once(from: Timestamp, until: Timestamp) -> Self {
        Self { from, until: Some(until), recurs: None }
    }

    /// Whether it covers `at`; `calendar` is that of `recurs`.
    pub(crate) fn covers(&self, calendar: Option<&Calendar>, at: Timestamp) -> bool {
        let is_within = self.from <= at && self.until.is_none_or(|until| at < until);
        is_within && calendar.is_none_or(|calendar| calendar.covers(at))
    }

    /// When that may change next; `None` when it is over.
    pub(crate) fn boundary(&self, calendar: Option<&Calendar>, at: Timestamp) -> Option<Timestamp> {
        if at < self.from {
            return Some(self.from);
        }
        if self.until.is_some_and(|until| until <= at) {
            return None;
        }
        let recurring = calendar.map(|calendar| calendar.boundary(at));
        [self.until, recurring].into_iter().flatten().min()
    }
}

/// A time that recurs, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// An IANA name, such as `Europe/Budapest`; empty for UTC.
    pub zone: String,
    pub when: When,
}

/// How it recurs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// Whenever one of these covers the local time, as Alertmanager's `time_intervals`.
    Weekly(Vec<Interval>),
    /// From each moment that the pattern (5 or 6 fields) names, this long. Where clocks go forward a skipped start is the
    /// first moment after; where they go back it is the earlier of the two.
    Cron(String, Duration),
}

/// Each part is a list of ranges with both ends in them; an empty list covers everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interval {
    /// Minutes after midnight, the end not in it: 0 to 1,440. A window over midnight is two ranges.
    pub minutes: Vec<(u16, u16)>,
    /// 0 is Sunday, 6 Saturday.
    pub weekdays: Vec<(u8, u8)>,
    /// 1 to 31; -1 is the last of the month.
    pub days_of_month: Vec<(i8, i8)>,
    /// 1 to 12.
    pub months: Vec<(u8, u8)>,
    pub years: Vec<(u16, u16)>,
}

impl Interval {
    fn check(&self) -> Result<(), ConfigError> {
        let range = |what, from: i64, until: i64, min: i64, max: i64| {
            let is_good = min <= from && from <= until && until <= max;
            if is_good { Ok(()) } else { Err(ConfigError::OutOfRange { what, from, until, min, max }) }
        };
        for &(from, until) in &self.minutes {
            range("minutes", from.into(), until.into(), 0, DAY_MINUTES.into())?;
        }
        for &(from, until) in &self.weekdays {
            range("weekdays", from.into(), until.into(), 0, 6)?;
        }
        for &(from, until) in &self.days_of_month {
            range("days of the month", from.into(), from.into(), -31, 31)?;
            range("days of the month", until.into(), until.into(), -31, 31)?;
            if from == 0 || until == 0 || (from > until && (from > 0) == (until > 0)) {
                let (from, until) = (from.into(), until.into());
                return Err(ConfigError::OutOfRange { what: "days of the month", from, until, min: 1, max: 31 });
            }
        }
        for &(from, until) in &self.months {
            range("months", from.into(), until.into(), 1, 12)?;
        }
        for &(from, until) in &self.years {
            range("years", from.into(), until.into(), 1970, 2262)?;
        }
        Ok(())
    }

    fn covers(&self, local: &Zoned) -> bool {
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        let weekday = local.weekday().to_sunday_zero_offset().unsigned_abs();
        let month = local.month().unsigned_abs();
        let year = local.year().unsigned_abs();
        let days = local.days_in_month();
        let of_month = |day: i8| if day < 0 { days + 1 + day } else { day };
        let is_day = |&(from, until): &(i8, i8)| of_month(from) <= local.day() && local.day() <= of_month(until);
        let (days_of_month, minutes) = (&self.days_of_month, &self.minutes);
        (minutes.is_empty() || minutes.iter().any(|range| range.0 <= minute && minute < range.1))
            && is_in(&self.weekdays, weekday)
            && (days_of_month.is_empty() || days_of_month.iter().any(is_day))
            && is_in(&self.months, month)
            && is_in(&self.years, year)
    }
}

fn is_in<T: PartialOrd + Copy>(ranges: &[(T, T)], value: T) -> bool {
    ranges.is_empty() || ranges.iter().any(|range| range.0 <= value && value <= range.1)
}

/// A schedule that was checked and can be asked.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    when: Checked,
}

#[derive(Clone, Debug)]
enum Checked {
    Weekly(Vec<Interval>),
    Cron(Box<Cron>, Duration),
}

impl Calendar {
    /// # Errors
    /// When the zone is unknown or the times are none.
    pub fn new(schedule: &Schedule) -> Result<Self, ConfigError> {
        let zone = match schedule.zone.as_str() {
            "" => TimeZone::UTC,
            name => TimeZone::get(name).map_err(|_| ConfigError::UnknownZone(name.to_owned()))?,
        };
        let when = match &schedule.when {
            When::Weekly(intervals) => {
                intervals.iter().try_for_each(Interval::check)?;
                Checked::Weekly(intervals.clone())
            }
            When::Cron(pattern, lasts) => {
                if *lasts < Duration::from_secs(1) || *lasts > CRON_LASTS_MAX {
                    return Err(ConfigError::CronLength);
                }
                let refused = |error: croner::errors::CronError| ConfigError::Cron {
                    pattern: pattern.clone(),
                    reason: error.to_string(),
                };
                Checked::Cron(Box::new(pattern.parse().map_err(refused)?), *lasts)
            }
        };
        Ok(Self { zone, when })
    }

    /// Whether it holds at `at`.
    pub fn covers(&self, at: Timestamp) -> bool {
        let Some(local) = self.local(at) else { return false };
        match &self.when {
            Checked::Weekly(intervals) => intervals.iter().any(|interval| interval.covers(&local)),
            Checked::Cron(cron, lasts) => last_start(cron, &local).is_some_and(|start| at < start.after(*lasts)),
        }
    }

    /// A later time at which the answer may change: never later than it does, at most a year ahead.
    pub fn boundary(&self, at: Timestamp) -> Timestamp {
        let far = at.after(FAR);
        let Some(local) = self.local(at) else { return far };
        match &self.when {
            Checked::Weekly(intervals) => weekly_boundary(intervals, &local).filter(|next| *next > at).unwrap_or(far),
            Checked::Cron(cron, lasts) => {
                let end = last_start(cron, &local).map(|start| start.after(*lasts)).filter(|end| *end > at);
                let next = cron.find_next_occurrence(&local, false).ok().map(|next| instant(&next));
                [end, next].into_iter().flatten().min().unwrap_or(far)
            }
        }
    }

    fn local(&self, at: Timestamp) -> Option<Zoned> {
        let instant = Instant::from_nanosecond(i128::from(at.0)).ok()?;
        Some(instant.to_zoned(self.zone.clone()))
    }
}

/// The next midnight or edge of a range, in local time. Within a day whose clocks change an edge may come twice or never:
/// then the minute at which they change is one, too, as the midnight after is not more than 25 hours away.
fn weekly_boundary(intervals: &[Interval], local: &Zoned) -> Option<Timestamp> {
    let tomorrow = local.start_of_day().ok()?.checked_add(1.day()).ok()?.start_of_day().ok()?;
    let mut next = instant(&tomorrow);
    let change = local.time_zone().following(local.timestamp()).next().map(|change| change.timestamp());
    if let Some(change) = change {
        next = next.min(of_instant(change));
    }
    let edges = intervals.iter().flat_map(|interval| &interval.minutes).flat_map(|range| [range.0, range.1]);
    let now = instant(local);
    for minute in edges.filter(|minute| *minute < DAY_MINUTES) {
        let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
        let Ok(edge) = local.date().at(hour, minute, 0, 0).to_zoned(local.time_zone().clone()) else { continue };
        let edge = instant(&edge);
        if edge > now {
            next = next.min(edge);
        }
    }
    Some(next)
}

fn last_start(cron: &Cron, local: &Zoned) -> Option<Timestamp> {
    cron.find_previous_occurrence(local, true).ok().map(|start| instant(&start))
}

fn instant(local: &Zoned) -> Timestamp {
    of_instant(local.timestamp())
}

fn of_instant(instant: Instant) -> Timestamp {
    Timestamp(i64::try_from(instant.as_nanosecond()).unwrap_or(i64::MAX))
}

coded_enum!(When { 0 = Weekly(intervals), 1 = Cron(pattern, lasts) });
coded! {
    Period { from, until, recurs }
    Schedule { zone, when }
}

impl orszem_model::code::Code for Interval {
    fn put(&self, out: &mut Vec<u8>) {
        let wide = |ranges: &[(u16, u16)]| ranges.iter().map(|r| (i64::from(r.0), i64::from(r.1))).collect::<Vec<_>>();
        let narrow = |ranges: &[(u8, u8)]| ranges.iter().map(|r| (i64::from(r.0), i64::from(r.1))).collect::<Vec<_>>();
        wide(&self.minutes).put(out);
        narrow(&self.weekdays).put(out);
        self.days_of_month.iter().map(|r| (i64::from(r.0), i64::from(r.1))).collect::<Vec<_>>().put(out);
        narrow(&self.months).put(out);
        wide(&self.years).put(out);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        fn ranges<T: TryFrom<i64>>(input: &mut &[u8]) -> Option<Vec<(T, T)>> {
            let ranges: Vec<(i64, i64)> = Vec::take(input)?;
            ranges.into_iter().map(|range| Some((range.0.try_into().ok()?, range.1.try_into().ok()?))).collect()
        }
        Some(Self {
            minutes: ranges(input)?,
            weekdays: ranges(input)?,
            days_of_month: ranges(input)?,
            months: ranges(input)?,
            years: ranges(input)?,
        })
    }
}

#[cfg(test)]
mod tests;
