//! Records, the queue's unit of writing: a head, what is known of the record, and the payload.
//!
//! Head, little-endian: `{marker u32, meta length u32, payload length u32, seq u64, epoch u64, meta crc32c u32, payload
//! crc32c u32, head crc32c u32}`. The head's own checksum covers also the record's offset in the file, so that a record
//! is known as one wherever reading resumes, and a copy of one inside a payload is not taken for one.
//! Meta: `{kind u8, unsynced varint, for a batch {records varint, raw bytes varint, hash u32, times}, changes}`.

use std::collections::BTreeMap;

use orszem_model::varint;

/// What a batch changes of the positions; `None` removes a key.
pub type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;
/// The positions of all sources. Keys and values are opaque here.
pub type Positions = BTreeMap<Vec<u8>, Vec<u8>>;

/// The largest payload of a record.
pub const PAYLOAD_BYTES_MAX: usize = 16 << 20;
/// The largest sum of all positions, as they are encoded in a snapshot.
pub const POSITIONS_BYTES_MAX: usize = 64 << 20;
/// The largest meta: a snapshot and its front.
const META_BYTES_MAX: usize = POSITIONS_BYTES_MAX + 128;

pub(crate) const HEAD_BYTES: usize = 40;
/// The first bytes of every record of format version 1.
pub(crate) const MARKER: [u8; 4] = [0xd6, b'r', b'q', 0x01];

const BATCH: u8 = 1;
const CHECKPOINT: u8 = 2;
const SNAPSHOT: u8 = 3;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Batch(BatchMeta),
    /// Changes of positions without a payload; its number is that of the next batch.
    Checkpoint,
    /// All positions; as [`Kind::Checkpoint`] otherwise.
    Snapshot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchMeta {
    pub(crate) records: u32,
    pub(crate) raw_bytes: u64,
    pub(crate) hash: u32,
    pub(crate) time_range: Option<(i64, i64)>,
}

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) seq: u64,
    pub(crate) epoch: u64,
    /// How many bytes in front of it in the file were not yet synced when it was written.
    pub(crate) unsynced: u64,
}

/// A record read back, its payload apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) place: Place,
    pub(crate) kind: Kind,
    pub(crate) changes: Changes,
    pub(crate) payload_offset: u64,
    pub(crate) payload_bytes: u32,
    pub(crate) payload_checksum: u32,
}

impl Record {
    /// The offset behind the record.
    pub(crate) fn end(&self) -> u64 {
        self.payload_offset + u64::from(self.payload_bytes)
    }
}

/// A valid head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) offset: u64,
    pub(crate) seq: u64,
    pub(crate) epoch: u64,
    pub(crate) meta_bytes: u32,
    pub(crate) payload_bytes: u32,
    meta_checksum: u32,
    payload_checksum: u32,
}

impl Head {
    /// `None` when these bytes are not the head of a record at `offset`.
    pub(crate) fn read(bytes: &[u8; HEAD_BYTES], offset: u64) -> Option<Head> {
        let mut rest = bytes.strip_prefix(&MARKER)?;
        let (covered, own_checksum) = bytes.split_last_chunk::<4>()?;
        if checksum(covered, offset) != u32::from_le_bytes(*own_checksum) {
            return None;
        }
        let rest = &mut rest;
        let (meta_bytes, payload_bytes) = (take_u32(rest)?, take_u32(rest)?);
        let (seq, epoch) = (take_u64(rest)?, take_u64(rest)?);
        let (meta_checksum, payload_checksum) = (take_u32(rest)?, take_u32(rest)?);
        let is_possible = meta_bytes as usize <= META_BYTES_MAX && payload_bytes as usize <= PAYLOAD_BYTES_MAX;
        is_possible.then_some(Head { offset, seq, epoch, meta_bytes, payload_bytes, meta_checksum, payload_checksum })
    }

    /// The offset behind the meta.
    pub(crate) fn payload_offset(self) -> u64 {
        self.offset + HEAD_BYTES as u64 + u64::from(self.meta_bytes)
    }

    /// The offset behind the record.
    pub(crate) fn end(self) -> u64 {
        self.payload_offset() + u64::from(self.payload_bytes)
    }

    /// Checks the meta and takes it apart.
    pub(crate) fn open(self, mut meta: &[u8]) -> Option<Record> {
        if crc32c::crc32c(meta) != self.meta_checksum {
            return None;
        }
        let meta = &mut meta;
        let (kind, unsynced) = (take_u8(meta)?, varint::take(meta)?);
        let kind = match kind {
            BATCH => Kind::Batch(take_batch(meta)?),
            CHECKPOINT => Kind::Checkpoint,
            SNAPSHOT => Kind::Snapshot,
            _ => return None,
        };
        let changes = take_changes(meta)?;
        meta.is_empty().then_some(())?;
        Some(Record {
            place: Place { offset: self.offset, seq: self.seq, epoch: self.epoch, unsynced },
            kind,
            changes,
            payload_offset: self.payload_offset(),
            payload_bytes: self.payload_bytes,
            payload_checksum: self.payload_checksum,
        })
    }
}

/// Appends a record to `out`.
pub(crate) fn encode(out: &mut Vec<u8>, place: Place, kind: Kind, changes: &Changes, payload: &[u8]) {
    encode_with(out, place, kind, payload, |out| {
        varint::put(out, changes.len() as u64);
        for (key, value) in changes {
            put_change(out, key, value.as_deref());
        }
    });
}

/// Appends a snapshot of `positions` to `out`.
pub(crate) fn encode_snapshot(out: &mut Vec<u8>, place: Place, positions: &Positions) {
    encode_with(out, place, Kind::Snapshot, &[], |out| {
        varint::put(out, positions.len() as u64);
        for (key, value) in positions {
            put_change(out, key, Some(value));
        }
    });
}

fn encode_with(out: &mut Vec<u8>, place: Place, kind: Kind, payload: &[u8], put_changes: impl FnOnce(&mut Vec<u8>)) {
    let Place { offset, seq, epoch, unsynced } = place;
    let start = out.len();
    out.extend_from_slice(&[0; HEAD_BYTES]);
    match kind {
        Kind::Batch(batch) => {
            out.push(BATCH);
            varint::put(out, unsynced);
            put_batch(out, batch);
        }
        Kind::Checkpoint | Kind::Snapshot => {
            out.push(if kind == Kind::Snapshot { SNAPSHOT } else { CHECKPOINT });
            varint::put(out, unsynced);
        }
    }
    put_changes(out);
    let (_, record) = out.split_at_mut(start);
    let (head, meta) = record.split_at_mut(HEAD_BYTES);
    let mut fields = Vec::with_capacity(HEAD_BYTES);
    fields.extend_from_slice(&MARKER);
    fields.extend_from_slice(&(meta.len() as u32).to_le_bytes());
    fields.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    fields.extend_from_slice(&seq.to_le_bytes());
    fields.extend_from_slice(&epoch.to_le_bytes());
    fields.extend_from_slice(&crc32c::crc32c(meta).to_le_bytes());
    fields.extend_from_slice(&crc32c::crc32c(payload).to_le_bytes());
    let own_checksum = checksum(&fields, offset);
    fields.extend_from_slice(&own_checksum.to_le_bytes());
    head.copy_from_slice(&fields);
    out.extend_from_slice(payload);
}

/// The bytes of `key` and `value` in a snapshot, at most.
pub(crate) fn position_bytes(key: &[u8], value: &[u8]) -> usize {
    key.len() + value.len() + 16
}

/// Makes `changes` to `positions`.
pub(crate) fn apply(positions: &mut Positions, changes: &Changes) {
    for (key, value) in changes {
        match value {
            Some(value) => positions.insert(key.clone(), value.clone()),
            None => positions.remove(key),
        };
    }
}

fn checksum(head: &[u8], offset: u64) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(head), &offset.to_le_bytes())
}

fn put_batch(out: &mut Vec<u8>, batch: BatchMeta) {
    let BatchMeta { records, raw_bytes, hash, time_range } = batch;
    varint::put(out, u64::from(records));
    varint::put(out, raw_bytes);
    out.extend_from_slice(&hash.to_le_bytes());
    match time_range {
        None => out.push(0),
        Some((first, last)) => {
            out.push(1);
            varint::put_signed(out, first);
            varint::put_signed(out, last);
        }
    }
}

fn take_batch(input: &mut &[u8]) -> Option<BatchMeta> {
    let records = u32::try_from(varint::take(input)?).ok()?;
    let raw_bytes = varint::take(input)?;
    let hash = take_u32(input)?;
    let time_range = match take_u8(input)? {
        0 => None,
        1 => Some((varint::take_signed(input)?, varint::take_signed(input)?)),
        _ => return None,
    };
    Some(BatchMeta { records, raw_bytes, hash, time_range })
}

fn put_change(out: &mut Vec<u8>, key: &[u8], value: Option<&[u8]>) {
    varint::put_bytes(out, key);
    match value {
        None => out.push(0),
        Some(value) => {
            out.push(1);
            varint::put_bytes(out, value);
        }
    }
}

fn take_changes(input: &mut &[u8]) -> Option<Changes> {
    let mut changes = Changes::new();
    for _ in 0..varint::take(input)? {
        let key = varint::take_bytes(input)?.to_vec();
        let value = match take_u8(input)? {
            0 => None,
            1 => Some(varint::take_bytes(input)?.to_vec()),
            _ => return None,
        };
        changes.insert(key, value);
    }
    Some(changes)
}

fn take_u8(input: &mut &[u8]) -> Option<u8> {
    let (&first, rest) = input.split_first()?;
    *input = rest;
    Some(first)
}

pub(crate) fn take_u32(input: &mut &[u8]) -> Option<u32> {
    let (bytes, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(u32::from_le_bytes(*bytes))
}

pub(crate) fn take_u64(input: &mut &[u8]) -> Option<u64> {
    let (bytes, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place { offset: 4096, seq: 7, epoch: 99, unsynced: 300 };

    fn changes() -> Changes {
        Changes::from([(b"a".to_vec(), Some(b"1".to_vec())), (b"gone".to_vec(), None)])
    }

    fn batch() -> Kind {
        Kind::Batch(BatchMeta { records: 3, raw_bytes: 1000, hash: 0xdead_beef, time_range: Some((-5, i64::MAX)) })
    }

    fn open(bytes: &[u8], offset: u64) -> Option<Record> {
        let head = Head::read(bytes.first_chunk()?, offset)?;
        head.open(bytes.get(HEAD_BYTES..HEAD_BYTES + head.meta_bytes as usize)?)
    }

    #[test]
    fn every_kind_reads_back_as_written() {
        for (kind, payload) in [(batch(), b"payload".as_slice()), (Kind::Checkpoint, b""), (Kind::Snapshot, b"")] {
            let mut out = Vec::new();
            encode(&mut out, PLACE, kind, &changes(), payload);
            let record = open(&out, PLACE.offset).expect("a record");
            assert_eq!((record.place, record.kind, &record.changes), (PLACE, kind, &changes()));
            assert_eq!(record.end(), PLACE.offset + out.len() as u64);
            assert_eq!(record.payload_checksum, crc32c::crc32c(payload));
        }
    }

    #[test]
    fn a_record_elsewhere_or_with_any_flipped_bit_before_its_payload_is_refused() {
        let mut good = Vec::new();
        encode(&mut good, PLACE, batch(), &changes(), b"");
        assert_eq!(open(&good, PLACE.offset + 1), None);
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&bad, PLACE.offset), None, "bit {bit}");
        }
    }
}
