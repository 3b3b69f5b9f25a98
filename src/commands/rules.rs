//! `orszem rules`: rule files, checked, tested, and replayed over history.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use orszem_promql::ParseOptions;

use crate::cli::Global;
use crate::features;

mod check;
mod pattern;
mod replay;
mod test;
mod timeline;

/// Check rule files, run unit tests of them, and replay them over stored history
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The files have Prometheus' groups of alert and record rules, and beside them thresholds, rules about logs and rules about
facts of clusters; see docs/rules.md. Unit tests are as promtool reads them, with lines of logs and facts.

EXAMPLES
  orszem rules check /etc/prometheus/rules/*.yml /etc/orszem/rules/*.yml
  orszem rules test tests/alerts_test.yml
  orszem rules test --json tests/*.yml
  orszem rules replay /etc/orszem/rules/*.yml --last 7d")]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done with rule files.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Check(check::Args),
    Test(test::Args),
    Replay(replay::Args),
}

/// Runs the command.
pub fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let options =
        ParseOptions { is_experimental: features::Features::named(&global.enable_feature).promql_experimental };
    match args.command {
        Command::Check(args) => check::run(&args, options),
        Command::Test(args) => test::run(&args, options),
        Command::Replay(args) => crate::cli::runtime()?.block_on(replay::run(global, args)),
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))
}

/// `3 rules`, `1 rule`
fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
