//! Why a query gave nothing.

use std::fmt;

/// The kinds of failures that are told apart; the `reason` of `<prefix>query_errors_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// There is no connection.
    Connect,
    /// The deadline has passed.
    Timeout,
    /// The user may not.
    Permission,
    /// There is no such table, view or column.
    Missing,
    /// The database refused the query, or the connection broke.
    Query,
    /// No row came, and the metric does not say that this is fine.
    NoRows,
    /// More rows, or more bytes, than allowed.
    Limit,
    /// A cell is no number.
    Value,
}

impl Reason {
    /// As it stands in the label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Permission => "permission",
            Self::Missing => "missing",
            Self::Query => "query",
            Self::NoRows => "no_rows",
            Self::Limit => "limit",
            Self::Value => "value",
        }
    }

    /// Whether it stays so until somebody changes the database or its grants.
    pub(crate) const fn is_lasting(self) -> bool {
        matches!(self, Self::Permission | Self::Missing)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A query, or a connection, that failed. No text holds a password.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    pub reason: Reason,
    /// What the database or its driver said.
    pub message: String,
    /// Whether the connection can't be used any more.
    pub is_broken: bool,
}

impl QueryError {
    pub(crate) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), is_broken: false }
    }

    /// A failure after which there is no connection any more.
    pub(crate) fn broken(reason: Reason, message: impl Into<String>) -> Self {
        Self { is_broken: true, ..Self::new(reason, message) }
    }

    pub(crate) fn connect(message: impl Into<String>) -> Self {
        Self::broken(Reason::Connect, message)
    }

    pub(crate) fn timeout(within: std::time::Duration) -> Self {
        Self::broken(Reason::Timeout, format!("no answer within {within:?}"))
    }
}

/// An error with its causes, in one line; some drivers' texts hold their cause already, which is not told twice.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let inner = source.to_string();
        if !told.contains(&inner) {
            told.push_str(": ");
            told.push_str(&inner);
        }
        next = source.source();
    }
    told
}
