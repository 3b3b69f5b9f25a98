//! What each command does, one a file.

pub mod ack;
pub mod alerts;
pub mod backup;
pub mod bench;
pub mod check_config;
pub mod collector;
pub mod collectors;
pub mod completion;
pub mod demo;
pub mod doctor;
pub mod event;
pub mod explain;
pub mod notify;
pub mod query;
pub mod report;
pub mod restore;
pub mod rules;
pub mod search;
pub mod server;
pub mod silence;
pub mod sql;
mod table;
pub mod tail;
pub mod token;
pub mod topology;
pub mod up;
pub mod version;
