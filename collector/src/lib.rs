//! Follows what a host logs, measures and scrapes, and hands it on as batches that survive a crash: every line once.
//!
//! Records go `source → parse → transform → batch → queue → output`. A batch and the source positions it leads to are
//! one record of the disk queue, so after a crash the same bytes are sent again under the same `(source, epoch, seq)`
//! and the receiver drops what it already has. Metrics go `target → batch → queue → output` on a queue of
//! their own.

mod clock;
mod cluster;
mod collector;
mod config;
mod counters;
pub mod discover;
mod encode;
mod error;
mod explain;
mod glob;
mod metrics;
pub mod output;
mod pipeline;
mod prepare;
mod queues;
mod replay;
mod report;
mod send;
mod shared;
mod source;
pub mod spool;
mod status;
mod throttle;

pub use collector::{Collector, CollectorHandle, Destination, Input};
pub use config::{
    ClusterCommands, ClusterConfig, ClusterMode, CollectorConfig, ExecConfig, FileConfig, HostMetricsConfig,
    JournalMode, MetricsQueueConfig, MultilineConfig, QueueConfig, ScrapeSection, StartAt, WhenFull,
};
pub use counters::CounterValues;
pub use error::CollectorError;
pub use explain::{Explained, Explainer};
pub use orszem_host::HostConfig;
pub use orszem_parse::{Layer, Zone};
pub use orszem_probe::Booth;
pub use orszem_scrape::config::ScrapeConfig;
pub use orszem_scrape::{DroppedTarget, Health, Metadata, ScrapeCounts, TargetStatus, Targets};
pub use orszem_transform::Wrong;
pub use replay::{Replay, ReplayBatch, ReplayRecord};
pub use report::{
    EndpointReport, EndpointReportState, FileReport, FileReportState, MetricsReport, Report, ReportError, TargetReport,
};
pub use status::{FileState, FileStatus};

/// Whether this host has a systemd journal that can be followed.
pub fn has_journal() -> bool {
    matches!(source::journald::look(None), Some(Ok(())))
}

/// This host's own time zone.
pub fn local_zone() -> Zone {
    clock::local_zone()
}
