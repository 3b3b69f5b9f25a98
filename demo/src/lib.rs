//! A simulated high-availability site that lives: what its hosts log, report and measure, with a story every few minutes.
//!
//! Pure: no IO, no clock. The same seed and start give the same items, however time is let pass. Nothing here comes
//! from a real site; the formats are those of the real programs.

mod calendar;
mod gauges;
mod hosts;
mod item;
mod plan;
mod random;
mod script;
mod site;
mod story;
mod traffic;
mod truth;

pub use item::{Item, Probe, Sample};
pub use site::{EVERY_MAX_S, EVERY_MIN_S, Site};
pub use truth::{Story, Truth};

/// The name of the simulated cluster, which says so wherever labels are not shown.
pub const CLUSTER: &str = "simulated-erp";
