//! The `[access]` section: who may use the server.

use std::path::PathBuf;

use orszem_model::Span;
use serde::{Deserialize, Serialize};

use super::Problem;

/// Who may use the server, and for how long a login lasts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccessConfig {
    /// The file of accepted tokens (`orszem token new` writes its lines); without it only loopback is served.
    pub token_file: Option<PathBuf>,
    /// How long a login of the page lasts.
    pub session: Span,
    /// Logins kept at once; one more ends the oldest.
    pub sessions_max: usize,
    /// Failed logins a minute and address before further ones are refused for that minute.
    pub failed_logins_max: u32,
}

impl Default for AccessConfig {
    fn default() -> Self {
        Self { token_file: None, session: Span::hours(12), sessions_max: 1_024, failed_logins_max: 10 }
    }
}

impl AccessConfig {
    pub(super) fn validate(&self) -> Vec<Problem> {
        let Self { token_file, session, sessions_max, failed_logins_max } = self;
        let mut problems = Vec::new();
        if let Some(path) = token_file.as_ref().filter(|path| path.as_os_str().is_empty()) {
            let shown = format!("\"{}\"", path.display());
            problems.push(Problem::new(
                "access.token_file",
                shown,
                "names no file",
                "name a file, or remove the option",
            ));
        }
        if *session < Span::secs(60) || *session > Span::days(365) {
            problems.push(Problem::new(
                "access.session",
                format!("\"{session}\""),
                "is out of range",
                "write \"1m\" to \"365d\"",
            ));
        }
        if !(1..=1_000_000).contains(sessions_max) {
            problems.push(Problem::new("access.sessions_max", sessions_max, "is out of range", "write 1 to 1000000"));
        }
        if *failed_logins_max == 0 {
            problems.push(Problem::new("access.failed_logins_max", 0, "refuses every login", "write 1 or more"));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_range_are_named() {
        let bad = AccessConfig {
            token_file: Some(PathBuf::new()),
            session: Span::secs(1),
            sessions_max: 0,
            failed_logins_max: 0,
        };
        let keys: Vec<String> = bad.validate().into_iter().map(|problem| problem.key).collect();
        assert_eq!(keys, ["access.token_file", "access.session", "access.sessions_max", "access.failed_logins_max"]);
        assert_eq!(AccessConfig::default().validate(), []);
    }
}
