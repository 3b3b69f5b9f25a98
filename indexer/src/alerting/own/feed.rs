//! Shows the evaluators what a batch holds.

use orszem_model::wire::{Batch as Records, RecordView};
use orszem_model::{Attribute, Fact, Labels, Timestamp};
use orszem_rules::own::{Events, Logs, Thresholds};
use orszem_series::{Batch, SeriesStore};

use crate::facts::{SERVICE, SIMULATED};

/// Labels of a fact's record that say where it is.
const PLACES: [&str; 2] = ["cluster", SIMULATED.0];

/// Whom records are shown.
pub(super) struct Readers<'s> {
    pub(super) tenant: u32,
    pub(super) logs: &'s mut Logs,
    pub(super) events: &'s mut Events,
    /// All facts, in order.
    pub(super) facts: &'s mut Vec<Fact>,
}

/// Shows records, and the facts among them. `false` when the batch does not decode.
pub(super) fn records(readers: &mut Readers<'_>, position: u64, payload: &[u8], now: Timestamp) -> bool {
    let Readers { tenant, logs, events, facts } = readers;
    let tenant = *tenant;
    let Some(batch) = Records::decode(payload) else { return false };
    let is_of_facts = |stream: &orszem_model::Stream| stream.labels.get("service") == Some(SERVICE);
    if logs.rules().next().is_none() && !batch.streams.iter().any(is_of_facts) {
        return true;
    }
    for (index, raw) in (0u64..).zip(batch.records()) {
        let Some(stream) = batch.streams.get(raw.stream as usize).filter(|stream| stream.tenant == tenant) else {
            continue;
        };
        let record = raw.view(stream, position << 20 | index);
        logs.record(&record, now);
        facts.extend(show_fact(events, &record, now));
    }
    true
}

/// Shows the record as a fact, if it is one: the fact.
pub(in crate::alerting) fn show_fact(events: &mut Events, record: &RecordView<'_>, now: Timestamp) -> Option<Fact> {
    let labels = &record.stream.labels;
    if labels.get("service") != Some(SERVICE) {
        return None;
    }
    let entities: Vec<String> = record.entities.into_iter().map(str::to_owned).collect();
    let attributes: Vec<Attribute> = record.attributes.into_iter().map(|found| found.to_attribute()).collect();
    let fact = Fact::of(record.timestamp, &record.body_text(), &entities, &attributes)?;
    let place = PLACES.iter().filter_map(|name| Some((*name, labels.get(name)?)));
    events.fact(&fact, &Labels::new(place.collect()), now);
    Some(fact)
}

/// Shows samples, by time: a sender that was away sends each series by itself.
pub(super) fn samples(thresholds: &mut Thresholds, store: &SeriesStore, batch: &Batch, now: Timestamp) {
    let is_ordered = batch.floats().zip(batch.floats().skip(1)).all(|((_, one, _), (_, next, _))| one <= next);
    let mut take = |(series, at_ms, value): (orszem_series::SeriesRef, i64, f64)| {
        thresholds.sample(series.get(), || store.labels_of(series), at_ms, value, now);
    };
    if is_ordered {
        batch.floats().for_each(take);
        return;
    }
    let mut samples: Vec<_> = batch.floats().collect();
    samples.sort_by_key(|(_, at_ms, _)| *at_ms);
    samples.into_iter().for_each(&mut take);
}
