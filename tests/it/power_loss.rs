//! Power loss: what the server wrote is recorded, and played back with only what was synced; every acknowledged record
//! is found exactly once.

mod disk;
mod trace;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::program::Server;
use crate::tools;
use crate::torture::client::{ingest, settle, verify};
use crate::torture::ledger::{Batch, Ledger};
use crate::torture::random::{Random, seed};
use crate::torture::writers::{Board, Habit, Writer, keep_settling};
use crate::torture::{command, today};
use disk::{Disk, Kept};
use trace::{Call, Event};

/// Moments at which the power fails; each twice, with a disk that kept nothing and with one that kept something.
const CUTS: usize = 24;
/// Besides these: right after each of the first acknowledgements, when nothing has been synced twice.
const FIRST_CUTS: usize = 4;
/// How long the server is recorded.
const RECORDED: Duration = Duration::from_millis(2500);
/// The number of a client that comes after the power does.
const LATE_WRITER: u64 = 99;

#[test]
fn power_loss_keeps_what_was_acknowledged() {
    let folder = tempfile::tempdir().expect("a directory");
    let Some(shim) = shim(folder.path()) else { return };
    let seed = seed();
    eprintln!("to repeat it: ORSZEM_TORTURE_SEED={seed}");
    let mut random = Random::new(seed);
    let recorded = record(folder.path(), &shim, &mut random);
    let events = trace::read(&recorded.trace);
    eprintln!("{} events, {} records acknowledged", events.len(), recorded.ledger.acknowledged());
    recorded.check_trace(&events);
    let first = recorded.ledger.marks().into_iter().take(FIRST_CUTS);
    let first = first.map(|mark| events.partition_point(|event| event.end <= mark)).collect::<Vec<_>>();
    for cut in first.into_iter().chain(cuts(&events, &mut random)) {
        for keeps in [false, true] {
            let mut chance = Random::new(random.next());
            recorded.lose_power(&events[..cut], keeps.then_some(&mut chance));
        }
    }
}

/// What a server did to its disk, and what it promised meanwhile.
struct Recorded {
    trace: Vec<u8>,
    /// Acknowledgements carry the trace's length as their mark.
    ledger: Ledger,
    /// The directory that was recorded; its content is as the server left it.
    root: PathBuf,
    root_inode: u64,
}

/// Compiles the library that records; `None` skips the test.
fn shim(folder: &Path) -> Option<PathBuf> {
    let compiler = tools::program("cc")?;
    let shim = folder.join("trace.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/powerloss/trace.c");
    let arguments = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", source, "-ldl", "-lpthread", "-o"];
    let compiled = Command::new(compiler).args(arguments).arg(&shim).status().expect("runs cc");
    assert!(compiled.success(), "trace.c does not compile");
    Some(shim)
}

/// Runs a server under the recording until it is killed amid its work.
fn record(folder: &Path, shim: &Path, random: &mut Random) -> Recorded {
    let root = folder.join("data").canonicalize().or_else(|_| {
        fs::create_dir(folder.join("data"))?;
        folder.join("data").canonicalize()
    });
    let (root, file) = (root.expect("a directory"), folder.join("trace"));
    let mut command = command(folder, "server");
    command.env("LD_PRELOAD", shim).env("ORSZEM_TRACE_DIR", &root).env("ORSZEM_TRACE_FILE", &file);
    let mut server = Server::spawn(command);
    let (board, ledger) = (Board::default(), Mutex::new(Ledger::default()));
    let mark = || fs::metadata(&file).expect("the trace is there").len();
    let today = today();
    thread::scope(|scope| {
        let _over = board.over_on_drop();
        let (board, ledger, mark) = (&board, &ledger, &mark);
        for (number, habit) in (0..).zip([Habit::Numbered, Habit::Keyed, Habit::Once]) {
            let random = Random::new(random.next());
            let writer = Writer { number, habit, board, ledger, today, mark, rest_ms: 15 };
            scope.spawn(move || writer.run(random));
        }
        let settling = Random::new(random.next());
        scope.spawn(move || keep_settling(board, settling, 150));
        board.publish(server.address);
        let begun = Instant::now();
        while let Some(left) = RECORDED.checked_sub(begun.elapsed()) {
            thread::park_timeout(left);
        }
        board.end();
    });
    server.signal("KILL");
    server.wait();
    let root_inode = fs::metadata(&root).expect("is there").ino();
    let trace = fs::read(&file).expect("reads");
    Recorded { trace, ledger: ledger.into_inner().expect("no writer failed"), root, root_inode }
}

/// Numbers of events before which the power fails: half anywhere, half amid write-outs, merges and seals.
fn cuts(events: &[Event], random: &mut Random) -> Vec<usize> {
    let is_rewrite = |call: &Call| match call {
        Call::Rename { .. } | Call::Remove { .. } | Call::Create { .. } | Call::MakeDirectory { .. } => true,
        Call::Write { .. } | Call::Truncate { .. } | Call::Sync { .. } | Call::Link { .. } => false,
    };
    let rewrites: Vec<usize> = (0..events.len()).filter(|at| is_rewrite(&events[*at].call)).collect();
    assert!(rewrites.len() > CUTS, "only {} files were made and removed", rewrites.len());
    let amid = |random: &mut Random| {
        let at = rewrites[random.below(rewrites.len() as u64) as usize];
        (at + random.below(8) as usize).min(events.len())
    };
    let mut cuts: Vec<usize> = (0..CUTS / 2).map(|_| amid(random)).collect();
    cuts.extend((0..CUTS / 2).map(|_| random.below(events.len() as u64 + 1) as usize));
    cuts
}

impl Recorded {
    /// The recording must account for every byte that the server left.
    fn check_trace(&self, events: &[Event]) {
        let copy = tempfile::tempdir().expect("a directory");
        Disk::after(events, &self.root, self.root_inode).write_to(copy.path(), Kept::Everything);
        let (left, played) = (files(&self.root), files(copy.path()));
        assert_eq!(
            left.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            played.iter().map(|(name, _)| name).collect::<Vec<_>>()
        );
        for ((name, left), (_, played)) in left.iter().zip(&played) {
            assert!(left == played, "the recording has other bytes of {}", name.display());
        }
    }

    /// Starts a server on what the disk has after `events`, and looks for everything that was acknowledged before.
    fn lose_power(&self, events: &[Event], chance: Option<&mut Random>) {
        let keeps = chance.is_some();
        let when =
            format!("after {} events, with {} of the rest", events.len(), if keeps { "some" } else { "nothing" });
        let folder = tempfile::tempdir().expect("a directory");
        let mark = events.last().map_or(0, |event| event.end);
        Disk::after(events, &self.root, self.root_inode)
            .write_to(&folder.path().join("data"), chance.map_or(Kept::Nothing, Kept::Some));
        let server = Server::spawn(command(folder.path(), "server"));
        verify(server.address, &self.ledger, mark, &when);
        let log = fs::read_to_string(folder.path().join("log")).expect("reads");
        // A group that was not acknowledged may lie torn before a whole one; the journal can't tell that from damage.
        let is_damage = |line: &&str| line.contains(" ERROR ") && !(keeps && line.contains("the journal is damaged"));
        let errors: Vec<&str> = log.lines().filter(is_damage).collect();
        assert_eq!(errors, [""; 0], "{when}: the server takes a power loss for damage");

        // It goes on as if nothing had been.
        let (late, mut ledger) = (Batch { writer: LATE_WRITER, number: 1 }, self.ledger.clone());
        ledger.send(late, 3);
        let answer = ingest(server.address, "", &late.body(3, today())).expect("answers");
        assert_eq!(answer.status, 200, "{when}: {answer:?}");
        ledger.acknowledge(late, mark);
        let settled = settle(server.address, true).expect("answers");
        assert_eq!(settled.status, 200, "{when}: {settled:?}");
        verify(server.address, &ledger, mark, &format!("{when}, and sealed"));
    }
}

/// Every file below `root` but SQLite's index, which is a shared mapping and made anew at each start.
fn files(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut files, mut directories) = (Vec::new(), vec![root.to_owned()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("lists") {
            let path = entry.expect("lists").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_none_or(|extension| extension != "sqlite-shm") {
                let bytes = fs::read(&path).expect("reads");
                files.push((path.strip_prefix(root).expect("is below").to_owned(), bytes));
            }
        }
    }
    files.sort();
    files
}
