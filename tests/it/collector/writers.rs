//! Programs that log: numbered lines into files that are rotated in every way while they write.

use std::collections::BTreeMap;
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
            let mut file = OpenOptions::new().create(true).append(true).open(&self.path).expect("opens");
            for _ in 0..=random.below(4) {
                let count = 1 + random.below(30);
                self.append(&mut file, &mut random, count);
                pause(random.below(rest_ms.max(1)));
            }
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
                Rotation::Dated => fs::rename(&self.path, self.beside(&format!("-{generation:06}"))),
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
        for number in (2..last).rev() {
            fs::rename(self.beside(&format!(".{number}.gz")), self.beside(&format!(".{}.gz", number + 1)))?;
        }
        let first = self.beside(".1");
        if first.is_file() {
            let second = self.beside(".2");
            fs::rename(&first, &second)?;
            let zipped = Command::new("gzip").arg(&second).status()?;
            assert!(zipped.success(), "gzip failed");
        }
        fs::rename(&self.path, first)
    }

    fn copy_and_truncate(&self, generation: u64) -> io::Result<()> {
        let from = nanos();
        fs::copy(&self.path, self.beside(&format!(".{generation:06}")))?;
        OpenOptions::new().write(true).truncate(true).open(&self.path)?;
        self.exposed.lock().unwrap_or_else(PoisonError::into_inner).push((from, nanos()));
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
