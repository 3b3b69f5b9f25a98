//! What the server knows of its collectors: who is there, how late they are, what they lost, and what they complain of.
//!
//! The apply stage shows every new batch to [`Collectors`], which looks for canaries in the streams of
//! `service:orszem-collector`; the ingest routes tell it who sent a request and when. Repeats never come here, so a
//! canary that is seen twice is a record that was stored twice.

mod canary;
mod metrics;
mod registry;
mod saved;
mod status;
mod track;

#[cfg(test)]
mod tests;

pub use registry::{Arrival, COLLECTORS_MAX, Collectors};
pub use status::{CollectorReport, CollectorStatus, SUPPORTED_FROM};

pub(crate) use canary::{EVENT as CANARY, SERVICE};
pub(crate) use metrics::register;
pub(crate) use saved::FILE_NAME;
