//! Counts: in all, by time and severity, by a field's values, by pattern.

use std::collections::{BTreeMap, HashMap};

use orszem_model::Severity;
use orszem_model::wire::{RecordView, ValueType};
use orszem_search::{FieldName, Query};

use super::plan::Plan;
use super::visit::{Piece, RowWalker, memtable, pieces, visible_streams};
use super::{Answer, Budget, Partial, Range, Watch};
use crate::error::Result;
use crate::segment::group::{BodyForm, SlotRole};
use crate::segment::read::Segment;
use crate::store::Snapshot;

/// Records of one bucket, by severity band (see [`Severity::BANDS`]).
pub type Bands = [u64; 7];

/// A value of a field and how many records have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueCount {
    pub value: String,
    pub count: u64,
}

/// The answer to [`Snapshot::top`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Top {
    /// The most frequent values, most frequent first.
    pub values: Vec<ValueCount>,
    /// Distinct values in all.
    pub distinct: u64,
    /// Records that have the field.
    pub present: u64,
    /// Records that lack it.
    pub missing: u64,
}

/// A field that matching records have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldSummary {
    pub name: String,
    /// It is a label of the stream, not an attribute.
    pub label: bool,
    /// Records that have it.
    pub count: u64,
}

/// Figures of a numeric field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NumberSummary {
    /// Records whose value is a number.
    pub count: u64,
    pub min: f64,
    pub max: f64,
    pub mean: f64,
    /// The quantiles asked for, in order (nearest rank).
    pub quantiles: Vec<f64>,
}

/// A skeleton and how many records have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternCount {
    /// The line with `<*>` for each variable token.
    pub pattern: String,
    pub count: u64,
    pub severity: Severity,
}

impl Snapshot {
    /// How many records match.
    pub fn count(&self, query: &Query, tenant: u32, range: Range, budget: &Budget) -> Result<Answer<u64>> {
        let mut total = 0;
        let mut watch = Watch::new(budget);
        for view in &self.views {
            memtable(view, query, tenant, range, &mut watch, |_| total += 1)?;
        }
        self.each_piece(query, tenant, range, &mut watch, |piece, walker, watch| {
            total += walker.count(piece, query, range, watch)?;
            Ok(())
        })?;
        watch.stats.matched = total;
        Ok(watch.answer(total))
    }

    /// How many records match in each span of `step_ns`, by severity band. Buckets start at multiples of the step; empty
    /// ones are left out.
    pub fn histogram(
        &self,
        query: &Query,
        tenant: u32,
        range: Range,
        step_ns: i64,
        budget: &Budget,
    ) -> Result<Answer<BTreeMap<i64, Bands>>> {
        let step = step_ns.max(1);
        let mut buckets: HashMap<i64, Bands> = HashMap::new();
        let mut watch = Watch::new(budget);
        for view in &self.views {
            memtable(view, query, tenant, range, &mut watch, |record| {
                buckets.entry(record.timestamp.0.div_euclid(step)).or_default()[record.severity.band()] += 1;
            })?;
        }
        let mut matched = Vec::new();
        self.each_piece(query, tenant, range, &mut watch, |piece, walker, watch| {
            let segment = walker.reader.segment;
            let group = &segment.groups[piece.group as usize];
            if group.key.form == BodyForm::Record {
                return walker.records(piece, query, range, watch, |record| {
                    buckets.entry(record.timestamp.0.div_euclid(step)).or_default()[record.severity.band()] += 1;
                });
            }
            let band = group.key.shape.severity.band();
            let block = &segment.blocks[piece.block];
            let first = block.min_ts.div_euclid(step);
            if piece.in_range && first == block.max_ts.div_euclid(step) {
                let count = walker.count(piece, query, range, watch)?;
                if count > 0 {
                    buckets.entry(first).or_default()[band] += count;
                }
                return Ok(());
            }
            matched.clear();
            walker.matching(piece, query, range, watch, |_, time| matched.push(time))?;
            for same in matched.chunk_by(|a, b| a.div_euclid(step) == b.div_euclid(step)) {
                buckets.entry(same[0].div_euclid(step)).or_default()[band] += same.len() as u64;
            }
            Ok(())
        })?;
        watch.stats.matched = buckets.values().flatten().sum();
        let sorted = buckets.into_iter().map(|(bucket, bands)| (bucket.saturating_mul(step), bands)).collect();
        Ok(watch.answer(sorted))
    }

    /// The `limit` most frequent values of a field among the records that match.
    pub fn top(
        &self,
        query: &Query,
        tenant: u32,
        range: Range,
        field: &str,
        limit: usize,
        budget: &Budget,
    ) -> Result<Answer<Top>> {
        let mut tally = Tally::default();
        let watch =
            self.each_value(query, tenant, range, field, budget, |value, count, watch| tally.add(value, count, watch))?;
        Ok(watch.answer(tally.top(limit)))
    }

    /// Count, extremes, mean and quantiles (0 to 1) of a field's numbers.
    pub fn numbers(
        &self,
        query: &Query,
        tenant: u32,
        range: Range,
        field: &str,
        quantiles: &[f64],
        budget: &Budget,
    ) -> Result<Answer<NumberSummary>> {
        let mut numbers: Vec<f64> = Vec::new();
        let watch = self.each_value(query, tenant, range, field, budget, |value, count, watch| {
            let number = value
                .and_then(|value| std::str::from_utf8(value).ok())
                .and_then(|text| text.trim().parse::<f64>().ok());
            if let Some(number) = number.filter(|number| number.is_finite())
                && watch.hold(8 * count as usize)
            {
                numbers.extend(std::iter::repeat_n(number, count as usize));
            }
        })?;
        numbers.sort_by(f64::total_cmp);
        let at = |quantile: f64| {
            let rank = (quantile.clamp(0.0, 1.0) * numbers.len() as f64).ceil() as usize;
            numbers.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
        };
        let summary = NumberSummary {
            count: numbers.len() as u64,
            min: numbers.first().copied().unwrap_or(f64::NAN),
            max: numbers.last().copied().unwrap_or(f64::NAN),
            mean: numbers.iter().sum::<f64>() / numbers.len() as f64,
            quantiles: quantiles.iter().map(|quantile| at(*quantile)).collect(),
        };
        Ok(watch.answer(summary))
    }

    /// Calls `found` with each value (or its absence) that matching records have for `field`, and how many have it.
    fn each_value<'b>(
        &self,
        query: &Query,
        tenant: u32,
        range: Range,
        field: &str,
        budget: &'b Budget,
        mut found: impl FnMut(Option<&[u8]>, u64, &mut Watch<'_>),
    ) -> Result<Watch<'b>> {
        let name = FieldName::resolve(field);
        let mut watch = Watch::new(budget);
        let mut seen: Vec<Option<Vec<u8>>> = Vec::new();
        let mut matched_all = 0;
        for view in &self.views {
            memtable(view, query, tenant, range, &mut watch, |record| {
                matched_all += 1;
                seen.push(value_of(record, &name));
            })?;
            for value in seen.drain(..) {
                found(value.as_deref(), 1, &mut watch);
            }
        }
        self.each_piece(query, tenant, range, &mut watch, |piece, walker, watch| {
            let segment = walker.reader.segment;
            let mut rows = Vec::new();
            match place_of(segment, piece, &name) {
                ValuePlace::Same(value) => {
                    let count = walker.count(piece, query, range, watch)?;
                    matched_all += count;
                    if count > 0 {
                        found(value.as_deref(), count, watch);
                    }
                }
                ValuePlace::Slot(slot) => {
                    walker.matching(piece, query, range, watch, |row, _| rows.push(row))?;
                    matched_all += rows.len() as u64;
                    let chunk = walker.reader.chunk(piece.block, piece.group)?;
                    for row in rows {
                        found(Some(chunk.columns[slot].get((row - chunk.row_start) as usize)), 1, watch);
                    }
                }
                ValuePlace::Record => {
                    let mut values = Vec::new();
                    walker.records(piece, query, range, watch, |record| values.push(value_of(record, &name)))?;
                    matched_all += values.len() as u64;
                    for value in values {
                        found(value.as_deref(), 1, watch);
                    }
                }
            }
            Ok(())
        })?;
        watch.stats.matched = matched_all;
        Ok(watch)
    }

    /// The fields that matching records have, with counts, most frequent first.
    pub fn fields(
        &self,
        query: &Query,
        tenant: u32,
        range: Range,
        limit: usize,
        budget: &Budget,
    ) -> Result<Answer<Vec<FieldSummary>>> {
        let mut names = FieldNames::default();
        let mut watch = Watch::new(budget);
        let mut matched_all = 0;
        for view in &self.views {
            memtable(view, query, tenant, range, &mut watch, |record| {
                matched_all += 1;
                record.stream.labels.iter().for_each(|(name, _)| names.add(name, true, 1));
                record.attributes.for_each(|attribute| names.add(attribute.key, false, 1));
            })?;
        }
        self.each_piece(query, tenant, range, &mut watch, |piece, walker, watch| {
            let segment = walker.reader.segment;
            let group = &segment.groups[piece.group as usize];
            let mut count = 0;
            if group.key.form == BodyForm::Record {
                walker.records(piece, query, range, watch, |record| {
                    count += 1;
                    record.attributes.for_each(|attribute| names.add(attribute.key, false, 1));
                })?;
            } else {
                count = walker.count(piece, query, range, watch)?;
            }
            matched_all += count;
            segment.streams[piece.stream as usize].labels.iter().for_each(|(name, _)| names.add(name, true, count));
            group.key.shape.attributes.iter().for_each(|(key, _)| names.add(key, false, count));
            Ok(())
        })?;
        watch.stats.matched = matched_all;
        if names.is_cut {
            watch.partial.get_or_insert(Partial::Memory);
        }
        let mut fields = names.summaries();
        fields.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
        fields.truncate(limit);
        Ok(watch.answer(fields))
    }

    /// The most frequent skeletons among the records that match. Lines whose skeleton is rare, and lines that are not in
    /// a segment yet, have none.
    pub fn patterns(
        &self,
        query: &Query,
        tenant: u32,
        range: Range,
        limit: usize,
        budget: &Budget,
    ) -> Result<Answer<Vec<PatternCount>>> {
        let mut counts: HashMap<(String, Severity), u64> = HashMap::new();
        let mut watch = Watch::new(budget);
        self.each_piece(query, tenant, range, &mut watch, |piece, walker, watch| {
            let key = &walker.reader.segment.groups[piece.group as usize].key;
            let Some(pattern) = key.pattern() else { return Ok(()) };
            let count = walker.count(piece, query, range, watch)?;
            if count > 0 {
                let size = pattern.len() + 64;
                let total = counts.entry((pattern, key.shape.severity)).or_insert_with(|| {
                    watch.hold(size);
                    0
                });
                *total += count;
            }
            Ok(())
        })?;
        let mut patterns: Vec<PatternCount> =
            counts.into_iter().map(|((pattern, severity), count)| PatternCount { pattern, count, severity }).collect();
        patterns.sort_by(|a, b| {
            b.count.cmp(&a.count).then_with(|| a.pattern.cmp(&b.pattern)).then_with(|| a.severity.cmp(&b.severity))
        });
        patterns.truncate(limit);
        Ok(watch.answer(patterns))
    }

    /// Calls `found` with every piece of every segment that can match.
    pub(crate) fn each_piece(
        &self,
        query: &Query,
        tenant: u32,
        range: Range,
        watch: &mut Watch<'_>,
        mut found: impl FnMut(&Piece, &mut RowWalker<'_>, &mut Watch<'_>) -> Result<()>,
    ) -> Result<()> {
        for live in self.segments.iter() {
            let segment = &live.segment;
            watch.stats.segments += 1;
            if !range.meets(segment.min_ts, segment.max_ts) {
                watch.stats.segments_skipped += 1;
                continue;
            }
            let Some(plan) = watch.survive(Plan::new(query, segment))? else { continue };
            if plan.is_empty() {
                watch.stats.segments_skipped += 1;
                continue;
            }
            let visible = visible_streams(segment, tenant, None);
            let mut walker = RowWalker::new(segment, &plan)?;
            pieces(&plan, &visible, range, watch, |piece, watch| {
                let result = found(&piece, &mut walker, watch);
                watch.survive(result).map(|_| true)
            })?;
            watch.stats.bytes_scanned += walker.reader.bytes_read;
        }
        Ok(())
    }
}

/// The names that fields are counted under at most; the others are left out and the answer is partial.
const FIELD_NAMES_MAX: usize = 100_000;

/// Counts the fields that records have.
#[derive(Default)]
struct FieldNames {
    labels: BTreeMap<String, u64>,
    attributes: BTreeMap<String, u64>,
    is_cut: bool,
}

impl FieldNames {
    fn add(&mut self, name: &str, label: bool, count: u64) {
        let full = self.labels.len() + self.attributes.len() >= FIELD_NAMES_MAX;
        let counts = if label { &mut self.labels } else { &mut self.attributes };
        match counts.get_mut(name) {
            Some(total) => *total += count,
            None if full => self.is_cut = true,
            None if count > 0 => drop(counts.insert(name.to_owned(), count)),
            None => {}
        }
    }

    fn summaries(self) -> Vec<FieldSummary> {
        let summary = |label| move |(name, count)| FieldSummary { name, label, count };
        self.labels.into_iter().map(summary(true)).chain(self.attributes.into_iter().map(summary(false))).collect()
    }
}

/// Counts values; holds distinct ones within the budget.
#[derive(Default)]
struct Tally {
    counts: HashMap<Vec<u8>, u64>,
    present: u64,
    missing: u64,
}

impl Tally {
    fn add(&mut self, value: Option<&[u8]>, count: u64, watch: &mut Watch<'_>) {
        let Some(value) = value else {
            self.missing += count;
            return;
        };
        self.present += count;
        if let Some(total) = self.counts.get_mut(value) {
            *total += count;
        } else if watch.hold(value.len() + 64) {
            self.counts.insert(value.to_vec(), count);
        }
    }

    fn top(self, limit: usize) -> Top {
        let distinct = self.counts.len() as u64;
        let mut values: Vec<ValueCount> = self
            .counts
            .into_iter()
            .map(|(value, count)| ValueCount { value: String::from_utf8_lossy(&value).into_owned(), count })
            .collect();
        values.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
        values.truncate(limit);
        Top { values, distinct, present: self.present, missing: self.missing }
    }
}

/// Where the rows of a piece have a field's value.
enum ValuePlace {
    Same(Option<Vec<u8>>),
    Slot(usize),
    Record,
}

fn place_of(segment: &Segment, piece: &Piece, name: &FieldName) -> ValuePlace {
    let key = &segment.groups[piece.group as usize].key;
    if key.form == BodyForm::Record {
        return ValuePlace::Record;
    }
    let shape = &key.shape;
    match name {
        FieldName::Severity => ValuePlace::Same(Some(shape.severity.name().into())),
        FieldName::Kind => ValuePlace::Same(Some(shape.kind.name().into())),
        FieldName::TraceId if !shape.has_trace => ValuePlace::Same(None),
        FieldName::SpanId if !shape.has_span => ValuePlace::Same(None),
        FieldName::Entity if !shape.has_entities => ValuePlace::Same(None),
        FieldName::TraceId | FieldName::SpanId | FieldName::Entity | FieldName::Body => ValuePlace::Record,
        FieldName::Named(names) => {
            let labels = &segment.streams[piece.stream as usize].labels;
            if let Some(value) = names.iter().find_map(|name| labels.get(name)) {
                return ValuePlace::Same(Some(value.into()));
            }
            let attribute = names.iter().find_map(|name| shape.attributes.iter().position(|(key, _)| key == name));
            match attribute {
                None => ValuePlace::Same(None),
                Some(index) if shape.attributes[index].1 == ValueType::Null => ValuePlace::Same(None),
                Some(index) => {
                    let role = SlotRole::Attribute(index as u16);
                    key.roles.iter().position(|other| *other == role).map_or(ValuePlace::Record, ValuePlace::Slot)
                }
            }
        }
    }
}

/// The value of a field that [`Snapshot::top`] counts: of a label if there is one of that name, else of the first
/// attribute; ids as hex; the first entity.
fn value_of(record: &RecordView<'_>, name: &FieldName) -> Option<Vec<u8>> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes();
    match name {
        FieldName::Severity => Some(record.severity.name().into()),
        FieldName::Kind => Some(record.kind.name().into()),
        FieldName::TraceId => record.trace_id.map(|id| hex(&id)),
        FieldName::SpanId => record.span_id.map(|id| hex(&id)),
        FieldName::Entity => record.entities.into_iter().next().map(|entity| entity.as_bytes().to_vec()),
        FieldName::Body => Some(record.body.to_vec()),
        FieldName::Named(names) => {
            let labels = &record.stream.labels;
            let label = names.iter().find_map(|name| labels.get(name)).map(|value| value.as_bytes().to_vec());
            label.or_else(|| {
                let attribute =
                    names.iter().find_map(|name| record.attributes.into_iter().find(|attribute| attribute.key == name));
                attribute
                    .filter(|attribute| attribute.kind != ValueType::Null)
                    .map(|attribute| attribute.value.to_vec())
            })
        }
    }
}
