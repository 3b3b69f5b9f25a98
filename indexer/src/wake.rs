//! Threads that belong to the indexer: how they wait, are woken, stopped and waited for.

use std::convert::Infallible;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::{Error, chain};

/// Locks a mutex whose holders leave the value whole wherever they may panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a thread waits on between two rounds of work.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_called: bool,
    is_stopped: bool,
}

impl Wake {
    /// Ends the wait, or the next one.
    pub(crate) fn call(&self) {
        lock(&self.state).is_called = true;
        self.changed.notify_all();
    }

    /// Ends this and every later wait.
    pub(crate) fn stop(&self) {
        lock(&self.state).is_stopped = true;
        self.changed.notify_all();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        lock(&self.state).is_stopped
    }

    /// Waits until called, stopped or `timeout`; answers whether to go on.
    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        let until = Instant::now() + timeout;
        let mut state = lock(&self.state);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if state.is_stopped || state.is_called || left.is_zero() {
                state.is_called = false;
                return !state.is_stopped;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits `timeout` out, whatever calls come; answers whether to go on.
    pub(crate) fn pause(&self, timeout: Duration) -> bool {
        let until = Instant::now() + timeout;
        while self.wait(until.saturating_duration_since(Instant::now())) {
            if Instant::now() >= until {
                return true;
            }
        }
        false
    }
}

/// A thread that can be waited for with a limit.
#[derive(Debug)]
pub(crate) struct OwnedThread {
    name: &'static str,
    handle: JoinHandle<()>,
    ended: Receiver<Infallible>,
}

impl OwnedThread {
    pub(crate) fn start(name: &'static str, body: impl FnOnce() + Send + 'static) -> Result<Self, Error> {
        let (alive, ended) = mpsc::sync_channel(1);
        let run = move || {
            body();
            drop(alive);
        };
        let handle = thread::Builder::new().name(name.to_owned()).spawn(run);
        let handle = handle.map_err(|source| Error::StartThread { name, source })?;
        Ok(Self { name, handle, ended })
    }

    /// Runs `body` in a thread and waits for its end, at most until `deadline`; answers whether it has ended.
    pub(crate) fn joined(name: &'static str, body: impl FnOnce() + Send + 'static, deadline: Instant) -> bool {
        match Self::start(name, body) {
            Ok(thread) => thread.join_by(deadline),
            Err(error) => {
                tracing::error!(error = %chain(&error), "the stop is incomplete; the next start replays the journal");
                false
            }
        }
    }

    /// Waits for the end of the thread, at most until `deadline`; after that it is left to itself.
    pub(crate) fn join_by(self, deadline: Instant) -> bool {
        let Self { name, handle, ended } = self;
        let left = deadline.saturating_duration_since(Instant::now());
        match ended.recv_timeout(left) {
            Ok(never) => match never {},
            Err(RecvTimeoutError::Timeout) => {
                tracing::warn!(
                    thread = name,
                    "a thread has not ended in time; what it works on is redone at the next start"
                );
                false
            }
            Err(RecvTimeoutError::Disconnected) => {
                if handle.join().is_err() {
                    tracing::error!(thread = name, "a thread has panicked");
                }
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_before_the_wait_ends_it_once_and_a_stop_ends_all() {
        let wake = Wake::default();
        wake.call();
        let begun = Instant::now();
        assert!(wake.wait(Duration::from_secs(60)));
        assert!(wake.wait(Duration::from_millis(1)), "the call was used up");
        wake.stop();
        assert!(!wake.wait(Duration::from_secs(60)));
        assert!(!wake.pause(Duration::from_secs(60)));
        assert!(wake.is_stopped());
        assert!(begun.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_thread_that_goes_on_is_left() {
        let (release, held) = mpsc::sync_channel::<()>(0);
        let wait = move || assert!(held.recv().is_err(), "nothing is sent");
        let thread = OwnedThread::start("test", wait).expect("starts");
        assert!(!thread.join_by(Instant::now() + Duration::from_millis(5)));
        drop(release);
        assert!(OwnedThread::start("test", || {}).expect("starts").join_by(Instant::now() + Duration::from_secs(30)));
    }
}
