//! Collectors on small trees of files, and the configuration.

mod compute;
mod config;
mod devices;
mod network;
mod noise;
mod services;
pub(crate) mod tree;
