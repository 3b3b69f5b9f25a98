//! How many samples a second go through thresholds on one core. `cargo bench -p orszem-alerting`.
#![expect(clippy::print_stdout, reason = "a benchmark tells its figures")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use orszem_alerting::{Band, Bands, Comparison, Thresholds};
use orszem_model::Timestamp;

const SERIES: usize = 100_000;
const ROUNDS: i64 = 100;

fn main() {
    for (name, base) in [("quiet", 20.0), ("around the bound", 70.0), ("all critical", 95.0)] {
        measure(name, base);
    }
}

fn measure(name: &str, base: f64) {
    let band = |enter, clear| Band {
        hold: Duration::from_secs(120),
        clear,
        clear_hold: Duration::from_secs(300),
        ..Band::at(Comparison::AtLeast, enter)
    };
    let bands = Bands { warning: Some(band(80.0, 75.0)), critical: Some(band(90.0, 87.0)) };
    let mut table = Thresholds::new(bands, None);
    for _ in 0..SERIES {
        table.add();
    }
    let mut changes = 0_u64;
    let start = Instant::now();
    for round in 0..ROUNDS {
        let at = Timestamp(round * 15_000_000_000);
        for place in 0..SERIES {
            // Series come in another order than they lie in memory.
            let slot = place.wrapping_mul(7_919) % SERIES;
            let value = base + f64::from(u32::try_from((slot + place) % 21).unwrap_or(0));
            changes += u64::from(table.sample(black_box(slot), at, black_box(value)).is_some());
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let samples = (SERIES as f64) * (ROUNDS as f64);
    println!("{name}: {:.1} M samples/s, {changes} changes", samples / seconds / 1e6);
}
