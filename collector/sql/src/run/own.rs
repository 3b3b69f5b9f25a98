//! What is known of the database itself and of its queries, as series.

use std::collections::BTreeSet;
use std::time::SystemTime;

use orszem_exposition::MetricType;
use orszem_scrape::{Metadata, Scraped, millis};

use super::Plan;
use super::query::Query;
use super::series::Series;
use crate::samples::{Family, Sample};

/// Descriptions that were told; beyond them all are told anew.
const TOLD_MAX: usize = 10_000;

const OWN: [(&str, MetricType, &str); 5] = [
    ("up", MetricType::Gauge, "Whether the database can be asked."),
    ("query_duration_seconds", MetricType::Gauge, "How long the last run of a query took."),
    ("query_rows", MetricType::Gauge, "Rows that the last run gave."),
    ("query_last_success_timestamp_seconds", MetricType::Gauge, "When a query last worked."),
    ("query_errors", MetricType::Counter, "Failures of a query, by reason."),
];

/// The series of a database itself, and what was described of all.
#[derive(Debug, Default)]
pub(super) struct Own {
    pub(super) series: Series,
    told: BTreeSet<String>,
}

impl Own {
    /// Tells how the database and its queries are.
    pub(super) fn tell(&mut self, plan: &Plan, queries: &[Query], is_up: bool, scraped: &mut Scraped) {
        let prefix = plan.prefix.as_str();
        let mut samples = Vec::new();
        let mut own = |name: &str, labels: &[(&str, &str)], value: f64| {
            let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            samples.push(Sample { name: format!("{prefix}{name}"), labels, value, time: None });
        };
        own("up", &[], f64::from(u8::from(is_up)));
        for query in queries {
            let name = query.name.as_str();
            if let Some(took) = query.took {
                own("query_duration_seconds", &[("query", name)], took.as_secs_f64());
                own("query_rows", &[("query", name)], query.rows as f64);
            }
            if let Some(at) = query.last_success {
                own("query_last_success_timestamp_seconds", &[("query", name)], at);
            }
            for (reason, count) in &query.errors {
                own("query_errors_total", &[("query", name), ("reason", reason.as_str())], *count as f64);
            }
        }
        for (name, kind, help) in OWN {
            self.describe(&Family { name: format!("{prefix}{name}"), kind, help: help.to_owned() }, "", scraped);
        }
        self.series.replace(plan, &samples, millis(SystemTime::now()), &mut scraped.samples);
    }

    /// Tells once what a name stands for.
    pub(super) fn describe(&mut self, family: &Family, unit: &str, scraped: &mut Scraped) {
        let Family { name, kind, help } = family;
        if self.told.len() >= TOLD_MAX {
            self.told.clear();
        }
        if !self.told.insert(format!("{name} {help}")) {
            return;
        }
        // A unit is the end of the family's name, or it is none.
        let unit = if name.ends_with(&format!("_{unit}")) { unit } else { "" };
        scraped.metadata.push(Metadata {
            family: name.as_str().into(),
            kind: *kind,
            help: help.as_str().into(),
            unit: unit.into(),
        });
    }
}
