//! A server that is slow, breaks off, or refuses for a while.

use std::fs;
use std::time::{Duration, Instant};

use super::proxy::{Fault, Proxy};
use super::{Numbered, asked, free_port, has_problem, metric, wait, wait_exact};
use crate::collector::site::Site;
use crate::torture::random::{Random, seed};

const RETRY_AFTER_S: u64 = 1;
/// Refusals in a row of each kind: the pauses between them grow.
const REFUSALS: usize = 3;

/// Faults of the way, mixed; then each kind of refusal among them.
fn script(random: &mut Random, length: u64) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut some = |faults: &mut Vec<Fault>| {
        for _ in 0..length {
            faults.push(match random.below(6) {
                0 => Fault::Delay(Duration::from_millis(100 + random.below(300))),
                1 => Fault::CutRequest,
                2 => Fault::LoseAnswer,
                3 => Fault::CutAnswer,
                _ => Fault::Pass,
            });
        }
        faults.push(Fault::Pass);
    };
    for refusal in [(429, Some(RETRY_AFTER_S)), (503, Some(RETRY_AFTER_S)), (401, None), (404, None)] {
        some(&mut faults);
        faults.extend([Fault::Refuse(refusal.0, refusal.1); REFUSALS]);
    }
    some(&mut faults);
    faults
}

#[test]
fn a_slow_and_refusing_server_gets_every_line_once_and_in_order() {
    let seed = seed();
    eprintln!("to repeat: ORSZEM_TORTURE_SEED={seed}");
    let mut random = Random::new(seed);
    let folder = tempfile::tempdir().expect("a directory");
    let mut site = Site::new(folder.path(), "");
    let faults = script(&mut random, asked("ORSZEM_COLLECTOR_FAULTS", 8));
    let proxy = Proxy::start(site.address(), faults);
    site.endpoint = proxy.address;
    site.configure("");
    site.start_collector();
    let mut logs: Vec<Numbered> = (0..3).map(|number| Numbered::new(&site, &format!("r{number}"))).collect();
    logs.iter_mut().for_each(|log| log.append(1, 100, false));
    // What was rotated before the very first start looked is history, and not read.
    wait(&site, "the files are followed", || {
        let told = fs::read_to_string(site.folder.join("collector.err")).unwrap_or_default();
        (0..3).all(|number| told.contains(&format!("/r{number}.log offset=0")))
    });
    let begun = Instant::now();
    let mut turn = 0;
    while !proxy.is_through() {
        assert!(begun.elapsed() < super::within(), "the collector gave up: {:?}", proxy.done());
        let log = &mut logs[turn % 3];
        log.append(1 + random.below(60), 100, false);
        if turn % 20 < 3 {
            log.rotate();
        }
        turn += 1;
        std::thread::park_timeout(Duration::from_millis(20));
    }
    wait_exact(&site, &logs.iter().collect::<Vec<_>>());
    for pair in proxy.done().windows(2) {
        let [(fault, at), (_, next)] = pair else { continue };
        if let Fault::Refuse(status, Some(seconds)) = fault {
            let waited = next.duration_since(*at);
            assert!(waited >= Duration::from_secs(*seconds), "{status}: sent again after {waited:?}");
        }
    }
}

#[test]
fn a_server_that_refuses_the_token_is_told_of_and_tried_again() {
    let folder = tempfile::tempdir().expect("a directory");
    let mut site = Site::new(folder.path(), "");
    let proxy = Proxy::start(site.address(), vec![Fault::Refuse(401, None); 9]);
    site.endpoint = proxy.address;
    let port = free_port();
    site.configure(&format!("metrics_listen = \"127.0.0.1:{port}\""));
    site.start_collector();
    let mut log = Numbered::new(&site, "t0");
    log.append(100, 100, false);
    let state = site.folder.join("state");
    wait(&site, "the status names the refusal", || has_problem(&state, "401"));
    assert_eq!(metric(port, "orszem_collector_records_sent_total"), Some(0));
    wait_exact(&site, &[&log]);
    wait(&site, "the status is clear again", || !has_problem(&state, "401"));
}

#[test]
fn a_reload_with_another_endpoint_is_gone_on_with_while_the_old_one_is_down() {
    let folder = tempfile::tempdir().expect("a directory");
    let mut site = Site::new(folder.path(), "");
    let server = site.endpoint;
    // Nobody listens at these.
    site.endpoint = ([127, 0, 0, 1], free_port()).into();
    site.configure("");
    let mut log = Numbered::new(&site, "e0");
    log.append(100, 100, false);
    site.start_collector();
    let state = site.folder.join("state");
    wait(&site, "the status names the endpoint", || has_problem(&state, "does not take records"));
    for label in ["a", "b", "c"] {
        site.endpoint = ([127, 0, 0, 1], free_port()).into();
        site.configure(&format!("labels = {{ turn = \"{label}\" }}"));
        site.signal_collector("HUP");
    }
    site.endpoint = server;
    site.configure("");
    site.signal_collector("HUP");
    wait_exact(&site, &[&log]);
    assert_eq!(site.stop_collector(), Some(0));
}
