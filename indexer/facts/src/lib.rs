//! From what the reporters of a cluster see to what happened, each thing once.
//!
//! Pure: no IO, no clock, no async. Whoever needs the time passes it in, and the state of the engine can be put into
//! bytes at any moment and go on elsewhere.
//!
//! Several nodes report the same, by several ways, late and out of order by seconds. Observations are put in order of
//! their own times within a short window; what is a repeat adds its record to the fact. What reporters of a split
//! cluster say is never mixed: each has its view, and facts follow the view of the side that has the most nodes.

mod chain;
mod cluster;
mod drbd;
mod edges;
mod engine;
mod failures;
mod fencing;
mod flags;
mod input;
mod log;
mod members;
mod operations;
mod outbox;
mod partition;
mod placements;
mod quorum;
mod reporters;
mod resources;
mod resync;
mod services;
mod settings;
mod words;

use orszem_model::code;

pub use engine::Facts;
pub use log::LogSight;
pub use settings::{
    CONDITIONS_MAX, DRBD_MAX, HELD_MAX, NODES_MAX, REMEMBERED_MAX, RESOURCES_MAX, Settings, WAITING_MAX,
};
