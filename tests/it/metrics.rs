//! Metrics as a whole: what is acknowledged is kept through kills, full disks and damage, bad input is refused by name,
//! and queries are answered as Prometheus answers them.

mod api;
mod command;
mod damaged;
mod explain;
mod exporter;
mod full;
mod kills;
mod ledger;
mod promtool;
mod queries;
mod refused;
mod remote;
mod same_answers;
