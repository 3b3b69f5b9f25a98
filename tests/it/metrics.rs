//! Metrics as a whole: what is acknowledged is kept through kills, full disks and damage, bad input is refused by name,
//! and queries are answered as Prometheus answers them.

mod api;
mod bench;
mod command;
mod damaged;
mod explain;
pub(crate) mod exporter;
mod full;
mod kept;
mod kills;
mod ledger;
mod probed;
mod prometheus;
mod promtool;
mod queries;
mod refused;
pub(crate) mod remote;
mod same_answers;
mod same_scrapes;
