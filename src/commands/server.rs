//! `orszem server`: takes in, keeps and answers until it is told to stop.

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::error;

use crate::app::{App, Options, Overrides};
use crate::cli::{Global, chain};
use crate::features::Features;

/// Take in, keep and search what others send
#[derive(Debug, clap::Args)]
#[command(after_help = "\
SIGTERM and SIGINT stop it, losing nothing, in at most 10 s; SIGHUP reads configuration, tokens and certificates again.

EXAMPLES
  orszem server --data-dir /srv/orszem --listen 127.0.0.1:7450
  orszem server --config /etc/orszem/orszem.toml
  orszem server --listen 0.0.0.0:7450 --token-file /etc/orszem/tokens")]
pub struct Args {
    #[command(flatten)]
    pub listen: Listen,
}

/// Where to listen.
#[derive(Debug, clap::Args)]
pub struct Listen {
    /// An address to listen on instead of `server.listen`; can be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Vec<SocketAddr>,
}

/// Runs a server until a signal stops it.
pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let signals = Signals::new()?;
    let app = App::start(options(global, args.listen, false)?).await?;
    let mut out = std::io::stdout().lock();
    for address in app.addresses() {
        writeln!(out, "listening on {address}")?;
    }
    if let Some(ca) = app.ca() {
        writeln!(
            out,
            "certificate authority {} with SHA-256 fingerprint {}",
            ca.certificate.display(),
            ca.fingerprint
        )?;
    }
    drop(out);
    Ok(signals.serve(app).await)
}

/// The options of a server from the command line.
pub fn options(global: &Global, listen: Listen, follow: bool) -> anyhow::Result<Options> {
    let overrides = Overrides { listen: listen.listen, token_file: global.token_file.clone(), mailing: None };
    let features = Features::named(&global.enable_feature);
    let (config_file, data_dir) = (global.config.clone(), global.data_dir()?);
    Ok(Options { config_file, overrides, data_dir, follow, built_in_rules: follow, features })
}

/// The signals that a server listens to; they count from the moment this is made.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Takes the signals over from the system.
    pub fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("can't listen to signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// Serves until a signal says stop; a second one ends a stop that takes too long.
    pub async fn serve(mut self, mut app: App) -> ExitCode {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => break,
                _ = self.interrupt.recv() => break,
                _ = self.hang_up.recv() => {
                    if let Err(error) = app.reload().await {
                        error!(error = %chain(&error), "not reloaded, everything stays as it was");
                    }
                }
            }
        }
        tokio::select! {
            () = app.stop() => ExitCode::SUCCESS,
            _ = self.terminate.recv() => ExitCode::FAILURE,
            _ = self.interrupt.recv() => ExitCode::FAILURE,
        }
    }
}
