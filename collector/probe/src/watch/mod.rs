//! Targets that are probed again and again.

mod config;
mod run;
mod series;

pub use config::{Plan, ProbeConfig, plans};
pub use run::Watcher;
pub(crate) use run::judge;

#[cfg(test)]
mod tests;
