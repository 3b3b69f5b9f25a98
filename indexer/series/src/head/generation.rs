//! A generation of sample buffers: what was applied since the last one was frozen.

use std::collections::BTreeMap;
use std::mem::size_of;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use orszem_model::{Columns, Histogram, HistogramPoint};

use super::nodes::{Chain, NODE_BYTES, Nodes, Pushed};

const PAGE_BITS: u32 = 8;
const PAGE: usize = 1 << PAGE_BITS;

/// The samples that were applied between two flushes.
#[derive(Debug, Default)]
pub(crate) struct Generation {
    buffers: RwLock<Buffers>,
}

impl Generation {
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Buffers> {
        self.buffers.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Buffers> {
        self.buffers.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Samples by series.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    /// Times are kept as differences to that of the first sample.
    base: Option<i64>,
    pages: Vec<Option<Box<[Chain]>>>,
    pages_used: usize,
    nodes: Nodes,
    /// Samples more than 24 days from the base, in the order of their coming.
    far: BTreeMap<u32, Vec<(i64, f64)>>,
    histograms: BTreeMap<u32, Vec<HistogramPoint>>,
    /// Of `far` and `histograms`.
    other_bytes: usize,
    samples: u64,
}

impl Buffers {
    /// Bytes in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        self.nodes.used() * NODE_BYTES + self.pages_used * PAGE * size_of::<Chain>() + self.other_bytes
    }

    /// Samples taken in, those that were replaced or deleted since included.
    pub(crate) fn samples(&self) -> u64 {
        self.samples
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.samples == 0
    }

    fn chain(&self, series: u32) -> Option<Chain> {
        let page = self.pages.get((series >> PAGE_BITS) as usize)?.as_ref()?;
        Some(page[series as usize & (PAGE - 1)]).filter(|chain| chain.count() > 0)
    }

    /// Whether there is a sample of the series.
    pub(crate) fn contains(&self, series: u32) -> bool {
        self.chain(series).is_some() || self.far.contains_key(&series) || self.histograms.contains_key(&series)
    }

    /// The series with samples, ascending.
    pub(crate) fn series(&self) -> Vec<u32> {
        let chained = self.pages.iter().enumerate().filter_map(|(page, chains)| Some((page, chains.as_ref()?)));
        let mut series: Vec<u32> = chained
            .flat_map(|(page, chains)| {
                let used = chains.iter().enumerate().filter(|(_, chain)| chain.count() > 0);
                used.map(move |(at, _)| ((page << PAGE_BITS) | at) as u32)
            })
            .collect();
        if !self.far.is_empty() || !self.histograms.is_empty() {
            series.extend(self.far.keys().chain(self.histograms.keys()));
            series.sort_unstable();
            series.dedup();
        }
        series
    }

    /// Takes a sample in; of two of one time the later counts.
    #[inline]
    pub(crate) fn push(&mut self, series: u32, time: i64, value: f64) -> Pushed {
        let base = *self.base.get_or_insert(time);
        let Ok(offset) = i32::try_from(time.saturating_sub(base)) else {
            self.far.entry(series).or_default().push((time, value));
            self.other_bytes += size_of::<(i64, f64)>();
            self.samples += 1;
            return Pushed::Added;
        };
        let page = (series >> PAGE_BITS) as usize;
        if self.pages.len() <= page {
            self.pages.resize_with(page + 1, || None);
        }
        let page = self.pages[page].get_or_insert_with(|| {
            self.pages_used += 1;
            vec![Chain::default(); PAGE].into_boxed_slice()
        });
        let pushed = self.nodes.push(&mut page[series as usize & (PAGE - 1)], offset, value);
        self.samples += u64::from(pushed == Pushed::Added);
        pushed
    }

    /// Takes a histogram in; of two of one time the later counts.
    pub(crate) fn push_histogram(&mut self, series: u32, time: i64, histogram: Arc<Histogram>) -> Pushed {
        let points = self.histograms.entry(series).or_default();
        if points.last().is_some_and(|last| last.time == time && last.histogram == histogram) {
            return Pushed::Same;
        }
        self.other_bytes += histogram_bytes(&histogram);
        self.samples += 1;
        points.push(HistogramPoint { time, histogram });
        Pushed::Added
    }

    /// Replaces what is in `out` by the samples of a series in `[start, end]`.
    pub(crate) fn read(&self, series: u32, start: i64, end: i64, out: &mut Columns) {
        out.clear();
        let mut is_sorted = true;
        if let (Some(base), Some(chain)) = (self.base, self.chain(series)) {
            is_sorted = chain.is_sorted();
            let behind = is_sorted && base.saturating_add(chain.last_time().into()) < start;
            let ahead =
                is_sorted && self.nodes.first_time(chain).is_some_and(|first| base.saturating_add(first.into()) > end);
            if !behind && !ahead {
                self.nodes.visit(chain, |offset, value| {
                    let time = base.saturating_add(offset.into());
                    if (start..=end).contains(&time) {
                        out.push(time, value);
                    }
                });
            }
        }
        if let Some(far) = self.far.get(&series) {
            is_sorted = false;
            for &(time, value) in far.iter().filter(|(time, _)| (start..=end).contains(time)) {
                out.push(time, value);
            }
        }
        if !is_sorted {
            sort(out);
        }
        if let Some(points) = self.histograms.get(&series) {
            out.histograms.extend(points.iter().filter(|point| (start..=end).contains(&point.time)).cloned());
            sort_histograms(&mut out.histograms);
            out_of_one_time_keep_histograms(out);
        }
    }

    /// Whether there is a sample of the series in `[start, end]`.
    pub(crate) fn overlaps(&self, series: u32, start: i64, end: i64) -> bool {
        let within = |time: &i64| (start..=end).contains(time);
        let mut found = false;
        if let (Some(base), Some(chain)) = (self.base, self.chain(series)) {
            let last = base.saturating_add(chain.last_time().into());
            found = within(&last);
            let is_behind = chain.is_sorted() && last < start;
            if !found && !is_behind {
                self.nodes.visit(chain, |offset, _| found |= within(&base.saturating_add(offset.into())));
            }
        }
        found
            || self.far.get(&series).is_some_and(|far| far.iter().any(|(time, _)| within(time)))
            || self.histograms.get(&series).is_some_and(|points| points.iter().any(|point| within(&point.time)))
    }

    /// Removes the samples of a series in `[start, end]`; answers whether there were any.
    pub(crate) fn delete(&mut self, series: u32, start: i64, end: i64) -> bool {
        if !self.overlaps(series, start, end) {
            return false;
        }
        let mut kept = Columns::default();
        self.read(series, i64::MIN, i64::MAX, &mut kept);
        let page = self.pages.get_mut((series >> PAGE_BITS) as usize).and_then(Option::as_mut);
        if let Some(page) = page {
            page[series as usize & (PAGE - 1)] = Chain::default();
        }
        self.far.remove(&series);
        self.histograms.remove(&series);
        let outside = |time: i64| !(start..=end).contains(&time);
        for (&time, &value) in kept.times.iter().zip(&kept.values).filter(|(time, _)| outside(**time)) {
            self.push(series, time, value);
        }
        for point in kept.histograms.into_iter().filter(|point| outside(point.time)) {
            self.push_histogram(series, point.time, point.histogram);
        }
        true
    }
}

/// Sorts by time; of one time the last stays.
fn sort(columns: &mut Columns) {
    let mut pairs: Vec<(i64, f64)> = columns.times.drain(..).zip(columns.values.drain(..)).collect();
    pairs.sort_by_key(|pair| pair.0);
    for (time, value) in pairs {
        match columns.times.last() {
            Some(&last) if last == time => {
                columns.values.pop();
                columns.values.push(value);
            }
            _ => columns.push(time, value),
        }
    }
}

fn sort_histograms(points: &mut Vec<HistogramPoint>) {
    if points.is_sorted_by(|a, b| a.time < b.time) {
        return;
    }
    points.sort_by_key(|point| point.time);
    points.dedup_by(|later, kept| {
        let is_same = later.time == kept.time;
        if is_same {
            std::mem::swap(later, kept);
        }
        is_same
    });
}

/// Of a value and a histogram of one time in one generation the histogram counts, whichever came first.
fn out_of_one_time_keep_histograms(columns: &mut Columns) {
    let is_shared = |time: &i64| columns.histograms.binary_search_by_key(time, |point| point.time).is_ok();
    if !columns.times.iter().any(is_shared) {
        return;
    }
    let pairs = columns.times.iter().copied().zip(columns.values.iter().copied());
    let (times, values) = pairs.filter(|(time, _)| !is_shared(time)).unzip();
    (columns.times, columns.values) = (times, values);
}

fn histogram_bytes(histogram: &Histogram) -> usize {
    let side = |buckets: &orszem_model::Buckets| buckets.spans.len() * 8 + buckets.counts.len() * 8;
    160 + side(&histogram.positive) + side(&histogram.negative) + histogram.custom_bounds.len() * 8
}
