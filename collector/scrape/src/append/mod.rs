//! Turns a target's body into samples, remembering from scrape to scrape what it knows of the series.

mod cache;
mod metadata;
mod naming;
mod report;

use std::sync::Arc;

use orszem_exposition::{Classic, Entry, Exemplar, Format, Parser, Series};
use orszem_model::{Labels, STALE};

use crate::error::ScrapeError;
use crate::output::{Metadata, Scraped};
use crate::settings::Job;
use crate::target::Target;
use cache::{Cache, Found};
use metadata::FamilyCache;
use naming::Naming;
use report::ReportSeries;

pub(crate) use report::Report;

/// Samples further in the future are left out, as by Prometheus.
const AHEAD_MAX_MS: i64 = 10 * 60_000;

/// What a scrape counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Samples in the body.
    pub(crate) scraped: u64,
    /// Those left after relabelling; those that a limit cut are among them.
    pub(crate) kept: u64,
    /// Series that were not there before.
    pub(crate) new_series: u64,
    /// Samples left out because one of the same series and time came before.
    pub(crate) duplicates: u64,
    /// Samples left out because their time is too far in the future.
    pub(crate) out_of_bounds: u64,
}

/// The state of a target between scrapes.
#[derive(Debug)]
pub(crate) struct Appender {
    job: Arc<Job>,
    naming: Naming,
    cache: Cache,
    families: FamilyCache,
    report: ReportSeries,
    /// Series of another loop that this one replaces: they end unless the first good scrape has them.
    inherited: Vec<Labels>,
}

impl Appender {
    /// `inherited` are the series that a loop before this one leaves open.
    pub(crate) fn new(job: Arc<Job>, target: &Target, external: &Labels, inherited: Vec<Labels>) -> Self {
        Self {
            naming: Naming::new(&job, target, external),
            report: ReportSeries::new(&job, target, external),
            cache: Cache::default(),
            families: FamilyCache::default(),
            job,
            inherited,
        }
    }

    /// Reads a body and appends its samples to `out`; `now` is the time of those without one. With an error there are
    /// stale markers of all series instead.
    pub(crate) fn append(
        &mut self,
        body: &[u8],
        format: Format,
        now: i64,
        out: &mut Scraped,
    ) -> (Counts, Result<(), ScrapeError>) {
        self.cache.begin();
        let mut counts = Counts::default();
        let mut result = self.read(body, format, now, out, &mut counts);
        if result.is_ok() && self.cache.is_over {
            result = Err(ScrapeError::SampleLimit);
        }
        match &result {
            Ok(()) => {
                self.cache.end(|labels| out.samples.push((labels.clone(), now, STALE)));
                for labels in std::mem::take(&mut self.inherited) {
                    if !self.cache.is_live(&labels) && !self.report.has(&labels) {
                        out.samples.push((labels, now, STALE));
                    }
                }
                self.families.end(&mut out.metadata);
            }
            Err(_) => self.fail(now, out),
        }
        (counts, result)
    }

    /// Ends all series, since nothing is known of them now.
    pub(crate) fn fail(&mut self, now: i64, out: &mut Scraped) {
        out.clear();
        self.cache.end_all(|labels| out.samples.push((labels.clone(), now, STALE)));
        for labels in std::mem::take(&mut self.inherited) {
            if !self.report.has(&labels) {
                out.samples.push((labels, now, STALE));
            }
        }
    }

    /// Appends `up` and its like.
    pub(crate) fn report(&mut self, report: &Report, now: i64, out: &mut Scraped) {
        self.report.append(report, now, out);
    }

    /// The series that are open now, `up` and its like included.
    pub(crate) fn into_live(self) -> Vec<Labels> {
        let mut live = self.cache.into_live();
        live.extend(self.inherited);
        live.extend(self.report.into_series());
        live
    }

    /// What is known of the metric families, if that changed since the last call.
    pub(crate) fn take_metadata(&mut self) -> Option<Arc<[Metadata]>> {
        self.families.take_changed()
    }

    fn read(
        &mut self,
        body: &[u8],
        format: Format,
        now: i64,
        out: &mut Scraped,
        counts: &mut Counts,
    ) -> Result<(), ScrapeError> {
        let classic: Classic = self.job.classic;
        let honors_times = self.job.config.honor_timestamps.unwrap_or(true);
        let mut parser = Parser::new(format, body, classic);
        while let Some(entry) = parser.next_entry() {
            match entry? {
                Entry::Type { family, kind } => self.families.set_kind(&family, kind),
                Entry::Help { family, help } => self.families.set_help(&family, &help),
                Entry::Unit { family, unit } => self.families.set_unit(&family, &unit),
                Entry::Sample(sample) => {
                    let own_time = sample.time.filter(|_| honors_times);
                    if let Some(slot) = self.slot(&sample.series, own_time, now, counts)? {
                        let (labels, time) = (self.cache.labels(slot), own_time.unwrap_or(now));
                        if let Some(exemplar) = sample.exemplar {
                            let exemplar = Exemplar { time: exemplar.time.or(Some(time)), ..exemplar };
                            self.cache.exemplar(slot, &exemplar, &mut out.exemplars);
                        }
                        out.samples.push((labels, time, sample.value));
                    }
                }
                Entry::Histogram(sample) => {
                    let own_time = sample.time.filter(|_| honors_times);
                    if let Some(slot) = self.slot(&sample.series, own_time, now, counts)? {
                        // Without a time they can't be told from those of the scrape before.
                        for exemplar in sample.exemplars.iter().filter(|exemplar| exemplar.time.is_some()) {
                            self.cache.exemplar(slot, exemplar, &mut out.exemplars);
                        }
                        let histogram = Arc::new(sample.histogram);
                        out.histograms.push((self.cache.labels(slot), own_time.unwrap_or(now), histogram));
                    }
                }
            }
        }
        Ok(())
    }

    /// The cache's slot of the series if its sample is to be appended.
    fn slot(
        &mut self,
        series: &Series<'_>,
        own_time: Option<i64>,
        now: i64,
        counts: &mut Counts,
    ) -> Result<Option<u32>, ScrapeError> {
        counts.scraped += 1;
        let limit = self.job.config.sample_limit;
        let found = match self.cache.find(series) {
            Some(found) => found,
            None => {
                let labels = self.naming.labels(series)?;
                if labels.is_some() && self.cache.is_full(limit) {
                    counts.kept += 1;
                    return Ok(None);
                }
                counts.new_series += u64::from(labels.is_some());
                self.cache.insert(series, labels)
            }
        };
        let Found::Slot(slot) = found else { return Ok(None) };
        counts.kept += 1;
        let time = own_time.unwrap_or(now);
        if time > now.saturating_add(AHEAD_MAX_MS) {
            counts.out_of_bounds += 1;
            return Ok(None);
        }
        if self.cache.is_duplicate(slot, time) {
            counts.duplicates += 1;
            return Ok(None);
        }
        if self.cache.is_full(limit) {
            return Ok(None);
        }
        self.cache.appended_at(slot, time, own_time.is_none() || self.job.config.track_timestamps_staleness);
        Ok(Some(slot))
    }
}

#[cfg(test)]
mod tests;
