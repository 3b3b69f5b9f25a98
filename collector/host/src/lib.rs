//! This host's own metrics, read from procfs, sysfs and cgroups without an exporter.
//!
//! Names, labels, types and help are node_exporter's wherever it has the metric, so that its dashboards and rules
//! work; what it lacks is called `orszem_host_*`, in base units. No async, no processes, no network; the time is
//! passed in. All files are found under roots that the configuration may move.

mod collectors;
mod config;
mod error;
mod family;
mod fields;
mod files;
mod filters;
mod host;
mod pass;
mod text;

pub use collectors::COLLECTORS;
pub use config::{HostConfig, Paths};
pub use error::CollectError;
pub use family::{Family, Sink};
pub use host::Host;
pub use text::Text;

#[cfg(test)]
mod tests;
