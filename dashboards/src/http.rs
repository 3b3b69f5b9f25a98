//! What is answered over HTTP.

pub mod access;
pub mod alertmanager;
pub mod app;
pub mod collectors;
pub mod devices;
pub mod engine;
mod error;
mod export;
pub mod incidents;
pub mod links;
mod logs;
mod packed;
mod page;
mod params;
pub mod probes;
pub mod prometheus;
pub mod replay;
pub mod report;
mod rows;
mod tail;
pub mod topology;

#[cfg(test)]
mod tests;

pub use error::ApiError;
pub use logs::LogsApi;
pub use packed::packed;
