//! `orszem probe`: probes a target once, from here.

mod shown;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use orszem_model::Span;
use orszem_probe::{Condition, Extras, Module, Modules, Prober, of_target, probe_once};

use crate::cli::Global;
use crate::config::Config;
use crate::probing;

/// The modules that are known where no file names others.
const MODULES: &str = include_str!("../../config/probes.yml");
/// How long a probe may take where nobody says.
const WITHIN: Duration = Duration::from_secs(5);

/// Probe a target once, from this host
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without --module the target says how it is probed: http:// and https:// URLs, tcp://host:port or host:port,
tls://host:port, icmp://host or a bare host, dns://server/name?type=A. With --config probes.yml the modules are those of
the file, in blackbox_exporter's format; with an orszem.toml those that it names in collector.probe_modules; without
either those of config/probes.yml. Exits 0 if the target is up, 1 if it is not, 2 on an error.

EXAMPLES
  orszem probe https://www.example/
  orszem probe https://www.example/health --condition '[BODY].status == UP' --condition '[RESPONSE_TIME] < 500'
  orszem probe mx.example:25 --module smtp_starttls
  orszem probe tls://mail.example:993
  orszem probe 'dns://10.0.0.1/www.example?type=AAAA' --json
  orszem probe db1:5432 --module tcp_connect --config /etc/orszem/probes.yml")]
pub struct Args {
    /// What is probed
    pub target: String,
    /// The module that says how
    #[arg(long, short)]
    pub module: Option<String>,
    /// What must hold, in Gatus' notation; may be repeated
    #[arg(long, value_name = "CONDITION", value_parser = Condition::parse)]
    pub condition: Vec<Condition>,
    /// What the server is called instead of the target's host: `Host` of HTTP, the name in TLS
    #[arg(long, value_name = "NAME")]
    pub hostname: Option<String>,
    /// How long it may take, 10 ms to 5 min [default: the module's, else 5s]
    #[arg(long)]
    pub timeout: Option<Span>,
    /// One JSON object with all that was measured
    #[arg(long)]
    pub json: bool,
}

/// Probes and prints what came of it.
pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let Args { target, module, condition, hostname, timeout, json } = args;
    let (module, to) = way(global, &target, module.as_deref(), &condition)?;
    if let Some(timeout) = timeout.filter(|timeout| !(Span::millis(10)..=Span::secs(300)).contains(timeout)) {
        bail!("--timeout {timeout}: write 10ms to 5m");
    }
    let within = timeout.map(|timeout| timeout.duration()).or(module.timeout).unwrap_or(WITHIN);
    let extras = Extras { hostname, wants_body: false };
    let outcome = probe_once(&Prober::default(), &module, &to, &extras, &condition, within, now()).await;
    let is_up = outcome.is_success();
    let probed = shown::Probed { target: &target, module: &module, outcome: &outcome, now: now() };
    let mut out = std::io::stdout().lock();
    match json {
        true => writeln!(out, "{}", probed.json())?,
        false => out.write_all(probed.text().as_bytes())?,
    }
    Ok(if is_up { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How the target is probed, and the target as that wants it.
fn way(
    global: &Global,
    target: &str,
    module: Option<&str>,
    conditions: &[Condition],
) -> anyhow::Result<(Arc<Module>, String)> {
    if let Some(name) = module {
        let modules = modules(global.config.as_deref())?;
        let Some(module) = modules.get(name) else {
            let known: Vec<&str> = modules.names().collect();
            bail!("there is no module {name:?}; known are {}", known.join(", "));
        };
        return Ok((Arc::clone(module), target.to_owned()));
    }
    let (module, to) = of_target(target).with_context(|| {
        format!(
            "{target:?} does not say how it is probed; begin it with http://, https://, tcp://, tls://, icmp:// or \
             dns://, or name a module with --module"
        )
    })?;
    Ok((Arc::new(if conditions.is_empty() { module } else { module.lenient() }), to))
}

fn modules(config: Option<&Path>) -> anyhow::Result<Modules> {
    let is_yaml = |path: &Path| path.extension().is_some_and(|ending| ending == "yml" || ending == "yaml");
    let files = match config {
        Some(path) if is_yaml(path) => vec![path.to_owned()],
        Some(path) => Config::load(path)?.collector.probe_modules,
        None => Vec::new(),
    };
    if files.is_empty() {
        return Modules::parse(MODULES, Path::new(".")).map_err(probing::told);
    }
    probing::load(&files)
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
