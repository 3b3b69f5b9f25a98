//! `orszem token`: makes tokens.

use std::io::Write;
use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;

use crate::access::token::NewToken;
use crate::access::{Identity, Role};

/// Make tokens for those who send and query
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A server keeps only the hash of a token. Add the line to its token file and send it SIGHUP.

EXAMPLES
  orszem token new node1 --role ingest
  orszem token new ann --role read
  orszem token new admin --role admin >> /etc/orszem/tokens   the token goes to the terminal, the line to the file")]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a token: standard error shows it, once; standard output has the line for the server's token file
    New {
        /// Whom or what it is for; one word
        name: String,
        /// What its holder may do
        #[arg(long, value_enum)]
        role: Role,
        /// The tenant that its records and queries belong to
        #[arg(long, default_value_t = 0)]
        tenant: u32,
    },
}

/// Makes what is asked for.
pub fn run(Args { command: Command::New { name, role, tenant } }: Args) -> anyhow::Result<ExitCode> {
    let is_word = !name.is_empty() && name.len() <= 64 && !name.starts_with('#');
    if !is_word || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        bail!("a token's name is one word of at most 64 bytes that does not begin with #, not {name:?}");
    }
    let token = NewToken::generate(&Identity { name, role, tenant })?;
    eprintln!("token, shown only now: {}", token.secret);
    writeln!(std::io::stdout().lock(), "{}", token.line)?;
    Ok(ExitCode::SUCCESS)
}
