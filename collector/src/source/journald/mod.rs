//! The systemd journal, through `journalctl -o json --follow`.
//!
//! It is begun at the last entry that was taken, not behind it: if that entry does not come first, the journal was
//! shortened meanwhile and what is missing is told. Source: systemd, journalctl(1) and JOURNAL_EXPORT_FORMATS.

mod entry;

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::warn;

pub(crate) use entry::Entry;

use crate::counters::{Counters, count};
use crate::{FileStatus, StartAt};

/// Entries that wait between `journalctl` and the batch; it is held up when they are full.
const QUEUE_ENTRIES: usize = 1024;
/// Entries of the past that a first start reads.
const FIRST_ENTRIES: &str = "200000";
/// The most bytes of one entry in JSON.
const ENTRY_BYTES_MAX: u64 = 2 << 20;
const RESTART_AFTER: Duration = Duration::from_secs(2);
/// Starts in a row that bring nothing before the place in the journal is given up as damaged.
const FRUITLESS_MAX: u32 = 3;
const DIRECTORIES: [&str; 2] = ["/var/log/journal", "/run/log/journal"];

/// What comes out of the journal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    Entry(Box<Entry>),
    /// The journal no longer has the entry that was taken last, so that some behind it may be missing.
    Shortened,
    /// `journalctl` gets no further at the last place; reading goes on one second later.
    Damaged,
}

/// The journal while it is followed; dropping it ends `journalctl`.
#[derive(Debug)]
pub(crate) struct Journal {
    pub(crate) items: Receiver<Item>,
    control: Arc<Control>,
}

#[derive(Debug, Default)]
struct Control {
    is_stopped: AtomicBool,
    child: Mutex<Option<Child>>,
}

/// Where to read from.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Instead of this host's own journal.
    pub(crate) directory: Option<PathBuf>,
    /// The last entry taken; empty for none.
    pub(crate) cursor: String,
    pub(crate) from: StartAt,
}

/// Whether there is a journal, and whether it can be read.
pub(crate) fn look(directory: Option<&Path>) -> Option<Result<(), FileStatus>> {
    let own = DIRECTORIES.iter().map(PathBuf::from).flat_map(|dir| subdirectories(&dir));
    let directories: Vec<PathBuf> = match directory {
        Some(directory) => std::iter::once(directory.to_owned()).chain(subdirectories(directory)).collect(),
        None => own.collect(),
    };
    let journal = directories.iter().find_map(|dir| {
        let mut files = std::fs::read_dir(dir).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        files.find(|path| path.extension().is_some_and(|e| e == "journal"))
    })?;
    Some(match std::fs::File::open(&journal) {
        Ok(_) => Ok(()),
        Err(e) => Err(FileStatus::unreadable(&journal, &e)),
    })
}

fn subdirectories(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir);
    entries.map_or_else(|_| Vec::new(), |entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
}

impl Journal {
    /// Follows the journal until it is dropped.
    pub(crate) fn follow(options: Options, counters: Arc<Counters>) -> io::Result<Self> {
        let (sender, items) = sync_channel(QUEUE_ENTRIES);
        let control = Arc::new(Control::default());
        let controlled = Arc::clone(&control);
        std::thread::Builder::new().name("journald".to_owned()).spawn(move || {
            Following { options, counters, sender, fruitless: 0, is_past: false }.run(&controlled);
        })?;
        Ok(Self { items, control })
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.control.is_stopped.store(true, Ordering::Release);
        let mut child = self.control.child.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(child) = child.as_mut()
            && let Err(error) = child.kill()
        {
            warn!(%error, "journalctl can't be ended");
        }
    }
}

struct Following {
    options: Options,
    counters: Arc<Counters>,
    sender: SyncSender<Item>,
    /// Starts in a row that brought nothing new.
    fruitless: u32,
    /// The last entry's place is given up.
    is_past: bool,
}

impl Following {
    fn run(mut self, control: &Control) {
        while !control.is_stopped.load(Ordering::Acquire) {
            match self.read(control) {
                Ok(true) => self.fruitless = 0,
                Ok(false) => self.fruitless += 1,
                Err(e) if e.kind() == io::ErrorKind::NotFound => return,
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return,
                Err(e) => warn!(error = %e, "journalctl can't be read, starting it again"),
            }
            if control.is_stopped.load(Ordering::Acquire) {
                return;
            }
            count(&self.counters.journal_restarts);
            if self.fruitless >= FRUITLESS_MAX && !self.options.cursor.is_empty() && !self.is_past {
                self.is_past = true;
                if self.sender.send(Item::Damaged).is_err() {
                    return;
                }
            }
            std::thread::park_timeout(RESTART_AFTER);
        }
    }

    fn start(&self) -> io::Result<Child> {
        let Options { directory, cursor, from } = &self.options;
        let mut command = Command::new("journalctl");
        command.args(["--output=json", "--follow", "--no-pager", "--all", "--quiet"]);
        match directory {
            Some(directory) => command.arg("--directory").arg(directory),
            None => command.arg("--merge"),
        };
        match (cursor.is_empty(), from, self.is_past) {
            (false, _, false) => command.arg("--no-tail").arg(format!("--cursor={cursor}")),
            (false, _, true) => command.arg("--no-tail").arg(format!("--since={}", since(cursor))),
            (true, StartAt::End, _) => command.arg("--lines=0"),
            (true, StartAt::Start, _) => command.arg(format!("--lines={FIRST_ENTRIES}")),
        };
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()
    }

    /// Reads until `journalctl` ends; answers whether there was anything new.
    fn read(&mut self, control: &Control) -> io::Result<bool> {
        let mut child = self.start()?;
        let output = child.stdout.take();
        *control.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        let read = output.map_or(Ok(false), |output| self.read_from(output));
        if let Some(mut child) = control.child.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // It has ended, or nobody reads what it writes.
            if let Err(error) = child.kill() {
                warn!(%error, "journalctl can't be ended");
            }
            child.wait()?;
        }
        read
    }

    fn read_from(&mut self, output: ChildStdout) -> io::Result<bool> {
        let mut output = BufReader::with_capacity(64 << 10, output);
        let mut line = Vec::new();
        let mut overlap = Some(self.options.cursor.clone()).filter(|cursor| !cursor.is_empty() && !self.is_past);
        let mut is_new = false;
        loop {
            line.clear();
            let len = (&mut output).take(ENTRY_BYTES_MAX).read_until(b'\n', &mut line)?;
            if len == 0 {
                return Ok(is_new);
            }
            let Some(entry) = entry::parse(&line) else {
                count(&self.counters.journal_undecodable);
                continue;
            };
            match overlap.take() {
                Some(cursor) if cursor == entry.cursor => continue,
                Some(_) => self.send(Item::Shortened)?,
                None => {}
            }
            is_new = true;
            self.is_past = false;
            self.options.cursor.clone_from(&entry.cursor);
            self.send(Item::Entry(Box::new(entry)))?;
        }
    }

    fn send(&self, item: Item) -> io::Result<()> {
        self.sender.send(item).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

/// The second behind the time in a cursor (`…;t=<microseconds in hex>;…`), as journalctl takes it.
fn since(cursor: &str) -> String {
    let micros = cursor.split(';').find_map(|part| u64::from_str_radix(part.strip_prefix("t=")?, 16).ok());
    format!("@{}", micros.unwrap_or(0) / 1_000_000 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_tells_its_second() {
        assert_eq!(since("s=ab;i=1;b=2;m=3;t=64a0f4c2b2a40;x=9"), "@1770279424");
        assert_eq!(since("nonsense"), "@1");
    }
}
