//! `orszem collector`: follows this host's logs and sends them to a server.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use orszem_collector::discover;

use crate::cli::Global;
use crate::collecting;

mod files;
pub mod install;
mod queue;
mod test;

/// Follow this host's logs and send them to a server
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reads what `[collector]` of the configuration names (by default text logs under /var/log, the systemd journal, and what
the programs that run here write), keeps it in a disk queue, and sends it to `collector.output.endpoints`, else to
--server. Every line arrives exactly once, whatever is killed in between. SIGTERM stops it; SIGHUP, or a change of the
configuration file, makes it read the configuration again.

EXAMPLES
  orszem collector --server https://logs.example.org:7450 --token-file /etc/orszem/token
  orszem collector --config /etc/orszem/collector.toml
  orszem collector --discover > collector.toml
  orszem collector install --server https://logs.example.org:7450 --token abc
  orszem collector files
  orszem collector queue ls
  vmstat 10 | orszem collector --stdin")]
pub struct Args {
    /// Print a configuration for what runs here, and do nothing else
    #[arg(long)]
    pub discover: bool,
    /// Read lines from standard input instead of files and the journal, until it ends
    #[arg(long, conflicts_with = "discover")]
    pub stdin: bool,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What else can be done with a collector.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Test(test::Args),
    Files(files::Args),
    #[command(subcommand)]
    Queue(queue::Command),
    Install(install::Args),
}

/// Runs the command.
pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let Args { discover, stdin, command } = args;
    match command {
        Some(Command::Test(args)) => test::run(global, args),
        Some(Command::Files(args)) => files::run(global, args),
        Some(Command::Queue(command)) => queue::run(global, command),
        Some(Command::Install(args)) => install::run(global, args).await,
        None if discover => print_discovered(),
        None => collecting::run(global, stdin).await,
    }
}

fn print_discovered() -> anyhow::Result<ExitCode> {
    let found = discover::discover(Path::new("/"));
    let text = discover::to_toml(&found, orszem_collector::has_journal()) + &discover::cluster_to_toml(Path::new("/"));
    std::io::stdout().lock().write_all(text.as_bytes()).context("can't write to standard output")?;
    Ok(ExitCode::SUCCESS)
}
