//! The `[logs]` section: the indexer's options, and what `up` keeps when nothing is configured.

use orszem_indexer::{IndexerOptions, RetentionClass};
use orszem_model::{DiskShare, Span};

use super::Problem;

/// The class of the records that no rule of `ingest.classes` puts elsewhere.
pub const DEFAULT_CLASS: &str = "default";

/// What `up` keeps when nothing is configured: 14 days or 20 % of the file system, whichever is less.
pub fn retention_of_up() -> Vec<RetentionClass> {
    vec![RetentionClass {
        class: DEFAULT_CLASS.to_owned(),
        age: Some(Span::days(14)),
        bytes: Some(DiskShare::Percent(20)),
    }]
}

/// The indexer names its own option; it is only brought into this file's shape here.
pub(super) fn validate(logs: &IndexerOptions) -> impl Iterator<Item = Problem> {
    logs.validate().into_iter().map(|wrong| {
        let key = format!("logs.{}", wrong.key);
        Problem::new(key, wrong.value, "is out of range", format!("write {}", wrong.expected))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use orszem_model::ByteSize;

    #[test]
    fn a_value_out_of_range_is_named() {
        let logs = IndexerOptions { memtable: ByteSize::kib(1), ..IndexerOptions::default() };
        assert_eq!(validate(&logs).map(|problem| problem.key).collect::<Vec<_>>(), ["logs.memtable"]);
        assert!(
            validate(&IndexerOptions { retention: retention_of_up(), ..IndexerOptions::default() }).next().is_none()
        );
    }
}
