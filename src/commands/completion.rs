//! `orszem completion`: the script that completes commands in a shell.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;

/// Print the script that completes commands in a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
EXAMPLES
  orszem completion bash > /etc/bash_completion.d/orszem
  orszem completion zsh > ~/.zfunc/_orszem
  orszem completion fish > ~/.config/fish/completions/orszem.fish")]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Prints the script for `args.shell`.
pub fn run(Args { shell }: Args) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "orszem", &mut script);
    std::io::Write::write_all(&mut std::io::stdout().lock(), &script)?;
    Ok(ExitCode::SUCCESS)
}
