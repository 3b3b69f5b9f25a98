//! Reports that are sent at times of their own: when they are due, and about which time.

use std::str::FromStr;
use std::time::Duration;

use croner::Cron;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp as Instant, ToSpan, Zoned};
use orszem_model::Timestamp;
use orszem_model::time::parse_duration;

use crate::error::ConfigError;
use crate::notify::Body;
use crate::recipient::Recipient;

/// The longest span: what ledgers keep.
const SPAN_MAX: Duration = Duration::from_secs(400 * 86_400);

/// A report that is due. What was due by then already is not sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueReport {
    pub name: String,
    pub due: Timestamp,
    /// What is sent; without it only `due` is kept, for what is due later.
    pub content: Option<ReportContent>,
}

/// A report as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportContent {
    pub title: String,
    pub from: Timestamp,
    pub until: Timestamp,
    /// Contacts of the plan: all their addresses that take warnings.
    pub contacts: Vec<String>,
    /// Further addresses.
    pub addresses: Vec<Recipient>,
    pub body: Body,
}

/// What a report is about, seen from when it is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportPeriod {
    /// The last whole one of the calendar.
    Day,
    /// From Monday.
    Week,
    Month,
    /// The time before, at most 400 days.
    Span(Duration),
}

impl FromStr for ReportPeriod {
    type Err = ConfigError;

    /// `day`, `week`, `month`, or a span such as `12h`.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text {
            "day" => Ok(Self::Day),
            "week" => Ok(Self::Week),
            "month" => Ok(Self::Month),
            text => match parse_duration(text) {
                Ok(span) if !span.is_zero() && span <= SPAN_MAX => Ok(Self::Span(span)),
                _ => Err(ConfigError::ReportPeriod(text.to_owned())),
            },
        }
    }
}

/// When a report is due.
#[derive(Clone, Debug)]
pub struct ReportSchedule {
    cron: Box<Cron>,
    zone: TimeZone,
    period: ReportPeriod,
}

impl ReportSchedule {
    /// A cron pattern of 5 fields, or 6 with seconds, in a zone by its IANA name.
    ///
    /// # Errors
    /// When one of them is none.
    pub fn new(pattern: &str, zone: &str, period: ReportPeriod) -> Result<Self, ConfigError> {
        let refused = |error: croner::errors::CronError| ConfigError::Cron {
            pattern: pattern.to_owned(),
            reason: error.to_string(),
        };
        let cron = Box::new(pattern.parse().map_err(refused)?);
        let zone = TimeZone::get(zone).map_err(|_| ConfigError::UnknownZone(zone.to_owned()))?;
        Ok(Self { cron, zone, period })
    }

    /// The last time at which it was due, if that was after `last` and is not as long ago as its period is. Of several
    /// that were missed it is the last one.
    pub fn due(&self, last: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let due = of(&self.cron.find_previous_occurrence(&self.local(now)?, true).ok()?);
        let (from, until) = self.range(due)?;
        (due > last && now.0.saturating_sub(due.0) < until.0.saturating_sub(from.0)).then_some(due)
    }

    /// When it is due after `now`; `None` if never.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.cron.find_next_occurrence(&self.local(now)?, false).ok().map(|next| of(&next))
    }

    /// What the report that is due then is about. Days begin at the midnight of the zone.
    pub fn range(&self, due: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let today = self.local(due)?.date();
        let (from, until) = match self.period {
            ReportPeriod::Day => (today.yesterday().ok()?, today),
            ReportPeriod::Week => {
                let monday = today.checked_sub(today.weekday().to_monday_zero_offset().days()).ok()?;
                (monday.checked_sub(7.days()).ok()?, monday)
            }
            ReportPeriod::Month => (today.first_of_month().checked_sub(1.month()).ok()?, today.first_of_month()),
            ReportPeriod::Span(span) => return Some((due.before(span), due)),
        };
        let midnight = |date: Date| date.to_zoned(self.zone.clone()).ok().map(|midnight| of(&midnight));
        midnight(from).zip(midnight(until))
    }

    /// To the second, as patterns are.
    fn local(&self, at: Timestamp) -> Option<Zoned> {
        let second = Instant::from_second(at.0.div_euclid(1_000_000_000)).ok()?;
        Some(second.to_zoned(self.zone.clone()))
    }
}

fn of(local: &Zoned) -> Timestamp {
    Timestamp(i64::try_from(local.timestamp().as_nanosecond()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
