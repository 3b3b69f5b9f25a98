//! What the parts of a high-availability cluster say of themselves, as observations, edges and samples.
//!
//! Pure: no IO, no clock, no async. Whoever runs the tools passes in what they wrote, and the time.

pub mod corosync;
pub mod drbd;
pub mod metrics;
pub mod pacemaker;
mod words;
pub mod xml;
