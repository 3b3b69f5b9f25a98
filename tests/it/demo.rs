//! `orszem demo`: within a minute, search tells the story of a failover.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{Server, orszem, run};

/// How long the past may take to be there, also on a busy machine.
const FILLED: Duration = Duration::from_secs(60);

/// The records that a query finds in the last ten minutes, once there are any.
fn found(server: &Server, query: &str, begun: Instant) -> String {
    loop {
        let (code, out, _) = run(&["search", query, "--since", "10m", "--limit", "500", "--server", &server.url()]);
        if code == 0 {
            return out;
        }
        assert!(begun.elapsed() < FILLED, "{query} finds nothing");
        std::thread::park_timeout(Duration::from_millis(200));
    }
}

#[test]
fn a_failover_of_the_last_ten_minutes_is_found_and_all_of_it_is_marked() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().to_str().expect("a plain path");
    let arguments = ["demo", "--listen", "127.0.0.1:0", "--history", "10m", "--log-level", "warn", "--data-dir", data];
    let begun = Instant::now();
    let mut server = Server::spawn(orszem(&arguments));
    server.line();
    let marked = server.line();
    assert!(marked.starts_with("SIMULATED:"), "{marked}");

    // Every layer tells its part.
    for query in [
        "kind:event is lost",
        "kind:event reboot is done",
        "kind:event start of lsn_ora",
        "layer:storage drbd \"role( Secondary -> Primary )\"",
        "layer:cluster \"A new membership\"",
        "layer:database \"Completed crash recovery\"",
        "layer:app SQLRecoverableException",
        "layer:web severity:>=error AH01102",
        "kind:probe severity:>=error",
    ] {
        found(&server, query, begun);
    }
    let (code, out, _) = run(&["search", "NOT simulated:true NOT service:orszem*", "--server", &server.url()]);
    assert_eq!((code, out.as_str()), (1, ""), "everything is marked as simulated");

    let truth = fs::read_to_string(directory.path().join("truth.ndjson")).expect("is written");
    let stories: Vec<Value> = truth.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(stories[1]["expected_facts"][0]["fact"], "node.lost", "{truth}");
    let outage = stories[1]["outage"]["ms"].as_u64().expect("an outage");
    assert!((20_000..60_000).contains(&outage), "{outage}");

    server.signal("TERM");
    assert!(server.wait().success());
}

#[test]
fn a_story_that_is_not_over_before_the_next_is_refused() {
    let (code, _, error) = run(&["demo", "--every", "1m"]);
    assert_eq!(code, 2);
    assert!(error.contains("4m to 10m"), "{error}");
}
