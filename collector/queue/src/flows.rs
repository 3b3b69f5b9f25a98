//! Under which source and epoch the batches of the queue are sent: a small file beside the segments.
//!
//! A receiver knows a batch by `(source, epoch, seq)`. Each opening of the queue begins a *flow*, a source and an epoch
//! of its own from its first number on, so that within a flow a number was given out by one process, once. Whatever is
//! done to the directory between two openings, such as putting back an older copy of it, numbers that are given out
//! afterwards can't be taken for repeats of others, and batches that were queued before keep their names, so that
//! repeats of them are recognised. A host that gets another name goes on under it in the next flow alone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use orszem_durable::Format;

use crate::queue::Recovered;
use crate::record::{take_u32, take_u64};
use crate::{QueueError, paths};

const FORMAT: Format = Format { magic: *b"ORSZQFLO", version: 1 };
/// Flows of which batches may be queued. Beyond, those of the newest one are sent in the name of the one before.
const FLOWS_MAX: usize = 1024;

/// A run of numbers and whose they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// The first of its numbers; they end where the next flow's begin.
    pub first_seq: u64,
    pub epoch: u64,
    pub source: String,
}

/// The flows of a queue, the current one last.
#[derive(Debug)]
pub struct Flows {
    directory: PathBuf,
    older: Vec<Flow>,
    current: Flow,
    is_saved: bool,
}

/// Flows that are not on disk yet.
#[derive(Debug)]
pub struct UnsavedFlows {
    directory: PathBuf,
    bytes: Vec<u8>,
}

impl Flows {
    /// Reads the flows of the queue that was just opened in `directory` and begins another one of `source` with
    /// `epoch`, which must be random. Its batches may be sent once [`Flows::unsaved`] is `None`.
    ///
    /// `released` is the queue's horizon: flows that lie below are forgotten. Queues without the file were sent under
    /// their own epoch. If the file is damaged, the new flow takes the queued batches, too: none is lost, and the one
    /// that was under way may be doubled.
    pub fn begin(directory: &Path, recovered: &Recovered, released: u64, source: &str, epoch: u64) -> Flows {
        let Recovered { epoch: queue_epoch, next_seq, .. } = recovered;
        let older = match fs::read(paths::flows(directory)) {
            Ok(bytes) => decode(&bytes).unwrap_or_else(|| {
                tracing::error!(directory = %directory.display(), "the queue's flows are damaged: a batch may be doubled");
                Vec::new()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                vec![Flow { first_seq: 0, epoch: *queue_epoch, source: source.to_owned() }]
            }
            Err(error) => {
                tracing::error!(directory = %directory.display(), %error, "the queue's flows can't be read: a batch may be doubled");
                Vec::new()
            }
        };
        let current = Flow { first_seq: *next_seq, epoch, source: source.to_owned() };
        let mut flows = Flows { directory: directory.to_owned(), older, current, is_saved: false };
        // What lies at or beyond the next number has no batches in this directory.
        flows.older.retain(|flow| flow.first_seq < *next_seq);
        flows.forget(released);
        flows.limit();
        flows
    }

    /// Begins another flow at `first_seq`, which takes the numbers from there on from those that had them.
    pub fn go_on(&mut self, first_seq: u64, source: &str, epoch: u64) {
        let next = Flow { first_seq, epoch, source: source.to_owned() };
        self.older.push(std::mem::replace(&mut self.current, next));
        self.older.retain(|flow| flow.first_seq < first_seq);
        self.limit();
        self.is_saved = false;
    }

    /// The flow that new numbers belong to.
    pub fn current(&self) -> &Flow {
        &self.current
    }

    /// The flow before the current one, if batches of it may be queued.
    pub fn previous(&self) -> Option<&Flow> {
        self.older.last()
    }

    /// The flow of a batch. Numbers before the first flow are the first one's.
    pub fn of(&self, seq: u64) -> &Flow {
        let mut all = self.older.iter().chain([&self.current]).rev();
        let first = self.older.first().unwrap_or(&self.current);
        all.find(|flow| flow.first_seq <= seq).unwrap_or(first)
    }

    /// The last number of the flow of a batch; `None` when that is the current one.
    pub fn last_of(&self, seq: u64) -> Option<u64> {
        let mut firsts = self.older.iter().skip(1).chain([&self.current]).map(|flow| flow.first_seq);
        firsts.find(|first| *first > seq).map(|first| first - 1)
    }

    /// What has to be written before anything of the current flow is sent.
    pub fn unsaved(&self) -> Option<UnsavedFlows> {
        let bytes = || encode(self.older.iter().chain([&self.current]));
        (!self.is_saved).then(|| UnsavedFlows { directory: self.directory.clone(), bytes: bytes() })
    }

    /// [`UnsavedFlows::save`] has returned, and nothing was begun since.
    pub fn saved(&mut self) {
        self.is_saved = true;
    }

    fn forget(&mut self, released: u64) {
        while self
            .last_of(self.older.first().map_or(u64::MAX, |oldest| oldest.first_seq))
            .is_some_and(|l| l <= released)
        {
            self.older.remove(0);
        }
    }

    fn limit(&mut self) {
        self.older.truncate(FLOWS_MAX - 1);
    }
}

impl UnsavedFlows {
    /// Replaces the file durably. Blocks on the disk.
    ///
    /// # Errors
    /// [`QueueError::WriteFlows`]; what was there before stays.
    pub fn save(&self) -> Result<(), QueueError> {
        let path = paths::flows(&self.directory);
        orszem_durable::replace(&path, &self.bytes).map_err(|source| QueueError::WriteFlows { path, source })
    }
}

/// `{magic, version u32, count u32, {first seq u64, epoch u64, bytes of source u32, source}, crc32c u32}`, little-endian.
fn encode<'a>(flows: impl Iterator<Item = &'a Flow> + Clone) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(&u32::try_from(flows.clone().count()).unwrap_or(u32::MAX).to_le_bytes());
    for Flow { first_seq, epoch, source } in flows {
        out.extend_from_slice(&first_seq.to_le_bytes());
        out.extend_from_slice(&epoch.to_le_bytes());
        out.extend_from_slice(&u32::try_from(source.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(source.as_bytes());
    }
    FORMAT.seal(&out)
}

fn decode(bytes: &[u8]) -> Option<Vec<Flow>> {
    let rest = &mut FORMAT.unseal(bytes).ok()?;
    let count = take_u32(rest)?;
    let mut flows = Vec::new();
    for _ in 0..count {
        let (first_seq, epoch) = (take_u64(rest)?, take_u64(rest)?);
        let bytes = usize::try_from(take_u32(rest)?).ok()?;
        let (source, behind) = rest.split_at_checked(bytes)?;
        *rest = behind;
        flows.push(Flow { first_seq, epoch, source: String::from_utf8(source.to_vec()).ok()? });
    }
    let is_ascending = flows.iter().zip(flows.iter().skip(1)).all(|(flow, next)| flow.first_seq < next.first_seq);
    (rest.is_empty() && is_ascending).then_some(flows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(first_seq: u64, epoch: u64, source: &str) -> Flow {
        Flow { first_seq, epoch, source: source.to_owned() }
    }

    fn begin(directory: &Path, next_seq: u64, released: u64, source: &str, epoch: u64) -> Vec<Flow> {
        let recovered = Recovered { epoch: 7, next_seq, ..Recovered::default() };
        let mut flows = Flows::begin(directory, &recovered, released, source, epoch);
        flows.unsaved().expect("it was just begun").save().expect("saves");
        flows.saved();
        assert!(flows.unsaved().is_none());
        flows.older.iter().chain([&flows.current]).cloned().collect()
    }

    #[test]
    fn each_opening_begins_a_flow_and_queued_batches_keep_theirs() {
        let directory = tempfile::tempdir().expect("a directory");
        let d = directory.path();
        // A queue from before there were flows, with 3 and 4 queued.
        assert_eq!(begin(d, 5, 2, "a", 100), [flow(0, 7, "a"), flow(5, 100, "a")]);
        assert_eq!(begin(d, 5, 2, "b", 101), [flow(0, 7, "a"), flow(5, 101, "b")], "nothing was queued");
        assert_eq!(begin(d, 9, 4, "b", 102), [flow(5, 101, "b"), flow(9, 102, "b")], "the first is released");
        assert_eq!(begin(d, 9, 7, "b", 103), [flow(5, 101, "b"), flow(9, 103, "b")]);
        // Only the segments are from an older copy.
        assert_eq!(begin(d, 7, 5, "b", 104), [flow(5, 101, "b"), flow(7, 104, "b")]);
        assert_eq!(begin(d, 9, 8, "b", 105), [flow(9, 105, "b")], "all is released");
        let path = paths::flows(d);
        let mut bytes = fs::read(&path).expect("reads");
        bytes[20] ^= 1;
        fs::write(&path, bytes).expect("writes");
        assert_eq!(begin(d, 12, 9, "b", 106), [flow(12, 106, "b")], "damaged");
    }

    #[test]
    fn a_number_has_one_flow() {
        let directory = tempfile::tempdir().expect("a directory");
        begin(directory.path(), 5, 2, "a", 100);
        let recovered = Recovered { epoch: 7, next_seq: 9, ..Recovered::default() };
        let mut flows = Flows::begin(directory.path(), &recovered, 2, "b", 101);
        let of = |flows: &Flows, seq| (flows.of(seq).epoch, flows.last_of(seq));
        assert_eq!([3, 4].map(|seq| of(&flows, seq)), [(7, Some(4)); 2]);
        assert_eq!([5, 8].map(|seq| of(&flows, seq)), [(100, Some(8)); 2]);
        assert_eq!([9, u64::MAX].map(|seq| of(&flows, seq)), [(101, None); 2]);
        flows.go_on(20, "c", 102);
        assert_eq!([19, 20].map(|seq| of(&flows, seq)), [(101, Some(19)), (102, None)]);
        flows.go_on(12, "c", 103);
        assert_eq!([11, 12, 20].map(|seq| of(&flows, seq)), [(101, Some(11)), (103, None), (103, None)]);
        flows.go_on(3, "c", 104);
        assert_eq!([2, 3, 9].map(|seq| of(&flows, seq)), [(7, Some(2)), (104, None), (104, None)]);
    }

    #[test]
    fn the_file_of_version_1_reads_and_a_damaged_one_does_not() {
        let good = b"ORSZQFLO\x01\0\0\0\x02\0\0\0\
            \0\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\x01\0\0\0a\
            \x05\0\0\0\0\0\0\0\x64\0\0\0\0\0\0\0\x02\0\0\0bc";
        let good = [good.as_slice(), &crc32c::crc32c(good).to_le_bytes()].concat();
        let flows = [flow(0, 7, "a"), flow(5, 100, "bc")];
        assert_eq!(decode(&good).as_deref(), Some(flows.as_slice()));
        assert_eq!(encode(flows.iter()), good);
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&bad), None, "bit {bit}");
        }
        assert_eq!(decode(&good[..good.len() - 1]), None);
        assert_eq!(decode(&encode([flow(5, 1, "a"), flow(5, 2, "a")].iter())), None, "not ascending");
    }

    #[test]
    fn there_are_only_so_many_flows() {
        let directory = tempfile::tempdir().expect("a directory");
        let recovered = Recovered { epoch: 7, next_seq: 1, ..Recovered::default() };
        let mut flows = Flows::begin(directory.path(), &recovered, 0, "a", 100);
        for number in 1..2_000 {
            flows.go_on(number + 1, "a", 100 + number);
        }
        assert_eq!((flows.older.len(), flows.current.epoch), (FLOWS_MAX - 1, 2_099));
        assert_eq!((flows.of(1_500).epoch, flows.last_of(1_500)), (flows.older[FLOWS_MAX - 2].epoch, Some(1_999)));
    }
}
