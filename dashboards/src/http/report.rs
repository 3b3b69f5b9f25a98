//! `GET /app/v1/report`: what was available over a period, with its outages, latencies, certificates and incidents.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::CONTENT_TYPE;
use orszem_availability::ledger::{Held, Latencies};
use orszem_indexer::alerting::{AlertingHandle, IncidentRecord};
use orszem_indexer::probes::{ProbesHandle, TargetLedger};
use orszem_indexer::samples::Samples;
use orszem_model::{Columns, Language, LanguageError, METRIC_NAME, Matcher, Timestamp, is_stale};
use orszem_promql::{Select, Source, SourceError};
use serde::Deserialize;

use super::access::Reader;
use super::engine::EngineError;
use super::error::ApiError;
use super::logs::{json_response, now};
use crate::report::{
    CertificateReport, IncidentReport, LatencyReport, OutageReport, Report, TargetReport, html, period, text,
};

/// Targets, outages of one, and incidents of a report, at most.
const TARGETS_MAX: usize = 1_000;
const OUTAGES_MAX: usize = 100;
const INCIDENTS_MAX: usize = 500;
/// Certificates that end within so long after the period are told, in milliseconds.
const CERTIFICATES_MS: i64 = 60 * 86_400_000;
/// What a target showed last is looked for in so much of the end of the period, in milliseconds.
const SHOWN_MS: i64 = 86_400_000;
/// The goal where nobody says.
const GOAL: f64 = 0.999;

/// What a report is made of.
#[derive(Clone)]
pub struct ReportApi {
    pub probes: ProbesHandle,
    pub samples: Samples,
    pub alerting: AlertingHandle,
    /// Whose incidents there are.
    pub tenant: u32,
}

impl ReportApi {
    /// The route; each request needs an [`Access`](super::access::Access).
    pub fn router(self) -> Router {
        Router::new().route("/app/v1/report", get(show)).with_state(self)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    period: Option<String>,
    goal: Option<f64>,
    #[serde(default)]
    format: Format,
    /// Of text and HTML.
    language: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Text,
    Html,
}

/// `GET /app/v1/report?period=month&goal=0.999&format=json&language=en`.
async fn show(
    State(api): State<ReportApi>,
    reader: Reader,
    ask: Result<Query<Ask>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(Ask { period: named, goal, format, language }) =
        ask.map_err(|error| ApiError::Parameters { reason: error.body_text() })?;
    let wrong = |name, reason: String| ApiError::Parameter { name, reason };
    let named = named.as_deref().unwrap_or("month");
    let (from, until) = period(named, now()).map_err(|error| wrong("period", error.to_string()))?;
    let goal = goal.unwrap_or(GOAL);
    if !(0.0..=1.0).contains(&goal) {
        return Err(wrong("goal", "write a share such as 0.999".to_owned()));
    }
    let language: Language = language
        .as_deref()
        .unwrap_or("en")
        .parse()
        .map_err(|error: LanguageError| wrong("language", error.to_string()))?;
    let report = api.report(reader.0.tenant, (from, until), goal).await?;
    let written = |kind: &'static str, text: String| ([(CONTENT_TYPE, kind)], text).into_response();
    Ok(match format {
        Format::Json => json_response(serde_json::to_vec(&report)?),
        Format::Text => written("text/plain; charset=utf-8", text(&report, language)),
        Format::Html => written("text/html; charset=utf-8", html(&report, language)),
    })
}

impl ReportApi {
    /// The report of a tenant about a period, in milliseconds since 1970.
    ///
    /// # Errors
    /// When a store can't be read.
    pub async fn report(&self, tenant: u32, period: (i64, i64), goal: f64) -> Result<Report, ApiError> {
        let found = self.probes.ledgers(tenant, None, period).await.map_err(store)?;
        let incidents = if tenant == self.tenant { self.incidents(period).await? } else { Vec::new() };
        let samples = self.samples.clone();
        let made = move || -> Result<Report, ApiError> {
            let (from, until) = period;
            let was_known = |found: &&TargetLedger| !found.ledger.intervals().is_empty();
            let mut targets: Vec<TargetReport> =
                found.iter().filter(was_known).map(|found| target(found, period, goal)).collect();
            // What is not known at all comes last.
            let order = |target: &TargetReport| target.ratio.unwrap_or(2.0);
            targets.sort_by(|one, other| order(one).total_cmp(&order(other)));
            let targets_left_out = targets.len().saturating_sub(TARGETS_MAX);
            targets.truncate(TARGETS_MAX);
            for target in &mut targets {
                target.latency = latency(&samples, tenant, target, period)?;
            }
            let certificates = certificates(&samples, tenant, until)?;
            Ok(Report { from, until, goal, targets, targets_left_out, certificates, incidents })
        };
        tokio::task::spawn_blocking(made).await?
    }

    async fn incidents(&self, (from, until): (i64, i64)) -> Result<Vec<IncidentReport>, ApiError> {
        let live = self.alerting.read(|engine, _| engine.incidents().map(IncidentRecord::of).collect::<Vec<_>>());
        let mut all = live.await.map_err(store)?;
        let alerting = self.alerting.clone();
        let before = Timestamp(until.saturating_mul(1_000_000));
        let past = tokio::task::spawn_blocking(move || alerting.past_incidents(before, INCIDENTS_MAX));
        let past = past.await?.map_err(store)?;
        let known: Vec<u64> = all.iter().map(|incident| incident.id).collect();
        all.extend(past.into_iter().filter(|incident| !known.contains(&incident.id)));
        let ms = |ns: i64| ns / 1_000_000;
        let is_within = |incident: &IncidentRecord| {
            ms(incident.started_ns) < until && incident.ended_ns.is_none_or(|ended| ms(ended) >= from)
        };
        all.retain(|incident| incident.merged_into.is_none() && is_within(incident));
        all.sort_by_key(|incident| std::cmp::Reverse((incident.started_ns, incident.id)));
        all.truncate(INCIDENTS_MAX);
        let shown = |incident: IncidentRecord| {
            let mut alerts: Vec<String> = incident.members.into_iter().map(|member| member.rule).collect();
            alerts.sort();
            alerts.dedup();
            let until = incident.ended_ns.map(ms);
            IncidentReport { id: incident.id, from: ms(incident.started_ns), until, level: incident.level, alerts }
        };
        Ok(all.into_iter().map(shown).collect())
    }
}

fn target(found: &TargetLedger, (from, until): (i64, i64), goal: f64) -> TargetReport {
    let counted = found.ledger.count(from, until);
    let outages = found.ledger.intervals().iter().filter(|interval| {
        interval.held == Held::Down && interval.until.is_none_or(|end| end > from) && interval.from < until
    });
    let shown = outages.map(|outage| {
        let (begin, end) = (outage.from.max(from), outage.until.unwrap_or(until).min(until));
        let is_excluded = found.ledger.count(begin, end).excluded == end - begin;
        OutageReport { from: outage.from, until: outage.until, reason: outage.reason.clone(), is_excluded }
    });
    let mut outages: Vec<OutageReport> = shown.collect();
    let outages_left_out = outages.len().saturating_sub(OUTAGES_MAX);
    outages.drain(..outages_left_out);
    TargetReport {
        probe: found.key.probe.clone(),
        instance: found.key.instance.clone(),
        ratio: counted.ratio,
        down: counted.down,
        unknown: counted.unknown,
        excluded: counted.excluded,
        budget_left: counted.budget_left(goal),
        mttr: counted.mttr,
        mtbf: counted.mtbf,
        outages,
        outages_left_out,
        latency: None,
    }
}

/// Of the series that collectors keep of each probe.
fn latency(
    samples: &Samples,
    tenant: u32,
    target: &TargetReport,
    period: (i64, i64),
) -> Result<Option<LatencyReport>, ApiError> {
    let mut all = Latencies::default();
    let matchers = [
        Matcher::equal(METRIC_NAME, "probe_duration_seconds"),
        Matcher::equal("probe", &target.probe),
        Matcher::equal("instance", &target.instance),
    ];
    each(samples, tenant, &matchers, period, |_, columns| {
        let seconds = columns.values.iter().filter(|value| value.is_finite() && **value >= 0.0);
        seconds.filter_map(|seconds| Duration::try_from_secs_f64(*seconds).ok()).for_each(|took| all.add(took));
    })?;
    let of = |percent| all.percentile(percent).map(|took| took.as_secs_f64() * 1_000.0);
    let found = of(50.0).zip(of(90.0)).zip(of(95.0).zip(of(99.0)));
    Ok(found.map(|((p50, p90), (p95, p99))| LatencyReport { probes: all.count(), p50, p90, p95, p99 }))
}

/// The end that each target showed last, the earliest where collectors saw different ones.
fn certificates(samples: &Samples, tenant: u32, until: i64) -> Result<Vec<CertificateReport>, ApiError> {
    let mut ends: BTreeMap<String, i64> = BTreeMap::new();
    let matchers = [Matcher::equal(METRIC_NAME, "probe_ssl_earliest_cert_expiry")];
    each(samples, tenant, &matchers, (until - SHOWN_MS, until), |instance, columns| {
        let last = columns.values.iter().rev().find(|value| !is_stale(**value) && value.is_finite());
        if let Some(seconds) = last {
            let at = (*seconds * 1_000.0) as i64;
            ends.entry(instance.to_owned()).and_modify(|known| *known = at.min(*known)).or_insert(at);
        }
    })?;
    let due = ends.into_iter().filter(|(_, at)| *at < until + CERTIFICATES_MS);
    let mut due: Vec<_> = due.map(|(instance, ends)| CertificateReport { instance, ends }).collect();
    due.sort_by(|one, other| (one.ends, &one.instance).cmp(&(other.ends, &other.instance)));
    due.truncate(TARGETS_MAX);
    Ok(due)
}

/// Shows the samples of each series, with the label `instance`.
fn each(
    samples: &Samples,
    tenant: u32,
    matchers: &[Matcher],
    (from, until): (i64, i64),
    mut show: impl FnMut(&str, &Columns),
) -> Result<(), ApiError> {
    let failed = |error: SourceError| ApiError::Engine(EngineError::Store(error.message.into()));
    let select = Select { matchers, start: from, end: until };
    let found = samples.source(tenant).select(&select).map_err(failed)?;
    let mut reader = found.reader();
    let mut columns = Columns::default();
    for at in 0..found.len() {
        let labels = reader.labels(at).map_err(failed)?;
        columns.clear();
        reader.read(at, &mut columns).map_err(failed)?;
        show(labels.get("instance").unwrap_or(""), &columns);
    }
    Ok(())
}

fn store(error: orszem_indexer::Error) -> ApiError {
    match error {
        orszem_indexer::Error::NotWritten | orszem_indexer::Error::ShuttingDown => ApiError::NotWritten,
        error => ApiError::Engine(EngineError::Store(Box::new(error))),
    }
}
