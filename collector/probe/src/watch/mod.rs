//! Targets that are probed again and again.

mod config;
mod run;
mod series;

pub use config::{Plan, ProbeConfig, plans};
pub(crate) use run::judge;
pub use run::keep_probing;

#[cfg(test)]
mod tests;
