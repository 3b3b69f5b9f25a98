//! Much that was written while the server was away is delivered in order and exactly once, and fast.

use std::fs;
use std::time::Instant;

use super::{Numbered, asked, free_port, metric, touch, wait, wait_exact};
use crate::collector::site::Site;

const LINE_BYTES: usize = 200;
const FILES: u64 = 3;
/// How often each file is rotated meanwhile.
const ROTATIONS: u64 = 6;

/// User and system time of a process so far, in seconds.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("runs");
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let ticks = |at: usize| fields.split_ascii_whitespace().nth(at).expect("a field").parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / 100.0
}

#[test]
fn a_backlog_is_delivered_in_order_and_exactly_once() {
    let bytes = asked("ORSZEM_BACKLOG_BYTES", 200 << 20);
    let folder = tempfile::tempdir().expect("a directory");
    let port = free_port();
    let more = format!("metrics_listen = \"127.0.0.1:{port}\"\nqueue = {{ bytes_max = \"8GiB\" }}");
    let mut site = Site::new(folder.path(), &more);
    let mut logs: Vec<Numbered> = (0..FILES).map(|number| Numbered::new(&site, &format!("b{number}"))).collect();
    logs.iter().for_each(touch);
    site.start_collector();
    wait(&site, "the files are followed", || metric(port, "orszem_collector_files") == Some(FILES));
    site.kill_server();
    let lines = bytes / FILES / ROTATIONS / (LINE_BYTES as u64 + 50);
    let mut log_bytes = 0;
    for rotation in 0..ROTATIONS {
        for log in &mut logs {
            log.append(lines, LINE_BYTES, false);
            log_bytes += fs::metadata(&log.path).expect("is there").len();
            log.rotate();
        }
        if rotation == 1 {
            site.kill_collector();
            site.start_collector();
        } else if rotation == 3 {
            assert_eq!(site.stop_collector(), Some(0));
            site.start_collector();
        }
    }
    let written: u64 = logs.iter().map(|log| log.written).sum();
    let reading = Instant::now();
    wait(&site, "all of it is queued", || {
        super::report(&folder.path().join("state"))
            .is_some_and(|report| report.pid == site.collector_pid() && report.lag_bytes == 0)
    });
    let before = cpu_seconds(site.collector_pid());
    eprintln!("queued {:.1} s after the last line; collector {before:.1} s of CPU", reading.elapsed().as_secs_f64());
    let begun = Instant::now();
    site.start_server();
    wait(&site, "all of it is acknowledged", || metric(port, "orszem_collector_queue_batches") == Some(0));
    let took = begun.elapsed().as_secs_f64();
    let cpu = cpu_seconds(site.collector_pid()) - before;
    let server_cpu = site.server.as_ref().map_or(0.0, |server| cpu_seconds(server.pid()));
    let mb = log_bytes as f64 / 1e6;
    eprintln!(
        "{mb:.0} MB in {written} lines: {took:.1} s, {:.1} MB/s delivered; collector {cpu:.1} s of CPU, server {server_cpu:.1} s",
        mb / took
    );
    wait_exact(&site, &logs.iter().collect::<Vec<_>>());
}
