//! Opens a queue in the state directory, and the flows under which its batches are sent.

use std::path::Path;

use orszem_queue::{Flows, Full, Options, Queue, QueueError, Reader, Recovered, Writer};
use tracing::{error, warn};

use crate::clock;
use crate::config::{QueueConfig, WhenFull};
use crate::output::Signal;
use crate::send::new_epoch;

/// The size of a queue's segments.
const SEGMENT_BYTES: u64 = 16 << 20;

/// A queue with both ends, and what was found in it.
pub(crate) struct Opened {
    pub(crate) writer: Writer,
    pub(crate) reader: Reader,
    pub(crate) flows: Flows,
    pub(crate) recovered: Recovered,
}

/// Opens the queue of a signal. Batches that this start reads are sent as `source`, those that are queued under the
/// name they had.
pub(crate) fn open(signal: Signal, state_dir: &Path, config: QueueConfig, source: &str) -> Result<Opened, QueueError> {
    let directory = state_dir.join(signal.queue());
    let QueueConfig { bytes_max, full } = config;
    let (writer, reader, recovered) = Queue::open(Options {
        bytes_max: bytes_max.bytes(),
        segment_bytes: SEGMENT_BYTES,
        full: match full {
            WhenFull::Block => Full::Block,
            WhenFull::DropOldest => Full::DropOldest,
            WhenFull::DropNewest => Full::DropNewest,
        },
        ..Options::new(directory.clone(), clock::now().0.unsigned_abs())
    })?;
    tell(&recovered);
    let flows = begin_flow(&directory, &recovered, reader.released(), source);
    Ok(Opened { writer, reader, flows, recovered })
}

fn begin_flow(directory: &Path, recovered: &Recovered, released: u64, source: &str) -> Flows {
    let mut flows = Flows::begin(directory, recovered, released, source, new_epoch());
    if let Some(before) = flows.previous().filter(|before| before.source != source) {
        let before = &before.source;
        warn!(before, source, "the collector has another name; what is queued is sent under the one before");
    }
    if let Some(unsaved) = flows.unsaved() {
        match unsaved.save() {
            Ok(()) => flows.saved(),
            // The sending task tries it again.
            Err(error) => warn!(error = &error as &dyn std::error::Error, "the queue's flows can't be written yet"),
        }
    }
    flows
}

fn tell(recovered: &Recovered) {
    for damage in &recovered.damage {
        error!(damage = ?damage, "the queue is damaged; the rest of it is sent");
    }
    if recovered.torn_bytes > 0 {
        warn!(bytes = recovered.torn_bytes, "a batch that was cut short was not queued");
    }
}
