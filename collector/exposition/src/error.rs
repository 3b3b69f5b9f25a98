//! Why a body is refused, and where.

/// What is wrong with a body, from its first bad line on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place} {line}: {reason}")]
pub struct ParseError {
    place: &'static str,
    /// Counted from 1: the line, or of protobuf the metric family.
    pub line: usize,
    /// In the words of Prometheus.
    pub reason: String,
}

impl ParseError {
    pub(crate) fn in_line(line: usize, reason: String) -> Self {
        Self { place: "line", line, reason }
    }

    pub(crate) fn in_family(family: usize, reason: String) -> Self {
        Self { place: "metric family", line: family, reason }
    }
}
