//! Reads a request of remote write 2.0, by messages written down from its definition.

use orszem_model::Labels;
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct Request {
    #[prost(string, repeated, tag = "4")]
    pub(super) symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    pub(super) timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TimeSeries {
    #[prost(uint32, repeated, tag = "1")]
    pub(super) labels_refs: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    pub(super) samples: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    pub(super) histograms: Vec<Histogram>,
    #[prost(message, repeated, tag = "4")]
    pub(super) exemplars: Vec<Exemplar>,
    #[prost(message, optional, tag = "5")]
    pub(super) metadata: Option<Metadata>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Sample {
    #[prost(double, tag = "1")]
    pub(super) value: f64,
    #[prost(int64, tag = "2")]
    pub(super) timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Exemplar {
    #[prost(uint32, repeated, tag = "1")]
    pub(super) labels_refs: Vec<u32>,
    #[prost(double, tag = "2")]
    pub(super) value: f64,
    #[prost(int64, tag = "3")]
    pub(super) timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Metadata {
    #[prost(int32, tag = "1")]
    pub(super) kind: i32,
    #[prost(uint32, tag = "3")]
    pub(super) help_ref: u32,
    #[prost(uint32, tag = "4")]
    pub(super) unit_ref: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Span {
    #[prost(sint32, tag = "1")]
    pub(super) offset: i32,
    #[prost(uint32, tag = "2")]
    pub(super) length: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Histogram {
    #[prost(uint64, optional, tag = "1")]
    pub(super) count_int: Option<u64>,
    #[prost(double, optional, tag = "2")]
    pub(super) count_float: Option<f64>,
    #[prost(double, tag = "3")]
    pub(super) sum: f64,
    #[prost(sint32, tag = "4")]
    pub(super) schema: i32,
    #[prost(double, tag = "5")]
    pub(super) zero_threshold: f64,
    #[prost(uint64, optional, tag = "6")]
    pub(super) zero_count_int: Option<u64>,
    #[prost(double, optional, tag = "7")]
    pub(super) zero_count_float: Option<f64>,
    #[prost(message, repeated, tag = "8")]
    pub(super) negative_spans: Vec<Span>,
    #[prost(sint64, repeated, tag = "9")]
    pub(super) negative_deltas: Vec<i64>,
    #[prost(double, repeated, tag = "10")]
    pub(super) negative_counts: Vec<f64>,
    #[prost(message, repeated, tag = "11")]
    pub(super) positive_spans: Vec<Span>,
    #[prost(sint64, repeated, tag = "12")]
    pub(super) positive_deltas: Vec<i64>,
    #[prost(double, repeated, tag = "13")]
    pub(super) positive_counts: Vec<f64>,
    #[prost(int32, tag = "14")]
    pub(super) reset_hint: i32,
    #[prost(int64, tag = "15")]
    pub(super) timestamp: i64,
    #[prost(double, repeated, tag = "16")]
    pub(super) custom_values: Vec<f64>,
}

impl Request {
    /// Of a payload as it is sent.
    pub(super) fn of(payload: &[u8]) -> Self {
        let raw = zstd::decode_all(payload).expect("zstd");
        Self::decode(raw.as_slice()).expect("protobuf")
    }

    pub(super) fn labels(&self, references: &[u32]) -> Labels {
        let text = |at: u32| self.symbols[at as usize].as_str();
        Labels::new(references.chunks(2).map(|pair| (text(pair[0]), text(pair[1]))).collect())
    }

    /// Series, time and value of all samples.
    pub(super) fn samples(&self) -> Vec<(Labels, i64, f64)> {
        let of = |series: &TimeSeries| {
            let labels = self.labels(&series.labels_refs);
            let sample = |sample: &Sample| (labels.clone(), sample.timestamp, sample.value);
            series.samples.iter().map(sample).collect::<Vec<_>>()
        };
        self.timeseries.iter().flat_map(of).collect()
    }

    /// Metric name, type, help and unit of all metadata.
    pub(super) fn metadata(&self) -> Vec<(String, i32, &str, &str)> {
        let of = |series: &TimeSeries| {
            let Metadata { kind, help_ref, unit_ref } = series.metadata.clone()?;
            let name = self.labels(&series.labels_refs).get("__name__").unwrap_or_default().to_owned();
            Some((name, kind, self.symbols[help_ref as usize].as_str(), self.symbols[unit_ref as usize].as_str()))
        };
        self.timeseries.iter().filter_map(of).collect()
    }
}
