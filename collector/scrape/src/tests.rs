//! The scraper against targets in this process.

mod discovery;
mod exporter;
mod https;
mod requests;
mod scrapes;
mod server;
mod steps;
