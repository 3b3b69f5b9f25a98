//! How much CPU an appended and a read byte cost: batches of 100 KB, a sync each 2 MB, in a temporary directory.

use std::error::Error;
use std::time::Instant;

use orszem_queue::{Changes, Entry, Options, Queue};

const BATCH_BYTES: usize = 100_000;
const BATCHES: u64 = 10_000;
const BATCHES_A_SYNC: u64 = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let options = Options { bytes_max: 4 << 30, ..Options::new(directory.path().to_owned(), 1) };
    let (mut writer, mut reader, _) = Queue::open(options)?;
    let payload: Vec<u8> = (0..BATCH_BYTES as u64).map(|index| (index.wrapping_mul(0x9e37_79b9) >> 13) as u8).collect();
    let (wall, cpu) = (Instant::now(), cpu_seconds()?);
    for number in 0..BATCHES {
        let key = format!("file-{}", number % 1000).into_bytes();
        let changes = Changes::from([(key, Some(number.to_le_bytes().to_vec()))]);
        writer.append(&Entry {
            payload: &payload,
            hash: 0,
            records: 5000,
            raw_bytes: 1 << 20,
            time_range: Some((0, 1)),
            changes: &changes,
        })?;
        if number % BATCHES_A_SYNC == 0 {
            writer.sync()?;
        }
    }
    writer.sync()?;
    report("append", wall, cpu)?;
    let (wall, cpu) = (Instant::now(), cpu_seconds()?);
    while let Some(batch) = reader.next()? {
        reader.release(batch.seq)?;
    }
    report("read and release", wall, cpu)
}

fn report(name: &str, wall: Instant, cpu: f64) -> Result<(), Box<dyn Error>> {
    let megabytes = (BATCH_BYTES as u64 * BATCHES) as f64 / 1e6;
    let cpu = cpu_seconds()? - cpu;
    let wall = wall.elapsed().as_secs_f64();
    eprintln!("{name}: {:.0} MB/s of CPU, {:.0} MB/s of wall time", megabytes / cpu, megabytes / wall);
    Ok(())
}

/// User and system time of this process, in seconds.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no process name")?;
    let mut times = fields.split_whitespace().skip(11);
    let user: f64 = times.next().ok_or("no user time")?.parse()?;
    let system: f64 = times.next().ok_or("no system time")?.parse()?;
    Ok((user + system) / TICKS_A_SECOND)
}
