//! `/api/v2/silences` and `/api/v2/silence/{id}`.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use orszem_alerting::{Input, Period, Silence};
use orszem_model::time::parse_timestamp;
use orszem_model::{MatchOp, Matcher, Timestamp};
use serde_json::{Value, json};

use super::AlertmanagerApi;
use super::alerts::{answer, time};
use super::params::Filter;
use super::problem::{Ours, Problem};
use crate::http::logs::now;

pub(super) async fn list(State(api): State<AlertmanagerApi>, _: Ours, filter: Filter) -> Result<Response, Problem> {
    let known = api.alerting.read(|engine, _| engine.silences().cloned().collect::<Vec<Silence>>()).await?;
    let now = now();
    let mut found: Vec<&Silence> = known.iter().filter(|silence| is_asked(silence, &filter.matchers)).collect();
    found.sort_by_key(|silence| {
        let (from, until) = (silence.period.from.0, ends(silence).0);
        match Standing::of(silence, now) {
            Standing::Active => (0, until),
            Standing::Pending => (1, from),
            Standing::Expired => (2, -until),
        }
    });
    Ok(answer(&Value::Array(found.into_iter().map(|silence| shown(silence, now)).collect())))
}

pub(super) async fn show(
    State(api): State<AlertmanagerApi>,
    _: Ours,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    match find(&api, id).await? {
        Some(silence) => Ok(answer(&shown(&silence, now()))),
        None => Err(Problem::NotFound),
    }
}

pub(super) async fn expire(
    State(api): State<AlertmanagerApi>,
    _: Ours,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let Some(silence) = find(&api, id.clone()).await? else { return Err(Problem::NotFound) };
    if matches!(Standing::of(&silence, now()), Standing::Expired) {
        return Err(Problem::Expired(format!("silence {id} already expired")));
    }
    let answers = api.alerting.submit(vec![Input::EndSilence { id }]).await?;
    match answers.into_iter().flatten().next() {
        None => Ok(StatusCode::OK.into_response()),
        Some(refusal) => Err(Problem::Bad(refusal.to_string())),
    }
}

pub(super) async fn create(State(api): State<AlertmanagerApi>, _: Ours, body: Bytes) -> Result<Response, Problem> {
    let now = now();
    let Asked { id, mut silence } = read(&body, now)?;
    let mut inputs = Vec::new();
    silence.id = match id {
        None => new_id(),
        Some(id) => {
            let missing = || Problem::NoSuchSilence("silence not found".to_owned());
            let old = find(&api, id.clone()).await?.ok_or_else(missing)?;
            if may_change(&old, &silence, now) {
                silence.created_at = old.created_at;
                id
            } else {
                if !matches!(Standing::of(&old, now), Standing::Expired) {
                    inputs.push(Input::EndSilence { id });
                }
                new_id()
            }
        }
    };
    silence.period.from = match Standing::of(&silence, now) {
        Standing::Active if silence.created_at == now => now,
        _ => silence.period.from,
    };
    let id = silence.id.clone();
    inputs.insert(0, Input::Silence(silence));
    let answers = api.alerting.submit(inputs).await?;
    match answers.into_iter().flatten().next() {
        None => Ok(answer(&json!({ "silenceID": id }))),
        Some(refusal) => Err(Problem::Bad(format!("silence invalid: {refusal}"))),
    }
}

async fn find(api: &AlertmanagerApi, id: String) -> Result<Option<Silence>, Problem> {
    let asked = id.clone();
    let found = api.alerting.read(move |engine, _| engine.silences().find(|silence| silence.id == asked).cloned());
    let found = found.await?;
    if found.is_none() && !is_uuid(&id) {
        let message = format!("silenceID in path must be of type uuid: {id:?}");
        return Err(Problem::Field { code: 601, message });
    }
    Ok(found)
}

/// A new silence, and the one that it changes.
struct Asked {
    id: Option<String>,
    silence: Silence,
}

fn read(body: &[u8], now: Timestamp) -> Result<Asked, Problem> {
    let unreadable =
        |reason: String| Problem::Unreadable(format!("parsing silence body from \"\" failed, because {reason}"));
    let value: Value = serde_json::from_slice(body).map_err(|error| unreadable(error.to_string()))?;
    if !value.is_object() {
        return Err(unreadable("it is no object".to_owned()));
    }
    let required = |field: &str| Problem::Field { code: 602, message: format!("silence.{field} in body is required") };
    let text = |field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| required(field));
    let moment = |field: &str| {
        let text = text(field)?;
        parse_timestamp(&text, now).map_err(|_| Problem::Field {
            code: 601,
            message: format!("silence.{field} in body must be of type date-time: {text:?}"),
        })
    };
    let matchers = value.get("matchers").and_then(Value::as_array).ok_or_else(|| required("matchers"))?;
    if matchers.is_empty() {
        let message = "silence.matchers in body should have at least 1 items".to_owned();
        return Err(Problem::Field { code: 612, message });
    }
    let matchers = matchers.iter().enumerate().map(|(at, item)| matcher(at, item)).collect::<Result<Vec<_>, _>>()?;
    let (author, comment) = (text("createdBy")?, text("comment")?);
    let (from, until) = (moment("startsAt")?, moment("endsAt")?);
    if until <= from {
        return Err(Problem::Bad("Failed to create silence: start time must be before end time".to_owned()));
    }
    if until < now {
        return Err(Problem::Bad("Failed to create silence: end time can't be in the past".to_owned()));
    }
    let id = value.get("id").and_then(Value::as_str).filter(|id| !id.is_empty()).map(str::to_owned);
    let period = Period::once(from, until);
    Ok(Asked { id, silence: Silence { id: String::new(), matchers, period, author, comment, created_at: now } })
}

fn matcher(at: usize, item: &Value) -> Result<Matcher, Problem> {
    let required = |field: &str| {
        let message = format!("silence.matchers.{at}.{field} in body is required");
        Problem::Field { code: 602, message }
    };
    let text = |field: &str| item.get(field).and_then(Value::as_str).ok_or_else(|| required(field));
    let (name, value) = (text("name")?, text("value")?);
    let is_regex = item.get("isRegex").and_then(Value::as_bool).ok_or_else(|| required("isRegex"))?;
    let is_equal = item.get("isEqual").and_then(Value::as_bool).unwrap_or(true);
    let op = match (is_equal, is_regex) {
        (true, false) => MatchOp::Equal,
        (false, false) => MatchOp::NotEqual,
        (true, true) => MatchOp::Regex,
        (false, true) => MatchOp::NotRegex,
    };
    if name.is_empty() {
        return Err(Problem::Bad(format!("silence invalid: invalid label matcher {at}: invalid label name {name:?}")));
    }
    let wrong = |error| Problem::Bad(format!("silence invalid: invalid label matcher {at}: {error}"));
    Matcher::new(name, op, value).map_err(wrong)
}

/// Where a silence stands.
enum Standing {
    Active,
    Pending,
    Expired,
}

impl Standing {
    fn of(silence: &Silence, now: Timestamp) -> Self {
        if ends(silence) <= now {
            Self::Expired
        } else if silence.period.from > now {
            Self::Pending
        } else {
            Self::Active
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Expired => "expired",
        }
    }
}

/// Whether the silence can go on under its id: its matchers stay, and what has happened stays.
fn may_change(old: &Silence, new: &Silence, now: Timestamp) -> bool {
    if old.matchers != new.matchers || old.period.recurs.is_some() {
        return false;
    }
    match Standing::of(old, now) {
        // Clients read times in milliseconds.
        Standing::Active => old.period.from.0 / 1_000_000 == new.period.from.0 / 1_000_000,
        Standing::Pending => new.period.from >= now,
        Standing::Expired => false,
    }
}

fn ends(silence: &Silence) -> Timestamp {
    silence.period.until.unwrap_or(Timestamp(i64::MAX))
}

/// Whether the silence has all these matchers.
fn is_asked(silence: &Silence, matchers: &[Matcher]) -> bool {
    matchers.iter().all(|asked| silence.matchers.contains(asked))
}

fn shown(silence: &Silence, now: Timestamp) -> Value {
    let matcher = |matcher: &Matcher| {
        let is_regex = matches!(matcher.op, MatchOp::Regex | MatchOp::NotRegex);
        let is_equal = matches!(matcher.op, MatchOp::Equal | MatchOp::Regex);
        json!({ "isEqual": is_equal, "isRegex": is_regex, "name": matcher.name, "value": matcher.value })
    };
    json!({
        "id": silence.id,
        "status": { "state": Standing::of(silence, now).name() },
        "updatedAt": time(silence.created_at),
        "comment": silence.comment,
        "createdBy": silence.author,
        "endsAt": time(ends(silence)),
        "matchers": silence.matchers.iter().map(matcher).collect::<Vec<_>>(),
        "startsAt": time(silence.period.from),
    })
}

/// A random UUID (RFC 9562, version 4).
fn new_id() -> String {
    let mut bytes = [0u8; 16];
    if getrandom::fill(&mut bytes).is_err() {
        // The time is as good where the system gives no chance.
        bytes = i128::from(now().0).to_be_bytes();
    }
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut id = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            id.push('-');
        }
        id.push_str(&format!("{byte:02x}"));
    }
    id
}

fn is_uuid(text: &str) -> bool {
    let is_dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| if is_dash(at) { byte == b'-' } else { byte.is_ascii_hexdigit() })
}
