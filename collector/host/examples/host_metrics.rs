//! Prints this host's metrics in the text format, and to stderr what a pass costs.

use std::error::Error;
use std::io::{self, Write};
use std::time::{Instant, SystemTime};

use orszem_host::{Host, HostConfig, Text};
use rustix::time::{ClockId, clock_gettime};

/// Passes after the first, whose mean is told.
const PASSES: u32 = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut host = Host::new(HostConfig::default())?;
    let mut text = Text::default();
    let first = Instant::now();
    host.collect(now_ms()?, &mut text);
    let first = first.elapsed();
    io::stdout().write_all(text.to_string().as_bytes())?;

    let (wall, cpu) = (Instant::now(), cpu_ms());
    for _ in 0..PASSES {
        host.collect(now_ms()?, &mut Text::default());
    }
    let wall = wall.elapsed().as_secs_f64() * 1e3 / f64::from(PASSES);
    let cpu = (cpu_ms() - cpu) / f64::from(PASSES);
    writeln!(io::stderr(), "first pass {first:?}, then {wall:.2} ms each, {cpu:.2} ms of CPU time")?;
    Ok(())
}

fn now_ms() -> Result<i64, Box<dyn Error>> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(i64::try_from(since.as_millis())?)
}

/// CPU time of this process.
fn cpu_ms() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}
