//! `GET /api/v2/alerts`: alerts that fire, with what keeps them from notifying.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use orszem_alerting::{Alert, Alerting, Standing, Suppression};
use orszem_model::{Labels, Timestamp};
use serde_json::{Map, Value, json};

use super::AlertmanagerApi;
use super::params::Filter;
use super::problem::{Ours, Problem};

/// How long an own alert is said to fire on, unless it is said again: as Prometheus would tell it.
const OWN_ENDS_AFTER: Duration = Duration::from_secs(300);

/// An alert as it is shown.
pub(super) struct Shown {
    pub(super) fingerprint: u64,
    pub(super) labels: Labels,
    pub(super) receivers: Vec<String>,
    pub(super) incident: Option<u64>,
    annotations: Labels,
    starts_at: Timestamp,
    ends_at: Timestamp,
    updated_at: Timestamp,
    generator: String,
    silenced_by: Vec<String>,
    inhibited_by: Vec<String>,
    muted_by: Vec<String>,
}

pub(super) async fn list(State(api): State<AlertmanagerApi>, _: Ours, filter: Filter) -> Result<Response, Problem> {
    // What the engine's thread has to do is little: it sorts and writes nothing.
    let shown = api.alerting.read(move |engine, now| all(engine, &filter, now));
    let mut shown: Vec<Shown> = shown.await?;
    shown.sort_by_key(|alert| alert.fingerprint);
    let alerts: Vec<Value> = shown.iter().map(Shown::json).collect();
    Ok(answer(&Value::Array(alerts)))
}

pub(super) fn answer(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// The alerts that fire and that are asked for.
pub(super) fn all(engine: &Alerting, filter: &Filter, now: Timestamp) -> Vec<Shown> {
    let firing = engine.alerts().filter(|alert| alert.state.is_active());
    let mut standings = engine.standings(now);
    let shown = firing.filter_map(|alert| {
        let labels = engine.labels_of(alert);
        filter.matches(&labels).then(|| {
            let standing = standings.of(alert, &labels);
            Shown::of(engine, alert, labels, &standing, now)
        })
    });
    shown.filter(|alert| alert.is_asked(filter)).collect()
}

impl Shown {
    fn of(engine: &Alerting, alert: &Alert, labels: Labels, standing: &Standing, now: Timestamp) -> Self {
        let (mut silenced_by, mut inhibited_by, mut muted_by) = (Vec::new(), Vec::new(), Vec::new());
        for reason in &standing.suppressed {
            match reason {
                Suppression::Silence { id, .. } | Suppression::Maintenance { id, .. } => silenced_by.push(id.clone()),
                Suppression::Dependency { by, .. } | Suppression::Inhibition { by } => {
                    let source = engine.alert(by).map(|alert| engine.labels_of(alert));
                    inhibited_by.push(format!("{:016x}", source.as_ref().unwrap_or(&by.labels).fingerprint()));
                }
                Suppression::MuteTime { .. } | Suppression::InactiveTime { .. } => {}
            }
        }
        let mut receivers: Vec<String> = Vec::new();
        for (policy, suppressed) in &standing.routes {
            if !receivers.contains(policy) {
                receivers.push(policy.clone());
            }
            for reason in suppressed {
                if let Suppression::MuteTime { time, .. } = reason {
                    muted_by.push(time.clone());
                }
            }
        }
        Self {
            fingerprint: labels.fingerprint(),
            labels,
            receivers,
            incident: alert.incident,
            annotations: alert.annotations.clone(),
            starts_at: alert.fired_at.unwrap_or(alert.since),
            ends_at: alert.expires_at.unwrap_or_else(|| now.after(OWN_ENDS_AFTER)),
            updated_at: alert.since,
            generator: alert.generator.clone(),
            silenced_by,
            inhibited_by,
            muted_by,
        }
    }

    fn is_suppressed(&self) -> bool {
        !self.silenced_by.is_empty() || !self.inhibited_by.is_empty() || !self.muted_by.is_empty()
    }

    fn is_asked(&self, filter: &Filter) -> bool {
        (filter.is_active || self.is_suppressed())
            && (filter.is_silenced || self.silenced_by.is_empty())
            && (filter.is_inhibited || self.inhibited_by.is_empty())
            && (filter.is_muted || self.muted_by.is_empty())
            && filter.takes_receivers(self.receivers.iter().map(String::as_str))
    }

    pub(super) fn json(&self) -> Value {
        let receivers: Vec<Value> = self.receivers.iter().map(|name| json!({ "name": name })).collect();
        json!({
            "annotations": object(&self.annotations),
            "endsAt": time(self.ends_at),
            "fingerprint": format!("{:016x}", self.fingerprint),
            "receivers": receivers,
            "startsAt": time(self.starts_at),
            "status": {
                "inhibitedBy": self.inhibited_by,
                "mutedBy": self.muted_by,
                "silencedBy": self.silenced_by,
                "state": if self.is_suppressed() { "suppressed" } else { "active" },
            },
            "updatedAt": time(self.updated_at),
            "generatorURL": self.generator,
            "labels": object(&self.labels),
        })
    }
}

/// Labels as an object.
pub(in crate::http) fn object(labels: &Labels) -> Value {
    let pairs = labels.iter().map(|(name, value)| (name.to_owned(), json!(value)));
    Value::Object(pairs.collect::<Map<String, Value>>())
}

/// A time in milliseconds, as Alertmanager writes it.
pub(super) fn time(at: Timestamp) -> String {
    let text = Timestamp(at.0 - at.0.rem_euclid(1_000_000)).to_string();
    let Some((whole, fraction)) = text.trim_end_matches('Z').split_once('.') else {
        return format!("{}.000Z", text.trim_end_matches('Z'));
    };
    format!("{whole}.{fraction:0<3}Z")
}
