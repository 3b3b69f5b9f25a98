//! What the store must answer, done the plainest way: a list of all records, each compared with the query.

use std::collections::{BTreeMap, HashMap};

use orszem_logs::{Bands, FieldSummary, NumberSummary, Range, Row, Top, ValueCount};
use orszem_model::wire::{Batch, RecordView, ValueType};
use orszem_search::{FieldName, Query, oracle};

/// Batches as they were applied, by position.
pub(crate) type Applied = [(u64, Vec<u8>)];

/// Calls `found` with every record.
pub(crate) fn for_each(applied: &Applied, mut found: impl FnMut(&RecordView<'_>)) {
    for (position, payload) in applied {
        let batch = Batch::decode(payload).expect("a batch");
        for (index, raw) in batch.records().enumerate() {
            found(&raw.view(&batch.streams[raw.stream as usize], position << 20 | index as u64));
        }
    }
}

/// A matching record with what the aggregates look at.
pub(crate) struct Matching {
    pub(crate) row: Row,
    /// The value of each field asked for.
    values: Vec<Option<Vec<u8>>>,
}

/// The records that match, oldest first; `fields` are those that aggregates will be asked about.
pub(crate) fn matching(
    applied: &Applied,
    query: &Query,
    tenant: u32,
    range: Range,
    fields: &[&str],
    gone: &dyn Fn(u64) -> bool,
) -> Vec<Matching> {
    let names: Vec<FieldName> = fields.iter().map(|field| FieldName::resolve(field)).collect();
    let mut rows = Vec::new();
    for_each(applied, |record| {
        let time = record.timestamp.0;
        let visible = record.stream.tenant == tenant && range.from <= time && time < range.to && !gone(record.seq);
        if visible && oracle::matches(query, record) {
            let values = names.iter().map(|name| value(record, name)).collect();
            rows.push(Matching { row: Row { record: record.to_record(), seq: record.seq }, values });
        }
    });
    rows.sort_by_key(|matching| matching.row.cursor());
    rows
}

fn value(record: &RecordView<'_>, name: &FieldName) -> Option<Vec<u8>> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes();
    match name {
        FieldName::Severity => Some(record.severity.name().into()),
        FieldName::Kind => Some(record.kind.name().into()),
        FieldName::TraceId => record.trace_id.as_ref().map(|id| hex(id)),
        FieldName::SpanId => record.span_id.as_ref().map(|id| hex(id)),
        FieldName::Entity => record.entities.into_iter().next().map(Into::into),
        FieldName::Body => Some(record.body.into()),
        FieldName::Named(names) => {
            for name in names {
                if let Some((_, value)) = record.stream.labels.iter().find(|(label, _)| label == name) {
                    return Some(value.into());
                }
            }
            for name in names {
                if let Some(attribute) = record.attributes.into_iter().find(|attribute| attribute.key == name) {
                    return (attribute.kind != ValueType::Null).then(|| attribute.value.into());
                }
            }
            None
        }
    }
}

pub(crate) fn histogram(rows: &[Matching], step: i64) -> BTreeMap<i64, Bands> {
    let mut buckets: BTreeMap<i64, Bands> = BTreeMap::new();
    for Matching { row, .. } in rows {
        let bucket = row.record.timestamp.0.div_euclid(step).saturating_mul(step);
        buckets.entry(bucket).or_default()[row.record.severity.band()] += 1;
    }
    buckets
}

pub(crate) fn top(rows: &[Matching], field: usize, limit: usize) -> Top {
    let mut counts: HashMap<&[u8], u64> = HashMap::new();
    let mut missing = 0;
    for matching in rows {
        match &matching.values[field] {
            Some(value) => *counts.entry(value).or_default() += 1,
            None => missing += 1,
        }
    }
    let (distinct, present) = (counts.len() as u64, rows.len() as u64 - missing);
    let counted = counts.into_iter();
    let mut values: Vec<ValueCount> = counted
        .map(|(value, count)| ValueCount { value: String::from_utf8_lossy(value).into_owned(), count })
        .collect();
    values.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    values.truncate(limit);
    Top { values, distinct, present, missing }
}

pub(crate) fn numbers(rows: &[Matching], field: usize) -> Option<NumberSummary> {
    let texts = rows.iter().filter_map(|matching| String::from_utf8(matching.values[field].clone()?).ok());
    let mut numbers: Vec<f64> =
        texts.filter_map(|text| text.trim().parse().ok()).filter(|number: &f64| number.is_finite()).collect();
    numbers.sort_by(f64::total_cmp);
    let (min, max) = (*numbers.first()?, *numbers.last()?);
    let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
    let median = numbers[numbers.len().div_ceil(2) - 1];
    Some(NumberSummary { count: numbers.len() as u64, min, max, mean, quantiles: vec![min, median, max] })
}

pub(crate) fn fields(rows: &[Matching]) -> Vec<FieldSummary> {
    let mut counts: BTreeMap<(&str, bool), u64> = BTreeMap::new();
    for Matching { row, .. } in rows {
        row.record.stream.labels.iter().for_each(|(name, _)| *counts.entry((name, true)).or_default() += 1);
        row.record.attributes.iter().for_each(|attribute| *counts.entry((&attribute.key, false)).or_default() += 1);
    }
    let summary = |((name, label), count): ((&str, bool), u64)| FieldSummary { name: name.to_owned(), label, count };
    let mut fields: Vec<FieldSummary> = counts.into_iter().map(summary).collect();
    fields.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
    fields
}

/// The records of the same stream around `cursor`, of which `rows` are those that may be shown.
pub(crate) fn context(rows: &[Matching], this: &Row, (before, after): (usize, usize)) -> (Vec<Row>, usize) {
    let same = |matching: &&Matching| matching.row.record.stream == this.record.stream;
    let mut shown: Vec<Row> = Vec::new();
    let earlier =
        rows.iter().rev().filter(same).map(|matching| &matching.row).filter(|row| row.cursor() < this.cursor());
    shown.extend(earlier.take(before).cloned());
    shown.reverse();
    let place = shown.len();
    shown.push(this.clone());
    let later = rows.iter().filter(same).map(|matching| &matching.row).filter(|row| row.cursor() > this.cursor());
    shown.extend(later.take(after).cloned());
    (shown, place)
}
