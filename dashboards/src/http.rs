//! What is answered over HTTP.

pub mod access;
pub mod app;
pub mod collectors;
pub mod engine;
mod error;
mod export;
mod logs;
mod page;
mod params;
pub mod prometheus;
mod rows;
mod tail;
pub mod topology;

#[cfg(test)]
mod tests;

pub use error::ApiError;
pub use logs::LogsApi;
