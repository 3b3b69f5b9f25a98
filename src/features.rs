//! The parts of the program that `--enable-feature` switches on.

/// Their names.
pub const NAMES: [&str; 1] = [PROMQL_EXPERIMENTAL];
pub(crate) const PROMQL_EXPERIMENTAL: &str = "promql-experimental";

/// Which of them are on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Functions, aggregations and modifiers of PromQL that Prometheus calls experimental.
    pub promql_experimental: bool,
}

impl Features {
    /// Those with these names; others are unknown and were refused by the command line.
    pub fn named(names: &[String]) -> Self {
        Self { promql_experimental: names.iter().any(|name| name == PROMQL_EXPERIMENTAL) }
    }
}
