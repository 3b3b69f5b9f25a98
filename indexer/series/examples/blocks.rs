//! Measures blocks: bytes a sample, samples a second, and the label index of a million series.
//!
//! `cargo run --release -p orszem-series --example blocks [FILE]`; FILE has lines `T <milliseconds>`, each followed by
//! one scrape in Prometheus' text format without comments.
#![expect(clippy::print_stdout, reason = "the figures are this program's output")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

use orszem_model::{Columns, Labels, MatchOp, Matcher};
use orszem_series::{Block, BlockWriter, Index};

type Series = BTreeMap<Labels, Columns>;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::temp_dir().join(format!("orszem-blocks-{}", std::process::id()));
    std::fs::create_dir(&directory)?;
    let result = measure(&directory);
    std::fs::remove_dir_all(&directory)?;
    result
}

fn measure(directory: &Path) -> Result<(), Box<dyn Error>> {
    match std::env::args().nth(1) {
        Some(file) => {
            let scraped = scraped(&std::fs::read_to_string(file)?)?;
            samples(directory, 1, "scraped, every time", &scraped)?;
            for every in [5, 15] {
                samples(directory, every, "scraped, each nth time", &thinned(&scraped, every as usize))?;
            }
        }
        None => {
            samples(directory, 1, "made up, 2 h at 1 s", &made_up(200, 7_200, 1_000))?;
            samples(directory, 2, "made up, 2 h at 15 s", &made_up(2_000, 480, 15_000))?;
            samples(directory, 3, "made up, 24 h at 15 s", &made_up(400, 5_760, 15_000))?;
        }
    }
    index(directory)
}

/// Writes and reads a block.
fn samples(directory: &Path, number: u64, what: &str, series: &Series) -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    let mut writer = BlockWriter::create(directory, number, 0, Vec::new())?;
    for (labels, columns) in series {
        writer.add(labels, columns)?;
    }
    let meta = writer.finish()?.ok_or("no samples")?;
    let wrote = began.elapsed().as_secs_f64();
    let path = directory.join(meta.directory());
    let size = |name: &str| std::fs::metadata(path.join(name)).map(|file| file.len() as f64);
    let (chunks, index, count) = (size("chunks")?, size("index")?, meta.samples as f64);
    let block = Block::open(&path)?;
    let mut columns = Columns::default();
    let mut best = f64::MAX;
    for _ in 0..5 {
        let began = Instant::now();
        let mut reader = block.reader();
        for ordinal in 0..block.index().series() {
            columns.clear();
            reader.read(ordinal, i64::MIN, i64::MAX, &mut columns)?;
        }
        best = best.min(began.elapsed().as_secs_f64());
    }
    println!(
        "{what} {number}: {} series, {} samples, {:.3} + {:.3} bytes a sample, write {:.1} M/s, read {:.0} M/s",
        meta.series,
        meta.samples,
        chunks / count,
        index / count,
        count / wrote / 1e6,
        count / best / 1e6
    );
    Ok(())
}

/// Builds and asks a label index of a million series with eight labels.
fn index(directory: &Path) -> Result<(), Box<dyn Error>> {
    let mut all = Vec::with_capacity(1_000_000);
    for metric in 0..100 {
        for host in 0..1_000 {
            for cpu in 0..10 {
                let (name, host, cpu) =
                    (format!("node_metric_{metric}"), format!("host-{host}:9100"), format!("{cpu}"));
                let rack = format!("rack{}", host.len() + cpu.len() % 7);
                all.push(Labels::from([
                    ("__name__", name.as_str()),
                    ("cluster", "eu"),
                    ("cpu", cpu.as_str()),
                    ("env", "production"),
                    ("instance", host.as_str()),
                    ("job", if metric % 2 == 0 { "node" } else { "web" }),
                    ("mode", if metric % 3 == 0 { "idle" } else { "user" }),
                    ("rack", rack.as_str()),
                ]));
            }
        }
    }
    all.sort_unstable();
    let path = directory.join("index");
    let began = Instant::now();
    let mut writer = orszem_series::index::IndexWriter::create(&path)?;
    for labels in &all {
        writer.add(labels)?;
    }
    let added = began.elapsed().as_secs_f64();
    let bytes = writer.finish()?;
    let built = began.elapsed().as_secs_f64();
    println!(
        "index: 1 M series, added in {added:.2} s, built in {built:.2} s, {:.2} bytes a series without hashes",
        bytes as f64 / 1e6 - 8.0
    );
    let index = Index::open(&path)?;
    let matcher = |name: &str, op, value: &str| Matcher::new(name, op, value);
    let cases = [
        (
            "name and instance",
            vec![Matcher::equal("__name__", "node_metric_7"), Matcher::equal("instance", "host-77:9100")],
        ),
        ("job and mode", vec![Matcher::equal("job", "web"), Matcher::equal("mode", "idle")]),
        ("regex over instances", vec![matcher("instance", MatchOp::Regex, "host-1.*")?]),
        ("regex at the end", vec![matcher("instance", MatchOp::Regex, ".*7:9100")?]),
        ("not equal", vec![Matcher::equal("__name__", "node_metric_7"), matcher("cpu", MatchOp::NotEqual, "3")?]),
        ("all", vec![]),
    ];
    for (what, matchers) in cases {
        let mut best = f64::MAX;
        let mut found = 0;
        for _ in 0..9 {
            let began = Instant::now();
            found = index.select(&matchers)?.len();
            best = best.min(began.elapsed().as_secs_f64());
        }
        println!("select {what}: {found} series in {:.0} µs", best * 1e6);
    }
    let began = Instant::now();
    let mut reader = index.labels_reader();
    for ordinal in 0..100_000 {
        reader.labels(ordinal)?;
    }
    println!("labels: {:.2} µs each", began.elapsed().as_secs_f64() * 10.0);
    let began = Instant::now();
    for at in (0..1_000_000).step_by(9_973) {
        index.find(&all[at])?.ok_or("a series is missing")?;
    }
    println!("find: {:.0} µs each", began.elapsed().as_secs_f64() * 1e4);
    Ok(())
}

fn scraped(text: &str) -> Result<Series, Box<dyn Error>> {
    let mut series = Series::new();
    let mut time = 0;
    for line in text.lines() {
        if let Some(milliseconds) = line.strip_prefix("T ") {
            time = milliseconds.parse()?;
            continue;
        }
        let Some((key, value)) = line.rsplit_once(' ') else { continue };
        let (name, rest) = key.split_once('{').unwrap_or((key, ""));
        let labels =
            Labels::from([("__name__", name), ("instance", "127.0.0.1:9100"), ("job", "node"), ("rest", rest)]);
        series.entry(labels).or_default().push(time, value.parse()?);
    }
    Ok(series)
}

fn thinned(series: &Series, every: usize) -> Series {
    let thin = |columns: &Columns| {
        let mut kept = Columns::default();
        let samples = columns.times.iter().zip(&columns.values).step_by(every);
        samples.for_each(|(&time, &value)| kept.push(time, value));
        kept
    };
    series.iter().map(|(labels, columns)| (labels.clone(), thin(columns))).collect()
}

/// Series like those of hosts: of each hundred, some are constant, others count or measure.
fn made_up(count: u64, samples: i64, step: i64) -> Series {
    let mut series = Series::new();
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for target in 0..count / 100 {
        let jitter: Vec<i64> = (0..samples).map(|_| random(5) as i64 - 2).collect();
        for at in 0..100 {
            let (name, host) = (format!("metric_{at}"), format!("host-{target}:9100"));
            let mut columns = Columns::default();
            let mut value = random(1 << 30) as f64;
            for tick in 0..samples {
                value = match at {
                    0..40 => value,
                    40..55 => value + if random(20) == 0 { random(3) as f64 } else { 0.0 },
                    55..70 => ((value * 100.0).round() + random(40 * step as u64 / 1_000) as f64) / 100.0,
                    70..85 => value + random(200 * step as u64) as f64,
                    85..95 => value + 4_096.0 * (random(41) as f64 - 20.0),
                    _ => value * (1.0 + (random(2_001) as f64 - 1_000.0) / 1e7),
                };
                columns.push(1_700_000_000_000 + tick * step + jitter[tick as usize], value);
            }
            series.insert(Labels::from([("__name__", name.as_str()), ("instance", host.as_str())]), columns);
        }
    }
    series
}
