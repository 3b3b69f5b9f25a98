//! Reads a batch back from a frame.

use std::sync::Arc;

use orszem_model::{Labels, varint};

use super::encode::VERSION;
use super::values::{take_series, take_times, take_values};
use super::{Batch, Exemplar, HistogramSample, Metadata, definitions, histogram};

/// The most samples of a frame that are read back.
const SAMPLES_MAX: usize = 1 << 20;
/// The most labels of an exemplar that are read back.
const LABELS_MAX: usize = 1 << 12;

/// A frame that can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("samples of format version {found}, this build reads version {VERSION}; start a newer build")]
    Version { found: u8 },
    #[error("the {part} of a frame of samples do not decode")]
    Malformed { part: &'static str },
}

impl Batch {
    /// The batch of one frame, as [`Batch::encode`] wrote it. It may only go to the store that it was built by.
    ///
    /// # Errors
    /// When the bytes are no frame of this version.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let malformed = |part| move || DecodeError::Malformed { part };
        let input = &mut &*payload;
        let &[found] =
            varint::take_exact(input, 1).and_then(|bytes| bytes.first_chunk()).ok_or_else(malformed("head"))?;
        if found != VERSION {
            return Err(DecodeError::Version { found });
        }
        let (store, tenant) = take_head(input).ok_or_else(malformed("head"))?;
        let definitions = definitions::decode(input).ok_or_else(malformed("definitions"))?;
        let (series, times, values) = take_samples(input).ok_or_else(malformed("samples"))?;
        let histograms = take_list(input, take_histogram).ok_or_else(malformed("histograms"))?;
        let exemplars = take_list(input, take_exemplar).ok_or_else(malformed("exemplars"))?;
        let metadata = take_list(input, take_metadata).ok_or_else(malformed("metadata"))?;
        if !input.is_empty() {
            return Err(DecodeError::Malformed { part: "end" });
        }
        Ok(Self { store, tenant, definitions, series, times, values, histograms, exemplars, metadata, lease: None })
    }
}

fn take_head(input: &mut &[u8]) -> Option<(u64, u32)> {
    let store = varint::take_exact(input, 8)?.try_into().ok()?;
    Some((u64::from_le_bytes(store), u32::try_from(varint::take(input)?).ok()?))
}

fn take_samples(input: &mut &[u8]) -> Option<(Vec<u32>, Vec<i64>, Vec<f64>)> {
    let count = usize::try_from(varint::take(input)?).ok().filter(|count| *count <= SAMPLES_MAX)?;
    Some((take_series(input, count)?, take_times(input, count)?, take_values(input, count)?))
}

/// A count, and as many of what `take` reads.
pub(crate) fn take_list<T>(input: &mut &[u8], take: impl Fn(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let count = usize::try_from(varint::take(input)?).ok()?;
    let mut list = Vec::with_capacity(count.min(input.len() / 4));
    for _ in 0..count {
        list.push(take(input)?);
    }
    Some(list)
}

fn take_histogram(input: &mut &[u8]) -> Option<HistogramSample> {
    let series = u32::try_from(varint::take(input)?).ok()?;
    let time = varint::take_signed(input)?;
    Some(HistogramSample { series, time, histogram: Arc::new(histogram::take(input)?) })
}

/// Reads what `put_exemplar` wrote.
pub(crate) fn take_exemplar(input: &mut &[u8]) -> Option<(u32, Exemplar)> {
    let series = u32::try_from(varint::take(input)?).ok()?;
    let time = varint::take_signed(input)?;
    let value = f64::from_bits(u64::from_le_bytes(varint::take_exact(input, 8)?.try_into().ok()?));
    let count = usize::try_from(varint::take(input)?).ok().filter(|count| *count <= LABELS_MAX)?;
    let mut pairs = Vec::with_capacity(count);
    for _ in 0..count {
        pairs.push((take_text(input)?, take_text(input)?));
    }
    Some((series, Exemplar { time, value, labels: Labels::new(pairs) }))
}

/// Reads what `put_metadata` wrote.
pub(crate) fn take_metadata(input: &mut &[u8]) -> Option<(String, Metadata)> {
    let mut text = || take_text(input).map(str::to_owned);
    let metric = text()?;
    Some((metric, Metadata { kind: text()?, unit: text()?, help: text()? }))
}

fn take_text<'a>(input: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(varint::take_bytes(input)?).ok()
}
