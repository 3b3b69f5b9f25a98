//! No room for the queue: on its disk, or by its own limit.

use std::fs;

use super::{Numbered, arrived, asked, free_port, has_problem, metric, wait, wait_exact};
use crate::collector::site::Site;
use crate::disk_full::Disk;
use crate::program::run;
use crate::torture::client::{self, request};

const DISK: &str = "24m";
const LINE_BYTES: usize = 2_000;
const FILES: usize = 3;

/// Writes so many bytes of dense lines to several files.
fn write(logs: &mut [Numbered], bytes: u64) {
    let lines = bytes / LINE_BYTES as u64 / 4 / logs.len() as u64;
    for _ in 0..4 {
        for log in logs.iter_mut() {
            log.append(lines, LINE_BYTES, true);
        }
    }
}

#[test]
fn a_full_queue_disk_pauses_reading_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a directory");
    let state = folder.path().join("state");
    fs::create_dir(&state).expect("a directory");
    let Some(disk) = Disk::mount(&state, DISK) else { return };
    let port = free_port();
    let mut site = Site::new(folder.path(), &format!("metrics_listen = \"127.0.0.1:{port}\""));
    site.surroundings = disk.surroundings();
    let mut logs: Vec<Numbered> = (0..FILES).map(|number| Numbered::new(&site, &format!("d{number}"))).collect();
    let state = disk.path(&state);
    site.start_collector();
    logs.iter_mut().for_each(|log| log.append(10, LINE_BYTES, true));
    wait_exact(&site, &logs.iter().collect::<Vec<_>>());
    site.kill_server();
    // More than fits, in files that are renamed and compressed while they wait.
    for _ in 0..4 {
        write(&mut logs, asked("ORSZEM_FULL_DISK_BYTES", 48 << 20) / 4);
        logs.iter().for_each(Numbered::rotate);
    }
    wait(&site, "the status says that the disk is full", || has_problem(&state, "no space left for the queue"));
    let read = metric(port, "orszem_collector_records_read_total").expect("answers");
    let written: u64 = logs.iter().map(|log| log.written).sum();
    assert!(read < written, "{read} of {written} lines were read though there was no room");

    // Killed and started on the full disk, it still knows where it was.
    site.kill_collector();
    site.start_collector();
    wait(&site, "it says so after a start, too", || {
        let is_new = super::report(&state).is_some_and(|report| report.pid == site.collector_pid());
        is_new && has_problem(&state, "no space left for the queue")
    });
    logs.iter_mut().for_each(|log| log.append(10, LINE_BYTES, true));
    logs.iter().for_each(Numbered::rotate);
    site.start_server();
    wait_exact(&site, &logs.iter().collect::<Vec<_>>());
    wait(&site, "the status is clear again", || !has_problem(&state, "no space left for the queue"));
    assert_eq!(site.stop_collector(), Some(0));
}

/// What arrives of more than fits, with what the collector told and counted of the rest.
fn overfill(full: &str, is_killed: bool) {
    let folder = tempfile::tempdir().expect("a directory");
    let port = free_port();
    let more = format!("metrics_listen = \"127.0.0.1:{port}\"\nqueue = {{ bytes_max = \"64MiB\", full = \"{full}\" }}");
    let mut site = Site::new(folder.path(), &more);
    let state = folder.path().join("state");
    let mut logs: Vec<Numbered> = (0..FILES).map(|number| Numbered::new(&site, &format!("q{number}"))).collect();
    site.start_collector();
    logs.iter_mut().for_each(|log| log.append(10, LINE_BYTES, true));
    wait_exact(&site, &logs.iter().collect::<Vec<_>>());
    site.kill_server();
    // Text of hexadecimal digits is half as long in the queue.
    write(&mut logs, asked("ORSZEM_OVERFILL_BYTES", 160 << 20));
    let written: u64 = logs.iter().map(|log| log.written).sum();
    let lines_read = || metric(port, "orszem_collector_lines_read_total").unwrap_or(0);
    if full == "block" {
        wait(&site, "the status says that the queue is full", || has_problem(&state, "the queue is full"));
        assert!(lines_read() < written, "all was read though the queue was full");
        site.start_server();
        wait_exact(&site, &logs.iter().collect::<Vec<_>>());
        return;
    }
    wait(&site, "all is read", || lines_read() >= written);
    if is_killed {
        // Before it could tell all.
        site.kill_collector();
        site.start_collector();
    } else {
        wait(&site, "the status counts drops", || super::report(&state).is_some_and(|report| report.dropped > 0));
    }
    site.start_server();
    wait(&site, "the queue is empty", || {
        metric(port, "orszem_collector_queue_batches") == Some(0) && told(&site).is_some()
    });
    let mut lines = 0;
    for log in &logs {
        let seqs = arrived(&site, log);
        assert!(seqs.is_sorted_by(|a, b| a < b), "{}: doubled or out of order", log.name);
        lines += seqs.len() as u64;
    }
    let missing = written - lines;
    assert!(missing > 0, "nothing was dropped");
    if is_killed {
        let told = told(&site).expect("is told");
        // The collector's own records of before the kill are among those that were dropped.
        assert!((missing..missing + 100).contains(&told), "{missing} lines are missing, {told} records told");
        return;
    }
    // The sum, while nothing comes in: what was read is at the server, dropped and told, or still queued.
    wait(&site, "received = sent + dropped + queued", || {
        let (Some(read), Some(0)) =
            (metric(port, "orszem_collector_records_read_total"), metric(port, "orszem_collector_queue_batches"))
        else {
            return false;
        };
        read == client::count(site.address()) + told(&site).unwrap_or(0)
    });
    let (code, out, err) =
        run(&["collector", "files", "--config", site.folder.join("collector.toml").to_str().expect("plain")]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
}

/// The last total that the collector's events tell.
pub(super) fn told(site: &Site) -> Option<u64> {
    let query = "service%3Aorszem-collector%20event.name%3Acollector.dropped";
    let answer = request(site.address(), &format!("GET /app/v1/search?limit=5000&q={query}"), "", "").expect("answers");
    let answer: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    let rows = answer["rows"].as_array().expect("rows");
    rows.iter().map(|row| row["attributes"]["dropped.total"].as_u64().expect("a number")).max()
}

#[test]
fn a_full_queue_blocks_and_loses_nothing() {
    overfill("block", false);
}

#[test]
fn a_full_queue_drops_the_oldest_counted_and_told() {
    overfill("drop_oldest", false);
}

#[test]
fn a_full_queue_drops_the_newest_counted_and_told() {
    overfill("drop_newest", false);
}

#[test]
fn drops_are_told_though_the_collector_is_killed_before_it_could() {
    overfill("drop_newest", true);
}
