//! Ends at bad moments: within a start, a reload, a change of segments; and two of them on one queue.

use std::fs::{self, File};
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{Numbered, asked, collector_log, wait, wait_exact};
use crate::collector::site::Site;
use crate::program::orszem;
use crate::torture::random::{Random, seed};

#[test]
fn kills_within_starts_reloads_and_segment_changes_lose_and_double_nothing() {
    let seed = seed();
    eprintln!("to repeat: ORSZEM_TORTURE_SEED={seed}");
    let mut random = Random::new(seed);
    let folder = tempfile::tempdir().expect("a directory");
    let mut site = Site::new(folder.path(), "");
    let mut logs: Vec<Numbered> = (0..3).map(|number| Numbered::new(&site, &format!("k{number}"))).collect();
    // The very first start does not read what was rotated before it, so that one is not disturbed.
    logs.iter_mut().for_each(|log| log.append(1, 100, false));
    site.start_collector();
    wait_exact(&site, &logs.iter().collect::<Vec<_>>());
    site.kill_collector();
    for round in 0..asked("ORSZEM_KILL_ROUNDS", 15) {
        for log in &mut logs {
            log.append(1 + random.below(800), 1_500, true);
            if random.below(3) == 0 {
                log.rotate();
            }
        }
        site.start_collector();
        match round % 3 {
            // Within the start: a debug build takes some 50 ms to its first read.
            0 => super::pause(random.below(80)),
            // Within a reload; the configuration changes every time.
            1 => {
                super::pause(100 + random.below(300));
                site.configure(&format!("labels = {{ round = \"{round}\" }}"));
                site.signal_collector("HUP");
                super::pause(random.below(30));
            }
            // While much is queued, with the server away: segments of 16 MiB begin.
            _ => {
                site.kill_server();
                logs[0].append(6_000, 3_000, true);
                super::pause(200 + random.below(1_500));
                site.kill_collector();
                site.start_server();
                continue;
            }
        }
        site.kill_collector();
    }
    site.start_collector();
    wait_exact(&site, &logs.iter().collect::<Vec<_>>());
}

#[test]
fn a_stop_takes_seconds_and_keeps_everything_whatever_the_server_does() {
    let folder = tempfile::tempdir().expect("a directory");
    let mut site = Site::new(folder.path(), "");
    let mut log = Numbered::new(&site, "s0");
    log.append(5_000, 200, false);
    site.start_collector();
    wait_exact(&site, &[&log]);
    log.append(5_000, 200, false);
    assert_eq!(stop_within(&mut site, 10), Some(0), "with a server");

    site.kill_server();
    site.start_collector();
    log.append(5_000, 200, false);
    let state = site.folder.join("state");
    wait(&site, "it notices", || super::has_problem(&state, "does not take records"));
    assert_eq!(stop_within(&mut site, 10), Some(0), "without a server");

    // A server that takes the connection and says nothing.
    let silent = std::net::TcpListener::bind(site.address()).expect("the port is free");
    site.start_collector();
    log.append(5_000, 200, false);
    let (held, _) = silent.accept().expect("the collector connects");
    assert_eq!(stop_within(&mut site, 10), Some(0), "with a silent server");
    drop((held, silent));

    site.start_server();
    site.start_collector();
    wait_exact(&site, &[&log]);
}

fn stop_within(site: &mut Site, seconds: u64) -> Option<i32> {
    let begun = Instant::now();
    let code = site.stop_collector();
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(seconds), "the stop took {took:?}");
    code
}

#[test]
fn a_second_collector_on_the_same_state_is_refused_and_the_first_goes_on() {
    let folder = tempfile::tempdir().expect("a directory");
    let mut site = Site::new(folder.path(), "");
    let mut log = Numbered::new(&site, "t0");
    site.start_collector();
    log.append(100, 100, false);
    wait_exact(&site, &[&log]);
    let config = site.folder.join("collector.toml");
    let told = site.folder.join("second.err");
    let mut second = orszem(&["collector", "--config", config.to_str().expect("a plain path")]);
    second.stdout(Stdio::null()).stderr(File::create(&told).expect("creates"));
    let mut second = second.spawn().expect("starts");
    let begun = Instant::now();
    while second.try_wait().expect("is a child").is_none() && begun.elapsed() < Duration::from_secs(20) {
        super::pause(20);
    }
    let ended = second.try_wait().expect("is a child");
    second.kill().unwrap_or(());
    let status = ended.expect("the second one ends");
    let told = fs::read_to_string(told).expect("reads");
    let queue = site.folder.join("state/queue");
    assert_eq!(status.code(), Some(2), "{told}");
    assert!(told.contains(&format!("queue {} is in use", queue.display())), "{told}");
    assert!(told.contains("another collector has it open"), "{told}");
    log.append(100, 100, false);
    wait_exact(&site, &[&log]);
    assert!(!collector_log(&site).contains("in use"));
}
