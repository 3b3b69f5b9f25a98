//! Samples a second of one core through the text parsers.
//!
//! `cargo run --release -p orszem-exposition --example parse_text`

use std::io::Write;
use std::time::Instant;

use orszem_exposition::{Classic, Entry, Format, Parser};

const SERIES: usize = 2_000;
const ROUNDS: usize = 500;

fn body() -> String {
    let mut body = String::new();
    for at in 0..SERIES {
        if at % 20 == 0 {
            body.push_str(&format!(
                "# HELP node_packets_{at}_total Packets seen.\n# TYPE node_packets_{at}_total counter\n"
            ));
        }
        let (family, value) = (at / 20 * 20, at as f64 * 1234.5);
        body.push_str(&format!(
            "node_packets_{family}_total{{device=\"eth{at}\",kind=\"multicast\",queue=\"7\"}} {value}\n"
        ));
    }
    body + "# EOF\n"
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let body = body();
    for (format, builds_labels) in
        [(Format::Text, false), (Format::Text, true), (Format::OpenMetrics, false), (Format::OpenMetrics, true)]
    {
        let (mut samples, mut check) = (0_u64, 0);
        let start = Instant::now();
        for _ in 0..ROUNDS {
            let mut parser = Parser::new(format, body.as_bytes(), Classic::Unless);
            while let Some(entry) = parser.next_entry() {
                if let Entry::Sample(sample) = entry? {
                    samples += 1;
                    check += sample.series.raw().len();
                    if builds_labels {
                        check += sample.series.labels()?.len();
                    }
                }
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        writeln!(
            std::io::stdout(),
            "{format:?}, labels built: {builds_labels}: {:.2} M samples/s, {:.0} MB/s, check {check}",
            samples as f64 / seconds / 1e6,
            (ROUNDS * body.len()) as f64 / seconds / 1e6,
        )?;
    }
    Ok(())
}
