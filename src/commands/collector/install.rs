//! `orszem collector install`: enrols this host with a server, in one command.

mod account;
mod layout;
mod pin;
mod reach;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};

use crate::cli::Global;
use layout::{Layout, Piece};

/// Enrol this host: configuration, token, user, systemd unit, and start
#[derive(Debug, clap::Args)]
#[command(after_help = "\
First asks the server, with the token; where it refuses, nothing is changed. Run it again to change server or token:
what it replaces stays beside as *.old.

EXAMPLES
  orszem collector install --server https://logs.example:7450 --token orszem_abc --fingerprint 3F:9A:07
  orszem collector install --server https://logs.example:7450 --token-file node.token --ca-file ca.crt
  orszem collector install --server http://127.0.0.1:7450 --token orszem_abc --dry-run
  orszem collector install --server https://logs.example:7450 --token orszem_abc --prefix /tmp/image")]
pub struct Args {
    /// The token, role `ingest`; other users of this host see it while the command runs, --token-file avoids that
    #[arg(long, env = "ORSZEM_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// The SHA-256 of the server's certificate authority, as the server shows it at its start
    #[arg(long, value_name = "SHA256")]
    pub fingerprint: Option<String>,
    /// The user that the collector runs as
    #[arg(long, default_value = "orszem", value_name = "NAME")]
    pub user: String,
    /// Let the collector read every file, whatever its permissions
    #[arg(long)]
    pub read_all: bool,
    /// Write below this directory and touch nothing else: for images and tests
    #[arg(long, value_name = "DIR")]
    pub prefix: Option<PathBuf>,
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
}

/// Asks the server, then writes and starts what belongs to a collector.
pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let Args { token, fingerprint, user, read_all, prefix, dry_run } = args;
    if !account::is_name(&user) {
        bail!("--user {user:?}: write a name of lower-case letters, digits, `-` and `_`, at most 32 of them");
    }
    let token = token_of(global, token)?;
    if fingerprint.is_some() && global.ca_file.is_some() {
        bail!("name either --fingerprint or --ca-file");
    }
    let authority = match (&fingerprint, &global.ca_file) {
        (Some(fingerprint), _) => Some(pin::fetch(global.server(), fingerprint).await?),
        (None, Some(path)) => {
            Some(std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?)
        }
        (None, None) => None,
    };
    reach::check(global.server(), &token, authority.as_deref()).await?;

    let root = prefix.clone().unwrap_or_else(|| PathBuf::from("/"));
    let binary = std::env::current_exe().context("can't tell which file this program is")?;
    let server = global.server().trim_end_matches('/');
    let layout =
        Layout { server, token: &token, authority: authority.as_deref(), user: &user, read_all, binary: &binary };
    let pieces = layout.pieces();
    let mut out = std::io::stdout().lock();
    writeln!(out, "ok    the server at {server} answers and takes the token")?;
    if dry_run {
        return tell(&mut out, &pieces, &root, &user, prefix.is_none());
    }
    if prefix.is_none() {
        if !account::is_root() {
            bail!(
                "this writes to /etc and /usr and makes a user: run it with sudo, or see what it does with --dry-run"
            );
        }
        for done in account::ensure(&user)? {
            writeln!(out, "made  {done}")?;
        }
    }
    let owner = if prefix.is_none() { Some(account::ids(&user)?) } else { None };
    for piece in &pieces {
        let changed = piece.put(&root, owner)?;
        writeln!(out, "{}  {}", if changed { "wrote" } else { "kept " }, piece.target(&root).display())?;
    }
    start(&mut out, &user, prefix.as_deref())?;
    Ok(ExitCode::SUCCESS)
}

fn token_of(global: &Global, token: Option<String>) -> anyhow::Result<String> {
    let token = match (token, &global.token_file) {
        (Some(token), _) => token,
        (None, Some(path)) => {
            std::fs::read_to_string(path).with_context(|| format!("can't read the token in {}", path.display()))?
        }
        (None, None) => bail!(
            "name the token with --token or --token-file; `orszem token new $(hostname) --role ingest` makes one at the server"
        ),
    };
    let token = token.trim().to_owned();
    if token.is_empty() || token.split_whitespace().count() != 1 {
        bail!("a token is one word, as `orszem token new` shows it");
    }
    Ok(token)
}

fn tell(out: &mut impl Write, pieces: &[Piece], root: &Path, user: &str, is_system: bool) -> anyhow::Result<ExitCode> {
    if is_system {
        writeln!(out, "would make the system user {user} in the groups {} that exist", account::GROUPS.join(", "))?;
    }
    for piece in pieces {
        writeln!(out, "would write {}, mode {:04o}", piece.target(root).display(), piece.mode)?;
    }
    if is_system && !has_systemd() {
        writeln!(out, "would start nothing, as systemd does not run here")?;
    } else if is_system {
        for command in START {
            writeln!(out, "would run {}", command.join(" "))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

const START: [&[&str]; 3] = [
    &["systemctl", "daemon-reload"],
    &["systemctl", "enable", "orszem-collector.service"],
    &["systemctl", "restart", "orszem-collector.service"],
];

/// Whether systemd is what runs this host, as `sd_booted(3)` tells.
fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Starts the unit where systemd runs, else says what to run.
fn start(out: &mut impl Write, user: &str, prefix: Option<&Path>) -> anyhow::Result<()> {
    if let Some(prefix) = prefix {
        writeln!(out, "next: put {} in place, then run `systemctl enable --now orszem-collector`", prefix.display())?;
        return Ok(());
    }
    if !has_systemd() {
        let run = format!("runuser -u {user} -- orszem collector --config {}", layout::CONFIG);
        writeln!(out, "next: systemd does not run here, so nothing was started; run `{run}`")?;
        return Ok(());
    }
    for command in START {
        let [program, arguments @ ..] = command else { continue };
        let status = Command::new(program).args(arguments).status();
        let shown = command.join(" ");
        let status = status.with_context(|| format!("can't run `{shown}`"))?;
        if !status.success() {
            bail!("`{shown}` failed; `journalctl -u orszem-collector` says why");
        }
    }
    writeln!(out, "ok    the collector runs; `orszem doctor` checks it from both sides")?;
    Ok(())
}
