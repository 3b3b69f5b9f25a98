//! What is probed again and again: its configuration, its tasks, what they vote.

mod booth;
mod canaries;
mod config;
mod run;
mod series;

#[cfg(test)]
mod tests;

pub use booth::Booth;
pub use canaries::{Canaries, Canary, canaries};
pub use config::{Plan, ProbeConfig, plans};
pub(crate) use run::judge;
pub use run::{Watching, keep_probing};
