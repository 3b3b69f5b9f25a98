//! `orszem collector queue`: what waits to be sent, and whether it is sound.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use orszem_collector::output::Signal;
use orszem_queue::inspect::{self, Dumped, Report};

use crate::cli::Global;
use crate::collecting;
use crate::lines::harmless;

/// Look into the collector's disk queues
#[derive(Clone, Copy, Debug, clap::Subcommand)]
#[command(after_help = "\
`ls`, `dump` and `fsck` can be used while the collector runs. Logs and metrics have a queue each; --signal chooses one.

EXAMPLES
  orszem collector queue ls
  orszem collector queue dump --signal logs --from 100 --to 120
  orszem collector queue fsck
  orszem collector queue fsck --signal metrics --repair")]
pub enum Command {
    /// List the segments
    Ls {
        /// Whose queue
        #[arg(long, value_enum, default_value_t)]
        signal: Which,
    },
    /// Show batches and the positions behind them
    Dump {
        /// Whose queue
        #[arg(long, value_enum, default_value_t)]
        signal: Which,
        /// The first batch
        #[arg(long, default_value_t = 0, value_name = "SEQ")]
        from: u64,
        /// The last batch
        #[arg(long, default_value_t = u64::MAX, value_name = "SEQ")]
        to: u64,
        /// Write the batches to standard output as they are sent, one after the other: OTLP for logs, remote write 2.0
        /// for metrics, in protobuf and zstd; those of logs unless --signal says metrics
        #[arg(long)]
        raw: bool,
    },
    /// Check every record; exits with 1 when something is damaged
    Fsck {
        /// Whose queue
        #[arg(long, value_enum, default_value_t)]
        signal: Which,
        /// Set damaged bytes aside in `quarantine`, as the collector's next start would; it must not run
        #[arg(long)]
        repair: bool,
    },
}

/// Which queues are looked into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Which {
    Logs,
    Metrics,
    #[default]
    All,
}

/// A queue that is there.
struct Queue {
    signal: Signal,
    directory: PathBuf,
}

impl Queue {
    fn name(&self) -> &'static str {
        match self.signal {
            Signal::Logs => "logs",
            Signal::Metrics => "metrics",
        }
    }

    /// What its batches are counted in.
    fn unit(&self) -> &'static str {
        match self.signal {
            Signal::Logs => "records",
            Signal::Metrics => "samples",
        }
    }

    fn unread(&self) -> String {
        format!("can't look into {}", self.directory.display())
    }
}

/// The queues in `state_dir` that are asked for.
fn queues(state_dir: &Path, which: Which) -> anyhow::Result<Vec<Queue>> {
    let signals: &[Signal] = match which {
        Which::Logs => &[Signal::Logs],
        Which::Metrics => &[Signal::Metrics],
        Which::All => &[Signal::Logs, Signal::Metrics],
    };
    let all = signals.iter().map(|&signal| Queue { signal, directory: state_dir.join(signal.queue()) });
    let found: Vec<Queue> = all.clone().filter(|queue| queue.directory.is_dir()).collect();
    if found.is_empty() {
        let looked: Vec<String> = all.map(|queue| queue.directory.display().to_string()).collect();
        bail!("no collector has queued anything in {}", looked.join(" or "));
    }
    Ok(found)
}

/// Runs the command.
pub(super) fn run(global: &Global, command: Command) -> anyhow::Result<ExitCode> {
    let state_dir = collecting::state_dir(global)?;
    let mut out = std::io::stdout().lock();
    match command {
        Command::Ls { signal } => list(&mut out, &queues(&state_dir, signal)?),
        Command::Dump { signal, from, to, raw: false } => {
            for queue in queues(&state_dir, signal)? {
                dump(&mut out, &queue, from, to)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Dump { signal, from, to, raw: true } => {
            let which = if signal == Which::All { Which::Logs } else { signal };
            for queue in queues(&state_dir, which)? {
                for Dumped { batch, positions: _ } in
                    inspect::dump(&queue.directory, from..=to).with_context(|| queue.unread())?
                {
                    out.write_all(&batch.payload)?;
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Fsck { signal, repair: false } => {
            let mut is_sound = true;
            for queue in queues(&state_dir, signal)? {
                let report = inspect::check(&queue.directory).with_context(|| queue.unread())?;
                is_sound &= tell(&mut out, &queue, &report)?;
            }
            Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Fsck { signal, repair: true } => {
            for queue in queues(&state_dir, signal)? {
                repair(&mut out, &queue)?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn list(out: &mut impl Write, queues: &[Queue]) -> anyhow::Result<ExitCode> {
    writeln!(
        out,
        "{:<7} {:>12} {:>12} {:>9} {:>12} {:>12}  STATE     FILE",
        "SIGNAL", "FIRST", "NEXT", "BATCHES", "ENTRIES", "BYTES"
    )?;
    for queue in queues {
        for segment in inspect::list(&queue.directory).with_context(|| queue.unread())? {
            let name = segment.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            writeln!(
                out,
                "{:<7} {:>12} {:>12} {:>9} {:>12} {:>12}  {:<9} {}",
                queue.name(),
                segment.first_seq,
                segment.end_seq,
                segment.totals.batches,
                segment.totals.records,
                segment.bytes,
                format!("{:?}", segment.state).to_lowercase(),
                harmless(&name)
            )?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn dump(out: &mut impl Write, queue: &Queue, from: u64, to: u64) -> anyhow::Result<()> {
    for Dumped { batch, positions } in inspect::dump(&queue.directory, from..=to).with_context(|| queue.unread())? {
        writeln!(
            out,
            "{} batch {}: {} {}, {} bytes ({} before compression), crc32c {:08x}, {} positions behind it",
            queue.name(),
            batch.seq,
            batch.records,
            queue.unit(),
            batch.payload.len(),
            batch.raw_bytes,
            batch.hash,
            positions.len()
        )?;
    }
    Ok(())
}

fn repair(out: &mut impl Write, queue: &Queue) -> anyhow::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let epoch = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
    let recovered = inspect::repair(&queue.directory, epoch).with_context(|| queue.unread())?;
    for damage in &recovered.damage {
        writeln!(out, "{}: {} bytes at {} set aside", damage.file.display(), damage.bytes, damage.offset)?;
    }
    writeln!(out, "{}: epoch {}, the next batch is {}", queue.name(), recovered.epoch, recovered.next_seq)?;
    Ok(())
}

/// Whether all is well.
fn tell(out: &mut impl Write, queue: &Queue, report: &Report) -> anyhow::Result<bool> {
    let Report { epoch, released, intact, damage, holes, torn_bytes } = report;
    let epoch = epoch.map_or_else(|| "unknown".to_owned(), |epoch| epoch.to_string());
    let (name, batches) = (queue.name(), intact.batches);
    writeln!(out, "{name}: epoch {epoch}; acknowledged up to {released}; {batches} batches are intact")?;
    for damaged in damage {
        writeln!(out, "damaged: {} bytes at {} of {}", damaged.bytes, damaged.offset, damaged.file.display())?;
    }
    for hole in holes {
        writeln!(out, "missing: {name} batches {} to {}", hole.start(), hole.end())?;
    }
    if *torn_bytes > 0 {
        writeln!(out, "{torn_bytes} bytes at the end are incomplete: being written, or cut off by the next start")?;
    }
    Ok(damage.is_empty() && holes.is_empty())
}
