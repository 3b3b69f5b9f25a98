//! Metrics of databases, asked for in SQL.
//!
//! [`load`] reads metric files in the form of Oracle's own exporter (TOML and YAML, which load unchanged) with
//! extensions; [`DatabaseConfig`] says which database they are for; [`keep_asking`] keeps one connection to it, runs each
//! query when it is due, and hands on what a scrape hands on. [`run_once`] does it once, for the command line;
//! [`query_once`] asks one question of one's own.

mod config;
mod drivers;
mod error;
mod file;
mod metric;
mod number;
mod placeholder;
mod run;
mod samples;
mod url;

pub use config::{DatabaseConfig, Kind, TlsMode};
pub use drivers::{Limits, Table};
pub use error::{QueryError, Reason};
pub use file::{FileProblem, Loaded, load, load_text};
pub use metric::{Bound, FieldType, ForEach, Metric, OnError, Operator, Role, Schedule, Thresholds};
pub use run::{Plan, Queried, RunOnce, keep_asking, query_once, run_once};
pub use samples::{Family, Sample, Yield};
