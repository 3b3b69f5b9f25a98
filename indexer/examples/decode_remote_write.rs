//! Samples a second of one core through the decoders of remote write, into a sink that only counts.
//!
//! `cargo run --release -p orszem-indexer --example decode_remote_write`

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::io::Write;
use std::time::Instant;

use orszem_exposition::Exemplar;
use orszem_indexer::ingest::Limits;
use orszem_indexer::ingest::remote_write::{LabelProblem, Metadata, Refused, SeriesSink, Version, decode};
use orszem_model::varint::{put, put_bytes};
use orszem_model::{Histogram, Labels, Timestamp};

const SERIES: usize = 2_000;
const ROUNDS: usize = 2_000;
const NOW_MS: i64 = 1_700_000_000_000;

/// Keys are hashes already.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
}

#[derive(Default)]
struct Counter {
    keys: HashMap<u128, u32, BuildHasherDefault<KeyHasher>>,
    samples: u64,
    sum: f64,
}

impl SeriesSink for Counter {
    type Series = u32;

    fn series(&mut self, key: u128, labels: impl FnOnce() -> Result<Labels, LabelProblem>) -> Result<u32, Refused> {
        if let Some(&known) = self.keys.get(&key) {
            return Ok(known);
        }
        labels()?;
        let series = self.keys.len() as u32;
        self.keys.insert(key, series);
        Ok(series)
    }

    fn sample(&mut self, series: u32, time: i64, value: f64) {
        self.samples += 1;
        self.sum += value + f64::from(series) + time as f64;
    }

    fn histogram(&mut self, _: u32, _: i64, _: Histogram) {}

    fn exemplar(&mut self, _: u32, _: Exemplar) {}

    fn start(&mut self, _: u32, _: i64, _: i64) {}

    fn metadata(&mut self, _: Metadata<'_>) {}
}

fn message(out: &mut Vec<u8>, field: u64, content: &[u8]) {
    put(out, field << 3 | 2);
    put_bytes(out, content);
}

fn sample(at: usize) -> Vec<u8> {
    let mut out = vec![9];
    out.extend_from_slice(&(at as f64 * 1.5).to_le_bytes());
    out.push(16);
    put(&mut out, NOW_MS as u64);
    out
}

/// The labels of a host's metric, as a scrape of it has them.
fn labels(at: usize) -> Vec<(String, String)> {
    let mut labels = vec![
        ("__name__".to_owned(), format!("node_network_receive_packets_{}_total", at / 20)),
        ("device".to_owned(), format!("eth{}", at % 20)),
        ("instance".to_owned(), "database-01.example.com:9100".to_owned()),
        ("job".to_owned(), "node".to_owned()),
    ];
    labels.push(("region".to_owned(), "eu-central-1".to_owned()));
    labels
}

fn request_v1() -> Vec<u8> {
    let mut body = Vec::new();
    for at in 0..SERIES {
        let mut series = Vec::new();
        for (name, value) in labels(at) {
            let mut label = Vec::new();
            message(&mut label, 1, name.as_bytes());
            message(&mut label, 2, value.as_bytes());
            message(&mut series, 1, &label);
        }
        message(&mut series, 2, &sample(at));
        message(&mut body, 1, &series);
    }
    body
}

fn request_v2() -> Vec<u8> {
    let mut symbols = vec![String::new()];
    let mut places = HashMap::from([(String::new(), 0)]);
    let mut all = Vec::new();
    for at in 0..SERIES {
        let mut refs = Vec::new();
        for text in labels(at).into_iter().flat_map(|(name, value)| [name, value]) {
            let next = symbols.len() as u64;
            let place = *places.entry(text.clone()).or_insert(next);
            if place == next {
                symbols.push(text);
            }
            put(&mut refs, place);
        }
        let mut series = Vec::new();
        message(&mut series, 1, &refs);
        message(&mut series, 2, &sample(at));
        // A counter with help and no unit.
        message(&mut series, 5, &[8, 1, 24, 1]);
        message(&mut all, 5, &series);
    }
    let mut body = Vec::new();
    for symbol in &symbols {
        message(&mut body, 4, symbol.as_bytes());
    }
    body.extend_from_slice(&all);
    body
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let limits = Limits::default();
    let now = Timestamp(NOW_MS * 1_000_000);
    for (version, body) in [(Version::V1, request_v1()), (Version::V2, request_v2())] {
        let mut sink = Counter::default();
        decode(&body, version, &limits, now, &mut sink)?;
        let start = Instant::now();
        for _ in 0..ROUNDS {
            decode(&body, version, &limits, now, &mut sink)?;
        }
        let seconds = start.elapsed().as_secs_f64();
        let (samples, bytes) = ((ROUNDS * SERIES) as f64, (ROUNDS * body.len()) as f64);
        writeln!(
            std::io::stdout(),
            "{version:?}: {:.2} M samples/s, {:.0} ns a sample, {:.0} MB/s, {} bytes a request, {} series, check {:e}",
            samples / seconds / 1e6,
            seconds * 1e9 / samples,
            bytes / seconds / 1e6,
            body.len(),
            sink.keys.len(),
            sink.sum,
        )?;
    }
    Ok(())
}
