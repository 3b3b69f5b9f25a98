//! Pacemaker: its alerts, its status, its configuration.

pub mod alert;
pub mod change;
pub mod cib;
pub mod metrics;
pub mod status;

/// A role in the words of Pacemaker 2.1 and later.
pub(crate) fn role(word: &str) -> &str {
    match word {
        "Master" => "Promoted",
        "Slave" => "Unpromoted",
        word => word,
    }
}

/// How the constraints begin that administrators' commands leave behind (`crm_resource --ban`, `--move`).
pub(crate) const LEFT_BEHIND: &str = "cli-";
