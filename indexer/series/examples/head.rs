//! Measures the series store: `cargo run --release -p orszem-series --example head -- SERIES ROUNDS [DIRECTORY]`.
//!
//! SERIES series of 8 labels get ROUNDS samples, 15 s apart, in batches of 2,000 series, as remote write brings them.
//! Figures are for a second of processor time of one core, so that other programs do not count.
#![expect(clippy::print_stdout, reason = "the figures are this program's output")]

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use orszem_model::{Columns, Labels, Matcher};
use orszem_series::{Batch, Options, Rejected, SeriesStore, Settle};

const BATCH_SERIES: usize = 2_000;
const STEP_MS: i64 = 15_000;
const START_MS: i64 = 1_700_000_000_000;

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let usage = || Error::new(ErrorKind::InvalidInput, "usage: head SERIES ROUNDS [DIRECTORY]");
    let mut number = || arguments.next().and_then(|text| text.parse::<usize>().ok()).ok_or_else(usage);
    let (series, rounds) = (number()?, number()?);
    let directory = arguments.next().map_or_else(|| std::env::temp_dir().join("orszem-head-bench"), PathBuf::from);
    if directory.try_exists()? {
        std::fs::remove_dir_all(&directory)?;
    }
    let idle = anonymous()?;
    {
        let store = open(&directory)?;
        ingest(&store, series, rounds, idle)?;
        select(&store)?;
        let clock = Clock::start();
        store.flush().map_err(Error::other)?;
        println!("last flush: {:.2} s of processor time, {} MiB in use", clock.seconds(), (anonymous()? - idle) >> 20);
        let sizes = store.sizes();
        println!("files of the head: {:.2} bytes a sample", sizes.file_bytes as f64 / sizes.file_samples.max(1) as f64);
        select(&store)?;
    }
    let clock = Clock::start();
    let store = open(&directory)?;
    println!("opened with {series} series in {:.2} s of processor time", clock.seconds());
    let clock = Clock::start();
    while store.settle(Settle::All, i64::MAX).map_err(Error::other)? {}
    let sizes = store.sizes();
    println!(
        "cut into blocks: {:.2} s of processor time, {:.2} bytes a sample, {} MiB in use",
        clock.seconds(),
        sizes.block_bytes as f64 / sizes.block_samples.max(1) as f64,
        (anonymous()? - idle) >> 20
    );
    select(&store)?;
    drop(store);
    std::fs::remove_dir_all(&directory)
}

fn open(directory: &Path) -> Result<SeriesStore, Error> {
    let (store, report) = SeriesStore::open(directory, Options::default()).map_err(Error::other)?;
    if !report.set_aside.is_empty() {
        return Err(Error::other("files were set aside"));
    }
    Ok(store)
}

fn ingest(store: &SeriesStore, series: usize, rounds: usize, idle: u64) -> Result<(), Error> {
    let (mut position, mut journal_bytes) = (0, 0);
    let (mut first, mut later, mut encoding, mut flushing) = (0.0, 0.0, 0.0, 0.0);
    for round in 0..rounds {
        for start in (0..series).step_by(BATCH_SERIES) {
            let clock = Clock::start();
            let batch = build(store, start..(start + BATCH_SERIES).min(series), round)?;
            let building = clock.seconds();
            let clock = Clock::start();
            journal_bytes += batch.encode().iter().map(bytes::Bytes::len).sum::<usize>();
            encoding += clock.seconds();
            position += 1;
            let clock = Clock::start();
            store.apply(vec![batch], position);
            *(if round == 0 { &mut first } else { &mut later }) += building + clock.seconds();
        }
        if round == 0 {
            println!("{:.0} new series/s, without journal frames", series as f64 / first);
            println!("{} bytes a series with one sample each", (anonymous()? - idle) / series as u64);
        }
        if store.wants_flush() {
            let clock = Clock::start();
            store.flush().map_err(Error::other)?;
            flushing += clock.seconds();
        }
    }
    let samples = (series * rounds) as f64;
    println!("{:.2} M samples/s built and applied", (samples - series as f64) / later / 1e6);
    println!(
        "{:.1} M samples/s encoded, {:.2} bytes a sample",
        samples / encoding / 1e6,
        journal_bytes as f64 / samples
    );
    println!("{:.2} M samples/s flushed on the way ({flushing:.1} s)", samples / flushing.max(1e-9) / 1e6);
    println!("{} MiB in use", (anonymous()? - idle) >> 20);
    Ok(())
}

fn build(store: &SeriesStore, range: std::ops::Range<usize>, round: usize) -> Result<Batch, Error> {
    let mut builder = store.batch(0);
    builder.reserve(range.len());
    for at in range {
        let key = xxhash_rust::xxh3::xxh3_128(&(at as u64).to_le_bytes());
        let series = builder.series(key, || Ok::<_, Rejected>(labels(at))).map_err(Error::other)?;
        // Counters of which some stand still, as those of hosts do.
        let value = if at.is_multiple_of(3) { at as f64 } else { (at + round * (at % 97)) as f64 };
        builder.sample(series, START_MS + round as i64 * STEP_MS, value);
    }
    Ok(builder.finish())
}

/// 200 metrics, hosts, and labels as node exporters have them.
fn labels(at: usize) -> Labels {
    let text = |prefix: &str, number: usize| format!("{prefix}{number}");
    let (metric, rest) = (at % 200, at / 200);
    Labels::new(vec![
        ("__name__", text("node_metric_", metric)),
        ("cluster", "production".to_owned()),
        ("cpu", (rest % 8).to_string()),
        ("datacenter", text("dc", rest / 8 % 4)),
        ("device", text("sd", rest % 8)),
        ("instance", text("host-", rest / 8)),
        ("job", "node".to_owned()),
        ("mode", ["user", "system", "idle", "iowait"][metric % 4].to_owned()),
    ])
}

fn select(store: &SeriesStore) -> Result<(), Error> {
    let matcher = |name: &str, op, value: &str| Matcher::new(name, op, value).map_err(Error::other);
    let cases = [
        ("one metric", vec![Matcher::equal("__name__", "node_metric_7")]),
        ("one host", vec![Matcher::equal("instance", "host-3")]),
        (
            "one series",
            vec![
                Matcher::equal("instance", "host-3"),
                Matcher::equal("__name__", "node_metric_7"),
                Matcher::equal("cpu", "1"),
            ],
        ),
        ("half of all", vec![matcher("__name__", orszem_model::MatchOp::Regex, "node_metric_1.*")?]),
    ];
    for (name, matchers) in cases {
        let clock = Clock::start();
        let selection = store.select(0, &matchers, START_MS, i64::MAX - 1).map_err(Error::other)?;
        let selecting = clock.seconds();
        let clock = Clock::start();
        let mut reader = selection.reader();
        let (mut columns, mut samples, mut labels) = (Columns::default(), 0, 0);
        for at in 0..selection.len() {
            reader.read(at, &mut columns).map_err(Error::other)?;
            samples += columns.len();
            labels += reader.labels(at).map_err(Error::other)?.len();
        }
        println!(
            "select {name}: {} series in {:.2} ms, {samples} samples and {labels} labels read in {:.2} ms",
            selection.len(),
            selecting * 1e3,
            clock.seconds() * 1e3
        );
    }
    Ok(())
}

/// Processor time of this thread.
struct Clock(f64);

impl Clock {
    fn start() -> Self {
        Self(used())
    }

    fn seconds(&self) -> f64 {
        (used() - self.0).max(1e-9)
    }
}

fn used() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Anonymous memory of the process in bytes.
fn anonymous() -> Result<u64, Error> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or("0");
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").trim().parse().map_err(Error::other)?;
    Ok(kibibytes << 10)
}
