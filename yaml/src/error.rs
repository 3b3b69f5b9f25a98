//! What does not fit, and where.

use std::fmt;

use serde::de;

use super::node::SyntaxError;

/// Why a text is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum YamlError {
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    #[error(transparent)]
    Problem(#[from] Problem),
}

/// One step from the root to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// A value that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// From the innermost step outwards.
    pub(super) path: Vec<Step>,
    /// The scalar that stands there; else empty.
    pub value: String,
    pub what: What,
}

/// What is the matter with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// There is no such key here.
    UnknownKey {
        key: String,
        known: &'static [&'static str],
    },
    MissingKey(&'static str),
    /// It is of another type than this.
    NotA(String),
    Other(String),
}

impl Problem {
    pub(super) fn within(mut self, step: Step) -> Self {
        self.path.push(step);
        self
    }

    /// Where it is, such as `scrape_configs[2].static_configs`.
    pub fn key(&self) -> String {
        let mut key = String::new();
        for step in self.path.iter().rev() {
            match step {
                Step::Key(name) if key.is_empty() => key.push_str(name),
                Step::Key(name) => {
                    key.push('.');
                    key.push_str(name);
                }
                Step::Index(index) => key.push_str(&format!("[{index}]")),
            }
        }
        key
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.key())?;
        match &self.what {
            What::UnknownKey { .. } => f.write_str("there is no such key"),
            What::MissingKey(key) => write!(f, "{key} is missing"),
            What::NotA(expected) => write!(f, "must be {expected}"),
            What::Other(told) => f.write_str(told),
        }
    }
}

impl std::error::Error for Problem {}

impl de::Error for Problem {
    fn custom<T: fmt::Display>(told: T) -> Self {
        Self { path: Vec::new(), value: String::new(), what: What::Other(told.to_string()) }
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self { path: Vec::new(), value: String::new(), what: What::NotA(expected.to_string()) }
    }

    fn invalid_value(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self { path: Vec::new(), value: String::new(), what: What::NotA(expected.to_string()) }
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        let what = What::UnknownKey { key: field.to_owned(), known };
        Self { path: vec![Step::Key(field.to_owned())], value: String::new(), what }
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self { path: Vec::new(), value: String::new(), what: What::NotA(format!("one of {}", known.join(", "))) }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { path: Vec::new(), value: String::new(), what: What::MissingKey(field) }
    }
}
