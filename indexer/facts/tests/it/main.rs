//! The engine on scripts, on their permutations, and on captures of real clusters.

#![expect(clippy::print_stdout, reason = "a test prints what a capture shows")]

mod captures;
mod crm_mon;
mod drbd_captures;
mod notifications;
mod runs;
mod script;
mod scripts;
mod story;
