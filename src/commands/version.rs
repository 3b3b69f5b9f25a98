//! `orszem version`: what this program is.

use std::io::Write;
use std::process::ExitCode;

/// Print the version
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES\n  orszem version")]
pub struct Args {}

/// Prints name, version and target.
pub fn run(Args {}: Args) -> anyhow::Result<ExitCode> {
    let (version, os, arch) = (env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH);
    writeln!(std::io::stdout().lock(), "orszem {version} ({os}-{arch})")?;
    Ok(ExitCode::SUCCESS)
}
