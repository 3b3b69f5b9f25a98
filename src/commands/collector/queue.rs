//! `orszem collector queue`: what waits to be sent, and whether it is sound.

use std::io::Write;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use orszem_queue::inspect::{self, Dumped, Report};

use crate::cli::Global;
use crate::collecting;
use crate::lines::harmless;

/// Look into the collector's disk queue
#[derive(Clone, Copy, Debug, clap::Subcommand)]
#[command(after_help = "\
`ls`, `dump` and `fsck` can be used while the collector runs.

EXAMPLES
  orszem collector queue ls
  orszem collector queue dump --from 100 --to 120
  orszem collector queue fsck
  orszem collector queue fsck --repair")]
pub enum Command {
    /// List the segments
    Ls,
    /// Show batches and the positions behind them
    Dump {
        /// The first batch
        #[arg(long, default_value_t = 0, value_name = "SEQ")]
        from: u64,
        /// The last batch
        #[arg(long, default_value_t = u64::MAX, value_name = "SEQ")]
        to: u64,
        /// Write the batches to standard output as they are sent: OTLP in protobuf and zstd, one after the other
        #[arg(long)]
        raw: bool,
    },
    /// Check every record; exits with 1 when something is damaged
    Fsck {
        /// Set damaged bytes aside in `quarantine`, as the collector's next start would; it must not run
        #[arg(long)]
        repair: bool,
    },
}

/// Runs the command.
pub(super) fn run(global: &Global, command: Command) -> anyhow::Result<ExitCode> {
    let dir = collecting::state_dir(global)?.join("queue");
    let missing = || format!("no collector has queued anything in {}", dir.display());
    let mut out = std::io::stdout().lock();
    match command {
        Command::Ls => {
            let segments = inspect::list(&dir).with_context(missing)?;
            writeln!(
                out,
                "{:>12} {:>12} {:>9} {:>12} {:>12}  STATE     FILE",
                "FIRST", "NEXT", "BATCHES", "RECORDS", "BYTES"
            )?;
            for segment in segments {
                let name = segment.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                writeln!(
                    out,
                    "{:>12} {:>12} {:>9} {:>12} {:>12}  {:<9} {}",
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
        Command::Dump { from, to, raw } => {
            for dumped in inspect::dump(&dir, from..=to).with_context(missing)? {
                let Dumped { batch, positions } = dumped;
                if raw {
                    out.write_all(&batch.payload)?;
                    continue;
                }
                writeln!(
                    out,
                    "batch {}: {} records, {} bytes ({} before compression), crc32c {:08x}, {} positions behind it",
                    batch.seq,
                    batch.records,
                    batch.payload.len(),
                    batch.raw_bytes,
                    batch.hash,
                    positions.len()
                )?;
            }
        }
        Command::Fsck { repair: false } => {
            let report = inspect::check(&dir).with_context(missing)?;
            return tell(&mut out, &report);
        }
        Command::Fsck { repair: true } => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let epoch = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
            let recovered = inspect::repair(&dir, epoch).with_context(missing)?;
            for damage in &recovered.damage {
                writeln!(out, "{}: {} bytes at {} set aside", damage.file.display(), damage.bytes, damage.offset)?;
            }
            writeln!(out, "epoch {}, the next batch is {}", recovered.epoch, recovered.next_seq)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(out: &mut impl Write, report: &Report) -> anyhow::Result<ExitCode> {
    let Report { epoch, released, intact, damage, holes, torn_bytes } = report;
    let epoch = epoch.map_or_else(|| "unknown".to_owned(), |epoch| epoch.to_string());
    writeln!(out, "epoch {epoch}; acknowledged up to {released}; {} batches are intact", intact.batches)?;
    for damaged in damage {
        writeln!(out, "damaged: {} bytes at {} of {}", damaged.bytes, damaged.offset, damaged.file.display())?;
    }
    for hole in holes {
        writeln!(out, "missing: batches {} to {}", hole.start(), hole.end())?;
    }
    if *torn_bytes > 0 {
        writeln!(out, "{torn_bytes} bytes at the end are incomplete: being written, or cut off by the next start")?;
    }
    Ok(if damage.is_empty() && holes.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
