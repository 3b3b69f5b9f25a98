//! Programs that log: numbered lines into files that are rotated in every way while they write.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::torture::random::Random;

/// The longest it takes from a line's time to its write.
const WRITE_NS: i64 = 50_000_000;

/// The longest pause in which a program keeps its file open.
const HOLD_MAX_MS: u64 = 80;
/// More lines than a program writes into a file after it was renamed.
const WRITTEN_LATE: u64 = 200;
/// Rotated files that a program keeps at least; older ones are removed once the server has their lines, as on any host
/// that rotates.
const GENERATIONS: usize = 30;

/// How a file is rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// Not at all.
    None,
    /// To `.1`, `.2`, …; from the second on compressed.
    Rename,
    /// To a name with a number that only grows, left as it is.
    Dated,
    /// A copy is made, then the file is cut to nothing, while its program goes on writing.
    CopyTruncate,
}

impl Rotation {
    pub(crate) fn of(number: u64) -> Self {
        match number % 5 {
            0 => Self::Rename,
            1 => Self::CopyTruncate,
            2 => Self::Dated,
            3 => Self::Rename,
            _ => Self::None,
        }
    }
}

/// One program and its file.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) number: u64,
    pub(crate) path: PathBuf,
    pub(crate) rotation: Rotation,
    /// The line numbers written, with their times in nanoseconds where they may be lost to a truncation.
    written: Mutex<BTreeMap<u64, i64>>,
    next: AtomicU64,
    /// From the beginning of each copy to the end of the cut that followed: what no reader can save was written then.
    exposed: Mutex<Vec<(i64, i64)>>,
    /// Held while the file is open, so that no file is compressed that is still written to.
    writing: Mutex<()>,
    /// The server has all lines up to this number, as far as is known.
    pub(crate) stored: AtomicU64,
    /// The rotated files, oldest first, each with a number that is above all its lines.
    generations: Mutex<VecDeque<(PathBuf, u64)>>,
}

impl Program {
    pub(crate) fn new(folder: &Path, number: u64) -> Self {
        let path = folder.join(format!("w{number:03}.log"));
        Self {
            number,
            path,
            rotation: Rotation::of(number),
            written: Mutex::new(BTreeMap::new()),
            next: AtomicU64::new(0),
            exposed: Mutex::new(Vec::new()),
            writing: Mutex::new(()),
            stored: AtomicU64::new(0),
            generations: Mutex::new(VecDeque::new()),
        }
    }

    /// The line numbers so far, with the times in their lines.
    pub(crate) fn written(&self) -> MutexGuard<'_, BTreeMap<u64, i64>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a line of this time may have been written between a copy and its cut.
    pub(crate) fn is_exposed(&self, at: i64) -> bool {
        let exposed = self.exposed.lock().unwrap_or_else(PoisonError::into_inner);
        exposed.iter().any(|(from, to)| from - WRITE_NS <= at && at <= *to)
    }

    /// Writes until it is over. The file is opened anew for every few lines, as after a rotation by rename a program
    /// goes on writing to the renamed file until it is told.
    pub(crate) fn write(&self, is_over: &AtomicBool, mut random: Random, rest_ms: u64) {
        while !is_over.load(Ordering::Acquire) {
            let mut rest = 0;
            {
                let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
                let mut file = OpenOptions::new().create(true).append(true).open(&self.path).expect("opens");
                for _ in 0..=random.below(4) {
                    pause(rest);
                    let count = 1 + random.below(30);
                    self.append(&mut file, &mut random, count);
                    rest = random.below(rest_ms.max(1));
                    if rest > HOLD_MAX_MS {
                        break;
                    }
                }
            }
            pause(rest);
        }
    }

    fn append(&self, file: &mut File, random: &mut Random, count: u64) {
        let mut text = Vec::new();
        let first = self.next.fetch_add(count, Ordering::Relaxed);
        let now = nanos();
        for seq in first..first + count {
            let filler = "x".repeat(random.below(160) as usize);
            writeln!(text, "{} INFO w{:03} seq={seq} {filler}", iso(now), self.number).expect("writes to memory");
        }
        // In two pieces, so that a reader sees lines without their ends.
        let cut = random.below(text.len() as u64) as usize;
        file.write_all(&text[..cut]).expect("writes");
        file.write_all(&text[cut..]).expect("writes");
        self.written().extend((first..first + count).map(|seq| (seq, now)));
    }

    /// Rotates until it is over.
    pub(crate) fn rotate(&self, is_over: &AtomicBool, mut random: Random, every_ms: u64) {
        let mut generation = 0;
        while !is_over.load(Ordering::Acquire) {
            pause(every_ms / 2 + random.below(every_ms));
            generation += 1;
            let rotated = match self.rotation {
                Rotation::None => Ok(()),
                Rotation::Rename => self.shift(),
                Rotation::Dated => {
                    let to = self.beside(&format!("-{generation:06}"));
                    fs::rename(&self.path, &to).map(|()| self.remove_oldest(to))
                }
                Rotation::CopyTruncate => self.copy_and_truncate(generation),
            };
            match rotated {
                Err(error) if error.kind() != io::ErrorKind::NotFound => panic!("{}: {error}", self.path.display()),
                Ok(()) | Err(_) => {}
            }
        }
    }

    /// `.2.gz` to `.3.gz` and so on, `.1` to `.2.gz`, the file to `.1`.
    fn shift(&self) -> io::Result<()> {
        let mut last = 2;
        while self.beside(&format!(".{last}.gz")).is_file() {
            last += 1;
        }
        // What is in `.1` and behind has no lines from here on.
        let above = self.next.load(Ordering::Relaxed);
        let mut shifted = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if last > GENERATIONS
            && let Some((_, lines)) = shifted.front()
            && *lines <= self.stored.load(Ordering::Relaxed)
        {
            shifted.pop_front();
            last -= 1;
            fs::remove_file(self.beside(&format!(".{last}.gz")))?;
        }
        drop(shifted);
        for number in (2..last).rev() {
            fs::rename(self.beside(&format!(".{number}.gz")), self.beside(&format!(".{}.gz", number + 1)))?;
        }
        let first = self.beside(".1");
        if first.is_file() {
            let second = self.beside(".2");
            fs::rename(&first, &second)?;
            // Whoever opened it before it was `.1` is done when the lock is free.
            drop(self.writing.lock().unwrap_or_else(PoisonError::into_inner));
            let zipped = Command::new("gzip").arg(&second).status()?;
            assert!(zipped.success(), "gzip failed");
        }
        fs::rename(&self.path, &first)?;
        // Whoever has it open still writes to it for a moment.
        let lines = (first, above + WRITTEN_LATE);
        self.generations.lock().unwrap_or_else(PoisonError::into_inner).push_back(lines);
        Ok(())
    }

    /// Notes a rotated file and removes the oldest one where there are enough.
    fn remove_oldest(&self, rotated: PathBuf) {
        let lines = self.next.load(Ordering::Relaxed) + WRITTEN_LATE;
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.push_back((rotated, lines));
        if generations.len() > GENERATIONS
            && generations.front().is_some_and(|(_, lines)| *lines <= self.stored.load(Ordering::Relaxed))
            && let Some((oldest, _)) = generations.pop_front()
        {
            fs::remove_file(oldest).expect("removes");
        }
    }

    fn copy_and_truncate(&self, generation: u64) -> io::Result<()> {
        let from = nanos();
        let copy = self.beside(&format!(".{generation:06}"));
        fs::copy(&self.path, &copy)?;
        OpenOptions::new().write(true).truncate(true).open(&self.path)?;
        self.exposed.lock().unwrap_or_else(PoisonError::into_inner).push((from, nanos()));
        self.remove_oldest(copy);
        Ok(())
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(suffix);
        name.into()
    }
}

pub(crate) fn pause(ms: u64) {
    std::thread::park_timeout(Duration::from_millis(ms));
}

pub(crate) fn nanos() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_nanos()).expect("before 2262")
}

fn iso(nanos: i64) -> String {
    orszem_model::Timestamp(nanos).to_string()
}
