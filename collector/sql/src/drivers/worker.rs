//! A thread for a driver that blocks. It is left behind when it hangs, so that neither its caller nor the end of the
//! program waits for it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::error::{QueryError, Reason};

/// Threads of this kind that may live, hanging ones among them; further connections are refused.
const THREADS_MAX: usize = 64;

static THREADS: AtomicUsize = AtomicUsize::new(0);

type Job<C> = Box<dyn FnOnce(&mut C) + Send>;

/// A connection that lives in a thread of its own; the thread ends when this is dropped and its work is done.
pub(super) struct Worker<C> {
    jobs: SyncSender<Job<C>>,
}

/// Counts a thread while it lives.
struct Counted;

impl Counted {
    fn new() -> Option<Self> {
        let count = THREADS.fetch_add(1, Ordering::Relaxed);
        let counted = Self;
        (count < THREADS_MAX).then_some(counted)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        THREADS.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<C: 'static> Worker<C> {
    /// Opens a connection in a new thread, at most `within`.
    pub(super) async fn start(
        open: impl FnOnce() -> Result<C, QueryError> + Send + 'static,
        within: Duration,
    ) -> Result<Self, QueryError> {
        let counted = Counted::new()
            .ok_or_else(|| QueryError::connect(format!("{THREADS_MAX} connections hang or are open already")))?;
        let (jobs, next) = sync_channel::<Job<C>>(1);
        let (opened, is_open) = oneshot::channel();
        let thread = std::thread::Builder::new().name("sql".to_owned()).spawn(move || {
            let _counted = counted;
            let mut connection = match open() {
                Ok(connection) => connection,
                Err(error) => {
                    if opened.send(Err(error)).is_err() {
                        tracing::debug!("a connection failed after its deadline");
                    }
                    return;
                }
            };
            if opened.send(Ok(())).is_ok() {
                while let Ok(job) = next.recv() {
                    job(&mut connection);
                }
            }
        });
        thread.map_err(|error| QueryError::connect(format!("no thread: {error}")))?;
        match timeout(within, is_open).await {
            Ok(Ok(Ok(()))) => Ok(Self { jobs }),
            Ok(Ok(Err(error))) => Err(error),
            Ok(Err(_)) => Err(QueryError::connect("the driver broke off")),
            Err(_) => Err(QueryError::connect(format!("no connection within {within:?}"))),
        }
    }

    /// Has the thread do something, at most `within`; then it is left behind.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        within: Duration,
        job: impl FnOnce(&mut C) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let (done, is_done) = oneshot::channel();
        let job: Job<C> = Box::new(move |connection| {
            if done.send(job(connection)).is_err() {
                tracing::debug!("a query ended after its deadline");
            }
        });
        match self.jobs.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(QueryError::broken(Reason::Query, "the driver hangs")),
            Err(TrySendError::Disconnected(_)) => {
                return Err(QueryError::broken(Reason::Query, "the driver broke off"));
            }
        }
        match timeout(within, is_done).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(QueryError::broken(Reason::Query, "the driver broke off")),
            Err(_) => Err(QueryError::timeout(within)),
        }
    }
}
