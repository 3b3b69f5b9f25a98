//! The program's entry: parse, run, exit.

use std::process::ExitCode;

use clap::Parser;
use orszem::cli::Cli;

fn main() -> ExitCode {
    orszem::memory::set_up();
    Cli::parse().run()
}
