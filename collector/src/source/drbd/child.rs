//! One run of `drbdsetup events2`.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{ChildStdin, Stdio};
use std::time::{Duration, Instant};

use orszem_cluster::drbd::events2::{Event, EventError};
use orszem_cluster::drbd::lines::Lines;
use orszem_cluster::drbd::table::TableError;
use orszem_model::Seen;
use rustix::io::ioctl_fionbio;

use super::{FollowError, Following};
use crate::clock;
use crate::counters::{add, count};
use crate::source::command::{self, COMPLAINT_BYTES_MAX, RunError};

/// How it is asked of DRBD 9.
const FULL: [&str; 5] = ["events2", "--full", "--poll", "--timestamps", "--statistics"];
/// That of 8.4, and of 9 before drbd-utils 9.12, knows no more.
const PLAIN: [&str; 3] = ["events2", "--timestamps", "--statistics"];
/// Makes it tell its counters.
const ASK: &[u8] = b"n\n";
/// Lines in a row that can't be understood until the child is given up.
const BAD_LINES_MAX: usize = 1_000;
/// Bytes without the end of a line until the child is given up.
const LINE_BYTES_MAX: usize = 4 << 20;
/// What is read of it in a second; what it writes beyond waits.
const BYTES_A_SECOND_MAX: usize = 8 << 20;
const PIECE_BYTES: usize = 64 << 10;

/// How one piece of output went.
#[derive(Default)]
struct Piece {
    seen: Vec<Seen>,
    bad: u64,
    /// Bad ones since the last good one, those of pieces before among them.
    bad_in_a_row: usize,
    has_good: bool,
    /// The child said that it could not take all that the kernel told.
    has_lost: bool,
}

impl Following {
    /// Follows a child until it ends, can't be understood, or the poller is to stop.
    pub(super) fn follow(&mut self) -> Result<(), FollowError> {
        self.is_plain |= self.version.starts_with("8.");
        let arguments = if self.is_plain { &PLAIN[..] } else { &FULL };
        let mut group = command::start(&self.config.drbdsetup, arguments, Stdio::piped(), &self.telling.control)?;
        let begun = Instant::now();
        self.has_answered = false;
        let (Some(mut output), Some(input)) = (group.child.stdout.take(), group.child.stdin.take()) else {
            return Err(FollowError::Ended { reason: "it has no output".to_owned() });
        };
        // One that does not read must not hold us up.
        ioctl_fionbio(&input, true).map_err(|error| FollowError::Exchange(error.into()))?;
        let mut errors = group.child.stderr.take();
        let mut complaint = Vec::new();
        let mut lines = Lines::default();
        let mut piece = vec![0; PIECE_BYTES];
        let (mut bad_in_a_row, mut is_known) = (0, false);
        let (mut second, mut bytes) = (Instant::now(), 0);
        let mut ask = Instant::now() + self.config.interval;
        loop {
            if self.telling.control.is_stopped() {
                return Err(RunError::Stopped.into());
            }
            let now = Instant::now();
            let is_late = begun.elapsed() >= self.config.timeout;
            if is_late && !self.has_answered {
                return Err(FollowError::Silent { seconds: self.config.timeout.as_secs() });
            }
            // One that does not say where its first telling ends is taken at its word all the same.
            if self.table.is_complete() || (is_late && self.has_answered) {
                self.telling.answers();
                is_known = true;
            }
            if now >= ask {
                ask = now + self.config.interval;
                self.ask(&input, is_known)?;
            }
            if second.elapsed() >= Duration::from_secs(1) {
                (second, bytes) = (now, 0);
            }
            if bytes >= BYTES_A_SECOND_MAX {
                self.telling.control.pause(second + Duration::from_secs(1));
                continue;
            }
            let files: Vec<BorrowedFd<'_>> =
                std::iter::once(output.as_fd()).chain(errors.as_ref().map(AsFd::as_fd)).collect();
            let ready = command::wait_readable(&files, ask).map_err(FollowError::Exchange)?;
            if ready.get(1) == Some(&true)
                && let Some(from) = &mut errors
            {
                let len = from.read(&mut piece).map_err(FollowError::Exchange)?;
                let room = COMPLAINT_BYTES_MAX.saturating_sub(complaint.len());
                complaint.extend_from_slice(piece.get(..len.min(room)).unwrap_or_default());
                if len == 0 {
                    errors = None;
                }
            }
            if ready.first() == Some(&true) {
                let len = output.read(&mut piece).map_err(FollowError::Exchange)?;
                if len == 0 {
                    if lines.end().is_err() {
                        count(&self.telling.counters.drbd_lines_undecodable);
                    }
                    // Perhaps it knows less.
                    self.is_plain ^= !self.has_answered;
                    return Err(FollowError::Ended { reason: ended(&complaint) });
                }
                bytes += len;
                let read = self.take(&mut lines, piece.get(..len).unwrap_or_default(), bad_in_a_row);
                bad_in_a_row = read.bad_in_a_row;
                self.has_answered |= read.has_good;
                add(&self.telling.counters.drbd_lines_undecodable, read.bad);
                if !self.telling.see(read.seen) {
                    return Err(RunError::Stopped.into());
                }
                if bad_in_a_row >= BAD_LINES_MAX {
                    return Err(FollowError::Garbled { lines: bad_in_a_row });
                }
                if lines.dropped() >= LINE_BYTES_MAX {
                    return Err(FollowError::Endless { bytes: lines.dropped() });
                }
                if read.has_lost {
                    return Err(FollowError::Overrun);
                }
            }
        }
    }

    /// Makes the child tell its counters, and shows what is known.
    fn ask(&mut self, mut input: &ChildStdin, is_known: bool) -> Result<(), FollowError> {
        if is_known {
            let begun = Instant::now();
            if !self.look_at_proc(false) && self.is_plain && self.table.is_syncing() {
                self.ask_progress();
            }
            let stalled = self.table.tick(clock::now());
            self.telling.see(stalled);
            self.publish(begun);
        }
        if self.is_plain {
            return Ok(());
        }
        match input.write_all(ASK) {
            Ok(()) => Ok(()),
            // Its output tells that it has ended; and one that does not read was asked often enough.
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::WouldBlock) => Ok(()),
            Err(error) => Err(FollowError::Exchange(error)),
        }
    }

    fn take(&mut self, lines: &mut Lines, bytes: &[u8], bad_in_a_row: usize) -> Piece {
        let received = clock::now();
        let table = &mut self.table;
        let mut piece = Piece { bad_in_a_row, ..Piece::default() };
        lines.push(bytes, |line: Result<Event, EventError>| {
            let problem = match line {
                Ok(event) => match table.apply(&event, received) {
                    Ok(seen) => {
                        piece.seen.extend(seen);
                        piece.bad_in_a_row = 0;
                        piece.has_good = true;
                        return;
                    }
                    Err(TableError::Skipped) => {
                        piece.has_lost = true;
                        return;
                    }
                    // Words of a later DRBD are no reason to give up.
                    Err(error @ (TableError::Unknown | TableError::Full { .. })) => {
                        piece.bad_in_a_row = 0;
                        piece.has_good = true;
                        error.to_string()
                    }
                    Err(error) => {
                        piece.bad_in_a_row += 1;
                        error.to_string()
                    }
                },
                Err(error) => {
                    piece.bad_in_a_row += 1;
                    error.to_string()
                }
            };
            piece.bad += 1;
            tracing::debug!(problem, "a line of drbdsetup events2 can't be used");
        });
        piece
    }
}

/// What the child said of its end, in a line.
fn ended(complaint: &[u8]) -> String {
    let complaint = String::from_utf8_lossy(complaint);
    let line = complaint.lines().map(str::trim).find(|line| !line.is_empty());
    line.map_or_else(|| "without a word".to_owned(), |line| line.chars().take(200).collect())
}
