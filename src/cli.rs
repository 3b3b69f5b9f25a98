//! The command line: what is common to all commands, and which there are.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};

use crate::client::Client;
use crate::commands::{
    ack, alerts, backup, bench, check_config, collector, collectors, completion, demo, doctor, event, explain, notify,
    probe, query, report, restore, rules, search, server, silence, sql, tail, token, topology, up, version,
};
use crate::telemetry::{self, LogFormat};
use crate::{data_dir, features};

/// The exit status when something failed; 1 is left for "found nothing" and "not in order".
pub const EXIT_FAILED: u8 = 2;

/// Where queries are sent unless another server is named.
pub const DEFAULT_SERVER: &str = "http://127.0.0.1:7450";

/// Őrszem takes in, keeps and searches logs: one program, its own embedded store.
#[derive(Debug, Parser)]
#[command(
    name = "orszem",
    version,
    arg_required_else_help = true,
    after_help = "\
EXAMPLES
  orszem up                                   follow this host's logs and search them at http://127.0.0.1:7450/
  orszem search 'layer:storage error' --since 1h
  orszem server --data-dir /srv/orszem --listen 127.0.0.1:7450
  orszem help search                          all about one command"
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command understands.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// Where data is kept [default: /var/lib/orszem for root, else orszem in the XDG state directory]
    #[arg(long, global = true, env = "ORSZEM_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The configuration file; `config/orszem.toml` shows every option
    #[arg(long, global = true, env = "ORSZEM_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The server that queries are sent to [default: http://127.0.0.1:7450]
    #[arg(long, global = true, env = "ORSZEM_SERVER", value_name = "URL")]
    pub server: Option<String>,
    /// For `up` and `server` the file of accepted tokens; for the others a file that holds the token to send
    #[arg(long, global = true, env = "ORSZEM_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The certificate authority (PEM) to trust [default: the local one in the data directory, else the system's]
    #[arg(long, global = true, env = "ORSZEM_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Switch on a part that may still change: promql-experimental
    #[arg(long, global = true, value_name = "NAME", value_parser = parse_feature)]
    pub enable_feature: Vec<String>,
    /// How the program's own log is written
    #[arg(long, global = true, env = "ORSZEM_LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
    /// What the program's own log holds, such as `info` or `warn,orszem_journal=debug`
    #[arg(long, global = true, env = "ORSZEM_LOG_LEVEL", value_name = "FILTER", default_value = "info")]
    pub log_level: String,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    Up(up::Args),
    Demo(demo::Args),
    Server(server::Args),
    Search(search::Args),
    Query(query::Args),
    Tail(tail::Args),
    Explain(explain::Args),
    Collector(collector::Args),
    Collectors(collectors::Args),
    Topology(topology::Args),
    Report(report::Args),
    Alerts(alerts::Args),
    Silence(silence::Args),
    Ack(ack::AckArgs),
    Snooze(ack::SnoozeArgs),
    Notify(notify::Args),
    Event(event::Args),
    Probe(probe::Args),
    Sql(sql::Args),
    Rules(rules::Args),
    Doctor(doctor::Args),
    CheckConfig(check_config::Args),
    Token(token::Args),
    Backup(backup::Args),
    Restore(restore::Args),
    Bench(bench::Args),
    Version(version::Args),
    Completion(completion::Args),
}

impl Cli {
    /// Runs the command; a failure is told on standard error with its causes.
    pub fn run(self) -> ExitCode {
        match self.try_run() {
            Ok(code) => code,
            Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("orszem: {}", chain(&error));
                ExitCode::from(EXIT_FAILED)
            }
        }
    }

    fn try_run(self) -> anyhow::Result<ExitCode> {
        let Self { global, command } = self;
        telemetry::install(global.log_format, &global.log_level)?;
        match command {
            Command::Up(args) => runtime()?.block_on(up::run(&global, args)),
            Command::Demo(args) => runtime()?.block_on(demo::run(&global, args)),
            Command::Server(args) => runtime()?.block_on(server::run(&global, args)),
            Command::Search(args) => runtime()?.block_on(search::run(&global, args)),
            Command::Query(args) => runtime()?.block_on(query::run(&global, args)),
            Command::Tail(args) => runtime()?.block_on(tail::run(&global, args)),
            Command::Explain(args) => runtime()?.block_on(explain::run(&global, args)),
            Command::Bench(args) => runtime()?.block_on(bench::run(&global, args)),
            Command::Collector(args) => runtime()?.block_on(collector::run(&global, args)),
            Command::Collectors(args) => runtime()?.block_on(collectors::run(&global, args)),
            Command::Topology(args) => runtime()?.block_on(topology::run(&global, args)),
            Command::Report(args) => runtime()?.block_on(report::run(&global, args)),
            Command::Alerts(args) => runtime()?.block_on(alerts::run(&global, args)),
            Command::Silence(args) => runtime()?.block_on(silence::run(&global, args)),
            Command::Ack(args) => runtime()?.block_on(ack::ack(&global, args)),
            Command::Snooze(args) => runtime()?.block_on(ack::snooze(&global, args)),
            Command::Notify(args) => runtime()?.block_on(notify::run(&global, args)),
            Command::Probe(args) => runtime()?.block_on(probe::run(&global, args)),
            Command::Sql(args) => runtime()?.block_on(sql::run(args)),
            Command::Doctor(args) => runtime()?.block_on(doctor::run(&global, args)),
            Command::Event(args) => event::run(args),
            Command::Rules(args) => rules::run(&global, args),
            Command::CheckConfig(args) => check_config::run(&global, args),
            Command::Token(args) => token::run(args),
            Command::Backup(args) => runtime()?.block_on(backup::run(&global, args)),
            Command::Restore(args) => restore::run(&global, args),
            Command::Version(args) => version::run(args),
            Command::Completion(args) => completion::run(args),
        }
    }
}

impl Global {
    /// The data directory that is named, else the default one.
    pub fn data_dir(&self) -> anyhow::Result<PathBuf> {
        match &self.data_dir {
            Some(path) => Ok(path.clone()),
            None => Ok(data_dir::default_path(|name| std::env::var_os(name))?),
        }
    }

    /// The server that is named, else the default one.
    pub fn server(&self) -> &str {
        self.server.as_deref().unwrap_or(DEFAULT_SERVER)
    }

    /// A client of the server that is named.
    pub fn client(&self) -> anyhow::Result<Client> {
        let local_ca = self.data_dir().ok().map(|path| data_dir::tls_of(&path).join(crate::tls::CA_CERTIFICATE));
        Client::new(self.server(), self.token_file.as_deref(), self.ca_file.as_deref(), local_ca.as_deref())
    }
}

pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("orszem")
        .build()
        .context("can't start threads")
}

fn parse_feature(name: &str) -> Result<String, String> {
    if features::NAMES.contains(&name) {
        return Ok(name.to_owned());
    }
    let known = features::NAMES.join(", ");
    Err(format!("there is no such part to switch on; known: {known}"))
}

/// The error with its causes, each once.
pub fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.ends_with(&cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    text
}

/// Whether the reader of our output left, as `head` does.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_command_has_examples_that_parse() {
        let command = Cli::command();
        command.clone().debug_assert();
        for sub in command.get_subcommands() {
            let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples: Vec<&str> = help.lines().filter_map(|line| line.trim().strip_prefix("orszem ")).collect();
            assert!(!examples.is_empty(), "{} has no examples", sub.get_name());
            for example in examples {
                let words = words(example);
                let parsed = Cli::try_parse_from(std::iter::once("orszem".to_owned()).chain(words));
                assert!(parsed.is_ok(), "{example}: {:?}", parsed.err().map(|error| error.to_string()));
            }
        }
    }

    #[test]
    fn an_unknown_feature_is_refused() {
        let refused = Cli::try_parse_from(["orszem", "version", "--enable-feature", "x"]).expect_err("unknown");
        assert!(refused.to_string().contains("known: promql-experimental"), "{refused}");
    }

    #[test]
    fn causes_are_told_once() {
        let inner = std::io::Error::other("inner");
        assert_eq!(chain(&anyhow::Error::new(inner).context("outer")), "outer: inner");
        assert_eq!(chain(&anyhow::anyhow!("a: b").context("a: b")), "a: b");
    }

    /// The words of a shell line with single quotes, up to a redirection or a remark behind three spaces.
    fn words(line: &str) -> Vec<String> {
        let line = line.split("   ").next().unwrap_or(line);
        let mut words = Vec::new();
        for (at, piece) in line.split('\'').enumerate() {
            if at % 2 == 1 {
                words.push(piece.to_owned());
            } else {
                words.extend(piece.split_whitespace().map(str::to_owned));
            }
        }
        let end = words.iter().position(|word| word.starts_with('>') || word == "|").unwrap_or(words.len());
        words.truncate(end);
        words
    }
}
