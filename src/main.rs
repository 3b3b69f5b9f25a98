//! The program's entry: parse, run, exit.

use std::process::ExitCode;

use clap::Parser;
use orszem::cli::Cli;

/// musl's own allocator takes one lock for all threads.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    orszem::memory::set_up();
    Cli::parse().run()
}
