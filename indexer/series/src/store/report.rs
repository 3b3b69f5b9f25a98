//! Sizes and totals, and which metrics and labels make the series many.

use std::sync::atomic::Ordering;

use orszem_model::METRIC_NAME;

use crate::head::TENANT_LABEL;

use super::{Inner, SeriesStore};

/// Sizes of the store now, and totals since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Series of the head.
    pub series: u64,
    /// Distinct (name, value) pairs of the head.
    pub label_pairs: u64,
    /// Bytes of samples in memory.
    pub memory_bytes: u64,
    /// Samples in memory.
    pub memory_samples: u64,
    /// Files of the head.
    pub files: u64,
    pub file_bytes: u64,
    pub file_samples: u64,
    pub blocks: u64,
    pub block_bytes: u64,
    pub block_samples: u64,
    /// The time of the first and of the last sample in files and blocks, in milliseconds.
    pub range: Option<(i64, i64)>,
    pub exemplars: u64,
    /// Totals: samples applied, repeats among them, samples without a definition of their series, parts left out of
    /// answers because they are damaged, metadata beyond its limit.
    pub applied_samples: u64,
    pub applied_duplicates: u64,
    pub unknown_series: u64,
    pub damaged_reads: u64,
    pub dropped_metadata: u64,
}

/// How many series have a value, of a label or as metric name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueCount {
    /// The value; `name=value` where pairs are counted.
    pub value: String,
    pub series: u64,
}

/// How many values a label has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelCount {
    pub name: String,
    pub values: u64,
    /// Bytes of the values, over all series that have them.
    pub bytes: u64,
}

/// What makes the series of the head many: the largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardinalityReport {
    pub series: u64,
    pub label_pairs: u64,
    pub metrics: Vec<ValueCount>,
    pub labels: Vec<LabelCount>,
    /// The labels with the most bytes.
    pub label_bytes: Vec<LabelCount>,
    pub pairs: Vec<ValueCount>,
}

impl SeriesStore {
    /// The `limit` largest of each kind, of one tenant.
    pub fn report(&self, tenant: u32, limit: usize) -> CardinalityReport {
        let table = self.inner.table();
        let all = table.tenant_set(tenant);
        let is_whole = all.len() == table.len();
        let mut report = CardinalityReport { series: all.len(), ..CardinalityReport::default() };
        let (mut labels, mut pairs, mut metrics) = (Vec::new(), Vec::new(), Vec::new());
        for name in table.pairs.names().iter().filter(|name| *name.text != *TENANT_LABEL) {
            let (mut values, mut bytes) = (0, 0);
            for pair in name.pairs.iter().map(|&pair| table.pairs.at(pair)) {
                let series = if is_whole { pair.series.len() } else { pair.series.shared_with(&all) };
                if series == 0 {
                    continue;
                }
                values += 1;
                bytes += series * pair.value.len() as u64;
                if *name.text == *METRIC_NAME {
                    metrics.push(ValueCount { value: pair.value.to_string(), series });
                }
                pairs.push((series, &*name.text, &*pair.value));
                if pairs.len() > limit.saturating_mul(8).max(4_096) {
                    keep_largest(&mut pairs, limit);
                }
            }
            if values > 0 {
                report.label_pairs += values;
                labels.push(LabelCount { name: name.text.to_string(), values, bytes });
            }
        }
        keep_largest(&mut pairs, limit);
        let pair = |(series, name, value): (u64, &str, &str)| ValueCount { value: format!("{name}={value}"), series };
        report.pairs = pairs.into_iter().map(pair).collect();
        metrics.sort_unstable_by(|a, b| (b.series, &a.value).cmp(&(a.series, &b.value)));
        metrics.truncate(limit);
        report.metrics = metrics;
        report.label_bytes.clone_from(&labels);
        report.label_bytes.sort_unstable_by(|a, b| (b.bytes, &a.name).cmp(&(a.bytes, &b.name)));
        report.label_bytes.truncate(limit);
        labels.sort_unstable_by(|a, b| (b.values, &a.name).cmp(&(a.values, &b.name)));
        labels.truncate(limit);
        report.labels = labels;
        report
    }

    /// Sizes and totals.
    pub fn sizes(&self) -> Sizes {
        let inner = &*self.inner;
        let mut sizes = Sizes::default();
        {
            let state = inner.state();
            for generation in Inner::generations(&state) {
                let buffers = generation.read();
                sizes.memory_bytes += buffers.bytes() as u64;
                sizes.memory_samples += buffers.samples();
            }
            let mut widen = |first: i64, last: i64| {
                let range = sizes.range.get_or_insert((first, last));
                *range = (range.0.min(first), range.1.max(last));
            };
            for file in state.files.iter() {
                sizes.files += 1;
                sizes.file_bytes += file.file.bytes;
                sizes.file_samples += file.file.chunks.samples();
                widen(file.file.range.0, file.file.range.1);
            }
            for meta in state.blocks.iter().map(|block| block.meta()) {
                sizes.blocks += 1;
                sizes.block_bytes += meta.bytes;
                sizes.block_samples += meta.samples;
                widen(meta.min_time, meta.max_time);
            }
        }
        {
            let table = inner.table();
            (sizes.series, sizes.label_pairs) = (table.len(), table.pairs.len() as u64);
        }
        {
            let aside = inner.aside();
            (sizes.exemplars, sizes.dropped_metadata) = (aside.exemplar_count() as u64, aside.dropped);
        }
        let counters = &inner.counters;
        sizes.applied_samples = counters.samples.load(Ordering::Relaxed);
        sizes.applied_duplicates = counters.duplicates.load(Ordering::Relaxed);
        sizes.unknown_series = counters.unknown_series.load(Ordering::Relaxed);
        sizes.damaged_reads = counters.damaged_reads.load(Ordering::Relaxed);
        sizes
    }

    /// Tenants that have series in the head.
    pub fn tenants(&self) -> Vec<u32> {
        self.inner.table().tenants().collect()
    }
}

fn keep_largest(pairs: &mut Vec<(u64, &str, &str)>, limit: usize) {
    pairs.sort_unstable_by(|a, b| (b.0, a.1, a.2).cmp(&(a.0, b.1, b.2)));
    pairs.truncate(limit);
}
