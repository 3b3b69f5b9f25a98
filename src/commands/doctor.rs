//! `orszem doctor`: says why a host's logs are missing.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use orszem_model::Timestamp;

use crate::app::host_name;
use crate::cli::{DEFAULT_SERVER, Global};
use crate::client::Client;
use crate::doctor::{Finding, Level, endpoint, local, remote};

/// Say why a host's logs are missing, and what to do
#[derive(Debug, clap::Args)]
#[command(after_help = "\
On a host with a collector it looks at the collector, its files, its queue and its way to the server; then it asks the
server what it knows of the host. For another host it asks the server alone.
Exits 0 if all is well, 1 if something is wrong, 2 on an error.

EXAMPLES
  orszem doctor
  orszem doctor db1 --server https://logs.example:7450 --token-file read.token")]
pub struct Args {
    /// The host; this one where none is named
    #[arg(value_name = "HOST")]
    pub host: Option<String>,
}

/// Prints the findings.
pub async fn run(global: &Global, Args { host }: Args) -> anyhow::Result<ExitCode> {
    let own = host_name();
    let is_own = host.as_ref().is_none_or(|host| *host == own);
    let host = host.unwrap_or(own);
    let mut out = std::io::stdout().lock();
    let mut worst = Level::Ok;
    let mut tell = |findings: Vec<Finding>| -> std::io::Result<()> {
        for finding in findings {
            worst = worst.max(finding.level);
            writeln!(out, "{finding}")?;
        }
        Ok(())
    };
    let mut client = None;
    let mut server = global.server().to_owned();
    if is_own && let Some(config) = configuration(global) {
        let (settings, findings) = local::configuration(&config);
        tell(findings)?;
        let state_dir = match settings.collector.state_dir.as_os_str().is_empty() {
            true => global.data_dir()?.join("collector"),
            false => settings.collector.state_dir.clone(),
        };
        tell(local::report(&state_dir, now()))?;
        let output = settings.collector.output;
        for url in &output.endpoints {
            tell(endpoint::check(url, &output, now).await)?;
        }
        // Unless another server is named, the one that the collector sends to is asked.
        if let (true, Some(url)) = (server == DEFAULT_SERVER, output.endpoints.first()) {
            server.clone_from(url);
            let token = global.token_file.as_ref().or(output.token_file.as_ref());
            let ca = global.ca_file.as_ref().or(output.ca_file.as_ref());
            client = Client::new(url, token.map(PathBuf::as_path), ca.map(PathBuf::as_path), None).ok();
        }
    }
    let client = match client {
        Some(client) => client,
        None => global.client()?,
    };
    tell(remote::check(&client, &server, &host).await)?;
    Ok(if worst == Level::Fail { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The collector's configuration: the one that is named, else the installed one; `None` on a host without a collector.
fn configuration(global: &Global) -> Option<PathBuf> {
    let installed = PathBuf::from(local::CONFIG);
    global.config.clone().or_else(|| installed.is_file().then_some(installed))
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
