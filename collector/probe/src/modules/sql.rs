//! `sql` of a module, which blackbox_exporter does not have.

use std::path::{Path, PathBuf};

use orszem_sql::{DatabaseConfig, TlsMode};
use orszem_transform::Wrong;
use serde::{Deserialize, Serialize};

use crate::conditions::Condition;

/// How a database is logged in to, what it is asked, and what it has to answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SqlProbe {
    /// One statement; if empty, one that every database answers.
    pub query: String,
    /// Must hold; `[BODY]` is the list of rows, each an object of columns in lower case: `[BODY][0].lag < 30`.
    pub conditions: Vec<Condition>,
    /// Holds the password and nothing else but a line's end.
    pub password_file: Option<PathBuf>,
    /// Whether the connection is encrypted; if unset it is, unless the host is this one.
    pub tls: Option<TlsMode>,
    /// The authorities to trust instead of the system's (PEM). Not for Oracle.
    pub ca_file: Option<PathBuf>,
    /// Oracle's wallet folder.
    pub wallet: Option<PathBuf>,
}

impl SqlProbe {
    /// The statement that `target` is asked.
    pub(crate) fn statement(&self, target: &str) -> &str {
        match self.query.as_str() {
            "" if target.starts_with("oracle:") => "select 1 as one from dual",
            "" => "select 1 as one",
            query => query,
        }
    }

    /// The database at the URL `target`.
    pub(crate) fn database(&self, target: &str) -> DatabaseConfig {
        let Self { query: _, conditions: _, password_file, tls, ca_file, wallet } = self;
        DatabaseConfig {
            url: target.to_owned(),
            password_file: password_file.clone(),
            tls: *tls,
            ca_file: ca_file.clone(),
            wallet: wallet.clone(),
            ..DatabaseConfig::default()
        }
    }

    pub(super) fn validate(&self, key: &str) -> Vec<Wrong> {
        let is_told = !self.query.is_empty() && self.query.trim().is_empty();
        let wrong = || Wrong::new(format!("{key}.query"), "", "is blank", "write a statement, or leave it out");
        is_told.then(wrong).into_iter().collect()
    }

    pub(super) fn set_directory(&mut self, directory: &Path) {
        for path in [&mut self.password_file, &mut self.ca_file, &mut self.wallet].into_iter().flatten() {
            *path = directory.join(&path);
        }
    }
}
