//! The writer thread: many submitters share one fsync.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread::{self, JoinHandle};

use crate::{Appended, Error, LocalJournal, Submission};

/// Called once on the writer's thread, in order of position, when a submission is durable or has failed. It must be
/// quick and must not panic: all other submissions wait meanwhile. It is dropped uncalled only if the thread dies.
pub type Completion = Box<dyn FnOnce(Result<Appended, Error>) + Send>;

/// The bounds of a writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriterOptions {
    /// Submissions that may wait; at least 1.
    pub queue_length_max: usize,
    /// Payload bytes that may wait or be in work. A single submission above it is taken when nothing else waits.
    pub queue_bytes_max: u64,
    /// Payload bytes after which no more submissions join the same fsync.
    pub batch_bytes_max: u64,
}

impl Default for WriterOptions {
    fn default() -> WriterOptions {
        WriterOptions { queue_length_max: 4096, queue_bytes_max: 32 << 20, batch_bytes_max: 8 << 20 }
    }
}

/// Takes submissions for a journal. Dropping it lets the thread finish what is queued and end by itself.
pub struct Writer {
    sender: SyncSender<Request>,
    queued_bytes: Arc<AtomicU64>,
    queue_bytes_max: u64,
    thread: JoinHandle<()>,
}

struct Request {
    submission: Submission,
    bytes: u64,
    completion: Completion,
}

impl Writer {
    /// Starts the thread `name` that appends to `journal`.
    pub fn start(name: &str, journal: LocalJournal, options: WriterOptions) -> Result<Writer, Error> {
        let WriterOptions { queue_length_max, queue_bytes_max, batch_bytes_max } = options;
        let (sender, receiver) = mpsc::sync_channel(queue_length_max.max(1));
        let queued_bytes = Arc::new(AtomicU64::new(0));
        let queued = Arc::clone(&queued_bytes);
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || write_until_closed(&journal, &receiver, &queued, batch_bytes_max))
            .map_err(|source: io::Error| Error::StartWriter { source: Arc::new(source) })?;
        Ok(Writer { sender, queued_bytes, queue_bytes_max, thread })
    }

    /// Queues a submission without blocking. With an error the completion was dropped and will not be called:
    /// [`Error::QueueFull`] asks to come back later.
    pub fn submit(&self, submission: Submission, completion: Completion) -> Result<(), Error> {
        let bytes = submission.payload_bytes();
        let before = self.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before > 0 && before.saturating_add(bytes) > self.queue_bytes_max {
            self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Error::QueueFull);
        }
        self.sender.try_send(Request { submission, bytes, completion }).map_err(|refusal| {
            self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            match refusal {
                TrySendError::Full(_) => Error::QueueFull,
                TrySendError::Disconnected(_) => Error::WriterStopped,
            }
        })
    }

    /// The payload bytes that wait or are in work.
    pub fn queued_bytes(&self) -> u64 {
        self.queued_bytes.load(Ordering::Relaxed)
    }

    /// Writes what is queued, calls all completions, and ends the thread. Blocks until then.
    pub fn stop(self) -> Result<(), Error> {
        let Writer { sender, queued_bytes: _, queue_bytes_max: _, thread } = self;
        drop(sender);
        thread.join().map_err(|_panic| Error::WriterStopped)
    }
}

fn write_until_closed(journal: &LocalJournal, receiver: &Receiver<Request>, queued: &AtomicU64, batch_bytes_max: u64) {
    while let Ok(first) = receiver.recv() {
        let mut bytes = first.bytes;
        let mut submissions = vec![first.submission];
        let mut waiting = vec![(first.bytes, first.completion)];
        while bytes < batch_bytes_max
            && let Ok(request) = receiver.try_recv()
        {
            bytes += request.bytes;
            submissions.push(request.submission);
            waiting.push((request.bytes, request.completion));
        }
        let results = journal.append_all(&submissions);
        drop(submissions);
        for ((bytes, completion), result) in waiting.into_iter().zip(results) {
            queued.fetch_sub(bytes, Ordering::Relaxed);
            completion(result);
        }
    }
}
