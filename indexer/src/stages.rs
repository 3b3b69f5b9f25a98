//! The stages that records and samples go through alike, each side with a journal and a store of its own: the journal's
//! writer, the apply thread, maintenance; and how they end.

use std::path::Path;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use orszem_journal::{Appended, LocalJournal, Submission, Writer, WriterOptions};

use crate::error::{Error, chain};
use crate::wake::{OwnedThread, lock};

/// Durable groups that may wait for the apply stage; beyond, the journal waits. Their bytes are bounded by the memory
/// that was promised to them.
const APPLY_QUEUE_LENGTH: usize = 256;
/// The longest a stop takes. What has not ended by then is safe in the journal.
const STOP_WITHIN: Duration = Duration::from_secs(9);
/// How much of it the last write-out may use; without it the next start replays.
const LAST_FLUSH_WITHIN: Duration = Duration::from_secs(5);

/// What the threads and handles of one side share.
pub(crate) trait Side: Send + Sync + Sized + 'static {
    /// A group that is in the journal and whose sender waits.
    type Durable: Send + 'static;
    const THREADS: Threads;

    /// The journal and its directory.
    fn journal(&self) -> (&LocalJournal, &Path);

    /// Makes a group visible and tells its sender. Called in the order of the journal.
    fn apply_durable(&self, durable: Self::Durable);

    /// Starts the threads that keep the store in shape.
    fn start_maintenance(shared: &Arc<Self>) -> Result<Vec<OwnedThread>, Error>;

    /// Ends their waits; each ends after what it is doing.
    fn stop_maintenance(&self);

    /// Takes nothing more in.
    fn close(&self);

    /// Writes everything applied so far out of memory.
    fn write_out(&self) -> Result<(), Error>;
}

/// The names of a side's threads.
pub(crate) struct Threads {
    pub(crate) journal: &'static str,
    pub(crate) apply: &'static str,
    pub(crate) drain: &'static str,
    pub(crate) last_flush: &'static str,
}

/// A side that runs, until it is stopped or dropped; then memory is not written out and the next start replays.
pub(crate) struct Stages<S: Side> {
    pub(crate) shared: Arc<S>,
    /// `None` once the end has begun.
    writer: RwLock<Option<Writer>>,
    apply_queue: SyncSender<Work<S::Durable>>,
    running: Mutex<Option<Running>>,
}

struct Running {
    apply: OwnedThread,
    maintenance: Vec<OwnedThread>,
}

/// What the apply thread is given, in the order of the journal.
enum Work<D> {
    Group(D),
    /// Nothing follows.
    Stop,
}

/// What a stop does with what is in memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    WriteOut,
    Leave,
}

impl<S: Side> Stages<S> {
    pub(crate) fn start(shared: S) -> Result<Self, Error> {
        let shared = Arc::new(shared);
        let (journal, directory) = shared.journal();
        let writer = Writer::start(S::THREADS.journal, journal.clone(), WriterOptions::default());
        let writer = writer.map_err(|source| Error::OpenJournal { path: directory.to_owned(), source })?;
        let (apply_queue, work) = mpsc::sync_channel(APPLY_QUEUE_LENGTH);
        let applying = Arc::clone(&shared);
        let apply = OwnedThread::start(S::THREADS.apply, move || apply_all(&applying, &work))?;
        let maintenance = S::start_maintenance(&shared)?;
        let running = Mutex::new(Some(Running { apply, maintenance }));
        Ok(Self { shared, writer: RwLock::new(Some(writer)), apply_queue, running })
    }

    /// Queues a submission for the journal. What `durable` makes of the outcome goes to the apply stage; where it makes
    /// nothing of it, it has told the sender why. With an error nobody is told.
    pub(crate) fn append(
        &self,
        submission: Submission,
        durable: impl FnOnce(Result<Appended, orszem_journal::Error>) -> Option<S::Durable> + Send + 'static,
    ) -> Result<(), orszem_journal::Error> {
        let apply = self.apply_queue.clone();
        let completion = move |result: Result<Appended, orszem_journal::Error>| {
            let position = result.as_ref().ok().map(|appended| appended.first);
            let Some(durable) = durable(result) else { return };
            if apply.send(Work::Group(durable)).is_err() {
                tracing::error!(position, "a journaled group waits for the next start: the apply stage has stopped");
            }
        };
        let writer = self.writer.read().unwrap_or_else(PoisonError::into_inner);
        let writer = writer.as_ref().ok_or(orszem_journal::Error::WriterStopped)?;
        writer.submit(submission, Box::new(completion))
    }

    /// Stops everything in order: the way in, the journal, the apply stage, maintenance. Blocks for at most 10 s.
    pub(crate) fn stop(&self, memory: Memory) {
        let Some(Running { apply, maintenance }) = lock(&self.running).take() else { return };
        let deadline = Instant::now() + STOP_WITHIN;
        self.shared.close();
        self.shared.stop_maintenance();
        let writer = self.writer.write().unwrap_or_else(PoisonError::into_inner).take();
        let is_drained = self.drain(writer, deadline) && apply.join_by(deadline);
        if memory == Memory::WriteOut && is_drained {
            self.write_out(deadline);
        }
        for thread in maintenance {
            thread.join_by(deadline);
        }
    }

    /// Lets the journal finish what is queued, then tells the apply stage that nothing follows.
    fn drain(&self, writer: Option<Writer>, deadline: Instant) -> bool {
        let apply_queue = self.apply_queue.clone();
        let drain = move || {
            if let Some(Err(error)) = writer.map(Writer::stop) {
                tracing::error!(error = %chain(&error), "the journal's writer ended badly");
            }
            if apply_queue.send(Work::Stop).is_err() {
                tracing::error!("the apply stage had stopped before");
            }
        };
        OwnedThread::joined(S::THREADS.drain, drain, deadline)
    }

    fn write_out(&self, deadline: Instant) {
        let shared = Arc::clone(&self.shared);
        let flush = move || {
            if let Err(error) = shared.write_out() {
                tracing::warn!(error = %chain(&error), "memory was not written out; the next start replays the journal");
            }
        };
        OwnedThread::joined(S::THREADS.last_flush, flush, deadline.min(Instant::now() + LAST_FLUSH_WITHIN));
    }
}

impl<S: Side> Drop for Stages<S> {
    fn drop(&mut self) {
        self.stop(Memory::Leave);
    }
}

/// The apply thread: ends with [`Work::Stop`], or when nobody can send any more.
fn apply_all<S: Side>(shared: &Arc<S>, work: &Receiver<Work<S::Durable>>) {
    // Without this thread nothing can be acknowledged, so its end, also by a panic, closes the door.
    let _closes_the_door = StopOnDrop(Arc::clone(shared));
    while let Ok(Work::Group(durable)) = work.recv() {
        shared.apply_durable(durable);
    }
}

struct StopOnDrop<S: Side>(Arc<S>);

impl<S: Side> Drop for StopOnDrop<S> {
    fn drop(&mut self) {
        self.0.close();
    }
}
