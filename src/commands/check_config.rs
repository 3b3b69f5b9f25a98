//! `orszem check-config`: tells all that is wrong with a configuration file.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use crate::cli::Global;
use crate::config::{Config, ConfigError};

/// Check a configuration file
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Tells every problem with file, line, key, value and remedy. Exits 0 if there is none, 1 if there are some, 2 if the
file can't be read.

EXAMPLES
  orszem check-config /etc/orszem/orszem.toml
  orszem check-config --config orszem.toml")]
pub struct Args {
    /// The file [default: the one named by --config]
    pub file: Option<PathBuf>,
}

/// Checks the file and prints what is wrong with it.
pub fn run(global: &Global, Args { file }: Args) -> anyhow::Result<ExitCode> {
    let file = file.or_else(|| global.config.clone()).context("name the file to check")?;
    match Config::load(&file) {
        Ok(_) => {
            writeln!(std::io::stdout().lock(), "{}: in order", file.display())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(ConfigError::Problems(problems)) => {
            writeln!(std::io::stdout().lock(), "{problems}\n{} problems", problems.len())?;
            Ok(ExitCode::FAILURE)
        }
        Err(error @ ConfigError::Read { .. }) => Err(error.into()),
    }
}
