//! Kill -9 at random moments of ingest, write-out, cut and merge of blocks, and start: every acknowledged sample is
//! there exactly once, with its value, be it a number or a native histogram; so are exemplars; what was deleted stays
//! away.

use std::fs;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use super::ledger::{Batch, Ledger, SERIES, verify, verify_exemplars};
use super::remote::{command, post, target, write};
use crate::program::Server;
use crate::torture::random::{Random, seed};
use crate::torture::writers::{Board, keep_settling, lock};
use crate::torture::{rounds, today, wait};

const CONFIG: &str = "[metrics]\nmemory = \"4MiB\"\nmin_free = \"0B\"\n[logs]\nmin_free = \"0B\"\n";
/// Everything is compared after this many rounds, and at the end.
const ROUNDS_BETWEEN: u64 = 10;
/// A server runs no longer than this before it is killed.
const ROUND_MS: u64 = 300;
/// The most samples of a request.
const SAMPLES_MAX: u64 = 40;
/// About one in so many batches is followed by a deletion.
const DELETE_EVERY: u64 = 6;

/// How a sender makes sure that nothing is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    /// Numbers its requests, and repeats each until it is acknowledged.
    Numbered,
    /// The same, and deletes a series of its own now and then, until that is acknowledged.
    Deleting,
    /// Repeats each until it is acknowledged, as Prometheus does: the same sample twice is one.
    Repeating,
    /// Sends each once.
    Once,
}

/// Sends until the end; a request that is repeated is finished first.
fn run(number: u64, habit: Habit, board: &Board, ledger: &Mutex<Ledger>, mut random: Random) {
    for sequence in 1.. {
        if board.is_ending() {
            return;
        }
        let batch = Batch { writer: number, number: sequence };
        let samples = 1 + random.below(SAMPLES_MAX);
        let series = lock(ledger).send(batch, samples);
        let identity = match habit {
            Habit::Numbered | Habit::Deleting => {
                format!("X-Orszem-Source: metrics-{number}\r\nX-Orszem-Epoch: 1\r\nX-Orszem-Seq: {sequence}\r\n")
            }
            Habit::Repeating | Habit::Once => String::new(),
        };
        loop {
            let Some((at, address)) = board.server() else { return };
            match write(address, &identity, &series) {
                Ok(answer) if answer.status == 204 => {
                    lock(ledger).acknowledge(batch);
                    break;
                }
                // It is stopping, or has no room: the sender is to come again.
                Ok(answer) if [429, 503, 507].contains(&answer.status) => board.pause(at, Duration::from_millis(20)),
                Ok(answer) => panic!("{batch:?} was answered {answer:?}"),
                Err(_died) => board.pause(at, Duration::from_millis(50)),
            }
            if habit == Habit::Once {
                break;
            }
        }
        if habit == Habit::Deleting && random.below(DELETE_EVERY) == 0 && !delete(batch, board, ledger, &mut random) {
            return;
        }
        if let Some((at, _)) = board.server() {
            board.pause(at, Duration::from_millis(random.below(11)));
        }
    }
}

/// Deletes a series of which `last` was the last batch; `false` when all is over.
fn delete(last: Batch, board: &Board, ledger: &Mutex<Ledger>, random: &mut Random) -> bool {
    let series = random.below(SERIES);
    let selector = lock(ledger).delete(last, series);
    let path = target("/api/v1/admin/tsdb/delete_series", &[("match[]", &selector)]);
    while let Some((at, address)) = board.server() {
        match post(address, &path, "", b"") {
            Ok(answer) if answer.status == 204 => {
                lock(ledger).acknowledge_deletion(last, series);
                return true;
            }
            Ok(answer) if [429, 503, 507].contains(&answer.status) => board.pause(at, Duration::from_millis(20)),
            Ok(answer) => panic!("deleting {selector} was answered {answer:?}"),
            Err(_died) => board.pause(at, Duration::from_millis(50)),
        }
    }
    false
}

fn verify_all(address: SocketAddr, ledger: &Ledger, when: &str) {
    verify(address, ledger, when);
    verify_exemplars(address, ledger, when);
}

#[test]
fn metrics_survive_kill_9() {
    let (seed, rounds) = (seed(), rounds());
    eprintln!("{rounds} rounds; to repeat them: ORSZEM_TORTURE_SEED={seed}");
    let folder = tempfile::tempdir().expect("a directory");
    let (board, ledger) = (Board::default(), Mutex::new(Ledger::new(today() / 1_000_000)));
    let mut random = Random::new(seed);
    let habits = [Habit::Numbered, Habit::Deleting, Habit::Repeating, Habit::Once];
    thread::scope(|scope| {
        let _over = board.over_on_drop();
        let (board, ledger) = (&board, &ledger);
        let mut clients = Vec::new();
        for (number, habit) in (0..).zip(habits) {
            let random = Random::new(random.next());
            clients.push(scope.spawn(move || run(number, habit, board, ledger, random)));
        }
        let settling = Random::new(random.next());
        clients.push(scope.spawn(move || keep_settling(board, settling, 80)));
        for round in 1..=rounds {
            let mut server = Server::spawn(command(folder.path(), CONFIG));
            if round % ROUNDS_BETWEEN == 0 {
                verify_all(server.address, &lock(ledger), &format!("before round {round}"));
            }
            board.publish(server.address);
            wait(Duration::from_millis(random.below(ROUND_MS)));
            server.signal("KILL");
            server.wait();
            board.withdraw();
        }
        let server = Server::spawn(command(folder.path(), CONFIG));
        board.publish(server.address);
        board.end();
        for client in clients {
            client.join().expect("no client failed");
        }
        verify_all(server.address, &lock(ledger), "at the end");
        eprintln!("{} samples were acknowledged", lock(ledger).acknowledged());
        assert!(lock(ledger).deleted() > 0, "nothing was deleted");
    });
    let mut server = Server::spawn(command(folder.path(), CONFIG));
    let ledger = lock(&ledger);
    assert!(ledger.acknowledged() > rounds * 4, "hardly anything was acknowledged");
    verify_all(server.address, &ledger, "after one more start");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    let log = fs::read_to_string(folder.path().join("log")).expect("reads");
    let errors: Vec<&str> = log.lines().filter(|line| line.contains(" ERROR ")).collect();
    assert_eq!(errors, [""; 0], "the server met errors");
}
