//! Unit tests of rules, in the format of `promtool test rules`, with lines of logs and facts beside series.

mod own_run;
mod read;
mod report;
mod run;
#[cfg(test)]
mod tests;

pub use read::{AlertTest, ExpectedSample, ExprTest, InputSeries, TestFact, TestFile, TestGroup, TestLine, read};
pub use report::{Alerted, Failure, Measured, TestReport};
pub use run::{RuleSource, run};
