//! The parameters of the Prometheus API: form values of URL and body, each as Prometheus reads it.

use std::time::Duration;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::{Method, header};
use orszem_model::time::parse_timestamp;
use orszem_model::{Matcher, Timestamp};

use super::error::QueryError;

/// The earliest and the latest time that may be named (`minTime`, `maxTime` of Prometheus), and their texts.
const MIN_TIME: (i64, &str) = (i64::MIN / 1_000_000 + 1, "-292273086-05-16T16:47:06Z");
const MAX_TIME: (i64, &str) = (i64::MAX / 1_000_000 - 1, "292277025-08-18T07:12:54.999999999Z");
/// How long a query may take that does not say.
pub const QUERY_TIMEOUT: Duration = Duration::from_secs(120);
const TIMEOUT_MAX: Duration = Duration::from_secs(300);
/// Sets of matchers of one request.
const SETS_MAX: usize = 1000;

/// Name and value pairs in the order given, URL first.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Params {
    type Rejection = QueryError;

    async fn from_request(request: Request, state: &S) -> Result<Self, QueryError> {
        let mut pairs = form(request.uri().query().unwrap_or("").as_bytes());
        let is_form = request.headers().get(header::CONTENT_TYPE).is_some_and(|value| {
            value.to_str().is_ok_and(|value| value.trim().starts_with("application/x-www-form-urlencoded"))
        });
        if request.method() == Method::POST && is_form {
            let body = Bytes::from_request(request, state).await;
            let body = body.map_err(|error| QueryError::BadRequest(format!("error parsing form values: {error}")))?;
            // As Go does it: the body's values go before those of the URL.
            let mut of_body = form(&body);
            of_body.append(&mut pairs);
            pairs = of_body;
        }
        Ok(Self(pairs))
    }
}

fn form(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).into_owned().collect()
}

fn wrong(name: &'static str, reason: impl Into<String>) -> QueryError {
    QueryError::Parameter { name, reason: reason.into() }
}

impl Params {
    #[cfg(test)]
    pub(super) fn of(text: &str) -> Self {
        Self(form(text.as_bytes()))
    }

    /// The first value of `name`; "" when there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|pair| pair.0 == name).map_or("", |pair| pair.1.as_str())
    }

    /// All values of `name`.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |pair| pair.0 == name).map(|pair| pair.1.as_str())
    }

    /// A time in milliseconds; `default` when it is not given.
    pub(super) fn time(&self, name: &'static str, default: Option<i64>) -> Result<i64, QueryError> {
        match (self.get(name), default) {
            ("", Some(default)) => Ok(default),
            (text, _) => {
                parse_time(text).ok_or_else(|| wrong(name, format!("cannot parse {text:?} to a valid timestamp")))
            }
        }
    }

    /// `start` and `end` of the requests that may leave them out.
    pub(super) fn open_range(&self) -> Result<(i64, i64), QueryError> {
        let (start, end) = (self.time("start", Some(MIN_TIME.0))?, self.time("end", Some(MAX_TIME.0))?);
        if end < start {
            return Err(wrong("end", "end timestamp must not be before start timestamp"));
        }
        Ok((start, end))
    }

    /// `true`, or what Go reads as such; false when it is not given.
    pub(super) fn flag(&self, name: &'static str) -> Result<bool, QueryError> {
        match self.get(name) {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
            "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
            text => Err(wrong(name, format!("cannot parse {text:?} to a boolean"))),
        }
    }

    /// A positive length of time in milliseconds.
    pub(super) fn duration(&self, name: &'static str) -> Result<Option<i64>, QueryError> {
        match self.get(name) {
            "" => Ok(None),
            text => parse_duration(text)
                .map(Some)
                .ok_or_else(|| wrong(name, format!("cannot parse {text:?} to a valid duration"))),
        }
    }

    /// How long the query may take: as said, at most 5 min.
    pub(super) fn timeout(&self) -> Result<Duration, QueryError> {
        let Some(ms) = self.duration("timeout")? else { return Ok(QUERY_TIMEOUT) };
        Ok(Duration::from_millis(u64::try_from(ms).unwrap_or(0)).min(TIMEOUT_MAX))
    }

    /// `limit`; 0 for none.
    pub(super) fn limit(&self) -> Result<usize, QueryError> {
        match self.get("limit") {
            "" => Ok(0),
            text => match text.parse::<i64>() {
                Ok(limit) => usize::try_from(limit).map_err(|_| wrong("limit", "limit must be non-negative")),
                Err(_) => Err(wrong("limit", format!("cannot parse {text:?} to a number"))),
            },
        }
    }

    /// The sets of matchers of `match[]`.
    pub(super) fn matcher_sets(&self) -> Result<Vec<Vec<Matcher>>, QueryError> {
        let sets: Vec<_> = self
            .all("match[]")
            .map(|text| orszem_promql::parse_selector(text).map_err(|error| wrong("match[]", error.to_string())))
            .collect::<Result<_, _>>()?;
        if sets.len() > SETS_MAX {
            return Err(wrong("match[]", format!("{} selectors are over {SETS_MAX}", sets.len())));
        }
        if sets.iter().any(|set| set.iter().all(Matcher::matches_absent)) {
            return Err(wrong("match[]", "match[] must contain at least one non-empty matcher"));
        }
        Ok(sets)
    }
}

/// Seconds since 1970 with decimals, or RFC 3339; in milliseconds.
fn parse_time(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        let ms = (seconds * 1000.0).round();
        return (ms.is_finite() && ms.abs() < 9.2e18).then_some(ms as i64).map(|ms| ms.clamp(MIN_TIME.0, MAX_TIME.0));
    }
    if let Some((time, _)) = [MIN_TIME, MAX_TIME].iter().find(|(_, known)| *known == text) {
        return Some(*time);
    }
    let is_rfc3339 = text.as_bytes().get(10).is_some_and(|byte| matches!(byte, b'T' | b't'))
        && (text.ends_with(['Z', 'z']) || text.as_bytes().iter().rev().nth(2) == Some(&b':'));
    let time = if is_rfc3339 { parse_timestamp(text, Timestamp(0)).ok() } else { None };
    time.map(|Timestamp(ns)| ns.div_euclid(1_000_000))
}

/// Seconds with decimals, or as in the query language; in milliseconds.
fn parse_duration(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        let ms = seconds * 1000.0;
        return (ms.is_finite() && ms.abs() < 9.2e15).then_some(ms.round() as i64);
    }
    orszem_promql::parse_duration_ms(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_rfc_3339() {
        let time = |text: &str| Params::of(&format!("time={text}")).time("time", Some(7)).map_err(|e| e.to_string());
        assert_eq!(time(""), Ok(7));
        assert_eq!(time("4"), Ok(4000));
        assert_eq!(time("1435781451.7814"), Ok(1_435_781_451_781));
        assert_eq!(time("-1.5"), Ok(-1500));
        assert_eq!(time("2015-07-01T20:10:51.781Z"), Ok(1_435_781_451_781));
        assert_eq!(time("2015-07-01T22:10:51%2B02:00"), Ok(1_435_781_451_000));
        assert_eq!(time("-292273086-05-16T16:47:06Z"), Ok(MIN_TIME.0));
        assert_eq!(
            time("foo"),
            Err("invalid parameter \"time\": cannot parse \"foo\" to a valid timestamp".to_owned())
        );
        assert!(time("NaN").is_err() && time("Inf").is_err());
    }

    #[test]
    fn durations_limits_and_ranges_are_checked() {
        let of = Params::of;
        assert_eq!(of("step=1.5").duration("step").ok(), Some(Some(1500)));
        assert_eq!(of("step=2m").duration("step").ok(), Some(Some(120_000)));
        assert!(of("step=x").duration("step").is_err());
        assert_eq!(of("").limit().ok(), Some(0));
        assert!(of("limit=-1").limit().is_err() && of("limit=a").limit().is_err());
        assert_eq!(of("timeout=1000").timeout().ok(), Some(TIMEOUT_MAX));
        assert_eq!(of("start=1&end=2").open_range().ok(), Some((1000, 2000)));
        assert!(of("start=3&end=2").open_range().is_err());
    }
}
