//! The program `orszem`: command line, configuration, starting and stopping, the HTTP server's shell.
//!
//! Only this crate reads the environment, handles signals, sets the tracing subscriber and exits.

pub mod access;
mod alerting;
pub mod app;
mod archive;
mod backing_up;
pub mod catalogue;
pub mod cli;
pub mod client;
pub mod collecting;
pub mod commands;
pub mod config;
pub mod data_dir;
mod deputies;
pub mod descriptors;
pub mod doctor;
mod engine;
pub mod features;
pub mod follow;
mod heartbeats;
pub mod invoked;
pub mod lines;
pub mod mailing;
pub mod memory;
mod notifying;
pub mod port_holder;
mod probing;
mod prometheus_flags;
mod reporting;
mod running;
mod series_engine;
pub mod server;
mod shown_config;
mod simulating;
mod store;
mod targets;
pub mod telemetry;
pub mod tls;
mod watching;
mod yaml;
