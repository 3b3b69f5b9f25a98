//! How many bytes per second redaction goes through, by kind of line. `cargo bench -p orszem-transform`.
#![expect(clippy::print_stdout, reason = "a benchmark tells its figures")]

use std::hint::black_box;
use std::time::Instant;

use orszem_model::Timestamp;
use orszem_transform::{Draft, Preset, RedactConfig, Transform, TransformConfig};

const ROUNDS: usize = 40;

const LINES: [(&str, &str); 6] = [
    ("plain", "2026-11-22 10:00:00,123 INFO  [worker-7] com.example.Orders - order accepted and stored, took 12 ms"),
    ("syslog", "Nov 22 10:00:00 db1 sshd[4711]: Accepted publickey for deploy from 10.1.2.3 port 50022 ssh2"),
    (
        "access",
        "10.0.0.1 - - [22/Nov/2026:10:00:00 +0000] \"GET /shop/cart?item=4711&page=2 HTTP/1.1\" 200 5120 \"https://shop.example.com/\" \"Mozilla/5.0 (X11; Linux x86_64)\"",
    ),
    (
        "json",
        "{\"ts\":\"2026-11-22T10:00:00.123Z\",\"level\":\"info\",\"service\":\"pay\",\"msg\":\"charged\",\"order\":\"8f14e45f-ceea-467f-9c3a-1b2c3d4e5f60\",\"amount\":1999,\"currency\":\"HUF\",\"took_ms\":12}",
    ),
    (
        "hdfs",
        "081109 203615 148 INFO dfs.DataNode$PacketResponder: PacketResponder 1 for block blk_-1608999687919862906 terminating",
    ),
    ("secret", "2026-11-22 10:00:00 INFO login user=bob password=hunter2 card 4111 1111 1111 1111 from 10.1.2.3"),
];

fn main() {
    let all_but_ip = Preset::ALL.into_iter().filter(|p| *p != Preset::Ip).collect::<Vec<_>>();
    for (name, presets) in
        [("default", RedactConfig::default().presets), ("all but ip", all_but_ip), ("all", Preset::ALL.to_vec())]
    {
        for (kind, line) in LINES {
            measure(name, kind, line, &presets);
        }
    }
}

fn measure(name: &str, kind: &str, line: &str, presets: &[Preset]) {
    let redact = RedactConfig { presets: presets.to_vec(), custom: Vec::new() };
    let config = TransformConfig { redact, ..TransformConfig::default() };
    let mut transform = Transform::new(&config).expect("a valid configuration");
    // Lines of different lengths, as files have them.
    let lines: Vec<String> = (0..10_000).map(|i| format!("{line}{}", ".".repeat(i % 17))).collect();
    let bytes: usize = lines.iter().map(String::len).sum();
    let mut best = f64::INFINITY;
    let mut changed = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        changed = 0;
        for line in &lines {
            let mut draft = Draft::of_body(black_box(line.as_bytes()));
            let verdict = transform.apply(&mut draft, 0, Timestamp(0));
            black_box(&verdict);
            changed += usize::from(draft.body.len() != line.len());
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!(
        "{name:>10} {kind:>7}: {:7.0} MB/s, {changed} of {} lines changed",
        bytes as f64 / best / 1e6,
        lines.len()
    );
}
