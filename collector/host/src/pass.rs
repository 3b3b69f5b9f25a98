//! What a collector sees of one pass.

use crate::config::HostConfig;
use crate::family::Sink;
use crate::files::{Files, Page};
use crate::filters::Filters;

/// One pass over the host: where to read, what to leave out, and where the samples go.
pub(crate) struct Pass<'p> {
    pub(crate) files: &'p Files,
    pub(crate) filters: &'p Filters,
    pub(crate) config: &'p HostConfig,
    /// Milliseconds since 1970, UTC.
    pub(crate) now_ms: i64,
    /// Read into by whoever reads.
    pub(crate) page: &'p mut Page,
    pub(crate) sink: &'p mut dyn Sink,
}
