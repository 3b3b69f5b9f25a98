//! The collector's disk queue: batches and the source positions they lead to, in one checksummed record each.
//!
//! A queue is a directory of segment files named after the number of their first batch, and `quarantine/`. There is no
//! index: what the queue holds, the next number and the positions of all sources are found by walking the segments. The
//! records are the only registry of positions, so no other can disagree with them. One [`Writer`] appends, one
//! [`Reader`] reads on another thread what is durable. A number (`seq`) is never given to two different batches that
//! may have been sent; numbers that are left out are told as `skipped` with the next batch.
//!
//! Everything here blocks on the disk: call it off the async threads. The writer holds one record in memory, the reader
//! one batch; all positions are held once, and their sum is limited to [`POSITIONS_BYTES_MAX`].
//!
//! # What survives
//!
//! | | kill -9 | power loss |
//! |---|---|---|
//! | batches and positions before the last [`Writer::sync`] that returned | all | all |
//! | what was appended later | what was written whole, in order | a part from its beginning, or nothing |
//! | [`Writer::checkpoint`], positions of dropped batches | as appended batches | as appended batches |
//! | [`Reader::release`] | all | may be older, never older than the segments deleted for it: batches are sent again |
//! | counters of [`Usage`] | none, they begin anew | none |
//!
//! Positions are always those behind the last batch that survived: what did not is read from its source again.
//!
//! # Damage
//!
//! Opening never fails for damaged content. Damaged bytes are copied to the quarantine (at most
//! [`orszem_durable::QUARANTINE_BYTES_MAX`]), named in [`Recovered::damage`] or counted when found while reading, and passed over to
//! the next valid record. Each segment has its snapshot of positions twice. At the very end:
//!
//! - an incomplete record, or zeros where one should start, was torn: it is cut off and its number used again;
//! - a complete one with sectors of zeros was most likely torn: it is cut off with all behind it, but because it may
//!   have been sent its number is left out;
//! - any other damage is bit rot: the record is lost, its number left out, and its positions do not count unless its
//!   batch was released, so that its source is read again.
//!
//! # Failed writes and syncs
//!
//! A write that fails (no space, IO error) is cut off again, and the entry is not in the queue. After a failed fsync the
//! file is not trusted any more: the system holds its pages for clean, and a second fsync would succeed without writing
//! them. The records since the last good one are read back, checked, and moved to a new segment before [`Writer::sync`]
//! returns; until that has worked, nothing of them can be read, and all calls of the writer try it again. If the system
//! does not give the records back, [`QueueError::Lost`] says so for ever: open the queue again, and go on in the sources
//! from the positions found then. When a queue is opened, whatever may not be durable is written once more.

mod cursor;
mod error;
mod flows;
mod horizon;
pub mod inspect;
mod paths;
mod quarantine;
mod queue;
mod reader;
mod rebuild;
mod record;
mod recovery;
mod scanner;
mod segment;
mod shared;
mod storage;
mod tail;
mod usage;
mod writer;

#[cfg(test)]
mod tests;

pub use error::{AppendError, QueueError};
pub use flows::{Flow, Flows, UnsavedFlows};
pub use quarantine::{Damage, Reason};
pub use queue::{Full, Options, Queue, Recovered};
pub use reader::{Batch, Reader};
pub use record::{Changes, PAYLOAD_BYTES_MAX, POSITIONS_BYTES_MAX, Positions};
pub use usage::{Monitor, Totals, Usage};
pub use writer::{Appended, Entry, Writer};
