//! The journal: where a batch becomes durable before anything else happens to it.
//!
//! A [`LocalJournal`] is a directory of segment files that hold checksummed frames. A *submission* is written as one
//! *group* of contiguous frames and is either replayed whole or not at all. What [`LocalJournal::append`] (or the
//! completion of a [`Writer`] submission) has confirmed survives kill -9 and power loss.
//!
//! A *position* is a byte offset over the journal's whole life. It grows strictly, is below [`POSITION_MAX`], and is
//! never used twice, also not after a failed write or a quarantine.
//!
//! Everything here blocks on the disk: call it off the async threads. [`Writer::submit`] alone never blocks.

mod appender;
mod atomic_file;
mod copy;
mod cursors;
mod deduplicate;
mod error;
mod frame;
mod header;
mod index;
mod journal;
mod paths;
mod quarantine;
mod reader;
mod recovery;
mod scanner;
mod segment;
mod sequences;
mod writer;

#[cfg(test)]
mod tests;

pub use cursors::{CURSOR_NAME_BYTES_MAX, CURSORS_MAX, Cursors};
pub use deduplicate::{
    Deduplicator, DuplicateReason, IDEMPOTENCY_KEYS_MAX, RANGES_TOTAL_MAX, STREAMS_MAX, Tally, Verdict,
};
pub use error::Error;
pub use frame::{FRAME_PAYLOAD_MAX, Frame, FrameInput, GROUP_BYTES_MAX, Group, Submission};
pub use header::{IDENTITY_TEXT_BYTES_MAX, Identity, Kind, Signal};
pub use journal::{Appended, LocalJournal, Options, POSITION_MAX};
pub use quarantine::{Damage, Reason};
pub use reader::Reader;
pub use recovery::{RecoveryReport, TornTail};
pub use sequences::RANGES_MAX;
pub use writer::{Completion, Writer, WriterOptions};
