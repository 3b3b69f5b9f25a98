//! Scrapes metrics from targets, exactly as the `scrape_configs` of Prometheus 3 say.
//!
//! [`config`] is what serde sees, of YAML or TOML; [`Settings`] is what it amounts to, or all that is wrong with it;
//! [`Scraper`] does it: discovery finds labels, relabelling makes targets of them, each has a loop that gets its body
//! and hands on one [`Scraped`] a turn.

mod append;
pub mod config;
mod counters;
mod discovery;
mod dns;
mod error;
mod fetch;
mod output;
mod pool;
mod running;
mod scraper;
mod settings;
mod shared;
mod status;
mod target;
mod target_loop;
mod wildcard;

pub use counters::ScrapeCounts;
pub use error::ScrapeError;
pub use fetch::FetchError;
pub use orszem_exposition::{Exemplar, MetricType};
pub use orszem_transform::Wrong;
pub use output::{Metadata, Scraped};
pub use running::Running;
pub use scraper::{Options, Scraper};
pub use settings::Settings;
pub use shared::millis;
pub use status::{DroppedTarget, Health, TargetStatus, Targets};

#[cfg(test)]
mod tests;
