//! Series like those of node_exporter, as remote write 1.0 requests; the same for every system.

use orszem_model::varint;

/// Shares of the kinds of series, of 20: counters, gauges; the rest are buckets of histograms.
const COUNTERS: usize = 8;
const GAUGES: usize = 6;
/// Buckets of a histogram.
const BUCKETS: usize = 12;
/// Label sets of one instance.
const SERIES_OF_INSTANCE: usize = 1_000;

/// Makes the samples of a number of series, step by step.
pub(super) struct Generator {
    series: Vec<Series>,
    random: u64,
    encoder: snap::raw::Encoder,
}

struct Series {
    /// The labels as they stand in the request.
    labels: Vec<u8>,
    kind: Kind,
    value: f64,
}

#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
    /// Grows with the number of its bucket.
    Bucket(usize),
}

impl Generator {
    pub(super) fn new(count: usize) -> Self {
        let series = (0..count).map(series).collect();
        Self { series, random: 0x9e37_79b9_7f4a_7c15, encoder: snap::raw::Encoder::new() }
    }

    /// The compressed requests with one sample of each series at `time`, `size` series a request.
    pub(super) fn requests(&mut self, time: i64, size: usize) -> Vec<Vec<u8>> {
        let mut requests = Vec::with_capacity(self.series.len().div_ceil(size));
        let mut body = Vec::new();
        let (mut sample, mut random) = (Vec::new(), self.random);
        for chunk in self.series.chunks_mut(size) {
            body.clear();
            for series in chunk {
                series.advance(&mut random);
                sample.clear();
                sample.push(0x09);
                sample.extend_from_slice(&series.value.to_le_bytes());
                sample.push(0x10);
                varint::put(&mut sample, time as u64);
                body.push(0x0a);
                varint::put(&mut body, (series.labels.len() + 2 + sample.len()) as u64);
                body.extend_from_slice(&series.labels);
                body.push(0x12);
                varint::put_bytes(&mut body, &sample);
            }
            // Compressing to memory does not fail for bodies below 4 GiB.
            requests.push(self.encoder.compress_vec(&body).unwrap_or_default());
        }
        self.random = random;
        requests
    }
}

impl Series {
    fn advance(&mut self, random: &mut u64) {
        let drawn = next(random);
        match self.kind {
            Kind::Counter => self.value += (drawn % 1_000) as f64,
            Kind::Gauge => self.value = (self.value + (drawn % 2_001) as f64 / 1_000.0 - 1.0).abs(),
            Kind::Bucket(bucket) => self.value += (drawn % 8 + bucket as u64) as f64,
        }
    }
}

/// xorshift64.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn series(number: usize) -> Series {
    let instance = number / SERIES_OF_INSTANCE;
    let within = number % SERIES_OF_INSTANCE;
    // The remainder says what it is, so that any number of series has every kind.
    let (slot, turn) = (within % 20, within / 20);
    let (kind, name, detail, bound) = if slot < COUNTERS {
        (Kind::Counter, format!("bench_requests_{slot}_total"), turn, None)
    } else if slot < COUNTERS + GAUGES {
        (Kind::Gauge, format!("bench_queue_{slot}"), turn, None)
    } else {
        let number = turn * (20 - COUNTERS - GAUGES) + slot - COUNTERS - GAUGES;
        let bucket = number % BUCKETS;
        let bound =
            if bucket + 1 == BUCKETS { "+Inf".to_owned() } else { format!("{}", 0.005 * f64::from(1 << bucket)) };
        (Kind::Bucket(bucket), "bench_duration_seconds_bucket".to_owned(), number / BUCKETS, Some(bound))
    };
    let host = format!("host-{instance:04}");
    let mut pairs = vec![
        ("__name__", name),
        ("cluster", format!("cluster-{}", instance % 4)),
        ("datacenter", format!("dc-{}", instance % 3)),
        ("device", format!("device-{detail:03}")),
        ("host", host.clone()),
        ("instance", format!("{host}.example.org:9100")),
        ("job", "bench".to_owned()),
        ("service", format!("service-{}", within % 10)),
        // Tells series apart whose names are dropped.
        ("slot", format!("{slot:02}")),
    ];
    if let Some(bound) = bound {
        pairs.push(("le", bound));
    }
    pairs.sort();
    let mut labels = Vec::new();
    for (name, value) in pairs {
        let mut label = vec![0x0a];
        varint::put_bytes(&mut label, name.as_bytes());
        label.push(0x12);
        varint::put_bytes(&mut label, value.as_bytes());
        labels.push(0x0a);
        varint::put_bytes(&mut labels, &label);
    }
    Series { labels, kind, value: 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_is_another_and_requests_are_full() {
        let all: std::collections::BTreeSet<Vec<u8>> = (0..5_000).map(|number| series(number).labels).collect();
        assert_eq!(all.len(), 5_000);
        let requests = Generator::new(4_500).requests(1_000, 2_000);
        assert_eq!(requests.len(), 3);
        assert_eq!(requests, Generator::new(4_500).requests(1_000, 2_000));
    }
}
