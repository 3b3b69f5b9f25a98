//! Writes requests of both versions.

use orszem_model::varint::put;

use crate::ingest::remote_write::Version;

/// A message under construction.
#[derive(Clone, Debug, Default)]
pub(super) struct Message(pub(super) Vec<u8>);

pub(super) fn message() -> Message {
    Message::default()
}

impl Message {
    pub(super) fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        put(&mut self.0, field << 3 | 2);
        put(&mut self.0, bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn message(self, field: u64, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }

    pub(super) fn varint(mut self, field: u64, value: u64) -> Self {
        put(&mut self.0, field << 3);
        put(&mut self.0, value);
        self
    }

    pub(super) fn zigzag(self, field: u64, value: i64) -> Self {
        self.varint(field, ((value << 1) ^ (value >> 63)) as u64)
    }

    pub(super) fn packed_zigzag(self, field: u64, values: &[i64]) -> Self {
        let mut packed = Vec::new();
        for value in values {
            put(&mut packed, ((value << 1) ^ (value >> 63)) as u64);
        }
        self.bytes(field, &packed)
    }

    pub(super) fn double(mut self, field: u64, value: f64) -> Self {
        put(&mut self.0, field << 3 | 1);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }
}

type Label = (Vec<u8>, Vec<u8>);
/// Labels, value and time.
type Exemplar = (Vec<(&'static str, &'static str)>, f64, i64);

#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    pub(super) labels: Vec<Label>,
    /// Time and value.
    pub(super) samples: Vec<(i64, f64)>,
    pub(super) histograms: Vec<Message>,
    pub(super) exemplars: Vec<Exemplar>,
}

impl Series {
    pub(super) fn of<N: AsRef<[u8]>, V: AsRef<[u8]>>(labels: &[(N, V)]) -> Self {
        let bytes = |(name, value): &(N, V)| (name.as_ref().to_vec(), value.as_ref().to_vec());
        Self { labels: labels.iter().map(bytes).collect(), ..Self::default() }
    }

    pub(super) fn sampled(mut self) -> Self {
        self.samples.push((1, 1.0));
        self
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Request {
    pub(super) series: Vec<Series>,
}

impl Request {
    pub(super) fn encode(&self, version: Version) -> Vec<u8> {
        match version {
            Version::V1 => self.encode_v1(),
            Version::V2 => self.encode_v2(),
        }
    }

    fn encode_v1(&self) -> Vec<u8> {
        let label = |name: &[u8], value: &[u8]| message().bytes(1, name).bytes(2, value);
        let mut request = message();
        for series in &self.series {
            let mut out = message();
            for (name, value) in &series.labels {
                out = out.message(1, &label(name, value));
            }
            for &(time, value) in &series.samples {
                out = out.message(2, &message().double(1, value).varint(2, time as u64));
            }
            for (labels, value, time) in &series.exemplars {
                let labels = labels
                    .iter()
                    .fold(message(), |out, (name, value)| out.message(1, &label(name.as_bytes(), value.as_bytes())));
                out = out.message(3, &labels.double(2, *value).varint(3, *time as u64));
            }
            for histogram in &series.histograms {
                out = out.message(4, histogram);
            }
            request = request.message(1, &out);
        }
        request.0
    }

    fn encode_v2(&self) -> Vec<u8> {
        let mut symbols: Vec<Vec<u8>> = vec![Vec::new()];
        let mut refer = |text: &[u8]| match symbols.iter().position(|known| known == text) {
            Some(at) => at as u64,
            None => {
                symbols.push(text.to_vec());
                symbols.len() as u64 - 1
            }
        };
        let mut all = message();
        for series in &self.series {
            let mut refs = Vec::new();
            for (name, value) in &series.labels {
                put(&mut refs, refer(name));
                put(&mut refs, refer(value));
            }
            let mut out = message().bytes(1, &refs);
            for &(time, value) in &series.samples {
                out = out.message(2, &message().double(1, value).varint(2, time as u64));
            }
            for histogram in &series.histograms {
                out = out.message(3, histogram);
            }
            for (labels, value, time) in &series.exemplars {
                let mut refs = Vec::new();
                for (name, value) in labels {
                    put(&mut refs, refer(name.as_bytes()));
                    put(&mut refs, refer(value.as_bytes()));
                }
                out = out.message(4, &message().bytes(1, &refs).double(2, *value).varint(3, *time as u64));
            }
            all = all.message(5, &out);
        }
        let mut request = symbols.iter().fold(message(), |request, text| request.bytes(4, text)).0;
        request.extend_from_slice(&all.0);
        request
    }
}
