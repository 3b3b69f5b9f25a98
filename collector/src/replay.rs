//! Records that are not read from this host: lines of files and events of any hosts, put into batches as their own
//! collectors would have done.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use orszem_model::{Attribute, Kind, Seen, Severity, Timestamp};
use orszem_parse::{Layer, Moment, Parsed, Recogniser, Zone, label};

use crate::cluster::record;
use crate::counters::Counters;
use crate::pipeline::{Facts, LastStamp, Origin, Stage};
use crate::{CollectorConfig, CollectorError, prepare};

/// The slot of records that are of no file; files count from 0.
const SLOT: u64 = 5 << 40;

/// A batch, ready to be handed over: an `ExportLogsServiceRequest`, zstd-compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayBatch {
    pub payload: Bytes,
    /// The crc32c of the request before compression.
    pub hash: u32,
    pub records: u32,
}

/// A record that is of no file.
#[derive(Clone, Copy, Debug)]
pub struct ReplayRecord<'a> {
    pub at: Timestamp,
    pub host: &'a str,
    pub service: &'a str,
    pub layer: Layer,
    pub kind: Kind,
    pub severity: Severity,
    pub body: &'a str,
    pub attributes: &'a [Attribute],
    /// What it is about, besides the host.
    pub entities: &'a [String],
}

/// Fills batches with the records of any hosts. Stamps without an offset are taken to be in UTC.
#[derive(Debug)]
pub struct Replay {
    stage: Stage,
    files: BTreeMap<(String, PathBuf), File>,
    counters: Counters,
    none: BTreeMap<String, String>,
}

/// A file of a host.
#[derive(Debug)]
struct File {
    slot: u64,
    service: String,
    recogniser: Recogniser,
    last: LastStamp,
}

impl Replay {
    /// Everything gets `labels`. Errors: labels that no configuration may have.
    pub fn new(labels: BTreeMap<String, String>) -> Result<Self, CollectorError> {
        let config = CollectorConfig { labels, ..CollectorConfig::default() };
        let stage = prepare::stage(&config, "orszem-replay", Zone::utc())?;
        Ok(Self { stage, files: BTreeMap::new(), counters: Counters::default(), none: BTreeMap::new() })
    }

    /// Puts a record of a host's file into the batch, its lines joined by line feeds, as of having been read at `at`;
    /// `false` when the batch is full.
    pub fn line(&mut self, at: Timestamp, host: &str, path: &Path, record: &str) -> bool {
        if !self.stage.fits(record.len()) {
            return false;
        }
        let slot = self.files.len() as u64;
        let file = self.files.entry((host.to_owned(), path.to_owned())).or_insert_with(|| {
            let mut recogniser = Recogniser::auto();
            recogniser.learn(record.as_bytes());
            File { slot, service: label::of_file(path).service, recogniser, last: LastStamp::default() }
        });
        let zone = self.stage.zone.clone();
        let mut parsed = file.recogniser.parse(record.as_bytes(), &Moment { now: at, zone: &zone });
        parsed.host = Some(Cow::Borrowed(host));
        let origin = Origin {
            slot: file.slot,
            service: &file.service,
            layer: None,
            file: Some(path),
            unit: None,
            labels: &self.none,
        };
        let facts = Facts { now: at, backlog: None, is_split: false, kind: Kind::Log };
        self.stage.take(&origin, record.as_bytes(), parsed, facts, &mut file.last, &self.counters);
        true
    }

    /// Puts what the reporter sees of its cluster into the batch, as the reporter's own collector would; `false` when
    /// that is full. `cluster` is the cluster's name, empty where it is not known.
    pub fn seen(&mut self, seen: &Seen, cluster: &str) -> bool {
        record::push(seen, cluster, seen.at, &mut self.stage, &self.counters)
    }

    /// Puts a record that is of no file into the batch; `false` when that is full.
    pub fn record(&mut self, record: &ReplayRecord<'_>) -> bool {
        let ReplayRecord { at, host, service, layer, kind, severity, body, attributes, entities } = *record;
        if !self.stage.fits(body.len()) {
            return false;
        }
        let origin = Origin { slot: SLOT, service, layer: Some(layer), file: None, unit: None, labels: &self.none };
        let parsed = Parsed {
            timestamp: Some(at),
            severity,
            host: Some(Cow::Borrowed(host)),
            attributes: attributes
                .iter()
                .map(|it| (Cow::Borrowed(it.key.as_str()), record::value(&it.value)))
                .collect(),
            entities: entities.iter().map(|entity| Cow::Borrowed(entity.as_str())).collect(),
            ..Parsed::default()
        };
        let facts = Facts { now: at, backlog: None, is_split: false, kind };
        self.stage.take(&origin, body.as_bytes(), parsed, facts, &mut LastStamp::default(), &self.counters);
        true
    }

    /// The batch, if it has records; the next one is empty. Errors: a batch that can't be compressed.
    pub fn finish(&mut self) -> Result<Option<ReplayBatch>, CollectorError> {
        if self.stage.encoder.is_empty() {
            return Ok(None);
        }
        let encoded = self.stage.encoder.finish().map_err(|error| CollectorError::Compressor(error.source))?;
        self.stage.next_batch();
        Ok(Some(ReplayBatch { payload: encoded.payload, hash: encoded.hash, records: encoded.records }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T10:00:00Z
    const AT: Timestamp = Timestamp(1_795_341_600_000_000_000);

    #[test]
    fn a_batch_has_what_was_put_into_it_and_the_next_one_is_empty() {
        let labels = BTreeMap::from([("simulated".to_owned(), "true".to_owned())]);
        let mut replay = Replay::new(labels).expect("good labels");
        assert_eq!(replay.finish().expect("compresses"), None);
        let line =
            "2026-11-22T10:00:00.000000+00:00 db1 kernel: [    1.000000] drbd r0/0 drbd0: disk( UpToDate -> Failed )";
        assert!(replay.line(AT, "db1", Path::new("/var/log/kern.log"), line));
        let record = ReplayRecord {
            at: AT,
            host: "wit1",
            service: "probe",
            layer: Layer::Probe,
            kind: Kind::Probe,
            severity: Severity::INFO,
            body: "200 in 3 ms",
            attributes: &[],
            entities: &[],
        };
        assert!(replay.record(&record));
        let batch = replay.finish().expect("compresses").expect("a batch");
        assert_eq!(batch.records, 2);
        let raw = zstd::decode_all(&batch.payload[..]).expect("decompresses");
        assert_eq!(crc32c::crc32c(&raw), batch.hash);
        for word in ["orszem.label.simulated", "drbd/r0", "host/db1", "/var/log/kern.log", "host/wit1", "200 in 3 ms"] {
            assert!(memchr::memmem::find(&raw, word.as_bytes()).is_some(), "{word}");
        }
        assert!(memchr::memmem::find(&raw, b"orszem-replay").is_none(), "the host is the record's");
        assert_eq!(replay.finish().expect("compresses"), None);
    }
}
