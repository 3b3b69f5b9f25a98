//! `/app/v1/probes`: what is held of the targets that collectors probe, their outages, and what is not to count.

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use orszem_availability::ledger::{Availability, Held, Interval, Ledger};
use orszem_indexer::probes::{NewExclusion, ProbesHandle, TargetLedger, WrittenExclusion};
use orszem_model::Timestamp;
use orszem_model::time::{parse_duration, parse_point};
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::Reader;
use super::engine::EngineError;
use super::error::ApiError;
use super::logs::{json_response, now};

/// Targets of one answer, at most and unless asked for fewer.
const LIMIT_MAX: usize = 1_000;
/// Bars of a target, at most.
const BARS_MAX: usize = 500;
/// Targets without a vote for so long are left out, in milliseconds.
const SILENT_MS: i64 = 7 * 86_400_000;
/// The period of an answer, at most: what the ledger keeps.
const PERIOD_MS_MAX: i64 = 400 * 86_400_000;
const MINUTE_MS: i64 = 60_000;
/// The whole of all targets, in place of one.
const ALL: &str = "all";

/// The routes; each request needs an [`Access`](super::access::Access).
pub fn router(probes: ProbesHandle) -> Router {
    Router::new()
        .route("/app/v1/probes", get(list))
        .route("/app/v1/probes/collectors", get(collectors))
        .route("/app/v1/probes/exclusions", get(exclusions))
        .route("/app/v1/probes/exclusions/{id}/withdraw", post(withdraw))
        .route("/app/v1/probes/{target}/outages", get(outages))
        .route("/app/v1/probes/{target}/exclude", post(exclude))
        .with_state(probes)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListAsk {
    /// Only this probe, only this target.
    probe: Option<String>,
    instance: Option<String>,
    /// How far bars go back, and how many they are.
    span: Option<String>,
    bars: Option<usize>,
    /// What the availability is counted over, and what share is to be reached.
    period: Option<String>,
    goal: Option<f64>,
    limit: Option<usize>,
    /// Silent ones, too.
    #[serde(default)]
    all: bool,
}

/// `GET /app/v1/probes?probe=…&instance=…&span=24h&bars=48&period=30d&goal=0.999&limit=…&all=true`.
async fn list(
    State(probes): State<ProbesHandle>,
    reader: Reader,
    ask: Result<Query<ListAsk>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(ask) = ask.map_err(|error| ApiError::Parameters { reason: error.body_text() })?;
    let ListAsk { probe, instance, span, bars, period, goal, limit, all } = ask;
    let (span, period) = (span_ms("span", span.as_deref(), "24h")?, span_ms("period", period.as_deref(), "30d")?);
    let bars = in_range("bars", bars.unwrap_or(48), 1..=BARS_MAX)?;
    let limit = in_range("limit", limit.unwrap_or(LIMIT_MAX), 1..=LIMIT_MAX)?;
    let goal = goal.unwrap_or(0.999);
    if !(0.0..=1.0).contains(&goal) {
        return Err(ApiError::Parameter { name: "goal", reason: "write a share such as 0.999".to_owned() });
    }
    let now = now_ms();
    let found = probes.ledgers(reader.0.tenant, None, (now - span.max(period), now)).await.map_err(failed)?;
    let is_meant = |found: &&TargetLedger| {
        let is_named = |wanted: &Option<String>, name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
        is_named(&probe, &found.key.probe)
            && is_named(&instance, &found.key.instance)
            && (all || now - found.target.voted_at < SILENT_MS)
    };
    let meant: Vec<&TargetLedger> = found.iter().filter(is_meant).collect();
    let shown: Vec<Value> = meant
        .iter()
        .take(limit)
        .map(|found| {
            let mut value = target(found);
            value["bars"] = bars_of(&found.ledger, now - span, now, bars);
            value["availability"] = availability(&found.ledger.count(now - period, now), goal);
            value
        })
        .collect();
    answer(&json!({
        "status": "ok", "now": time(now), "span_ms": span, "period_ms": period, "goal": goal,
        "targets": shown, "left_out": meant.len().saturating_sub(limit),
    }))
}

/// `GET /app/v1/probes/collectors`: who votes, and who is cut off.
async fn collectors(State(probes): State<ProbesHandle>, reader: Reader) -> Result<Response, ApiError> {
    let tenant = reader.0.tenant;
    let found = probes.read(move |known, _| known.collectors(tenant).collect::<Vec<_>>()).await.map_err(failed)?;
    let collectors: Vec<Value> = found
        .iter()
        .map(|one| json!({ "collector": one.name, "seen": time(one.seen_at), "isolated": one.isolated }))
        .collect();
    answer(&json!({ "status": "ok", "collectors": collectors }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutagesAsk {
    period: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

/// `GET /app/v1/probes/{target}/outages?period=30d` or `?from=…&to=…`: confirmed outages and unknown times.
async fn outages(
    State(probes): State<ProbesHandle>,
    reader: Reader,
    Path(named): Path<String>,
    ask: Result<Query<OutagesAsk>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(OutagesAsk { period, from, to }) =
        ask.map_err(|error| ApiError::Parameters { reason: error.body_text() })?;
    let now = now_ms();
    let until = to.map(|text| point("to", &text, now)).transpose()?.unwrap_or(now).min(now);
    let from = match (from, period) {
        (Some(from), None) => point("from", &from, now)?,
        (None, period) => until - span_ms("period", period.as_deref(), "30d")?,
        (Some(_), Some(_)) => {
            return Err(ApiError::Parameter { name: "from", reason: "say `from` or `period`, not both".to_owned() });
        }
    };
    if from >= until || until - from > PERIOD_MS_MAX {
        return Err(ApiError::Parameter { name: "from", reason: "the period is empty or longer than 400 days".into() });
    }
    let tenant = reader.0.tenant;
    let id = find(&probes, tenant, &named).await?;
    let found = probes.ledgers(tenant, Some(id), (from, until)).await.map_err(failed)?;
    let Some(found) = found.first() else { return Err(ApiError::NoSuchTarget { target: named }) };
    let of = |held: Held| -> Vec<Value> {
        let those = found.ledger.intervals().iter().filter(|interval| interval.held == held);
        those.map(|interval| outage(interval, &found.ledger, until)).collect()
    };
    let exclusions = probes.exclusions(tenant).await.map_err(failed)?;
    let own = exclusions.iter().filter(|written| written.exclusion.target.is_none_or(|target| target == id));
    answer(&json!({
        "status": "ok", "target": target(found), "from": time(from), "to": time(until),
        "outages": of(Held::Down), "unknown": of(Held::Unknown),
        "exclusions": own.map(exclusion).collect::<Vec<_>>(),
        "availability": availability(&found.ledger.count(from, until), 0.999),
    }))
}

/// What is left out of counting.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExcludeBody {
    from: Option<String>,
    /// Until a moment, or …
    until: Option<String>,
    /// … for this long.
    #[serde(rename = "for")]
    span: Option<String>,
    /// Instead of times: the outage that holds this moment, whole.
    outage: Option<String>,
    reason: String,
    #[serde(default)]
    by: String,
}

/// `POST /app/v1/probes/{target}/exclude`, or of `all`.
async fn exclude(
    State(probes): State<ProbesHandle>,
    reader: Reader,
    Path(named): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let body: ExcludeBody =
        serde_json::from_slice(&body).map_err(|error| ApiError::Parameters { reason: error.to_string() })?;
    let (tenant, now) = (reader.0.tenant, now_ms());
    let target = if named == ALL { None } else { Some(find(&probes, tenant, &named).await?) };
    let wrong = |name, reason: &str| ApiError::Parameter { name, reason: reason.to_owned() };
    let (from, until) = match (&body.outage, target) {
        (Some(text), Some(id)) => {
            let at = point("outage", text, now)?;
            let found = probes.ledgers(tenant, Some(id), (at, now)).await.map_err(failed)?;
            let intervals = found.iter().flat_map(|found| found.ledger.intervals());
            let mut outages = intervals.filter(|interval| interval.held == Held::Down);
            let held = outages.find(|held| held.from <= at && held.until.is_none_or(|until| at < until));
            let held = held.ok_or_else(|| wrong("outage", "there was no outage then"))?;
            (held.from, held.until.unwrap_or(now))
        }
        (Some(_), None) => return Err(wrong("outage", "name a target; all targets have none in common")),
        (None, _) => {
            let from = point("from", body.from.as_deref().ok_or_else(|| wrong("from", "say from when"))?, now)?;
            match (&body.until, &body.span) {
                (Some(until), None) => (from, point("until", until, now)?),
                (None, Some(span)) => (from, from + span_ms("for", Some(span), "")?),
                _ => return Err(wrong("until", "say `until` or `for`")),
            }
        }
    };
    if until <= from {
        return Err(wrong("until", "it ends before it begins"));
    }
    if body.reason.is_empty() {
        return Err(wrong("reason", "say why it does not count"));
    }
    let by = if body.by.is_empty() { "somebody".to_owned() } else { body.by };
    let new = NewExclusion { tenant, target, from, until, reason: body.reason, by };
    let id = probes.exclude(new).await.map_err(failed)?;
    answer(&json!({ "status": "ok", "exclusion": id, "from": time(from), "until": time(until) }))
}

/// `GET /app/v1/probes/exclusions`: all that was ever excluded.
async fn exclusions(State(probes): State<ProbesHandle>, reader: Reader) -> Result<Response, ApiError> {
    let found = probes.exclusions(reader.0.tenant).await.map_err(failed)?;
    answer(&json!({ "status": "ok", "exclusions": found.iter().map(exclusion).collect::<Vec<_>>() }))
}

/// `POST /app/v1/probes/exclusions/{id}/withdraw`: it counts again, and stays on record.
async fn withdraw(
    State(probes): State<ProbesHandle>,
    reader: Reader,
    Path(id): Path<i64>,
) -> Result<Response, ApiError> {
    match probes.withdraw(reader.0.tenant, id).await.map_err(failed)? {
        true => answer(&json!({ "status": "ok", "exclusion": id })),
        false => Err(ApiError::NoSuchExclusion { id }),
    }
}

/// The number of a target that is named by it, or by its instance where only one probe has it.
async fn find(probes: &ProbesHandle, tenant: u32, named: &str) -> Result<i64, ApiError> {
    let wanted = named.to_owned();
    let found = probes.read(move |known, _| {
        let number = wanted.parse::<i64>().ok();
        let is_meant = |instance: &str, id: i64| number.map_or(instance == wanted, |number| number == id);
        let meant = known.targets(tenant).filter(|(key, target)| is_meant(&key.instance, target.id));
        meant.map(|(_, target)| target.id).collect::<Vec<_>>()
    });
    match found.await.map_err(failed)?.as_slice() {
        [one] => Ok(*one),
        [] => Err(ApiError::NoSuchTarget { target: named.to_owned() }),
        _ => {
            let reason = format!("several probes have {named:?}; write the target's number");
            Err(ApiError::Parameter { name: "target", reason })
        }
    }
}

fn target(found: &TargetLedger) -> Value {
    let TargetLedger { key, target, dissent, ledger: _ } = found;
    let ballots: Vec<Value> = target
        .watch
        .ballots
        .iter()
        .map(|(site, ballot)| {
            json!({ "collector": site, "vote": ballot.vote, "at": time(ballot.at), "reason": ballot.reason })
        })
        .collect();
    json!({
        "id": target.id, "probe": key.probe, "instance": key.instance, "labels": target.labels,
        "verdict": target.watch.verdict, "since": time(target.watch.since), "dissent": dissent,
        "last_vote": time(target.voted_at), "interval_ms": target.interval_ms, "votes": ballots,
    })
}

/// What each part of a span was, in milliseconds, oldest first.
fn bars_of(ledger: &Ledger, from: i64, until: i64, bars: usize) -> Value {
    let count = i64::try_from(bars).unwrap_or(1).max(1);
    let edge = |at: i64| from + (until - from) * at / count;
    let shown = (0..count).map(|at| {
        let Availability { up, down, unknown, excluded, .. } = ledger.count(edge(at), edge(at + 1));
        json!({ "from": time(edge(at)), "up_ms": up, "down_ms": down, "unknown_ms": unknown, "excluded_ms": excluded })
    });
    Value::Array(shown.collect())
}

fn availability(counted: &Availability, goal: f64) -> Value {
    json!({
        "ratio": counted.ratio, "up_ms": counted.up, "down_ms": counted.down, "unknown_ms": counted.unknown,
        "excluded_ms": counted.excluded, "outages": counted.outages, "longest_ms": counted.longest,
        "mttr_ms": counted.mttr, "mtbf_ms": counted.mtbf, "goal": goal, "budget_left_ms": counted.budget_left(goal),
    })
}

/// A span of a ledger; it is excluded where no part of it counts.
fn outage(interval: &Interval, ledger: &Ledger, now: i64) -> Value {
    let until = interval.until.unwrap_or(now);
    let counted = ledger.count(interval.from, until);
    json!({
        "from": time(interval.from), "until": interval.until.map(time), "reason": interval.reason,
        "lasted_ms": until - interval.from, "excluded_ms": counted.excluded,
        "excluded": until > interval.from && counted.excluded == until - interval.from,
    })
}

fn exclusion(written: &WrittenExclusion) -> Value {
    let WrittenExclusion { id, exclusion, made_at, withdrawn_at } = written;
    let NewExclusion { tenant: _, target, from, until, reason, by } = exclusion;
    json!({
        "id": id, "target": target, "from": time(*from), "until": time(*until), "reason": reason, "by": by,
        "made": time(*made_at), "withdrawn": withdrawn_at.map(time),
    })
}

fn time(at_ms: i64) -> String {
    Timestamp(at_ms.saturating_mul(1_000_000)).to_string()
}

fn now_ms() -> i64 {
    now().0 / 1_000_000
}

fn point(name: &'static str, text: &str, now_ms: i64) -> Result<i64, ApiError> {
    let now = Timestamp(now_ms.saturating_mul(1_000_000));
    let at = parse_point(text, now).map_err(|error| ApiError::Parameter { name, reason: error.to_string() })?;
    Ok(at.0 / 1_000_000)
}

fn span_ms(name: &'static str, text: Option<&str>, default: &str) -> Result<i64, ApiError> {
    let wrong = |reason: String| ApiError::Parameter { name, reason };
    let span = parse_duration(text.unwrap_or(default)).map_err(|error| wrong(error.to_string()))?;
    let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    if (MINUTE_MS..=PERIOD_MS_MAX).contains(&span) { Ok(span) } else { Err(wrong("write 1m to 400d".to_owned())) }
}

fn in_range(name: &'static str, given: usize, range: std::ops::RangeInclusive<usize>) -> Result<usize, ApiError> {
    if range.contains(&given) {
        Ok(given)
    } else {
        Err(ApiError::Parameter { name, reason: format!("write {} to {}", range.start(), range.end()) })
    }
}

fn failed(error: orszem_indexer::Error) -> ApiError {
    match error {
        orszem_indexer::Error::NotWritten | orszem_indexer::Error::ShuttingDown => ApiError::NotWritten,
        error => ApiError::Engine(EngineError::Store(Box::new(error))),
    }
}

fn answer(value: &Value) -> Result<Response, ApiError> {
    Ok(json_response(serde_json::to_vec(value)?))
}
