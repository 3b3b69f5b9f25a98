//! The configuration: what serde sees of Prometheus' `global` and `scrape_configs`.

mod client;
mod discovery;
mod duration;
mod global;
mod job;
mod load;
mod secret;
mod size;
pub(crate) mod validate;

pub use client::{Authorization, BasicAuth, ClientConfig, HeaderValues, TlsConfig, TlsVersion};
pub use discovery::{DnsSdConfig, DnsType, FileSdConfig, HttpSdConfig, StaticConfig};
pub use duration::{NoDuration, PromDuration};
pub use global::GlobalConfig;
pub use job::{NameEscaping, Protocol, Scheme, ScrapeConfig};
pub use load::{Loaded, load_file, load_str};
pub use secret::Secret;
pub use size::{BodySize, NoSize};

#[cfg(test)]
mod tests;
