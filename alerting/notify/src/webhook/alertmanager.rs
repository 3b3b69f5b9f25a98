//! The body of Alertmanager's webhook, version 4: the same fields in the same order, written as Go writes them.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use orszem_alerting::{AlertView, Kind, MessageGroup};
use orszem_model::{Labels, Timestamp};
use serde::Serialize;

use crate::notice::Notice;
use crate::view::{View, common};

/// What Go makes of no time.
const NEVER: &str = "0001-01-01T00:00:00Z";
/// Labels that alerts are ordered by before all others.
const FIRST_BY: [&str; 2] = ["job", "instance"];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    receiver: &'a str,
    status: &'static str,
    alerts: Vec<Alert<'a>>,
    group_labels: BTreeMap<String, String>,
    common_labels: BTreeMap<String, String>,
    common_annotations: BTreeMap<String, String>,
    #[serde(rename = "externalURL")]
    external_url: &'a str,
    version: &'static str,
    group_key: String,
    truncated_alerts: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert<'a> {
    status: &'static str,
    labels: BTreeMap<&'a str, &'a str>,
    annotations: BTreeMap<&'a str, &'a str>,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: &'a str,
    fingerprint: String,
}

/// The JSON, with the line end that Go's encoder writes. Tests and digests, which Alertmanager does not know, are one
/// alert that fires, so that receivers show them.
pub(super) fn body(notice: &Notice, view: &View<'_>) -> String {
    let message = &notice.intent.message;
    let stand_in = stand_in(notice, view);
    let mut shown: Vec<&AlertView> = message.alerts.iter().chain(&stand_in).collect();
    shown.sort_by(|a, b| order(&a.labels, &b.labels));
    let group_labels = group_labels(&message.group, &shown);
    let body = Body {
        receiver: view.contact,
        status: if notice.intent.kind == Kind::Resolve { "resolved" } else { "firing" },
        common_labels: common(shown.iter().map(|alert| &alert.labels)),
        common_annotations: common(shown.iter().map(|alert| &alert.annotations)),
        group_key: format!("{{}}:{}", group_key(&group_labels, &view.thread)),
        alerts: shown.into_iter().map(|view| alert(view, notice.intent.kind)).collect(),
        group_labels,
        external_url: view.external_url,
        version: "4",
        truncated_alerts: message.alerts_left_out,
    };
    let json = serde_json::to_string(&body).expect("texts and numbers are JSON");
    format!("{}\n", as_go(&json))
}

/// The labels that its incident is grouped by, as far as its alerts have them.
fn group_labels(group: &MessageGroup, alerts: &[&AlertView]) -> BTreeMap<String, String> {
    let grouped = group.0.iter().flat_map(|group| group.labels.iter());
    let has = |name: &str, value: &str| alerts.iter().all(|alert| alert.labels.get(name) == Some(value));
    let shared = grouped.filter(|(name, value)| has(name, value));
    shared.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// `{alertname="Disk"}`; what is grouped by topology has its incident's thread.
fn group_key(labels: &BTreeMap<String, String>, thread: &str) -> String {
    if labels.is_empty() {
        return format!("{{incident={thread:?}}}");
    }
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

fn alert(alert: &AlertView, kind: Kind) -> Alert<'_> {
    let is_over = kind == Kind::Resolve || alert.until.is_some() && !alert.is_flapping;
    Alert {
        status: if is_over { "resolved" } else { "firing" },
        labels: alert.labels.iter().collect(),
        annotations: alert.annotations.iter().collect(),
        starts_at: alert.from.to_string(),
        ends_at: alert.until.filter(|_| is_over).map_or_else(|| NEVER.to_owned(), |until| until.to_string()),
        generator_url: &alert.generator,
        fingerprint: format!("{:016x}", alert.labels.fingerprint()),
    }
}

/// For messages without alerts: one that carries their text.
fn stand_in(notice: &Notice, view: &View<'_>) -> Option<AlertView> {
    let message = &notice.intent.message;
    if !message.alerts.is_empty() {
        return None;
    }
    let name = format!("Orszem{}", view.kind);
    let lines: Vec<String> = view.entries.iter().map(|line| format!("{} {}", line.at, line.text)).collect();
    let said = if lines.is_empty() { view.what.clone() } else { lines.join("\n") };
    let labels = Labels::from([("alertname", name.as_str()), ("severity", "info")]);
    let annotations = Labels::from([("description", said.as_str()), ("summary", view.title.as_str())]);
    Some(AlertView {
        key: orszem_alerting::AlertKey { rule: name.clone(), labels: labels.clone() },
        labels,
        annotations,
        state: orszem_alerting::State::Firing(message.level),
        value: f64::NAN,
        from: message.started_at,
        until: None::<Timestamp>,
        generator: String::new(),
        is_flapping: false,
        suppressed: Vec::new(),
    })
}

/// By job and instance, those that have none last, then as label sets compare.
fn order(a: &Labels, b: &Labels) -> Ordering {
    let first = FIRST_BY.iter().map(|name| match (a.get(name), b.get(name)) {
        (Some(a), Some(b)) => a.cmp(b),
        (a, b) => a.is_none().cmp(&b.is_none()),
    });
    first.fold(Ordering::Equal, Ordering::then).then_with(|| before(a, b))
}

/// Prometheus' `LabelSet.Before`: fewer labels first, then names and values in the order of names.
fn before(a: &Labels, b: &Labels) -> Ordering {
    let by_place = a.iter().zip(b).map(|((an, av), (bn, bv))| an.cmp(bn).then_with(|| av.cmp(bv)));
    a.len().cmp(&b.len()).then_with(|| by_place.fold(Ordering::Equal, Ordering::then))
}

/// Go's encoder writes these signs by their numbers.
fn as_go(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => out.push(c),
        }
    }
    // Go has no short forms of these two.
    out.replace("\\b", "\\u0008").replace("\\f", "\\u000c")
}
