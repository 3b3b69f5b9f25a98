//! What collectors find of the targets that they probe, put together: votes, verdicts by quorum, the ledger.
//!
//! One task owns the state. Votes are acknowledged when what follows from them is written, in one SQLite transaction with
//! all that came at the same time. A verdict is a series like any other (`probe_verdict`), so that rules see it.

mod handle;
mod known;
mod metrics;
mod owner;
mod series;
mod service;
mod step;
mod store;
#[cfg(test)]
mod tests;

pub use handle::{ProbesHandle, TargetLedger};
pub use known::{CollectorView, Known, Target, TargetKey};
pub use service::ProbesService;
pub(crate) use store::copy;
pub use store::{NewExclusion, WrittenExclusion};
