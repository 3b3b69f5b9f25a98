//! The parameters of the API: from a query string, a form or JSON, into types that cannot be wrong.

use std::time::Duration;

use axum::Form;
use axum::extract::{FromRequest, Query as UrlQuery, Request};
use bytes::Bytes;
use http::{Method, header};
use orszem_model::Timestamp;
use orszem_model::time::{parse_duration, parse_point};
use orszem_search::Query;
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};

use super::ApiError;
use super::engine::{Cursor, Order, TimeRange};

/// Rows of one page, at most.
pub(super) const LIMIT_MAX: u64 = 5000;
const LIMIT_DEFAULT: u64 = 100;
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
const TIMEOUT_MAX: Duration = Duration::from_secs(300);

/// Everything a request may say; an unknown name is refused. Each endpoint reads what it documents.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Params {
    pub(super) q: String,
    pub(super) from: Option<Text>,
    pub(super) to: Option<Text>,
    pub(super) since: Option<String>,
    pub(super) limit: Option<u64>,
    pub(super) order: OrderName,
    pub(super) cursor: Option<String>,
    pub(super) step: Option<String>,
    pub(super) field: Option<String>,
    pub(super) quantiles: Option<String>,
    pub(super) ts: Option<Text>,
    pub(super) seq: Option<Text>,
    pub(super) before: Option<u64>,
    pub(super) after: Option<u64>,
    pub(super) filtered: bool,
    pub(super) format: Format,
    pub(super) timeout: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum OrderName {
    #[default]
    Newest,
    Oldest,
}

/// What an export is written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    #[default]
    Ndjson,
    Text,
}

/// A text, or a JSON number as its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyText;
        impl Visitor<'_> for AnyText {
            type Value = Text;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text or a number")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }
        }
        deserializer.deserialize_any(AnyText)
    }
}

impl<S: Send + Sync> FromRequest<S> for Params {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let unreadable = |reason: String| ApiError::Parameters { reason };
        if request.method() != Method::POST {
            return UrlQuery::try_from_uri(request.uri()).map(|q| q.0).map_err(|e| unreadable(e.body_text()));
        }
        let given =
            request.headers().get(header::CONTENT_TYPE).map_or("", |value| value.to_str().unwrap_or("?")).to_owned();
        match given.split(';').next().unwrap_or("").trim() {
            "application/json" => {
                let body = Bytes::from_request(request, state).await.map_err(|e| unreadable(e.body_text()))?;
                serde_json::from_slice(&body).map_err(|e| unreadable(e.to_string()))
            }
            "application/x-www-form-urlencoded" => {
                Form::from_request(request, state).await.map(|form| form.0).map_err(|e| unreadable(e.body_text()))
            }
            _ => Err(ApiError::ContentType { given }),
        }
    }
}

fn parameter(name: &'static str, reason: impl Into<String>) -> ApiError {
    ApiError::Parameter { name, reason: reason.into() }
}

impl Params {
    pub(super) fn query(&self) -> Result<Query, ApiError> {
        Ok(Query::parse(&self.q)?)
    }

    /// `[from, to)`; without `from` and `since` all that is before `to`, without `to` all after `from`.
    pub(super) fn range(&self, now: Timestamp) -> Result<TimeRange, ApiError> {
        let from = match (&self.from, &self.since) {
            (Some(_), Some(_)) => return Err(parameter("since", "give from or since, not both")),
            (Some(from), None) => parse_point(&from.0, now).map_err(|e| parameter("from", e.to_string()))?.0,
            (None, Some(since)) => now.before(parse_duration(since).map_err(|e| parameter("since", e.to_string()))?).0,
            (None, None) => i64::MIN,
        };
        let to = match &self.to {
            Some(to) => parse_point(&to.0, now).map_err(|e| parameter("to", e.to_string()))?.0,
            None => i64::MAX,
        };
        if from >= to {
            return Err(parameter("from", "the range is empty; from must be before to"));
        }
        Ok(TimeRange { from, to })
    }

    /// A range with both ends: a missing `to` is `now`, a missing `from` an error.
    pub(super) fn closed_range(&self, now: Timestamp) -> Result<TimeRange, ApiError> {
        if self.from.is_none() && self.since.is_none() {
            return Err(parameter("from", "missing; say from or since"));
        }
        let range = self.range(now)?;
        let to = if self.to.is_none() { now.0.saturating_add(1).max(range.from.saturating_add(1)) } else { range.to };
        Ok(TimeRange { to, ..range })
    }

    pub(super) fn limit(&self) -> Result<usize, ApiError> {
        bounded("limit", self.limit.unwrap_or(LIMIT_DEFAULT), LIMIT_MAX)
    }

    pub(super) fn order(&self) -> Order {
        match self.order {
            OrderName::Newest => Order::NewestFirst,
            OrderName::Oldest => Order::OldestFirst,
        }
    }

    pub(super) fn after_cursor(&self) -> Result<Option<Cursor>, ApiError> {
        let Some(text) = &self.cursor else { return Ok(None) };
        decode_cursor(text).map(Some).ok_or_else(|| parameter("cursor", "not a cursor that this server gave"))
    }

    /// The record that `cursor`, or `ts` and `seq`, name.
    pub(super) fn record(&self) -> Result<Cursor, ApiError> {
        if let Some(cursor) = self.after_cursor()? {
            return Ok(cursor);
        }
        let (Some(ts), Some(seq)) = (&self.ts, &self.seq) else {
            return Err(parameter("ts", "missing; say ts and seq, or cursor"));
        };
        let nanos = ts.0.parse().map_err(|_| parameter("ts", "not a number of nanoseconds (ts_ns of a row)"))?;
        let seq = seq.0.parse().map_err(|_| parameter("seq", "not a sequence number"))?;
        Ok(Cursor { ts: nanos, seq })
    }

    /// How many neighbours before and behind, 20 each unless said.
    pub(super) fn neighbours(&self) -> Result<(usize, usize), ApiError> {
        const MAX: u64 = 1000;
        Ok((up_to("before", self.before.unwrap_or(20), MAX)?, up_to("after", self.after.unwrap_or(20), MAX)?))
    }

    pub(super) fn field(&self) -> Result<String, ApiError> {
        match self.field.as_deref() {
            Some(field) if !field.is_empty() => Ok(field.to_owned()),
            _ => Err(parameter("field", "missing; name a label or attribute, such as host")),
        }
    }

    /// The quantiles asked for, 0 to 1; the median, p95 and p99 unless said.
    pub(super) fn quantiles(&self) -> Result<Vec<f64>, ApiError> {
        const QUANTILES_MAX: usize = 20;
        let text = self.quantiles.as_deref().unwrap_or("0.5,0.95,0.99");
        let wrong = || {
            parameter(
                "quantiles",
                format!("{text} is not up to {QUANTILES_MAX} numbers from 0 to 1 with commas between"),
            )
        };
        let quantiles: Vec<f64> =
            text.split(',').map(|one| one.trim().parse()).collect::<Result<_, _>>().map_err(|_| wrong())?;
        let fits = quantiles.len() <= QUANTILES_MAX && quantiles.iter().all(|quantile| (0.0..=1.0).contains(quantile));
        if fits { Ok(quantiles) } else { Err(wrong()) }
    }

    /// The step in nanoseconds: as said, else one that gives about a hundred buckets.
    pub(super) fn step(&self, range: TimeRange) -> Result<i64, ApiError> {
        const BUCKETS_MAX: i64 = 11_000;
        let span = range.to.saturating_sub(range.from);
        let Some(text) = &self.step else { return Ok(automatic_step(span)) };
        let step = parse_duration(text).map_err(|e| parameter("step", e.to_string()))?;
        let step = i64::try_from(step.as_nanos()).unwrap_or(i64::MAX);
        if step == 0 || span / step > BUCKETS_MAX {
            return Err(parameter(
                "step",
                format!("{text} makes more than {BUCKETS_MAX} buckets of this range; use a longer one"),
            ));
        }
        Ok(step)
    }

    pub(super) fn timeout(&self) -> Result<Duration, ApiError> {
        let Some(text) = &self.timeout else { return Ok(TIMEOUT_DEFAULT) };
        let timeout = parse_duration(text).map_err(|e| parameter("timeout", e.to_string()))?;
        if timeout.is_zero() || timeout > TIMEOUT_MAX {
            return Err(parameter("timeout", "use more than 0 and at most 5m"));
        }
        Ok(timeout)
    }
}

fn bounded(name: &'static str, value: u64, max: u64) -> Result<usize, ApiError> {
    if value == 0 { Err(parameter(name, format!("use 1 to {max}"))) } else { up_to(name, value, max) }
}

fn up_to(name: &'static str, value: u64, max: u64) -> Result<usize, ApiError> {
    let fitting = usize::try_from(value).ok().filter(|_| value <= max);
    fitting.ok_or_else(|| parameter(name, format!("{value} is too many; use at most {max}")))
}

/// The shortest round step that makes at most 120 buckets of `span`.
fn automatic_step(span: i64) -> i64 {
    const MS: i64 = 1_000_000;
    const S: i64 = 1000 * MS;
    const STEPS: [i64; 26] = [
        MS,
        5 * MS,
        10 * MS,
        50 * MS,
        100 * MS,
        250 * MS,
        500 * MS,
        S,
        2 * S,
        5 * S,
        10 * S,
        15 * S,
        30 * S,
        60 * S,
        120 * S,
        300 * S,
        600 * S,
        900 * S,
        1800 * S,
        3600 * S,
        7200 * S,
        10_800 * S,
        21_600 * S,
        43_200 * S,
        86_400 * S,
        604_800 * S,
    ];
    STEPS.into_iter().find(|step| span / step <= 120).unwrap_or_else(|| span / 120 + 1)
}

/// The text form of a cursor, which clients only hand back.
pub(super) fn encode_cursor(cursor: Cursor) -> String {
    format!("{:016x}{:x}", cursor.ts.cast_unsigned(), cursor.seq)
}

fn decode_cursor(text: &str) -> Option<Cursor> {
    let (ts, seq) = text.split_at_checked(16)?;
    let ts = u64::from_str_radix(ts, 16).ok()?.cast_signed();
    Some(Cursor { ts, seq: u64::from_str_radix(seq, 16).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_round_trips_and_others_are_refused() {
        for cursor in [Cursor { ts: -5, seq: 0 }, Cursor { ts: i64::MAX, seq: u64::MAX }] {
            assert_eq!(decode_cursor(&encode_cursor(cursor)), Some(cursor));
        }
        for text in ["", "00000000000000zz1", "0000000000000001", "ő00000000000000001"] {
            assert_eq!(decode_cursor(text), None, "{text}");
        }
    }

    #[test]
    fn steps_are_round_and_give_about_a_hundred_buckets() {
        let minute = 60_000_000_000;
        for (span, step) in
            [(15 * minute, 10_000_000_000), (60 * minute, minute / 2), (1440 * minute, 15 * minute), (5, 1_000_000)]
        {
            assert_eq!(automatic_step(span), step, "{span}");
        }
    }

    #[test]
    fn ranges_are_closed_where_they_must_be() {
        let now = Timestamp(1_795_348_800_000_000_000);
        let ask = |from: Option<&str>, to: Option<&str>, since: Option<&str>| Params {
            from: from.map(|t| Text(t.into())),
            to: to.map(|t| Text(t.into())),
            since: since.map(str::to_owned),
            ..Params::default()
        };
        let minute = 60_000_000_000;
        let range = |from, to| Some(TimeRange { from, to });
        assert_eq!(ask(None, None, None).range(now).ok(), range(i64::MIN, i64::MAX));
        assert_eq!(ask(Some("now-2m"), Some("now"), None).range(now).ok(), range(now.0 - 2 * minute, now.0));
        assert_eq!(ask(None, None, Some("2m")).closed_range(now).ok(), range(now.0 - 2 * minute, now.0 + 1));
        assert!(ask(None, None, None).closed_range(now).is_err());
        assert!(ask(Some("now"), Some("now-1m"), None).range(now).is_err());
        assert!(ask(Some("now"), None, Some("1m")).range(now).is_err());
        assert!(ask(Some("gestern"), None, None).range(now).is_err());
    }
}
