//! Clients that keep sending, while the server comes and goes.

use std::net::SocketAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::client::{ingest, settle};
use super::ledger::{Batch, Ledger};
use super::random::Random;

/// The most records of a batch.
const RECORDS_MAX: u64 = 40;

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// The running server, and which one it is.
    server: Option<(u64, SocketAddr)>,
    servers: u64,
    /// No new batch is begun.
    is_ending: bool,
    /// The test failed; everyone leaves.
    is_over: bool,
}

/// Where the clients learn which server is running.
#[derive(Debug, Default)]
pub(crate) struct Board {
    state: Mutex<State>,
    changed: Condvar,
}

impl Board {
    pub(crate) fn publish(&self, address: SocketAddr) {
        let mut state = self.lock();
        state.servers += 1;
        state.server = Some((state.servers, address));
        self.changed.notify_all();
    }

    pub(crate) fn withdraw(&self) {
        self.lock().server = None;
    }

    /// Lets everyone finish what they are at.
    pub(crate) fn end(&self) {
        self.lock().is_ending = true;
        self.changed.notify_all();
    }

    /// Sends everyone home at once when dropped.
    pub(crate) fn over_on_drop(&self) -> impl Drop {
        struct Over<'b>(&'b Board);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.lock().is_over = true;
                self.0.changed.notify_all();
            }
        }
        Over(self)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_ending(&self) -> bool {
        let state = self.lock();
        state.is_ending || state.is_over
    }

    /// The server, once there is one; `None` when all is over.
    pub(crate) fn server(&self) -> Option<(u64, SocketAddr)> {
        let waiting = |state: &mut State| state.server.is_none() && !state.is_over;
        let state = self.changed.wait_while(self.lock(), waiting).unwrap_or_else(PoisonError::into_inner);
        if state.is_over { None } else { state.server }
    }

    /// Waits until the server `died` is replaced, or for `time`.
    pub(crate) fn pause(&self, died: u64, time: Duration) {
        let waiting = |state: &mut State| state.server.is_none_or(|(at, _)| at == died) && !state.is_over;
        drop(self.changed.wait_timeout_while(self.lock(), time, waiting).unwrap_or_else(PoisonError::into_inner));
    }
}

/// How a client makes sure that nothing is stored twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// Numbers its batches, and repeats each until it is acknowledged.
    Numbered,
    /// Gives each batch a key, and repeats it until it is acknowledged.
    Keyed,
    /// Sends each batch once.
    Once,
}

impl Habit {
    fn identity(self, Batch { writer, number }: Batch) -> String {
        match self {
            Self::Numbered => {
                format!("X-Orszem-Source: writer-{writer}\r\nX-Orszem-Epoch: 1\r\nX-Orszem-Seq: {number}\r\n")
            }
            Self::Keyed => format!("Idempotency-Key: writer-{writer}/{number}\r\n"),
            Self::Once => String::new(),
        }
    }
}

/// One client.
pub(crate) struct Writer<'b> {
    pub(crate) number: u64,
    pub(crate) habit: Habit,
    pub(crate) board: &'b Board,
    pub(crate) ledger: &'b Mutex<Ledger>,
    /// Midnight (UTC) that began today, in nanoseconds since 1970.
    pub(crate) today: i64,
    /// What is noted with an acknowledgement that just came.
    pub(crate) mark: &'b (dyn Fn() -> u64 + Sync),
    /// The longest rest between batches.
    pub(crate) rest_ms: u64,
}

impl Writer<'_> {
    /// Sends until the end; a batch that is repeated is finished first.
    pub(crate) fn run(&self, mut random: Random) {
        for number in 1.. {
            if self.board.is_ending() {
                return;
            }
            let batch = Batch { writer: self.number, number };
            let records = 1 + random.below(RECORDS_MAX);
            lock(self.ledger).send(batch, records);
            let body = batch.body(records, self.today);
            while !self.send(batch, &body) && self.habit != Habit::Once {
                if self.board.server().is_none() {
                    return;
                }
            }
            if let Some((at, _)) = self.board.server() {
                self.board.pause(at, Duration::from_millis(random.below(self.rest_ms + 1)));
            }
        }
    }

    /// Whether it was acknowledged.
    fn send(&self, batch: Batch, body: &str) -> bool {
        let Some((at, address)) = self.board.server() else { return false };
        match ingest(address, &self.habit.identity(batch), body) {
            Ok(answer) if answer.status == 200 => {
                let mark = (self.mark)();
                assert!(!answer.is_whole || answer.body.contains(r#""rejected":0,"#), "{batch:?}: {}", answer.body);
                lock(self.ledger).acknowledge(batch, mark);
                true
            }
            // It is stopping, or has no room: the client is to come again.
            Ok(answer) if [429, 503, 507].contains(&answer.status) => {
                self.board.pause(at, Duration::from_millis(20));
                false
            }
            Ok(answer) => panic!("{batch:?} was answered {answer:?}"),
            Err(_died) => {
                self.board.pause(at, Duration::from_millis(50));
                false
            }
        }
    }
}

/// Has everything written out, merged and sealed, again and again.
pub(crate) fn keep_settling(board: &Board, mut random: Random, rest_ms: u64) {
    while !board.is_ending() {
        let Some((at, address)) = board.server() else { return };
        if let Ok(answer) = settle(address, random.below(3) == 0) {
            assert_eq!(answer.status, 200, "settling: {answer:?}");
        }
        board.pause(at, Duration::from_millis(random.below(rest_ms + 1)));
    }
}

pub(crate) fn lock<T>(ledger: &Mutex<T>) -> MutexGuard<'_, T> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}
