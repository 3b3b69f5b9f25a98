//! What was available over a period, for people: the figures, and how they are written as text and as HTML.

mod html;
mod period;
#[cfg(test)]
mod tests;
mod text;
mod words;

use serde::{Deserialize, Serialize};

pub use html::html;
pub use period::{PeriodError, period};
pub use text::text;

/// All of it. Times and spans are milliseconds, times since 1970.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub from: i64,
    pub until: i64,
    /// The share of the time that is to be reached.
    pub goal: f64,
    /// The least available first.
    pub targets: Vec<TargetReport>,
    pub targets_left_out: usize,
    /// The earliest first.
    pub certificates: Vec<CertificateReport>,
    /// The newest first.
    pub incidents: Vec<IncidentReport>,
}

/// One target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetReport {
    pub probe: String,
    pub instance: String,
    /// The share of the known time that it was up; `None` if nothing is known.
    pub ratio: Option<f64>,
    pub down: i64,
    /// Never counted as up.
    pub unknown: i64,
    pub excluded: i64,
    /// What may still be down before the goal is missed; negative once it is.
    pub budget_left: i64,
    pub mttr: Option<i64>,
    pub mtbf: Option<i64>,
    /// Confirmed ones, the oldest first.
    pub outages: Vec<OutageReport>,
    pub outages_left_out: usize,
    /// Of all probes of all collectors; `None` if there were none.
    pub latency: Option<LatencyReport>,
}

/// A confirmed outage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutageReport {
    pub from: i64,
    /// `None` while it lasts.
    pub until: Option<i64>,
    pub reason: String,
    /// No part of it counts.
    pub is_excluded: bool,
}

/// How long probes took, in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyReport {
    pub probes: u64,
    pub p50: f64,
    pub p90: f64,
    pub p95: f64,
    pub p99: f64,
}

/// The end of the chain that a target shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateReport {
    pub instance: String,
    pub ends: i64,
}

/// An incident that was open in the period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentReport {
    pub id: u64,
    pub from: i64,
    /// `None` while it goes on.
    pub until: Option<i64>,
    pub level: String,
    /// The names of its alerts.
    pub alerts: Vec<String>,
}

/// A time to the second, in UTC.
fn time(ms: i64) -> String {
    let text = orszem_model::Timestamp(ms.div_euclid(1_000).saturating_mul(1_000_000_000)).to_string();
    text.split_once('.').map_or(text.as_str(), |(whole, _)| whole).trim_end_matches('Z').replace('T', " ")
}
