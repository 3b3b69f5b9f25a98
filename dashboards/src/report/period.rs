//! The period of a report: the last whole day, week or month, a span up to now, or from a time to another.

use orszem_model::Timestamp;
use orszem_model::time::{Civil, parse_duration, parse_point};

const DAY_MS: i64 = 86_400_000;
/// What ledgers keep.
const LONGEST_MS: i64 = 400 * DAY_MS;

/// Why a text is no period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    #[error("{0:?} is no period; write day, week, month, a span such as 7d, or FROM..TO")]
    Unknown(String),
    #[error("{0}")]
    Time(#[from] orszem_model::time::TimeError),
    #[error("the period is empty, longer than 400 days, or not over")]
    Range,
}

/// From when to when, in milliseconds since 1970. Days, weeks (from Monday) and months are whole ones, in UTC.
///
/// # Errors
/// When it is none, or longer than 400 days.
pub fn period(text: &str, now: Timestamp) -> Result<(i64, i64), PeriodError> {
    let now_ms = now.0 / 1_000_000;
    let today = now_ms.div_euclid(DAY_MS);
    let (from, until) = match text {
        "day" => ((today - 1) * DAY_MS, today * DAY_MS),
        "week" => {
            // 1970-01-01 was a Thursday.
            let monday = today - (today + 3).rem_euclid(7);
            ((monday - 7) * DAY_MS, monday * DAY_MS)
        }
        "month" => {
            let first = Civil { day: 1, ..Civil::from_days(today) }.days();
            let before = Civil { day: 1, ..Civil::from_days(first - 1) }.days();
            (before * DAY_MS, first * DAY_MS)
        }
        text => match text.split_once("..") {
            Some((from, to)) => {
                let to = if to.is_empty() { now } else { parse_point(to, now)? };
                (parse_point(from, now)?.0 / 1_000_000, to.0 / 1_000_000)
            }
            None => {
                let span = parse_duration(text).map_err(|_| PeriodError::Unknown(text.to_owned()))?;
                (now_ms - i64::try_from(span.as_millis()).unwrap_or(LONGEST_MS + 1), now_ms)
            }
        },
    };
    if from < until && until - from <= LONGEST_MS && until <= now_ms {
        Ok((from, until))
    } else {
        Err(PeriodError::Range)
    }
}
