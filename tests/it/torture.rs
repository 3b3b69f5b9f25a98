//! Kill -9 at random moments of ingest, write-out, merge, seal and start: what was acknowledged is found exactly once.

pub(crate) mod client;
pub(crate) mod ledger;
pub(crate) mod random;
pub(crate) mod writers;

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::program::{Server, orszem};
use client::{pages, verify};
use ledger::{Differences, Ledger};
use random::{Random, seed};
use writers::{Board, Habit, Writer, keep_settling, lock};

/// Write-outs and merges of few records, so that there are many of them.
pub(crate) const CONFIG: &str =
    "[logs]\nmemtable = \"1MiB\"\nmerge_segments = 2\nseal_after = \"0s\"\nmin_free = \"0B\"\n";
/// Everything is compared after this many rounds, and at the end.
const ROUNDS_BETWEEN: u64 = 10;
/// A server runs no longer than this before it is killed.
const ROUND_MS: u64 = 300;
const NANOS_PER_DAY: u128 = 86_400_000_000_000;

/// Midnight (UTC) that began today, in nanoseconds since 1970.
pub(crate) fn today() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos();
    i64::try_from(now / NANOS_PER_DAY * NANOS_PER_DAY).expect("before 2262")
}

/// The server over `folder`/data, with its log in `folder`/log and the configuration in `folder`/config.
pub(crate) fn command(folder: &Path, program: &str) -> Command {
    let path = |name: &str| folder.join(name).to_str().expect("a plain path").to_owned();
    fs::write(path("config"), CONFIG).expect("writes");
    let log = File::options().create(true).append(true).open(path("log")).expect("the log opens");
    let more = ["--listen", "127.0.0.1:0", "--data-dir", &path("data"), "--config", &path("config")];
    let mut command = orszem(&[program, "--log-level", "warn"]);
    command.args(more).stderr(Stdio::from(log));
    command
}

pub(crate) fn rounds() -> u64 {
    let is_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    let asked = std::env::var("ORSZEM_TORTURE_ROUNDS").ok();
    asked.map_or(if is_ci { 100 } else { 10 }, |text| text.parse().expect("ORSZEM_TORTURE_ROUNDS is a number"))
}

pub(crate) fn wait(time: Duration) {
    let begun = Instant::now();
    while let Some(left) = time.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
        thread::park_timeout(left);
    }
}

#[test]
fn torture_kill_9() {
    let (seed, rounds) = (seed(), rounds());
    eprintln!("{rounds} rounds; to repeat them: ORSZEM_TORTURE_SEED={seed}");
    let folder = tempfile::tempdir().expect("a directory");
    let (board, ledger) = (Board::default(), Mutex::new(Ledger::default()));
    let mut random = Random::new(seed);
    let habits = [Habit::Numbered, Habit::Numbered, Habit::Keyed, Habit::Once];
    thread::scope(|scope| {
        let _over = board.over_on_drop();
        let (board, ledger) = (&board, &ledger);
        let mut clients = Vec::new();
        for (number, habit) in (0..).zip(habits) {
            let random = Random::new(random.next());
            let writer = Writer { number, habit, board, ledger, today: today(), mark: &|| 0, rest_ms: 10 };
            clients.push(scope.spawn(move || writer.run(random)));
        }
        let settling = Random::new(random.next());
        clients.push(scope.spawn(move || keep_settling(board, settling, 80)));
        for round in 1..=rounds {
            if random.below(5) == 0 {
                die_starting(folder.path(), Duration::from_millis(random.below(60)));
            }
            let mut server = Server::spawn(command(folder.path(), "server"));
            if round % ROUNDS_BETWEEN == 0 {
                verify(server.address, &lock(ledger), u64::MAX, &format!("before round {round}"));
            }
            board.publish(server.address);
            wait(Duration::from_millis(random.below(ROUND_MS)));
            server.signal("KILL");
            server.wait();
            board.withdraw();
        }
        let server = Server::spawn(command(folder.path(), "server"));
        board.publish(server.address);
        board.end();
        for client in clients {
            client.join().expect("no client failed");
        }
        let ledger = lock(ledger);
        verify(server.address, &ledger, u64::MAX, "at the end");
        let (texts, is_partial) = pages(server.address);
        let differences = ledger.compare(texts.iter().map(String::as_str), u64::MAX);
        assert_eq!((differences, is_partial), (Differences::default(), false), "page by page");
        eprintln!("{} records were acknowledged, {} were found", ledger.acknowledged(), texts.len());
    });
    let mut server = Server::spawn(command(folder.path(), "server"));
    verify(server.address, &lock(&ledger), u64::MAX, "after one more start");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    let log = fs::read_to_string(folder.path().join("log")).expect("reads");
    let errors: Vec<&str> = log.lines().filter(|line| line.contains(" ERROR ")).collect();
    assert_eq!(errors, [""; 0], "the server met errors");
}

/// Kills a server so soon that it may not be ready.
fn die_starting(folder: &Path, after: Duration) {
    let mut child = command(folder, "server").stdout(Stdio::null()).spawn().expect("starts");
    wait(after);
    child.kill().expect("kills");
    child.wait().expect("waits");
}
