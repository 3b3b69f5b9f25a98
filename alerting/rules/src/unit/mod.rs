//! Unit tests of rules, in the format of `promtool test rules`.

mod read;
mod report;
mod run;
#[cfg(test)]
mod tests;

pub use read::{AlertTest, ExpectedSample, ExprTest, InputSeries, TestFile, TestGroup, read};
pub use report::{Alerted, Failure, Measured, TestReport};
pub use run::{RuleSource, run};
