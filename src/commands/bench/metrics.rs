//! `orszem bench metrics`: samples in, bytes on disk, memory, restart and queries, beside Prometheus and
//! VictoriaMetrics where they are installed.

mod connection;
mod generator;
mod queries;
mod system;

use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;

use super::process::Usage;
use super::{Scratch, print};
use connection::Connection;
use generator::Generator;
use system::{Kind, System};

/// Samples of one request.
const REQUEST_SAMPLES: usize = 2_000;
/// The time between two samples of a series.
const STEP_MS: i64 = 15_000;

/// One load: how many series, and how many samples each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) series: usize,
    pub(super) samples: usize,
}

impl Load {
    /// About the same amount of work for each: a day for a few thousand series, minutes for a million.
    pub(super) fn of(series: usize) -> Self {
        let samples = match series {
            0..=20_000 => 5_760,
            20_001..=500_000 => 20,
            _ => 4,
        };
        Self { series, samples }
    }

    fn total(self) -> u64 {
        self.series as u64 * self.samples as u64
    }
}

/// Measures and prints.
pub(super) async fn run(
    scratch: &Scratch,
    series: &[usize],
    hours: Option<f64>,
    repeat: u32,
    peers: bool,
) -> anyhow::Result<ExitCode> {
    for &series in series {
        let mut load = Load::of(series);
        if let Some(hours) = hours {
            load.samples = ((hours * 3_600_000.0 / STEP_MS as f64) as usize).max(1);
        }
        print(&format!("\n{} series x {} samples, {} s apart", load.series, load.samples, STEP_MS / 1000))?;
        for kind in Kind::ALL {
            if kind != Kind::Own && (!peers || !kind.is_installed()) {
                if peers {
                    print(&format!("{}: not in PATH; Debian has a package of this name", kind.name()))?;
                }
                continue;
            }
            let folder = scratch.path().join(kind.name());
            measure(kind, &folder, load, repeat).await.with_context(|| format!("measuring {}", kind.name()))?;
            std::fs::remove_dir_all(&folder).context("can't remove what was measured")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure(kind: Kind, folder: &std::path::Path, load: Load, repeat: u32) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).context("can't make a directory")?;
    let mut system = System::start(kind, folder).await?;
    // The last sample is about now, and all begin on one step, so that every run asks for the same points.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
    let end = now / STEP_MS * STEP_MS;
    let begin = end - (load.samples as i64 - 1) * STEP_MS;
    let mut generator = Generator::new(load.series);
    let before = system.usage()?;
    let begun = Instant::now();
    let mut created = None;
    let mut connection = Connection::open(system.address()).await?;
    for at in 0..load.samples as i64 {
        for request in generator.requests(begin + at * STEP_MS, REQUEST_SAMPLES) {
            connection.write(request).await?;
        }
        if at == 0 {
            created = Some((begun.elapsed().as_secs_f64(), system.usage()?.since(&before)));
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let spent = system.usage()?.since(&before);
    let name = kind.name();
    if let Some((wall, Usage { cpu_s, .. })) = created {
        let rate = load.series as f64 / cpu_s.max(0.01);
        print(&format!(
            "{name}: {} new series in {wall:.2} s, {cpu_s:.2} CPU s: {:.0} k a CPU s",
            load.series,
            rate / 1e3
        ))?;
        let rest = load.total() - load.series as u64;
        let steady = (spent.cpu_s - cpu_s).max(0.01);
        print(&format!(
            "{name}: {rest} samples of known series: {steady:.2} CPU s, {:.2} M a CPU s",
            rest as f64 / steady / 1e6
        ))?;
    }
    print(&format!(
        "{name}: {} samples in {seconds:.1} s, {:.2} CPU s: {:.2} M samples a CPU s; RssAnon {:.0} MB, resident {:.0} MB, peak {:.0} MB",
        load.total(),
        spent.cpu_s,
        load.total() as f64 / spent.cpu_s.max(0.01) / 1e6,
        spent.anonymous_bytes / 1e6,
        spent.resident_bytes / 1e6,
        spent.peak_bytes / 1e6
    ))?;
    if load.samples > 100 {
        let settled = system.settle().await?;
        if let Some((bytes, samples)) = settled {
            let samples = samples.unwrap_or(load.total());
            print(&format!(
                "{name}: {:.2} MB on disk for {samples} samples: {:.3} bytes a sample, index included",
                bytes as f64 / 1e6,
                bytes as f64 / samples as f64
            ))?;
        }
        let all = system.usage()?.since(&before);
        print(&format!("{name}: {:.2} CPU s in all, with writing out and merging", all.cpu_s))?;
    }
    queries::run(&system, load, begin, end, repeat).await?;
    let (ready, queried) = system.restart().await?;
    print(&format!("{name}: killed and restarted: ready in {ready:.1} s, first answer after {queried:.1} s"))?;
    system.stop().await
}
