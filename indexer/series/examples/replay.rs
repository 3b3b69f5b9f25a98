//! Measures what real samples take on disk: `replay FILE HOURS NTH [DIRECTORY]`.
//!
//! FILE is what `promtool tsdb dump` prints, up to the first gap. Each NTH sample is taken until there are HOURS of them:
//! first from the first on, then from the second, with later times; what only ever grew goes on growing. More rounds than
//! NTH repeat themselves, which flatters compressors that look far back. They go through a store as they would live: a
//! write-out every 5 minutes, and blocks as they are due. Then, for blocks of several lengths, what each part of them
//! takes.
#![expect(clippy::print_stdout, reason = "the figures are this program's output")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Error};
use std::path::{Path, PathBuf};

use orszem_model::{Columns, Labels};
use orszem_series::{BlockWriter, Options, Rejected, SeriesStore, Settle};

const FLUSH_MS: i64 = 300_000;
const HOUR_MS: i64 = 3_600_000;
/// What is a gap.
const GAP_MS: i64 = 120_000;

struct Series {
    labels: Labels,
    times: Vec<i64>,
    /// Numbers over 10^scale, where they are decimals.
    values: Vec<i128>,
    floats: Vec<f64>,
    scale: u32,
    is_counter: bool,
}

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let usage = || Error::other("usage: replay FILE HOURS NTH [DIRECTORY]");
    let file = arguments.next().ok_or_else(usage)?;
    let mut number = || arguments.next().and_then(|text| text.parse::<usize>().ok()).ok_or_else(usage);
    let (hours, nth) = (number()? as i64, number()?.max(1));
    let directory = arguments.next().map_or_else(|| std::env::temp_dir().join("orszem-replay"), PathBuf::from);
    let series = read(&file)?;
    let first = series.iter().filter_map(|series| series.times.first()).min().copied().unwrap_or(0);
    let last = series.iter().filter_map(|series| series.times.last()).max().copied().unwrap_or(0);
    let mut steps: BTreeMap<i64, u32> = BTreeMap::new();
    for pair in series.iter().flat_map(|series| series.times.windows(2)) {
        *steps.entry(pair[1] - pair[0]).or_default() += 1;
    }
    let step = steps.iter().max_by_key(|entry| entry.1).map_or(15_000, |entry| *entry.0);
    let span = last - first + step;
    println!("{} series, {} minutes of samples {step} ms apart, of which one in {nth}", series.len(), span / 60_000);
    let begin = (first / (24 * HOUR_MS)) * 24 * HOUR_MS;
    let day: Vec<(Labels, Columns)> = series
        .iter()
        .map(|series| (series.labels.clone(), extended(series, begin - first, span, hours, nth)))
        .collect();
    live(&day, begin, hours, &directory)?;
    for window in [1, 2, 8, 24, 24 * 7] {
        if window <= hours {
            blocks(&day, begin, window, &directory)?;
        }
    }
    Ok(())
}

fn read(file: &str) -> Result<Vec<Series>, Error> {
    let mut all: Vec<Series> = Vec::new();
    let mut texts: Vec<String> = Vec::new();
    let mut before = String::new();
    let mut is_done = false;
    for line in BufReader::new(fs::File::open(file)?).lines() {
        let line = line?;
        let (labels, rest) = line.rsplit_once("} ").ok_or_else(|| Error::other("no labels"))?;
        let (value, time) = rest.split_once(' ').ok_or_else(|| Error::other("no time"))?;
        if labels != before {
            finish(all.last_mut(), &mut texts);
            before = labels.to_owned();
            all.push(Series {
                labels: parse(labels),
                times: Vec::new(),
                values: Vec::new(),
                floats: Vec::new(),
                scale: 0,
                is_counter: false,
            });
            is_done = false;
        }
        let Some(series) = all.last_mut() else { continue };
        let time: i64 = time.parse().map_err(Error::other)?;
        is_done |= series.times.last().is_some_and(|last| time - last > GAP_MS);
        if is_done {
            continue;
        }
        series.times.push(time);
        series.floats.push(value.parse().map_err(Error::other)?);
        texts.push(value.to_owned());
    }
    finish(all.last_mut(), &mut texts);
    Ok(all)
}

/// What grows, and how many places its numbers have.
fn finish(series: Option<&mut Series>, texts: &mut Vec<String>) {
    let Some(series) = series else { return };
    let numbers: Option<Vec<(i128, u32)>> = texts.iter().map(|text| decimal(text)).collect();
    texts.clear();
    let Some(numbers) = numbers else { return };
    series.scale = numbers.iter().map(|number| number.1).max().unwrap_or(0);
    series.values = numbers.iter().map(|(digits, scale)| digits * 10i128.pow(series.scale - scale)).collect();
    let grows = series.values.windows(2).all(|pair| pair[0] <= pair[1]);
    series.is_counter = grows && series.values.first() != series.values.last();
}

fn decimal(text: &str) -> Option<(i128, u32)> {
    let (mantissa, exponent) = text.split_once('e').map_or((text, 0), |(m, e)| (m, e.parse::<i32>().unwrap_or(999)));
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: i128 = format!("{whole}{part}").parse().ok()?;
    let scale = part.len() as i32 - exponent;
    if !(-18..=18).contains(&scale) {
        return None;
    }
    Some(if scale < 0 { (digits * 10i128.pow((-scale) as u32), 0) } else { (digits, scale as u32) })
}

fn parse(text: &str) -> Labels {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start_matches('{');
    while let Some((name, behind)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut chars = behind.char_indices();
        let mut end = behind.len();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => value.extend(chars.next().map(|next| if next.1 == 'n' { '\n' } else { next.1 })),
                '"' => {
                    end = at + 1;
                    break;
                }
                c => value.push(c),
            }
        }
        pairs.push((name.trim_start_matches([',', ' ']).to_owned(), value));
        rest = behind.get(end..).unwrap_or("");
    }
    Labels::new(pairs)
}

/// The samples over and over, each nth.
fn extended(series: &Series, shift: i64, span: i64, hours: i64, nth: usize) -> Columns {
    let mut columns = Columns::default();
    let first = series.times.first().copied().unwrap_or(0) + shift;
    let end = first + hours * HOUR_MS;
    let growth = match (series.values.first(), series.values.last()) {
        (Some(first), Some(last)) if series.is_counter => last - first,
        _ => 0,
    };
    for round in 0.. {
        for (at, &time) in series.times.iter().enumerate().skip(round as usize % nth).step_by(nth) {
            let time = time + shift + round * span;
            if time >= end {
                return columns;
            }
            let value = if growth == 0 {
                series.floats[at]
            } else {
                let number = series.values[at] + growth * i128::from(round);
                let scale = series.scale as usize;
                let (whole, part) = (number / 10i128.pow(series.scale), number % 10i128.pow(series.scale));
                format!("{whole}.{part:0scale$}").trim_end_matches('.').parse().unwrap_or(f64::NAN)
            };
            columns.push(time, value);
        }
        if series.times.is_empty() {
            break;
        }
    }
    columns
}

/// Through a store, as time goes by.
fn live(day: &[(Labels, Columns)], begin: i64, hours: i64, directory: &Path) -> Result<(), Error> {
    if directory.try_exists()? {
        fs::remove_dir_all(directory)?;
    }
    let (store, _) = SeriesStore::open(directory, Options::default()).map_err(Error::other)?;
    let mut at = vec![0usize; day.len()];
    let (mut position, mut samples, mut highest) = (0u64, 0u64, 0.0f64);
    let (mut sum, mut count) = (0.0, 0);
    for tick in 1..=hours * HOUR_MS / FLUSH_MS {
        let now = begin + tick * FLUSH_MS;
        let mut builder = store.batch(0);
        for (number, (labels, columns)) in day.iter().enumerate() {
            let key = xxhash_rust::xxh3::xxh3_128(&(number as u64).to_le_bytes());
            let series = builder.series(key, || Ok::<_, Rejected>(labels.clone())).map_err(Error::other)?;
            while at[number] < columns.times.len() && columns.times[at[number]] < now {
                builder.sample(series, columns.times[at[number]], columns.values[at[number]]);
                at[number] += 1;
                samples += 1;
            }
        }
        position += 1;
        store.apply(vec![builder.finish()], position);
        store.flush().map_err(Error::other)?;
        while store.settle(Settle::Due, now).map_err(Error::other)? {}
        let bytes: u64 = sizes(directory)?.values().sum();
        let per = bytes as f64 / samples as f64;
        sum += per;
        count += 1;
        highest = highest.max(if tick * FLUSH_MS > 2 * HOUR_MS { per } else { 0.0 });
        if tick * FLUSH_MS % HOUR_MS == 0 && (tick * FLUSH_MS / HOUR_MS) % 3 == 0 {
            println!("{:>3} h: {per:.3} bytes a sample", tick * FLUSH_MS / HOUR_MS);
        }
    }
    println!("{samples} samples; mean over time {:.3}, highest after 2 h {highest:.3}", sum / f64::from(count));
    for (kind, bytes) in sizes(directory)? {
        println!("  {kind:>8}: {bytes:>9} bytes, {:.4} a sample", bytes as f64 / samples as f64);
    }
    drop(store);
    fs::remove_dir_all(directory)
}

/// Bytes by kind of file.
fn sizes(directory: &Path) -> Result<BTreeMap<String, u64>, Error> {
    let mut sizes = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            let folder = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            for (kind, bytes) in self::sizes(&path)? {
                let kind = if folder == "head" { format!("head {kind}") } else { kind };
                *sizes.entry(kind).or_default() += bytes;
            }
        } else {
            let name = path.extension().or(path.file_name()).unwrap_or_default().to_string_lossy().into_owned();
            *sizes.entry(name).or_default() += fs::metadata(&path)?.len();
        }
    }
    Ok(sizes)
}

fn blocks(day: &[(Labels, Columns)], begin: i64, hours: i64, directory: &Path) -> Result<(), Error> {
    let mut sorted: Vec<&(Labels, Columns)> = day.iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    fs::create_dir_all(directory)?;
    let window = begin..begin + hours * HOUR_MS;
    let mut writer = BlockWriter::create(directory, 1, 0, Vec::new()).map_err(Error::other)?;
    for (labels, columns) in sorted {
        let within = |time: &i64| window.contains(time);
        let first = columns.times.iter().position(within).unwrap_or(0);
        let count = columns.times.iter().filter(|time| within(time)).count();
        let part = Columns {
            times: columns.times[first..first + count].to_vec(),
            values: columns.values[first..first + count].to_vec(),
            histograms: Vec::new(),
        };
        writer.add(labels, &part).map_err(Error::other)?;
    }
    let meta = writer.finish().map_err(Error::other)?.ok_or_else(|| Error::other("no samples"))?;
    let path = directory.join(meta.directory());
    let size = |name: &str| fs::metadata(path.join(name)).map(|file| file.len());
    let (chunks, index) = (size("chunks")?, size("index")?);
    println!(
        "block of {hours} h: {} samples, chunks {chunks} ({:.4}), index {index} ({:.4})",
        meta.samples,
        chunks as f64 / meta.samples as f64,
        index as f64 / meta.samples as f64
    );
    fs::remove_dir_all(directory)
}
