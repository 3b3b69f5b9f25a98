//! The program as a whole: its structure, its configuration, its command line, a running server,
//! and what it keeps when it is killed, loses power, or its disk is full or damaged.

mod alerting;
mod architecture;
mod backup;
mod bad_input;
mod cli;
mod clients;
mod cluster;
mod collector;
mod collector_cli;
mod collector_config;
mod collector_faults;
mod config;
mod damage;
mod databases;
mod demo;
mod disk_full;
mod dist;
mod doctor;
mod drbd;
mod elasticsearch;
mod events;
mod live_cluster;
mod mail;
mod metrics;
mod page;
mod power_loss;
mod program;
mod real_writers;
mod search;
mod server;
mod syslog;
mod tls;
mod tools;
mod torture;
mod up;
