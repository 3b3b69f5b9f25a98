//! `orszem demo`: a server with a simulated site that lives, for looking around without a cluster of one's own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use orszem_demo::{EVERY_MAX_S, EVERY_MIN_S};
use orszem_model::Span;

use super::server::{Listen, Signals, options};
use crate::app::{App, Options};
use crate::cli::{DEFAULT_SERVER, Global};
use crate::simulating::{Simulation, Truths, Turns};

/// The truth about the stories, in the data directory.
const TRUTH_FILE: &str = "truth.ndjson";

/// Serve a simulated cluster that fails every few minutes
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Starts a server and a page as `up` does, but instead of this host's logs it has those of a made-up site: two database
nodes with DRBD, corosync and Pacemaker, a witness, and a host with Apache, Tomcat and PostgreSQL. The last two hours are
there after seconds, then it goes on living. Every second story is a failover; others are a disk that fails unnoticed, a
planned standby, a backup and a restart by cron. The rules that the program brings hold, and open incidents of what is
new. All of it has the label simulated=\"true\". What really happened is in
truth.ndjson in the data directory, a JSON object a story; without --data-dir that is a directory that is removed at the
end, and else it has to be empty.

EXAMPLES
  orszem demo                                             then, in another shell:
  orszem search 'kind:event' --since 10m                  what happened, in words
  orszem topology --since 10m                             what runs where, and what has changed
  orszem demo --failover                                  watch one begin, and its incident open
  orszem demo --seed 7 --every 4m --listen 127.0.0.1:8080
  orszem demo --print-truth --data-dir /tmp/orszem-demo")]
pub struct Args {
    #[command(flatten)]
    pub listen: Listen,
    /// Which site and stories: the same number gives the same ones
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// How often there is a story, 4m to 10m
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_every)]
    pub every: Duration,
    /// How much of the past is filled in at the start, at most
    #[arg(long, value_name = "DURATION", default_value = "2h", value_parser = parse_span)]
    pub history: Duration,
    /// Begin with a failover, for a disk that fails within a minute
    #[arg(long)]
    pub failover: bool,
    /// Print what really happens, too
    #[arg(long)]
    pub print_truth: bool,
}

/// Runs until a signal stops it.
pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let Args { listen, seed, every, history, failover, print_truth } = args;
    let signals = Signals::new()?;
    let temporary = match &global.data_dir {
        Some(_) => None,
        None => Some(tempfile::Builder::new().prefix("orszem-demo-").tempdir().context("can't make a directory")?),
    };
    let data_dir: Option<PathBuf> = temporary.as_ref().map(|directory| directory.path().to_owned());
    let global = Global { data_dir: data_dir.or_else(|| global.data_dir.clone()), ..global.clone() };
    refuse_used(&global.data_dir()?)?;
    let options = Options { built_in_rules: true, ..options(&global, listen, false)? };
    let mut app = App::start(options).await?;
    let truth_file = global.data_dir()?.join(TRUTH_FILE);
    let truths = Truths::new(&truth_file, print_truth)?;
    let simulation = Simulation::new(seed, Turns::of(history, every, failover), app.samples(), truths)?;
    welcome(&mut std::io::stdout().lock(), &app, seed, &truth_file)?;
    app.add_part("demo", simulation.start());
    let code = signals.serve(app).await;
    if let Some(temporary) = temporary {
        temporary.close().context("can't remove the directory of the demo")?;
    }
    Ok(code)
}

/// What is made up is kept apart from what is real, and from what an earlier demo made up of the same hours.
fn refuse_used(data_dir: &Path) -> anyhow::Result<()> {
    let is_used = match std::fs::read_dir(data_dir) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => return Err(error).with_context(|| format!("can't look into {}", data_dir.display())),
    };
    if is_used {
        bail!(
            "{} is not empty: a demo needs a new directory with --data-dir, or takes one of its own",
            data_dir.display()
        );
    }
    Ok(())
}

fn welcome(out: &mut impl Write, app: &App, seed: u64, truth_file: &Path) -> std::io::Result<()> {
    let elsewhere = match app.url().trim_end_matches('/') {
        DEFAULT_SERVER => String::new(),
        url => format!(" --server {url}"),
    };
    writeln!(out, "Őrszem is at {}", app.url())?;
    writeln!(
        out,
        "\nSIMULATED: all hosts, lines and measurements are made up (seed {seed}), and labelled simulated=\"true\""
    )?;
    writeln!(out, "what really happens is written to {}", truth_file.display())?;
    writeln!(out, "\ntry")?;
    let commands = [
        ("search 'kind:event' --since 10m", "what happened"),
        ("topology", "what runs where"),
        ("topology --at now-10m", "what ran where"),
        ("search 'layer:storage severity:>=error' --since 2h", "what the disks said"),
        ("search 'host:app1 severity:>=error' --since 10m", "what its users felt"),
        ("query 'probe_success' --range 30m", "when it was away"),
    ];
    let commands = commands.map(|(command, tells)| (format!("orszem {command}{elsewhere}"), tells));
    let width = commands.iter().map(|(command, _)| command.len()).max().unwrap_or_default();
    for (command, tells) in commands {
        writeln!(out, "  {command:<width$}  # {tells}")?;
    }
    writeln!(out)?;
    out.flush()
}

fn parse_span(text: &str) -> anyhow::Result<Duration> {
    let span: Span = text.parse().map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(span.duration())
}

fn parse_every(text: &str) -> anyhow::Result<Duration> {
    let every = parse_span(text)?;
    if !(EVERY_MIN_S..=EVERY_MAX_S).contains(&every.as_secs()) {
        bail!("a story takes up to four minutes, and ten minutes are to have one: 4m to 10m");
    }
    Ok(every)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_anything_in_it_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        assert!(refuse_used(directory.path()).is_ok());
        assert!(refuse_used(&directory.path().join("new")).is_ok());
        std::fs::write(directory.path().join("truth.ndjson"), "").expect("writes");
        let refused = refuse_used(directory.path()).expect_err("is used").to_string();
        assert!(refused.contains("is not empty"), "{refused}");
    }

    #[test]
    fn stories_come_every_four_to_ten_minutes() {
        assert_eq!(parse_every("4m").ok(), Some(Duration::from_secs(240)));
        assert_eq!(parse_every("10m").ok(), Some(Duration::from_secs(600)));
        assert!(parse_every("3m").is_err() && parse_every("11m").is_err() && parse_every("often").is_err());
    }
}
