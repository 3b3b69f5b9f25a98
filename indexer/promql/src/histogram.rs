//! What PromQL does with histograms, native and classic (Prometheus 3, `model/histogram` and `promql/quantile.go`).
//!
//! Nothing here makes annotations: what there is to remark comes back as data, and the evaluator words it.

mod accumulator;
mod arithmetic;
mod bounds;
mod buckets;
mod change;
mod classic;
mod close;
mod compare;
mod estimate;
mod text;
mod trim;
mod validate;

pub use arithmetic::{Findings, Incompatible, KahanSum, Mean, add, div, mul, negate, sub};
pub use buckets::{
    Bucket, all_buckets, compact, has_custom_bounds, negative_buckets, positive_buckets, reduce_resolution, zero_bucket,
};
pub use change::{Change, ChangeRemarks, change, instant_change};
pub use classic::{ClassicBucket, Mended, bucket_fraction, bucket_quantile};
pub use close::is_close;
pub use compare::{detect_reset, equals};
pub use estimate::{NanEffect, avg, fraction, quantile, stddev, stdvar};
pub use text::{ApiBucket, api_buckets, text};
pub use trim::{trim_lower, trim_upper};
pub use validate::{Invalid, Side, validate};
