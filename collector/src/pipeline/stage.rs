//! One record's way from its source into the batch: labels, time, what is done to it, encoding.

use std::borrow::Cow;

use orszem_model::{Kind, Severity, Timestamp};
use orszem_parse::{Inferred, Layer, Parsed, Value, Zone};
use orszem_transform::{Draft, Reason, Transform, Verdict};

use super::streams::{Claim, Origin, StreamEntry, Streams};
use crate::counters::{Counters, count};
use crate::encode::{BatchEncoder, RecordParts};

/// The most text of a batch, and what it may hold in records.
pub(crate) const BATCH_BYTES_MAX: usize = 1 << 20;
const BATCH_RECORDS_MAX: u32 = 20_000;

/// The attribute that says what of a record's time was not written in it.
const TIME_INFERRED: &str = "orszem.time_inferred";
/// The attribute of a piece of a line that was too long.
const LINE_SPLIT: &str = "line.split";
/// A record takes the time of the one before it if they were read together.
const STAMP_REUSE_NS: i64 = 1_000_000_000;

/// The last time that a source's records named, and when that was read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastStamp(Option<(Timestamp, Timestamp)>);

/// What the source knows of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// The moment of reading.
    pub(crate) now: Timestamp,
    /// The time of older content that names none: the file's last change.
    pub(crate) backlog: Option<Timestamp>,
    /// It is a piece of a line that was too long.
    pub(crate) is_split: bool,
    /// What the record tells.
    pub(crate) kind: Kind,
}

/// Fills batches.
#[derive(Debug)]
pub(crate) struct Stage {
    host: String,
    pub(crate) zone: Zone,
    streams: Streams,
    pub(crate) transform: Transform,
    pub(crate) encoder: BatchEncoder,
    batch: u64,
    has_cluster_spoken: bool,
}

impl Stage {
    pub(crate) fn new(host: String, zone: Zone, streams: Streams, transform: Transform, encoder: BatchEncoder) -> Self {
        Self { host, zone, streams, transform, encoder, batch: 0, has_cluster_spoken: false }
    }

    /// This host's name.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Takes over the configuration of `other`; what is in the batch stays.
    pub(crate) fn reconfigure(&mut self, other: Self) {
        let Self { host, zone, streams, transform, encoder: _, batch: _, has_cluster_spoken: _ } = other;
        self.host = host;
        self.zone = zone;
        self.streams = streams;
        self.transform = transform;
    }

    /// Whether a record of `len` bytes still fits. An empty batch takes any.
    pub(crate) fn fits(&self, len: usize) -> bool {
        self.encoder.is_empty()
            || (self.encoder.raw_len() + len <= BATCH_BYTES_MAX && self.encoder.records() < BATCH_RECORDS_MAX)
    }

    /// Begins the next batch.
    pub(crate) fn next_batch(&mut self) {
        self.batch += 1;
    }

    /// Whether the cluster's daemons logged anything of note since this was asked last.
    pub(crate) fn has_cluster_spoken(&mut self) -> bool {
        std::mem::take(&mut self.has_cluster_spoken)
    }

    /// Puts one record into the batch, unless a rule leaves it out.
    pub(crate) fn take(
        &mut self,
        origin: &Origin<'_>,
        record: &[u8],
        parsed: Parsed<'_>,
        facts: Facts,
        last: &mut LastStamp,
        counters: &Counters,
    ) {
        let Self { host, streams, transform, encoder, batch, zone: _, has_cluster_spoken } = self;
        count(&counters.records_read);
        let number = find(host, streams, origin, &parsed);
        let is_of_cluster = streams.get(number).layer == Layer::Cluster.name();
        let judged = judge(streams.get(number), number, transform, record, parsed, facts, last);
        let Judged { draft, timestamp, severity_text, span_id, entities, dropped } = judged;
        if dropped.is_some() {
            count(&counters.records_dropped);
            return;
        }
        *has_cluster_spoken |= is_of_cluster && facts.kind == Kind::Log && draft.severity >= Severity::NOTICE;
        let place = streams.place(number, *batch, |labels| encoder.stream(labels));
        encoder.push(
            place,
            &RecordParts {
                timestamp,
                observed: Some(facts.now),
                severity: draft.severity,
                severity_text: severity_text.as_deref(),
                body: &draft.body,
                attributes: &draft.attributes,
                trace_id: draft.trace_id,
                span_id,
                kind: facts.kind,
                entities: &entities,
            },
        );
    }

    /// What would become of a record, without putting it anywhere.
    pub(crate) fn explain<'a>(
        &'a mut self,
        origin: &Origin<'_>,
        record: &'a [u8],
        parsed: Parsed<'a>,
        facts: Facts,
    ) -> Judged<'a> {
        let Self { host, streams, transform, .. } = self;
        let number = find(host, streams, origin, &parsed);
        judge(streams.get(number), number, transform, record, parsed, facts, &mut LastStamp::default())
    }
}

/// A record as it would be kept, and whether it is.
pub(crate) struct Judged<'a> {
    pub(crate) draft: Draft<'a>,
    pub(crate) timestamp: Timestamp,
    pub(crate) severity_text: Option<Cow<'a, str>>,
    pub(crate) span_id: Option<[u8; 8]>,
    pub(crate) entities: Vec<Cow<'a, str>>,
    /// Why it is left out.
    pub(crate) dropped: Option<Dropped>,
}

/// Why a record is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// Relabelling drops its whole stream.
    Relabel,
    Rule(Reason),
}

/// The stream of a record.
fn find(host: &str, streams: &mut Streams, origin: &Origin<'_>, parsed: &Parsed<'_>) -> u32 {
    let service = parsed.service.as_deref().unwrap_or(origin.service);
    let host = parsed.host.as_deref().filter(|named| !is_this_host(named, host)).unwrap_or(host);
    streams.find(origin, Claim { host, service, layer: parsed.layer })
}

fn judge<'a>(
    stream: &'a StreamEntry,
    number: u32,
    transform: &mut Transform,
    record: &'a [u8],
    parsed: Parsed<'a>,
    facts: Facts,
    last: &mut LastStamp,
) -> Judged<'a> {
    let (timestamp, inferred) = stamp(&parsed, facts, last);
    let mut attributes = parsed.attributes;
    if !inferred.is_empty() {
        attributes.push((Cow::Borrowed(TIME_INFERRED), Value::Text(Cow::Borrowed(inferred))));
    }
    if facts.is_split {
        attributes.push((Cow::Borrowed(LINE_SPLIT), Value::Bool(true)));
    }
    let mut draft = Draft {
        body: Cow::Borrowed(record),
        severity: parsed.severity,
        service: &stream.service,
        layer: stream.layer,
        labels: &stream.labels,
        attributes,
        trace_id: parsed.trace_id,
    };
    let dropped = if stream.is_dropped {
        Some(Dropped::Relabel)
    } else {
        match transform.apply(&mut draft, number, facts.now) {
            Verdict::Keep => None,
            Verdict::Dropped(reason) => Some(Dropped::Rule(reason)),
        }
    };
    let mut entities = parsed.entities;
    entities.push(Cow::Borrowed(&stream.host_entity));
    let (severity_text, span_id) = (parsed.severity_text, parsed.span_id);
    Judged { draft, timestamp, severity_text, span_id, entities, dropped }
}

/// The record's own time; else that of the one before it, if they were read together; else, for content older than
/// the collector, the file's last change; else now. And what of it was not written in the record.
fn stamp(parsed: &Parsed<'_>, facts: Facts, last: &mut LastStamp) -> (Timestamp, &'static str) {
    if let Some(own) = parsed.timestamp {
        last.0 = Some((own, facts.now));
        let inferred = match parsed.inferred {
            Inferred { year: true, zone: true } => "year,zone",
            Inferred { year: true, zone: false } => "year",
            Inferred { year: false, zone: true } => "zone",
            Inferred { year: false, zone: false } => "",
        };
        return (own, inferred);
    }
    match (last.0, facts.backlog) {
        (Some((stamp, _)), Some(_)) => (stamp, "previous"),
        (Some((stamp, read)), None) if facts.now.0.saturating_sub(read.0) <= STAMP_REUSE_NS => (stamp, "previous"),
        (None, Some(modified)) => (modified.min(facts.now), "modified"),
        (_, None) => (facts.now, "received"),
    }
}

/// Whether `named` is this host, with or without its domain.
fn is_this_host(named: &str, host: &str) -> bool {
    named == host || named == "localhost" || short(named) == short(host)
}

/// A host's name without its domain.
fn short(host: &str) -> &str {
    let is_address = host.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b':');
    if is_address { host } else { host.split('.').next().unwrap_or(host) }
}
