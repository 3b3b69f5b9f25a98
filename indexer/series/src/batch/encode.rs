//! Writes a batch as frames.
//!
//! A frame: version, store (8 bytes, little-endian), tenant, then the five parts, each behind its count: definitions,
//! samples (numbers of series, times, values), histograms, exemplars, metadata. Counts and lengths are varints. A
//! frame reads on its own, but series that it names may be defined in a frame before it.

use bytes::Bytes;
use orszem_model::{Labels, varint};

use super::values::{put_series, put_times, put_values};
use super::{Batch, Exemplar, HistogramSample, Metadata, definitions, histogram};

/// The format that is written.
pub(super) const VERSION: u8 = 1;

/// What a frame aims at, in bytes.
const FRAME_BYTES: usize = 768 << 10;
/// Samples of a frame: at most 24 bytes each.
const FRAME_SAMPLES: usize = 32 << 10;

impl Batch {
    /// The batch as payloads of journal frames, in order. Each is at most 1 MiB, unless one series or histogram alone
    /// is larger than 256 KiB. None for an empty batch.
    pub fn encode(&self) -> Vec<Bytes> {
        let mut frames = Frames { batch: self, done: Vec::new(), parts: Parts::default(), size: 0 };
        for definition in &self.definitions {
            frames.make_room(labels_size(&definition.1));
            frames.parts.definitions.1 += 1;
        }
        let mut left = self.series.len();
        while left > 0 {
            let room = FRAME_SAMPLES.saturating_sub(frames.size / (FRAME_BYTES / FRAME_SAMPLES)).min(left);
            if room == 0 {
                frames.finish();
                continue;
            }
            frames.parts.samples.1 += room;
            frames.size += room * (FRAME_BYTES / FRAME_SAMPLES);
            left -= room;
        }
        for sample in &self.histograms {
            frames.make_room(histogram_size(sample));
            frames.parts.histograms.1 += 1;
        }
        for (_, exemplar) in &self.exemplars {
            frames.make_room(32 + labels_size(&exemplar.labels));
            frames.parts.exemplars.1 += 1;
        }
        for (metric, metadata) in &self.metadata {
            frames.make_room(16 + metric.len() + metadata.help.len() + metadata.kind.len() + metadata.unit.len());
            frames.parts.metadata.1 += 1;
        }
        frames.finish();
        frames.done
    }
}

/// From where to where of each part a frame reaches.
#[derive(Clone, Copy, Default)]
struct Parts {
    definitions: (usize, usize),
    samples: (usize, usize),
    histograms: (usize, usize),
    exemplars: (usize, usize),
    metadata: (usize, usize),
}

struct Frames<'a> {
    batch: &'a Batch,
    done: Vec<Bytes>,
    parts: Parts,
    /// An upper bound for what `parts` takes.
    size: usize,
}

impl Frames<'_> {
    fn make_room(&mut self, size: usize) {
        if self.size > 0 && self.size + size > FRAME_BYTES {
            self.finish();
        }
        self.size += size;
    }

    fn finish(&mut self) {
        let Parts { definitions, samples, histograms, exemplars, metadata } = &mut self.parts;
        let parts = [definitions, samples, histograms, exemplars, metadata];
        if parts.iter().all(|part| part.0 == part.1) {
            return;
        }
        self.done.push(frame(self.batch, self.parts, self.size));
        let Parts { definitions, samples, histograms, exemplars, metadata } = &mut self.parts;
        for part in [definitions, samples, histograms, exemplars, metadata] {
            part.0 = part.1;
        }
        self.size = 0;
    }
}

fn frame(batch: &Batch, parts: Parts, size: usize) -> Bytes {
    let mut out = Vec::with_capacity(size + 64);
    out.push(VERSION);
    out.extend_from_slice(&batch.store.to_le_bytes());
    varint::put(&mut out, u64::from(batch.tenant));
    definitions::encode(&batch.definitions[parts.definitions.0..parts.definitions.1], &mut out);
    let samples = parts.samples.0..parts.samples.1;
    varint::put(&mut out, samples.len() as u64);
    put_series(&batch.series[samples.clone()], &mut out);
    put_times(&batch.times[samples.clone()], &mut out);
    put_values(&batch.values[samples], &mut out);
    let histograms = &batch.histograms[parts.histograms.0..parts.histograms.1];
    varint::put(&mut out, histograms.len() as u64);
    for HistogramSample { series, time, histogram } in histograms {
        varint::put(&mut out, u64::from(*series));
        varint::put_signed(&mut out, *time);
        histogram::put(histogram, &mut out);
    }
    let exemplars = &batch.exemplars[parts.exemplars.0..parts.exemplars.1];
    varint::put(&mut out, exemplars.len() as u64);
    for (series, exemplar) in exemplars {
        put_exemplar(*series, exemplar, &mut out);
    }
    let metadata = &batch.metadata[parts.metadata.0..parts.metadata.1];
    varint::put(&mut out, metadata.len() as u64);
    for (metric, metadata) in metadata {
        put_metadata(metric, metadata, &mut out);
    }
    out.into()
}

/// Appends an exemplar of a series.
pub(crate) fn put_exemplar(series: u32, exemplar: &Exemplar, out: &mut Vec<u8>) {
    let Exemplar { time, value, labels } = exemplar;
    varint::put(out, u64::from(series));
    varint::put_signed(out, *time);
    out.extend_from_slice(&value.to_bits().to_le_bytes());
    varint::put(out, labels.len() as u64);
    for text in labels.iter().flat_map(|(name, value)| [name, value]) {
        varint::put_bytes(out, text.as_bytes());
    }
}

/// Appends what is known of a metric.
pub(crate) fn put_metadata(metric: &str, metadata: &Metadata, out: &mut Vec<u8>) {
    let Metadata { kind, unit, help } = metadata;
    for text in [metric, kind, unit, help] {
        varint::put_bytes(out, text.as_bytes());
    }
}

/// An upper bound for a series, its texts not shared.
fn labels_size(labels: &Labels) -> usize {
    10 + labels.len() * 18 + labels.identity().len()
}

fn histogram_size(sample: &HistogramSample) -> usize {
    let HistogramSample { histogram, .. } = sample;
    let values = histogram.positive.counts.len() + histogram.negative.counts.len() + histogram.custom_bounds.len();
    100 + values * 9 + (histogram.positive.spans.len() + histogram.negative.spans.len()) * 10
}
