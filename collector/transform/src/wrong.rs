//! A value of the configuration that can't be used.

use std::fmt;

/// One problem, for a person to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Where, from this crate's section on: `drop[0].body`.
    pub key: String,
    /// The value as it stands; empty if it is missing.
    pub value: String,
    /// What is the matter, to follow the value: `is no regular expression`.
    pub wrong: String,
    /// What to write instead.
    pub remedy: String,
}

impl Wrong {
    /// A problem with the value of `key`.
    pub fn new(
        key: impl Into<String>,
        value: impl fmt::Display,
        wrong: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { key: key.into(), value: value.to_string(), wrong: wrong.into(), remedy: remedy.into() }
    }

    /// A name that no label may have.
    pub(crate) fn label(key: String, value: &str) -> Self {
        Self::new(key, value, "is no label name", "write letters, digits and _, not starting with a digit")
    }

    /// What the regex engine refused; its message is cut to its last line, which names the cause.
    pub(crate) fn regex(key: impl Into<String>, value: &str, error: &regex::Error) -> Self {
        let told = match error {
            regex::Error::CompiledTooBig(limit) => {
                return Self::new(
                    key,
                    value,
                    format!("needs more than {limit} bytes once compiled"),
                    "use fewer or smaller repetitions and fewer Unicode classes",
                );
            }
            other => other.to_string(),
        };
        let cause = told.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned();
        Self::new(
            key,
            value,
            format!("is no regular expression: {cause}"),
            "write it in RE2 syntax, without look-around",
        )
    }
}
