//! DRBD 8.4 and 9: its events, its status, its handlers, and the table of what they tell.
//!
//! Life of a line: [`lines::Lines`] cuts the output of `drbdsetup events2`, [`events2::parse`] reads a line,
//! [`table::Table`] merges it and tells what is new, [`metrics::samples`] shows the table as samples. Where there is no
//! `events2`, a [`snapshot::Snapshot`] of [`status_json`] or [`proc`] feeds the same table.

mod eta;
pub mod events2;
pub mod handler;
pub mod lines;
pub mod metrics;
pub mod proc;
mod read;
pub mod row;
pub mod snapshot;
pub mod status_json;
pub mod table;
pub mod word;
