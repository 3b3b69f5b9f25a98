//! A full disk: samples are refused by name, what was acknowledged stays and is served, and with room it goes on.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::ledger::{Batch, Ledger, found, verify};
use super::remote::{command, write};
use crate::disk_full::Disk;
use crate::program::Server;
use crate::torture::client::settle;
use crate::torture::today;

const CONFIG: &str = "[metrics]\nmemory = \"4MiB\"\nmin_free = \"0B\"\n[logs]\nmin_free = \"0B\"\n";
const DISK: &str = "12m";
/// What someone removes when the disk is full.
const BALLAST_BYTES: usize = 6 << 20;
const SAMPLES: u64 = 60;
/// So many refusals in a row mean that nothing goes in any more.
const REFUSALS: usize = 5;
/// The longest until it takes samples again once there is room.
const RECOVERS_WITHIN: Duration = Duration::from_secs(30);

fn serve(disk: &Disk, folder: &Path) -> Server {
    let server = command(folder, CONFIG);
    let surroundings = disk.surroundings();
    let (program, arguments) = surroundings.split_first().expect("a program");
    let log = fs::File::options().append(true).open(folder.join("log")).expect("the log opens");
    let mut entered = Command::new(program);
    entered.args(arguments).arg(server.get_program()).args(server.get_args());
    entered.env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin").stdin(Stdio::null()).stderr(log);
    Server::spawn(entered)
}

#[test]
fn a_full_disk_refuses_samples_by_name_and_recovers() {
    let folder = tempfile::tempdir().expect("a directory");
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("a directory");
    let Some(disk) = Disk::mount(&data, DISK) else { return };
    let ballast = disk.path(&data).join("ballast");
    fs::write(&ballast, vec![1; BALLAST_BYTES]).expect("fits");
    let mut ledger = Ledger::new(today() / 1_000_000);
    let mut server = serve(&disk, folder.path());

    let mut number = 0;
    let mut send = |server: &Server, ledger: &mut Ledger| {
        number += 1;
        let batch = Batch { writer: 0, number };
        let series = ledger.send(batch, SAMPLES);
        let answer = write(server.address, "", &series).expect("answers");
        match answer.status {
            204 => ledger.acknowledge(batch),
            507 => assert!(answer.body.contains("disk"), "{answer:?}"),
            429 => assert!(answer.header("Retry-After").is_some(), "{answer:?}"),
            _ => panic!("{answer:?}"),
        }
        answer.status == 204
    };
    let mut refusals = 0;
    while refusals < REFUSALS {
        refusals = if send(&server, &mut ledger) { 0 } else { refusals + 1 };
    }
    assert!(ledger.acknowledged() > 10 * SAMPLES, "only {} samples went in", ledger.acknowledged());
    check(&server, &ledger, "with a full disk");

    server.signal("KILL");
    server.wait();
    server = serve(&disk, folder.path());
    check(&server, &ledger, "after a start with a full disk");

    fs::remove_file(ballast).expect("removes");
    let begun = Instant::now();
    while !send(&server, &mut ledger) {
        assert!(begun.elapsed() < RECOVERS_WITHIN, "it takes no samples though there is room");
    }
    let settled = settle(server.address, true).expect("answers");
    assert_eq!(settled.status, 200, "{settled:?}");
    check(&server, &ledger, "with room again");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    check(&serve(&disk, folder.path()), &ledger, "after another start");
}

/// All that was acknowledged is there, and nothing that was refused.
fn check(server: &Server, ledger: &Ledger, when: &str) {
    verify(server.address, ledger, when);
    assert_eq!(
        found(server.address, ledger).0.len() as u64,
        ledger.acknowledged(),
        "{when}: refused samples are there"
    );
}
