//! The door: whether anything is taken in, and waiting until there is room for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::ingest::http::SubmitError;
use crate::wake::Wake;

/// How long a submission waits for room in memory before its sender is told to come back.
const ROOM_WITHIN: Duration = Duration::from_secs(5);
/// How often it looks for room where nobody tells.
const ROOM_TICK: Duration = Duration::from_millis(50);
/// When a sender should come back.
pub(crate) const RETRY_AFTER_S: u64 = 1;

/// What all submissions pass.
#[derive(Debug, Default)]
pub(crate) struct Door {
    /// Tells that there may be room in memory again.
    room: Notify,
    is_closed: AtomicBool,
    is_disk_full: AtomicBool,
}

impl Door {
    /// Whether nothing more is taken in because the end has begun.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Closes it for good; who waits is told.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.room.notify_waiters();
    }

    /// Whether nothing more is taken in because the disk is nearly full.
    pub(crate) fn is_disk_full(&self) -> bool {
        self.is_disk_full.load(Ordering::Acquire)
    }

    /// Answers what it was before.
    pub(crate) fn set_disk_full(&self, is_full: bool) -> bool {
        self.is_disk_full.swap(is_full, Ordering::AcqRel)
    }

    /// Says that there may be room again.
    pub(crate) fn tell_room(&self) {
        self.room.notify_waiters();
    }

    /// Waits until `look` finds room, at most [`ROOM_WITHIN`]; `flush` is called to make some.
    pub(crate) async fn room<T>(&self, flush: &Wake, look: impl Fn() -> Option<T>) -> Result<T, SubmitError> {
        let deadline = Instant::now() + ROOM_WITHIN;
        loop {
            if self.is_closed() {
                return Err(SubmitError::ShuttingDown);
            }
            if self.is_disk_full() {
                return Err(SubmitError::DiskFull);
            }
            // Listening comes before looking, so that no room is missed.
            let mut room = std::pin::pin!(self.room.notified());
            room.as_mut().enable();
            if let Some(found) = look() {
                return Ok(found);
            }
            if Instant::now() >= deadline {
                return Err(SubmitError::Overloaded { retry_after_s: RETRY_AFTER_S });
            }
            flush.call();
            let looks_again = (Instant::now() + ROOM_TICK).min(deadline);
            if timeout_at(looks_again, room).await.is_err() {
                tracing::trace!("no room yet");
            }
        }
    }
}
