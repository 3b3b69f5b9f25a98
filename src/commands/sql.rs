//! `orszem sql`: metric files of databases, checked and tried.

use std::process::ExitCode;

mod check;
mod run;

/// Check metric files of databases, and try them
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The files are those of Oracle's own exporter (TOML or YAML) with extensions; docs/sql.md describes them, and
config/sql/ has files for Oracle, PostgreSQL, MariaDB and SQLite. The collector asks what [[collector.sql]] names.

EXAMPLES
  orszem sql check config/sql/*.toml
  orszem sql run config/sql/postgresql.toml --url postgresql://orszem@db1/shop --password-file /etc/orszem/db1
  orszem sql run my.toml --url sqlite:///srv/shop.db --metric orders")]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done with metric files.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Check(check::Args),
    Run(run::Args),
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Check(args) => check::run(&args),
        Command::Run(args) => run::run(args).await,
    }
}

/// Tells what is wrong with the files.
fn tell(out: &mut impl std::io::Write, problems: &[orszem_sql::FileProblem]) -> std::io::Result<()> {
    for problem in problems {
        writeln!(out, "{}", crate::lines::harmless(&problem.to_string()))?;
    }
    let noun = if problems.len() == 1 { "problem" } else { "problems" };
    writeln!(out, "{} {noun}", problems.len())
}

/// The variables that files may name.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
