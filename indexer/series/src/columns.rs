//! Samples of one series from several places, put together.

use orszem_model::{Columns, HistogramPoint};

/// Merges `later` into `into`: of two samples at one time that of `later` stays, whatever kinds they are. Cheap when
/// all of `later` is behind.
pub fn merge_columns(into: &mut Columns, later: &Columns) {
    if later.is_empty() {
        return;
    }
    let (Some(last), Some(first)) = (last_time(into), first_time(later)) else {
        into.clone_from(later);
        return;
    };
    if last < first {
        into.times.extend_from_slice(&later.times);
        into.values.extend_from_slice(&later.values);
        into.histograms.extend_from_slice(&later.histograms);
        return;
    }
    if !later.histograms.is_empty() {
        remove_floats_at(into, &later.histograms);
    }
    if !into.histograms.is_empty() {
        into.histograms.retain(|point| later.times.binary_search(&point.time).is_err());
        into.histograms = merge_histograms(&into.histograms, &later.histograms);
    } else {
        into.histograms.extend_from_slice(&later.histograms);
    }
    merge_floats(into, later);
}

fn first_time(columns: &Columns) -> Option<i64> {
    columns.times.first().copied().into_iter().chain(columns.histograms.first().map(|point| point.time)).min()
}

fn last_time(columns: &Columns) -> Option<i64> {
    columns.times.last().copied().into_iter().chain(columns.histograms.last().map(|point| point.time)).max()
}

fn remove_floats_at(columns: &mut Columns, points: &[HistogramPoint]) {
    let is_kept = |time: &i64| points.binary_search_by_key(time, |point| point.time).is_err();
    let kept: Vec<bool> = columns.times.iter().map(is_kept).collect();
    let mut flags = kept.iter();
    columns.times.retain(|_| flags.next() == Some(&true));
    let mut flags = kept.iter();
    columns.values.retain(|_| flags.next() == Some(&true));
}

fn merge_floats(into: &mut Columns, later: &Columns) {
    let mut merged = Columns::default();
    merged.times.reserve(into.times.len() + later.times.len());
    merged.values.reserve(into.times.len() + later.times.len());
    let mut older = into.times.iter().zip(&into.values).peekable();
    for (&time, &value) in later.times.iter().zip(&later.values) {
        while let Some((&time, &value)) = older.next_if(|(older, _)| **older < time) {
            merged.push(time, value);
        }
        older.next_if(|(older, _)| **older == time);
        merged.push(time, value);
    }
    older.for_each(|(&time, &value)| merged.push(time, value));
    (into.times, into.values) = (merged.times, merged.values);
}

fn merge_histograms(older: &[HistogramPoint], later: &[HistogramPoint]) -> Vec<HistogramPoint> {
    let mut merged = Vec::with_capacity(older.len() + later.len());
    let mut older = older.iter().peekable();
    for point in later {
        while let Some(before) = older.next_if(|before| before.time < point.time) {
            merged.push(before.clone());
        }
        older.next_if(|before| before.time == point.time);
        merged.push(point.clone());
    }
    merged.extend(older.cloned());
    merged
}

/// Removes the samples in [start, end].
pub fn remove_range(columns: &mut Columns, start: i64, end: i64) {
    remove_range_behind(columns, (0, 0), start, end);
}

/// Removes the samples in [start, end] that stand behind the first `from` floats and histograms.
pub(crate) fn remove_range_behind(columns: &mut Columns, from: (usize, usize), start: i64, end: i64) {
    let tail = &columns.times[from.0..];
    let (first, last) = (tail.partition_point(|&time| time < start), tail.partition_point(|&time| time <= end));
    if first < last {
        columns.times.drain(from.0 + first..from.0 + last);
        columns.values.drain(from.0 + first..from.0 + last);
    }
    let tail = &columns.histograms[from.1..];
    let (first, last) =
        (tail.partition_point(|point| point.time < start), tail.partition_point(|point| point.time <= end));
    if first < last {
        columns.histograms.drain(from.1 + first..from.1 + last);
    }
}
