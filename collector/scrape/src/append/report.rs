//! The series by which a scrape reports on itself: `up` and its like.

use orszem_model::{Labels, METRIC_NAME};
use orszem_transform::LabelBuilder;

use super::Counts;
use super::naming::add_external;
use crate::output::Scraped;
use crate::settings::Job;
use crate::target::Target;

const ALWAYS: [&str; 5] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];
/// With `extra_scrape_metrics`.
const EXTRA: [&str; 3] = ["scrape_timeout_seconds", "scrape_sample_limit", "scrape_body_size_bytes"];

/// How a scrape went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Report {
    pub(crate) is_up: bool,
    pub(crate) seconds: f64,
    pub(crate) counts: Counts,
    /// Of the uncompressed body; -1 where it was longer than its limit.
    pub(crate) body_bytes: f64,
}

#[derive(Debug)]
pub(super) struct ReportSeries {
    series: Vec<Labels>,
    timeout: f64,
    sample_limit: u64,
}

impl ReportSeries {
    pub(super) fn new(job: &Job, target: &Target, external: &Labels) -> Self {
        let extra: &[&str] = if job.config.extra_scrape_metrics == Some(true) { &EXTRA } else { &[] };
        let labels = |name: &&str| {
            let mut labels: LabelBuilder = target.labels.iter().collect();
            labels.set(METRIC_NAME, name);
            add_external(&mut labels, external);
            labels.labels()
        };
        Self {
            series: ALWAYS.iter().chain(extra).map(labels).collect(),
            timeout: target.timeout.duration().as_secs_f64(),
            sample_limit: job.config.sample_limit,
        }
    }

    pub(super) fn append(&self, report: &Report, now: i64, out: &mut Scraped) {
        let Report { is_up, seconds, counts, body_bytes } = report;
        let values = [
            f64::from(u8::from(*is_up)),
            *seconds,
            counts.scraped as f64,
            counts.kept as f64,
            counts.new_series as f64,
            self.timeout,
            self.sample_limit as f64,
            *body_bytes,
        ];
        out.samples.extend(self.series.iter().zip(values).map(|(labels, value)| (labels.clone(), now, value)));
    }

    pub(super) fn has(&self, labels: &Labels) -> bool {
        self.series.contains(labels)
    }

    pub(super) fn into_series(self) -> Vec<Labels> {
        self.series
    }
}
