//! One thing that was looked at, how it is, and what to do.

use std::fmt;

use crate::lines::harmless;

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Ok,
    /// Odd, or not looked at; logs still arrive.
    Warn,
    /// Logs are missing or late because of it.
    Fail,
}

/// `level  what — why; fix: command`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub level: Level,
    pub what: String,
    pub why: String,
    /// Empty where there is nothing to do.
    pub fix: String,
}

impl Finding {
    /// All is well.
    pub fn ok(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { level: Level::Ok, what: what.into(), why: why.into(), fix: String::new() }
    }

    /// Worth a look.
    pub fn warn(what: impl Into<String>, why: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { level: Level::Warn, what: what.into(), why: why.into(), fix: fix.into() }
    }

    /// Wrong.
    pub fn fail(what: impl Into<String>, why: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { level: Level::Fail, what: what.into(), why: why.into(), fix: fix.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "ok  ",
            Level::Warn => "warn",
            Level::Fail => "FAIL",
        };
        write!(f, "{level}  {} — {}", harmless(&self.what), harmless(&self.why))?;
        if self.fix.is_empty() { Ok(()) } else { write!(f, "; fix: {}", harmless(&self.fix)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line() {
        assert_eq!(Finding::ok("clock", "0.1 s off").to_string(), "ok    clock — 0.1 s off");
        let wrong = Finding::fail("file /a\nb", "Permission denied", "sudo chmod g+r /a");
        let line = wrong.to_string();
        assert!(line.starts_with("FAIL  file /a") && line.ends_with(" — Permission denied; fix: sudo chmod g+r /a"));
        assert!(!line.contains('\n'));
    }
}
