//! `POST /api/v2/alerts`: alerts of others.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use orszem_alerting::{External, Input};
use orszem_indexer::alerting::INPUTS_MAX;
use orszem_model::time::parse_timestamp;
use orszem_model::{Labels, Timestamp};
use serde_json::Value;

use super::problem::{Ours, Problem};
use super::{AlertmanagerApi, BODY_MAX};
use crate::http::logs::now;

/// How long an alert fires whose sender does not say.
const ENDS_AFTER: Duration = Duration::from_secs(300);

pub(super) async fn take(State(api): State<AlertmanagerApi>, _: Ours, body: Bytes) -> Result<Response, Problem> {
    let now = now();
    let (alerts, wrong) = read(&body, now)?;
    let mut refused = wrong;
    let mut inputs = alerts;
    while !inputs.is_empty() {
        let rest = inputs.split_off(inputs.len().min(INPUTS_MAX));
        let answers = api.alerting.submit(std::mem::replace(&mut inputs, rest)).await?;
        refused.extend(answers.into_iter().flatten().map(|refusal| refusal.to_string()));
    }
    if refused.is_empty() { Ok(StatusCode::OK.into_response()) } else { Err(Problem::Bad(refused.join("; "))) }
}

/// The alerts that are in order, and what is wrong with the others.
pub(super) fn read(body: &[u8], now: Timestamp) -> Result<(Vec<Input>, Vec<String>), Problem> {
    let unreadable =
        |reason: &str| Problem::Unreadable(format!("parsing alerts body from \"\" failed, because {reason}"));
    if body.len() > BODY_MAX {
        return Err(unreadable("it is too large"));
    }
    let value: Value = serde_json::from_slice(body).map_err(|error| unreadable(&error.to_string()))?;
    let Value::Array(items) = value else { return Err(unreadable("it is no array")) };
    let (mut inputs, mut wrong) = (Vec::new(), Vec::new());
    for (at, item) in items.iter().enumerate() {
        match alert(at, item, now)? {
            Ok(external) => inputs.push(Input::External(external)),
            Err(reason) => wrong.push(reason),
        }
    }
    Ok((inputs, wrong))
}

fn alert(at: usize, item: &Value, now: Timestamp) -> Result<Result<External, String>, Problem> {
    let Some(labels) = item.get("labels").filter(|labels| !labels.is_null()) else {
        return Err(Problem::Field { code: 602, message: format!("{at}.labels in body is required") });
    };
    let labels = texts(at, "labels", Some(labels))?;
    let annotations = texts(at, "annotations", item.get("annotations"))?;
    let starts_at = moment(at, "startsAt", item, now)?;
    let ends_at = moment(at, "endsAt", item, now)?;
    let generator = item.get("generatorURL").and_then(Value::as_str).unwrap_or("").to_owned();
    let labels: Vec<(String, String)> = labels.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let begins = starts_at.or(ends_at).unwrap_or(now);
    let ends = ends_at.unwrap_or_else(|| now.after(ENDS_AFTER));
    if labels.is_empty() {
        return Ok(Err("at least one label pair required".to_owned()));
    }
    if labels.iter().any(|(name, _)| name.is_empty()) {
        return Ok(Err("invalid label set: invalid name \"\"".to_owned()));
    }
    if ends < begins {
        return Ok(Err("start time must be before end time".to_owned()));
    }
    let (labels, annotations) = (Labels::new(labels), Labels::new(annotations));
    Ok(Ok(External { labels, annotations, starts_at: begins, ends_at: ends, generator }))
}

fn texts(at: usize, field: &str, value: Option<&Value>) -> Result<Vec<(String, String)>, Problem> {
    let wrong = |name: &str| {
        let message = format!("{at}.{field}.{name} in body must be of type string");
        Problem::Field { code: 601, message }
    };
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Object(pairs)) => pairs
            .iter()
            .map(|(name, value)| Ok((name.clone(), value.as_str().ok_or_else(|| wrong(name))?.to_owned())))
            .collect(),
        Some(_) => Err(wrong("")),
    }
}

/// A time; Go's zero time is none.
fn moment(at: usize, field: &str, item: &Value, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
    let text = match item.get(field) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.is_empty() || text.starts_with("0001-01-01T00:00:00") => return Ok(None),
        Some(value) => value.as_str().unwrap_or("").to_owned(),
    };
    let read = parse_timestamp(&text, now).map_err(|_| Problem::Field {
        code: 601,
        message: format!("{at}.{field} in body must be of type date-time: {text:?}"),
    })?;
    Ok(Some(read))
}
