//! Remote write 1.0 as a sender speaks it, and the questions that tell what was kept.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::program::orszem;
use crate::torture::client::request;

/// What senders of remote write 1.0 say of their bodies.
pub(crate) const HEADERS: &str = "Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n\
                                  X-Prometheus-Remote-Write-Version: 0.1.0\r\n";
/// Longer than any answer takes.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// A series of a request: its labels, and times (in milliseconds) with values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) samples: Vec<(i64, f64)>,
    pub(crate) histograms: Vec<(i64, Native)>,
    /// Times, values and trace ids.
    pub(crate) exemplars: Vec<(i64, f64, String)>,
}

/// A native histogram of the schema 0 with three buckets in a row: up to 1, 2 and 4.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Native {
    /// Above 0 each, so that all buckets are shown.
    pub(crate) counts: [u64; 3],
    pub(crate) sum: f64,
}

impl Native {
    /// `prometheus.Histogram`.
    fn encode(self, time: i64) -> Vec<u8> {
        let mut out = vec![1 << 3];
        put_varint(&mut out, self.counts.iter().sum());
        out.push(3 << 3 | 1);
        out.extend_from_slice(&self.sum.to_le_bytes());
        // One span from the bucket that ends at 1 on, of which each count but the first is told as a difference.
        put_bytes(&mut out, 11, &[1 << 3, 0, 2 << 3, 3]);
        let (mut deltas, mut before) = (Vec::new(), 0);
        for count in self.counts {
            let delta = count.cast_signed() - before;
            put_varint(&mut deltas, (delta << 1 ^ delta >> 63).cast_unsigned());
            before = count.cast_signed();
        }
        put_bytes(&mut out, 12, &deltas);
        out.push(15 << 3);
        put_varint(&mut out, time.cast_unsigned());
        out
    }

    /// What the API shows of one.
    pub(crate) fn shown(&self) -> Value {
        let bounds = [("0.5", "1"), ("1", "2"), ("2", "4")];
        let buckets = bounds
            .iter()
            .zip(self.counts)
            .map(|((low, high), count)| serde_json::json!([0, low, high, count.to_string()]));
        serde_json::json!({
            "count": self.counts.iter().sum::<u64>().to_string(),
            "sum": self.sum.to_string(),
            "buckets": buckets.collect::<Vec<_>>(),
        })
    }
}

impl Series {
    pub(crate) fn new(labels: &[(&str, &str)], samples: &[(i64, f64)]) -> Self {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { labels, samples: samples.to_vec(), ..Self::default() }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, value) in &self.labels {
            let mut label = Vec::new();
            put_bytes(&mut label, 1, name.as_bytes());
            put_bytes(&mut label, 2, value.as_bytes());
            put_bytes(&mut out, 1, &label);
        }
        for (time, value) in &self.samples {
            let mut sample = vec![1 << 3 | 1];
            sample.extend_from_slice(&value.to_le_bytes());
            sample.push(2 << 3);
            put_varint(&mut sample, time.cast_unsigned());
            put_bytes(&mut out, 2, &sample);
        }
        for (time, value, trace) in &self.exemplars {
            let (mut label, mut exemplar) = (Vec::new(), Vec::new());
            put_bytes(&mut label, 1, b"trace_id");
            put_bytes(&mut label, 2, trace.as_bytes());
            put_bytes(&mut exemplar, 1, &label);
            exemplar.push(2 << 3 | 1);
            exemplar.extend_from_slice(&value.to_le_bytes());
            exemplar.push(3 << 3);
            put_varint(&mut exemplar, time.cast_unsigned());
            put_bytes(&mut out, 3, &exemplar);
        }
        for (time, histogram) in &self.histograms {
            put_bytes(&mut out, 4, &histogram.encode(*time));
        }
        out
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_varint(out, field << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// `prometheus.WriteRequest`, not compressed.
pub(crate) fn message(series: &[Series]) -> Vec<u8> {
    let mut out = Vec::new();
    for series in series {
        put_bytes(&mut out, 1, &series.encode());
    }
    out
}

pub(crate) fn snappy(body: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(body).expect("fits")
}

/// The body of a request.
pub(crate) fn body(series: &[Series]) -> Vec<u8> {
    snappy(&message(series))
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|line| line.0.eq_ignore_ascii_case(name))
            .map(|line| line.1)
    }

    /// Samples written, as the answer's header says.
    pub(crate) fn written(&self) -> u64 {
        let text = self.header("X-Prometheus-Remote-Write-Samples-Written");
        text.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no count in {self:?}"))
    }
}

/// Sends one request with a body of bytes. An error means that not even a whole head came back.
pub(crate) fn post(address: SocketAddr, path: &str, headers: &str, body: &[u8]) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    let mut bytes = Vec::new();
    // A server may answer and close before it has read everything; what it said counts.
    let read = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    let parsed = text.split_once("\r\n\r\n").and_then(|(head, body)| {
        let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
    });
    let failed = || sent.and(read.map(drop)).err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into());
    parsed.ok_or_else(failed)
}

/// Sends series; `identity` are further header lines.
pub(crate) fn write(address: SocketAddr, identity: &str, series: &[Series]) -> io::Result<Answer> {
    post(address, "/api/v1/write", &format!("{HEADERS}{identity}"), &body(series))
}

/// A path of the API with parameters.
pub(crate) fn target(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    format!("{path}?{}", query.extend_pairs(parameters).finish())
}

/// Status and JSON of an answer of the Prometheus API.
pub(crate) fn ask(address: SocketAddr, path: &str, parameters: &[(&str, &str)]) -> (u16, Value) {
    let target = target(path, parameters);
    let answer = request(address, &format!("GET {target}"), "", "").expect("answers");
    assert!(answer.is_whole, "{target}: {answer:?}");
    (answer.status, serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{target}: {answer:?}")))
}

/// The result of an instant query at `time` (milliseconds), with its remarks where there are some.
pub(crate) fn instant(address: SocketAddr, query: &str, time: i64) -> (Value, Option<Value>) {
    let (status, mut answer) = ask(address, "/api/v1/query", &[("query", query), ("time", &seconds(time))]);
    assert_eq!((status, answer["status"].as_str()), (200, Some("success")), "{query}: {answer}");
    (answer["data"]["result"].take(), answer.get("warnings").cloned())
}

/// Milliseconds as the API writes seconds.
pub(crate) fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms.div_euclid(1000), ms.rem_euclid(1000))
}

/// The only value of an instant query at `time`; 0 where nothing is found.
pub(crate) fn value(address: SocketAddr, query: &str, time: i64) -> f64 {
    let (result, _) = instant(address, query, time);
    let elements = result.as_array().expect("a vector");
    assert!(elements.len() < 2, "{query}: {result}");
    elements
        .first()
        .map_or(0.0, |element| element["value"][1].as_str().and_then(|text| text.parse().ok()).expect("a number"))
}

/// The server over `folder`/data, with its log in `folder`/log and `config` as its configuration.
pub(crate) fn command(folder: &Path, config: &str) -> Command {
    let path = |name: &str| folder.join(name).to_str().expect("a plain path").to_owned();
    fs::write(path("config"), config).expect("writes");
    let log = File::options().create(true).append(true).open(path("log")).expect("the log opens");
    let mut command = orszem(&["server", "--log-level", "warn", "--listen", "127.0.0.1:0"]);
    command.args(["--data-dir", &path("data"), "--config", &path("config")]).stderr(Stdio::from(log));
    command
}
