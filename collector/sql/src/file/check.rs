//! Makes a metric of what a file says, or tells all that is wrong with it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use croner::Cron;
use orszem_exposition::MetricType;
use orszem_model::Span;

use super::raw::{RawIterator, RawMetric, RawThresholds};
use crate::config::{is_label_name, is_name};
use crate::metric::{Bound, FieldType, ForEach, Metric, OnError, Role, Schedule, Thresholds};
use crate::placeholder;

/// Rows of a result unless the metric says otherwise.
const ROW_LIMIT: u64 = 1_000;
/// The most that it may say.
const ROW_LIMIT_MAX: u64 = 100_000;
/// Bytes of a label's value unless the metric says otherwise.
const LABEL_LIMIT: u64 = 256;
/// The most that it may say.
const LABEL_LIMIT_MAX: u64 = 4_096;
/// A query may not run more often.
const INTERVAL_MIN: Span = Span::secs(1);
/// Nor have less time.
const TIMEOUT_MIN: Span = Span::millis(10);
/// The longest length of time.
const SPAN_MAX: Span = Span::days(31);

/// A wrong value; `key` from the metric on.
pub(super) struct WrongValue {
    pub(super) key: String,
    pub(super) wrong: String,
    pub(super) remedy: String,
}

/// Gathers what is wrong.
#[derive(Default)]
struct Wrongs(Vec<WrongValue>);

impl Wrongs {
    fn tell(&mut self, key: impl Into<String>, wrong: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(WrongValue { key: key.into(), wrong: wrong.into(), remedy: remedy.into() });
    }
}

pub(super) fn check(raw: RawMetric, file: &Path, line: usize) -> Result<Metric, Vec<WrongValue>> {
    let mut wrong = Wrongs::default();
    let RawMetric {
        context,
        labels,
        metricsdesc,
        metricstype,
        metricsbuckets,
        fieldtoappend,
        request,
        ignorezeroresult,
        querytimeout,
        scrapeinterval,
        databases,
        interval,
        cron,
        unit,
        thresholds,
        row_limit,
        label_limit,
        iterator,
        startup_sql,
        static_labels,
        timestamp,
        on_error,
        role,
    } = raw;
    if !context.is_empty() && !is_name(&format!("_{context}")) {
        wrong.tell("context", format!("= {context:?} is no part of a name"), "use letters, digits and _");
    }
    if metricsdesc.is_empty() {
        wrong.tell("", "lacks metricsdesc", "add metricsdesc = { column = \"what it is\" }");
    }
    if request.trim().is_empty() {
        wrong.tell("", "lacks request", "add request = \"select …\"");
    }
    for label in labels.iter().chain(static_labels.keys()) {
        let is_own = matches!(label.as_str(), "__name__" | "database" | "le");
        if !is_label_name(label) || is_own {
            let remedy = "use letters, digits and _, and another name than database or le: give the column an alias";
            wrong.tell("labels", format!("has {label:?}, which can't be a label"), remedy);
        }
    }
    let metricstype = lower(metricstype);
    let buckets = lower(metricsbuckets);
    let fields = fields(lower(metricsdesc), &metricstype, &buckets, !fieldtoappend.is_empty(), &mut wrong);
    let schedule = schedule(&scrapeinterval, &interval, &cron, &mut wrong);
    let timeout = span("querytimeout", &querytimeout, TIMEOUT_MIN, &mut wrong);
    let thresholds = thresholds_of(thresholds.0, &fields, &mut wrong);
    let iterator = iterator.and_then(|iterator| iterator_of(iterator, &request, &mut wrong));
    let on_error = match on_error.as_str() {
        "" | "stale" => OnError::Stale,
        "zero" => OnError::Zero,
        "drop" => OnError::Drop,
        other => {
            wrong.tell("on_error", format!("= {other:?} is not known"), "write \"stale\", \"zero\" or \"drop\"");
            OnError::Stale
        }
    };
    let role = match role.as_str() {
        "" | "any" => Role::Any,
        "primary" => Role::Primary,
        "standby" => Role::Standby,
        other => {
            wrong.tell("role", format!("= {other:?} is not known"), "write \"primary\", \"standby\" or \"any\"");
            Role::Any
        }
    };
    let row_limit = limit("row_limit", row_limit.unwrap_or(ROW_LIMIT), ROW_LIMIT_MAX, &mut wrong);
    let label_limit = limit("label_limit", label_limit.unwrap_or(LABEL_LIMIT), LABEL_LIMIT_MAX, &mut wrong);
    if !unit.is_empty() && !is_name(&unit) {
        wrong.tell("unit", format!("= {unit:?} is no unit"), "write one such as \"seconds\" or \"bytes\"");
    }
    let named = |text: String| Some(text.to_ascii_lowercase()).filter(|text| !text.is_empty());
    let metric = Metric {
        context,
        labels: labels.into_iter().map(|label| label.to_ascii_lowercase()).collect(),
        fields,
        field_to_append: named(fieldtoappend),
        request: request.trim().trim_end_matches(';').to_owned(),
        ignore_zero_result: ignorezeroresult,
        timeout,
        schedule,
        databases,
        unit,
        thresholds,
        row_limit,
        label_limit,
        iterator,
        startup_sql: startup_sql.0,
        static_labels,
        timestamp: named(timestamp),
        on_error,
        role,
        file: file.to_owned(),
        line,
    };
    if wrong.0.is_empty() { Ok(metric) } else { Err(wrong.0) }
}

fn lower<V>(map: BTreeMap<String, V>) -> BTreeMap<String, V> {
    map.into_iter().map(|(key, value)| (key.to_ascii_lowercase(), value)).collect()
}

fn fields(
    desc: BTreeMap<String, String>,
    types: &BTreeMap<String, String>,
    buckets: &BTreeMap<String, BTreeMap<String, String>>,
    is_appended: bool,
    wrong: &mut Wrongs,
) -> BTreeMap<String, FieldType> {
    for (section, key) in
        types.keys().map(|key| ("metricstype", key)).chain(buckets.keys().map(|key| ("metricsbuckets", key)))
    {
        if !desc.contains_key(key) {
            wrong.tell(format!("{section}.{key}"), "is of no field", "name a field of metricsdesc, or remove it");
        }
    }
    let mut fields = BTreeMap::new();
    for (field, help) in desc {
        if !is_name(&format!("_{field}")) {
            let remedy = "use letters, digits and _: give the column an alias";
            wrong.tell(format!("metricsdesc.{field}"), "is no part of a name", remedy);
        }
        let key = format!("metricstype.{field}");
        let kind = match types.get(&field).map(|kind| kind.to_ascii_lowercase()).as_deref() {
            None | Some("gauge" | "") => MetricType::Gauge,
            Some("counter") => MetricType::Counter,
            Some("histogram") => MetricType::Histogram,
            Some(other) => {
                let remedy = "write \"gauge\", \"counter\" or \"histogram\"";
                wrong.tell(&key, format!("= {other:?} is not known"), remedy);
                MetricType::Gauge
            }
        };
        let mut bounds = Vec::new();
        match (kind, buckets.get(&field)) {
            (MetricType::Histogram, None) => {
                wrong.tell(
                    &key,
                    "has no buckets",
                    format!("add metricsbuckets = {{ {field} = {{ column = \"0.5\" }} }}"),
                );
            }
            (MetricType::Histogram, Some(_)) if is_appended => {
                wrong.tell(&key, "can't have a fieldtoappend", "leave fieldtoappend out, or make it a gauge");
            }
            (MetricType::Histogram, Some(columns)) => bounds = bounds_of(columns, &field, wrong),
            (_, Some(_)) => {
                let remedy = format!("add metricstype = {{ {field} = \"histogram\" }}, or remove them");
                wrong.tell(format!("metricsbuckets.{field}"), "are of no histogram", remedy);
            }
            (_, None) => {}
        }
        fields.insert(field, FieldType { help, kind, buckets: bounds });
    }
    fields
}

fn bounds_of(columns: &BTreeMap<String, String>, field: &str, wrong: &mut Wrongs) -> Vec<(String, f64)> {
    let mut bounds = Vec::with_capacity(columns.len());
    for (column, bound) in columns {
        match bound.trim().parse::<f64>() {
            Ok(bound) if !bound.is_nan() => bounds.push((column.to_ascii_lowercase(), bound)),
            Ok(_) | Err(_) => {
                let key = format!("metricsbuckets.{field}.{column}");
                wrong.tell(key, format!("= {bound:?} is no number"), "write the bucket's upper bound");
            }
        }
    }
    bounds.sort_by(|a, b| a.1.total_cmp(&b.1));
    bounds
}

fn span(key: &str, text: &str, least: Span, wrong: &mut Wrongs) -> Option<Duration> {
    if text.is_empty() {
        return None;
    }
    match text.parse::<Span>() {
        Ok(span) if (least..=SPAN_MAX).contains(&span) => Some(span.duration()),
        Ok(_) => {
            let remedy = format!("write \"{least}\" to \"{SPAN_MAX}\"");
            wrong.tell(key, format!("= {text:?} is out of range"), remedy);
            None
        }
        Err(_) => {
            wrong.tell(key, format!("= {text:?} is no length of time"), "write one such as \"10s\" or \"1m30s\"");
            None
        }
    }
}

fn schedule(scrape: &str, interval: &str, cron: &str, wrong: &mut Wrongs) -> Option<Schedule> {
    let told = [("scrapeinterval", scrape), ("interval", interval), ("cron", cron)];
    let told: Vec<_> = told.into_iter().filter(|(_, text)| !text.is_empty()).collect();
    if told.len() > 1 {
        let names: Vec<&str> = told.iter().map(|(name, _)| *name).collect();
        wrong.tell(names.join(" and "), "exclude each other", "write one of them");
        return None;
    }
    match told.first()? {
        ("cron", text) => match text.parse::<Cron>() {
            Ok(cron) => Some(Schedule::Cron(Box::new(cron))),
            Err(error) => {
                wrong.tell("cron", format!("= {text:?} is no schedule: {error}"), "write one such as \"5 * * * *\"");
                None
            }
        },
        // Oracle's exporter takes "0" as none.
        (_, "0" | "0s") => None,
        (name, text) => span(name, text, INTERVAL_MIN, wrong).map(Schedule::Every),
    }
}

fn thresholds_of(
    all: Vec<RawThresholds>,
    fields: &BTreeMap<String, FieldType>,
    wrong: &mut Wrongs,
) -> BTreeMap<String, Thresholds> {
    let mut thresholds = BTreeMap::new();
    for RawThresholds { field, warning, critical, held } in all {
        let name = match (field.as_str(), fields.len()) {
            ("", 1) => fields.keys().next().cloned().unwrap_or_default(),
            (name, _) => name.to_ascii_lowercase(),
        };
        if !fields.contains_key(&name) {
            let known: Vec<&str> = fields.keys().map(String::as_str).collect();
            let remedy = format!("write field = one of {}", known.join(", "));
            wrong.tell("thresholds", format!("are of no field: {name:?}"), remedy);
        }
        let mut bound = |key: &str, text: &str| {
            let bound = Bound::parse(text);
            if bound.is_none() && !text.is_empty() {
                wrong.tell(
                    format!("thresholds.{key}"),
                    format!("= {text:?} is no bound"),
                    "write one such as \">= 85\"",
                );
            }
            bound
        };
        let (warning_at, critical_at) = (bound("warning", &warning), bound("critical", &critical));
        if warning.is_empty() && critical.is_empty() {
            wrong.tell("thresholds", "tell no bound", "add warning = \">= 85\" or critical = \">= 97\"");
        }
        let held = span("thresholds.for", &held, INTERVAL_MIN, wrong).unwrap_or_default();
        thresholds.insert(name, Thresholds { warning: warning_at, critical: critical_at, held });
    }
    thresholds
}

fn iterator_of(iterator: RawIterator, request: &str, wrong: &mut Wrongs) -> Option<ForEach> {
    let RawIterator { request: outer, labels } = iterator;
    if outer.trim().is_empty() {
        wrong.tell("iterator", "lacks request", "add request = \"select name from …\"");
        return None;
    }
    if placeholder::columns(request).is_empty() && labels.is_empty() {
        let remedy = "name a column of the iterator in request, as {{name}} or {{ident name}}";
        wrong.tell("iterator", "is not used", remedy);
    }
    let labels = labels.into_iter().map(|label| label.to_ascii_lowercase()).collect();
    Some(ForEach { request: outer.trim().trim_end_matches(';').to_owned(), labels })
}

fn limit(key: &str, value: u64, most: u64, wrong: &mut Wrongs) -> usize {
    if !(1..=most).contains(&value) {
        wrong.tell(key, format!("= {value} is out of range"), format!("write 1 to {most}"));
    }
    usize::try_from(value).unwrap_or(usize::MAX)
}
