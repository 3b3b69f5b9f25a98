//! The program as a whole: its structure, its configuration, its command line, a running server.

mod architecture;
mod cli;
mod config;
mod program;
mod search;
mod server;
mod tls;
mod tools;
