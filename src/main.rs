//! The program's entry: parse, run, exit.

use std::process::ExitCode;

use clap::Parser;
use orszem::cli::Cli;
use orszem::invoked;

/// musl's own allocator takes one lock for all threads.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    orszem::memory::set_up();
    Cli::parse_from(invoked::arguments(std::env::args_os())).run()
}
