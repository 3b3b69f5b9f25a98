//! Why a scrape failed.

use std::time::Duration;

use orszem_exposition::{ContentTypeError, DuplicateLabel, ParseError};
pub(crate) use orszem_model::chain;

use crate::fetch::FetchError;

/// Why a target is down.
#[derive(Debug, thiserror::Error)]
pub enum ScrapeError {
    #[error("Get {url:?}")]
    Fetch {
        url: String,
        #[source]
        source: FetchError,
    },
    #[error("Get {url:?}: no whole answer within {within:?}")]
    Timeout { url: String, within: Duration },
    #[error(transparent)]
    ContentType(#[from] ContentTypeError),
    #[error(transparent)]
    Parse(#[from] ParseError),
    #[error(transparent)]
    DuplicateLabel(#[from] DuplicateLabel),
    #[error("missing metric name (__name__ label)")]
    NoName,
    #[error("invalid metric name or label names: {0}")]
    InvalidName(String),
    #[error("sample limit exceeded")]
    SampleLimit,
    #[error("label_limit exceeded (metric: {metric:.50}, number of labels: {count}, limit: {limit})")]
    LabelLimit { metric: String, count: u64, limit: u64 },
    #[error(
        "label_name_length_limit exceeded (metric: {metric:.50}, label name: {name:.50}, length: {length}, limit: {limit})"
    )]
    LabelNameLength { metric: String, name: String, length: u64, limit: u64 },
    #[error(
        "label_value_length_limit exceeded (metric: {metric:.50}, label name: {name:.50}, value: {value:.50}, length: {length}, limit: {limit})"
    )]
    LabelValueLength { metric: String, name: String, value: String, length: u64, limit: u64 },
    #[error("target_limit exceeded (number of targets: {count}, limit: {limit})")]
    TargetLimit { count: u64, limit: u64 },
    #[error("reading the body failed within this program")]
    Panicked,
}
