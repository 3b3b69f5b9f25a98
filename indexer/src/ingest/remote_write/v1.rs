//! Version 1.0: `prometheus.WriteRequest`, whose series have their labels written out.

use std::borrow::Cow;

use orszem_exposition::protobuf::{Fields, Malformed};
use orszem_exposition::{Exemplar, MetricType};
use orszem_model::{Labels, varint};
use xxhash_rust::xxh3::xxh3_128;

use super::histogram::histogram;
use super::intake::Intake;
use super::labels::build;
use super::sink::{LabelProblem, Metadata, SeriesSink};
use crate::ingest::limits::Limits;

/// Tells the keys of this protocol from those of others.
const KEY_SALT: u128 = 0x5eed_0001_9d3a_6f21_b7c4_15e8_02fa_cc93;
/// The first byte of a `labels` field.
const LABEL_KEY: u8 = 0x0a;

pub(super) fn decode<S: SeriesSink>(body: &[u8], intake: &mut Intake<'_, S>) -> Result<(), Malformed> {
    for field in Fields::new(body) {
        match field? {
            (1, value) => series(value.bytes()?, intake)?,
            (3, value) => metadata(value.bytes()?, intake)?,
            _ => {}
        }
    }
    Ok(())
}

fn series<S: SeriesSink>(message: &[u8], intake: &mut Intake<'_, S>) -> Result<(), Malformed> {
    let (labels, rest) = message.split_at(labels_end(message));
    let mut labels = Cow::Borrowed(labels);
    let mut content = 0;
    for field in Fields::new(rest) {
        match field? {
            (1, value) => {
                let labels = labels.to_mut();
                labels.push(LABEL_KEY);
                varint::put_bytes(labels, value.bytes()?);
            }
            (2..=4, _) => content += 1,
            _ => {}
        }
    }
    let limits = intake.limits;
    let set = || label_set(&labels, limits);
    if content == 0 {
        // The series is not made: it has nothing.
        if let Err(problem) = set() {
            intake.refuse(&problem.into(), 1);
        }
        return Ok(());
    }
    let Some(series) = intake.series(xxh3_128(&labels) ^ KEY_SALT, set, || content) else { return Ok(()) };
    for field in Fields::new(rest) {
        match field? {
            (2, value) => intake.sample(series, sample(value.bytes()?)?, set),
            (3, value) => match exemplar(value.bytes()?)? {
                Some(exemplar) => intake.exemplar(series, exemplar, set),
                None => intake.bad_exemplar(|| "invalid exemplar labels".to_owned(), set),
            },
            (4, value) => intake.histogram_parts(series, histogram(value.bytes()?)?, set),
            _ => {}
        }
    }
    Ok(())
}

/// Where the `labels` end with which the message begins, mostly all of them.
#[inline]
fn labels_end(message: &[u8]) -> usize {
    let mut rest = message;
    while let Some((&LABEL_KEY, mut behind)) = rest.split_first() {
        if varint::take_bytes(&mut behind).is_none() {
            break;
        }
        rest = behind;
    }
    message.len() - rest.len()
}

/// The set that a run of `labels` fields makes.
fn label_set(fields: &[u8], limits: &Limits) -> Result<Labels, LabelProblem> {
    let mut pairs = Vec::with_capacity(16);
    for field in Fields::new(fields) {
        let pair = field.and_then(|(_, value)| label(value.bytes()?));
        pairs.push(pair.map_err(|malformed| LabelProblem::Invalid(malformed.to_string()))?);
    }
    build(pairs, limits)
}

fn label(message: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let (mut name, mut text): (&[u8], &[u8]) = (&[], &[]);
    for field in Fields::new(message) {
        match field? {
            (1, value) => name = value.bytes()?,
            (2, value) => text = value.bytes()?,
            _ => {}
        }
    }
    Ok((name, text))
}

/// Time in milliseconds, value, and when the counter began (0: unknown). Version 1.0 has no such field.
#[inline]
pub(super) fn sample(message: &[u8]) -> Result<(i64, f64, i64), Malformed> {
    let (mut time, mut number, mut start) = (0, 0.0, 0);
    for field in Fields::new(message) {
        match field? {
            (1, value) => number = value.double()?,
            (2, value) => time = value.varint()? as i64,
            (3, value) => start = value.varint()? as i64,
            _ => {}
        }
    }
    Ok((time, number, start))
}

/// `None` where a label is no text.
fn exemplar(message: &[u8]) -> Result<Option<Exemplar>, Malformed> {
    let mut exemplar = Exemplar { labels: Labels::default(), value: 0.0, time: None };
    let mut pairs = Vec::new();
    let mut is_text = true;
    for field in Fields::new(message) {
        match field? {
            (1, value) => {
                let (name, text) = label(value.bytes()?)?;
                match (std::str::from_utf8(name), std::str::from_utf8(text)) {
                    (Ok(name), Ok(text)) => pairs.push((name, text)),
                    _ => is_text = false,
                }
            }
            (2, value) => exemplar.value = value.double()?,
            (3, value) => exemplar.time = Some(value.varint()? as i64),
            _ => {}
        }
    }
    exemplar.labels = Labels::new(pairs);
    Ok(is_text.then_some(exemplar))
}

fn metadata<S: SeriesSink>(message: &[u8], intake: &mut Intake<'_, S>) -> Result<(), Malformed> {
    let mut kind = MetricType::Unknown;
    let [mut family, mut help, mut unit]: [&[u8]; 3] = [&[]; 3];
    for field in Fields::new(message) {
        match field? {
            (1, value) => kind = MetricType::from_code(value.varint()?),
            (2, value) => family = value.bytes()?,
            (4, value) => help = value.bytes()?,
            (5, value) => unit = value.bytes()?,
            _ => {}
        }
    }
    let [family, help, unit] = [family, help, unit].map(String::from_utf8_lossy);
    intake.metadata(Metadata { family: &family, kind, help: &help, unit: &unit });
    Ok(())
}
