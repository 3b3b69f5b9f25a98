//! A full disk: records are refused by name, what was acknowledged stays and is served, and with room it goes on.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::Server;
use crate::tools;
use crate::torture::client::{count, ingest, settle, verify};
use crate::torture::ledger::{Batch, Ledger};
use crate::torture::{command, today};

const DISK: &str = "24m";
/// What someone removes when the disk is full.
const BALLAST_BYTES: usize = 8 << 20;
const RECORDS: u64 = 400;
/// So many refusals in a row mean that nothing goes in any more.
const REFUSALS: usize = 5;
/// The longest until it takes records again once there is room.
const RECOVERS_WITHIN: Duration = Duration::from_secs(30);

/// A small disk that only processes in its mount namespace see.
pub(crate) struct Disk {
    /// Keeps the namespace.
    holder: Child,
    is_root: bool,
}

impl Disk {
    /// Mounts one of `size`, as `mount` writes it, on `place`; `None` skips the test.
    pub(crate) fn mount(place: &Path, size: &str) -> Option<Self> {
        tools::program("unshare")?;
        tools::program("nsenter")?;
        let is_root = fs::metadata("/proc/self").expect("is there").uid() == 0;
        let script = format!("mount -t tmpfs -o size={size} tmpfs \"$0\" && echo mounted && exec cat");
        let mut command = Command::new("unshare");
        command.arg(if is_root { "-m" } else { "-rm" }).args(["sh", "-c", &script]).arg(place);
        let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("runs unshare");
        let mut said = String::new();
        BufReader::new(holder.stdout.as_mut().expect("piped")).read_line(&mut said).expect("reads");
        let disk = Self { holder, is_root };
        if said == "mounted\n" { Some(disk) } else { tools::skip("private mount namespace") }
    }

    /// `path` on the disk, as this process reaches it.
    pub(crate) fn path(&self, path: &Path) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}", self.holder.id(), path.display()))
    }

    /// What stands before a command that is to see the disk.
    pub(crate) fn surroundings(&self) -> Vec<String> {
        let user: &[&str] = if self.is_root { &[] } else { &["-U", "--preserve-credentials"] };
        let holder = self.holder.id().to_string();
        [&["nsenter"], user, &["-t", &holder, "-m", "--"]].concat().into_iter().map(str::to_owned).collect()
    }

    /// Runs the server where the disk is seen.
    fn serve(&self, folder: &Path) -> Server {
        let server = command(folder, "server");
        let surroundings = self.surroundings();
        let (program, arguments) = surroundings.split_first().expect("a program");
        let mut entered = Command::new(program);
        let log = fs::File::options().append(true).open(folder.join("log")).expect("the log opens");
        entered.args(arguments).arg(server.get_program());
        entered
            .args(server.get_args())
            .env_clear()
            .env("PATH", "/usr/bin:/bin:/usr/sbin")
            .stdin(Stdio::null())
            .stderr(log);
        Server::spawn(entered)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.holder.kill().unwrap_or(());
        self.holder.wait().map(drop).unwrap_or(());
    }
}

#[test]
fn a_full_disk_refuses_by_name_and_recovers() {
    let folder = tempfile::tempdir().expect("a directory");
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("a directory");
    let Some(disk) = Disk::mount(&data, DISK) else { return };
    let ballast = disk.path(&data).join("ballast");
    fs::write(&ballast, vec![1; BALLAST_BYTES]).expect("fits");
    let mut ledger = Ledger::default();
    let mut server = disk.serve(folder.path());

    let mut number = 0;
    let mut send = |server: &Server, ledger: &mut Ledger| {
        number += 1;
        let batch = Batch { writer: 0, number };
        ledger.send(batch, RECORDS);
        let answer = ingest(server.address, "", &batch.body(RECORDS, today())).expect("answers");
        if answer.status == 200 {
            ledger.acknowledge(batch, 0);
            return true;
        }
        let is_named = match answer.status {
            507 => answer.body.contains("ingest.disk_full"),
            429 => answer.body.contains("ingest.overloaded"),
            _ => false,
        };
        assert!(is_named, "{answer:?}");
        false
    };
    let mut refusals = 0;
    while refusals < REFUSALS {
        refusals = if send(&server, &mut ledger) { 0 } else { refusals + 1 };
    }
    let acknowledged = ledger.acknowledged();
    assert!(acknowledged > 10 * RECORDS, "only {acknowledged} records went in");
    check(&server, &ledger, "with a full disk");

    server.signal("KILL");
    server.wait();
    server = disk.serve(folder.path());
    check(&server, &ledger, "after a start with a full disk");

    fs::remove_file(ballast).expect("removes");
    let begun = Instant::now();
    while !send(&server, &mut ledger) {
        assert!(begun.elapsed() < RECOVERS_WITHIN, "it takes no records though there is room");
    }
    let settled = settle(server.address, true).expect("answers");
    assert_eq!(settled.status, 200, "{settled:?}");
    check(&server, &ledger, "with room again");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    check(&disk.serve(folder.path()), &ledger, "after another start");
}

/// All that was acknowledged is there, and nothing that was refused.
fn check(server: &Server, ledger: &Ledger, when: &str) {
    verify(server.address, ledger, 0, when);
    assert_eq!(count(server.address), ledger.acknowledged(), "{when}: refused records are there");
}
