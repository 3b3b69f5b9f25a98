//! How long samples are kept, as the configuration says.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::remote::command;
use crate::program::Server;
use crate::torture::client::settle;

const CONFIG: &str = r#"
[metrics]
min_free = "0B"
age = "3d"
[[metrics.retention]]
selector = "{job='short'}"
age = "3h"
[[metrics.retention]]
selector = "long"
age = "90d"
[[metrics.retention]]
selector = "noisy"
bytes = "1MiB"
[logs]
min_free = "0B"
"#;
const HOUR_MS: i64 = 3_600_000;
/// Values without a pattern take 8 bytes each.
const NOISY_SAMPLES: i64 = 200_000;
/// Ages in hours, more than a week apart, so that no two of them are ever in one block.
const AGES: [i64; 4] = [10, 200, 400, 600];

/// How many samples there are of a metric.
fn count(server: &Server, query: &str) -> String {
    let (status, body) = server.get(&format!("/api/v1/query?query=sum(count_over_time({query}%5B30d%5D))"), "");
    assert_eq!(status, 200, "{body}");
    let value = body.split_once("\"value\":[").and_then(|(_, rest)| rest.split('"').nth(1));
    value.unwrap_or("0").to_owned()
}

#[test]
fn retention_is_by_matcher_by_age_and_by_bytes() {
    let folder = tempfile::tempdir().expect("a directory");
    let server = Server::spawn(command(folder.path(), CONFIG));
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let now = i64::try_from(since.as_millis()).expect("before the year 292 million");
    let mut text = String::new();
    for hours in [0, 10, 200, 400] {
        for name in ["plain", "long", "plain{job=\"short\"}"] {
            text.push_str(&format!("{name} {hours} {}\n", now - hours * HOUR_MS));
        }
    }
    for at in 0..NOISY_SAMPLES {
        let mixed = (at as u64 ^ 0x5555).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let noise = (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 12;
        let value = f64::from_bits(0x3ff0_0000_0000_0000 | noise);
        let age = AGES[(at % 4) as usize];
        text.push_str(&format!("noisy{{shard=\"{}\"}} {value} {}\n", at / 4 % 4, now - age * HOUR_MS + at / 16));
    }
    assert_eq!(server.post("/api/v1/import/prometheus", "", text.as_bytes()).0, 204);
    assert_eq!(settle(server.address, false).expect("answers").status, 200);
    let expected = [("long", "4"), ("plain%7Bjob%3D%22%22%7D", "2"), ("plain%7Bjob%3D%22short%22%7D", "1")];
    let begun = Instant::now();
    loop {
        let found = expected.map(|(query, _)| (query, count(&server, query)));
        let noisy: i64 = count(&server, "noisy").parse().expect("a number");
        let is_kept = |((_, found), (_, wanted)): (&(&str, String), &(&str, &str))| found == wanted;
        if found.iter().zip(&expected).all(is_kept) && noisy < NOISY_SAMPLES {
            // Whole blocks of them went.
            assert!(noisy >= NOISY_SAMPLES / 4 && noisy % (NOISY_SAMPLES / 4) == 0, "{noisy}");
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(40), "{found:?} {noisy}");
        std::thread::park_timeout(Duration::from_millis(100));
    }
}
