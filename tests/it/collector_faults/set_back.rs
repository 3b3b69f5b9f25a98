//! A state directory that is put back to an older copy: nothing is lost, and what is doubled was read twice.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Numbered, arrived, collector_log, count, free_port, metric, report, wait, wait_exact};
use crate::collector::site::Site;

/// Replaces `to` by a copy of `from`.
fn copy(from: &Path, to: &Path) {
    if to.is_dir() {
        fs::remove_dir_all(to).expect("removes");
    }
    let copied = Command::new("cp").arg("-a").args([from, to]).status().expect("runs cp");
    assert!(copied.success());
}

/// Starts the collector while the server is away, appends, and waits until all is queued.
fn queue(site: &mut Site, log: &mut Numbered) {
    site.kill_server();
    site.start_collector();
    log.append(500, 200, true);
    let (state, pid) = (site.folder.join("state"), site.collector_pid());
    let bytes = fs::metadata(&log.path).expect("is there").len();
    let is_read = |report: &orszem_collector::Report| {
        report.pid == pid && report.files.iter().any(|file| file.position == bytes) && report.queue_batches > 0
    };
    wait(site, "it is queued", || report(&state).is_some_and(|report| is_read(&report)));
}

/// The number of times that each line has arrived.
fn times(site: &Site, log: &Numbered) -> Vec<u64> {
    let mut times = vec![0; usize::try_from(log.written).expect("few")];
    for seq in arrived(site, log) {
        times[usize::try_from(seq).expect("few")] += 1;
    }
    times
}

#[test]
fn an_older_state_that_is_put_back_loses_nothing_and_doubles_what_is_read_again_alone() {
    let folder = tempfile::tempdir().expect("a directory");
    let port = free_port();
    let mut site = Site::new(folder.path(), &format!("metrics_listen = \"127.0.0.1:{port}\""));
    let mut log = Numbered::new(&site, "r0");
    let (state, kept) = (folder.path().join("state"), folder.path().join("kept"));
    log.append(1_000, 200, true);
    site.start_collector();
    wait_exact(&site, &[&log]);
    assert_eq!(site.stop_collector(), Some(0));
    // The copy, made while the collector runs, has 500 lines in its queue, which the server then gets, and as many more
    // that are read after the copy, in many batches.
    queue(&mut site, &mut log);
    copy(&state, &kept);
    site.start_server();
    for _ in 0..5 {
        log.append(100, 200, true);
        wait_exact(&site, &[&log]);
    }
    assert_eq!(site.stop_collector(), Some(0));

    // Put back, it reads on, without the server at first, and ends once more before it meets the server.
    copy(&kept, &state);
    log.append(500, 200, true);
    queue(&mut site, &mut log);
    assert_eq!(site.stop_collector(), Some(0));
    site.start_server();
    site.start_collector();
    log.append(500, 200, true);
    let written = log.written;
    assert_eq!(written, 3_500);
    wait(&site, "the last line arrives", || arrived(&site, &log).contains(&(written - 1)));
    wait(&site, "all of it is acknowledged", || metric(port, "orszem_collector_queue_batches") == Some(0));

    // The queued lines were recognised by their numbers. Those behind were read from the file twice: what a batch of
    // them holds depends on when it was closed, so no number and no hash can tell. The last line may have been among
    // them, as a record waits a second for what may go on with it.
    let times = times(&site, &log);
    let first = times.iter().zip(0..).find(|(times, _)| **times != 1).map_or(written, |(_, line)| line);
    assert!(
        (1_499..=1_500).contains(&first),
        "line {first}: {:?}\n{}",
        times.get(first as usize),
        collector_log(&site)
    );
    let expected: Vec<u64> = (0..written).map(|line| if (first..2_000).contains(&line) { 2 } else { 1 }).collect();
    assert_eq!(times, expected);
    assert_eq!(metric(port, "orszem_collector_set_backs_total"), Some(1));
    wait(&site, "it is told in-band", || count(&site, "service:orszem-collector event.name:collector.set_back") == 1);
    assert!(collector_log(&site).contains("the state directory is older than what was sent from it"));
}
