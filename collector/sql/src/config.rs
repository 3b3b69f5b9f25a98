//! `[[collector.sql]]`: a database, and what it is asked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use orszem_model::Span;
use orszem_transform::{NameValidation, Wrong};
use serde::{Deserialize, Serialize};

use crate::url;

/// The longest name of a database, a label, or the beginning of metrics.
const NAME_BYTES_MAX: usize = 128;

/// A database and the metric files it is asked by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// Its name, unique; the label `database` of its series.
    pub name: String,
    /// What it is; taken from the URL's scheme where that is told.
    pub kind: Option<Kind>,
    /// `postgresql://user@host:5432/database`, without a password; its parts may be told by the next options instead.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// A name, an address, or, beginning with `/`, a socket (PostgreSQL: its folder).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    pub port: Option<u16>,
    /// The database; for Oracle the service, for SQLite the file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub database: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Holds the password and nothing else but a line's end.
    pub password_file: Option<PathBuf>,
    /// Whether the connection is encrypted; if unset it is, unless the host is this one.
    pub tls: Option<TlsMode>,
    /// The authorities to trust instead of the system's (PEM). Not for Oracle, whose wallet is named in `wallet`.
    pub ca_file: Option<PathBuf>,
    /// Oracle's wallet folder.
    pub wallet: Option<PathBuf>,
    /// Metric files; later ones replace metrics of earlier ones.
    pub files: Vec<PathBuf>,
    /// How often queries run that say nothing else; 1 s to 1 h.
    pub interval: Span,
    /// How long a query that says nothing else, and a connection, may take; 100 ms to 10 min.
    pub timeout: Span,
    /// Labels of its series.
    pub labels: BTreeMap<String, String>,
    /// What the names of its series begin with; if unset the kind and `_`, for Oracle `oracledb_`.
    pub prefix: Option<String>,
}

/// The kinds of databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    #[serde(alias = "postgres")]
    Postgresql,
    /// MySQL too.
    #[serde(alias = "mysql")]
    Mariadb,
    Sqlite,
    Oracle,
}

/// Whether a connection is encrypted. The server's certificate is always checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    Off,
    Require,
}

impl Kind {
    /// What names begin with unless the configuration says otherwise.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Postgresql => "postgresql_",
            Self::Mariadb => "mariadb_",
            Self::Sqlite => "sqlite_",
            Self::Oracle => "oracledb_",
        }
    }

    pub(crate) const fn port(self) -> u16 {
        match self {
            Self::Postgresql => 5432,
            Self::Mariadb => 3306,
            Self::Oracle => 1521,
            Self::Sqlite => 0,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Postgresql => "postgresql",
            Self::Mariadb => "mariadb",
            Self::Sqlite => "sqlite",
            Self::Oracle => "oracle",
        }
    }
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            kind: None,
            url: String::new(),
            host: String::new(),
            port: None,
            database: String::new(),
            user: String::new(),
            password_file: None,
            tls: None,
            ca_file: None,
            wallet: None,
            files: Vec::new(),
            interval: Span::secs(30),
            timeout: Span::secs(5),
            labels: BTreeMap::new(),
            prefix: None,
        }
    }
}

/// What is told of Oracle by a program that was built without its driver.
#[cfg(not(feature = "oracle"))]
pub(crate) const NO_ORACLE: &str = "is not in this build, which lacks the cargo feature oracle";

/// Where a database is and who asks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) kind: Kind,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: String,
    pub(crate) user: String,
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) is_encrypted: bool,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) wallet: Option<PathBuf>,
}

impl DatabaseConfig {
    /// Has relative paths begin at `directory`.
    pub fn set_directory(&mut self, directory: &Path) {
        let paths = self.files.iter_mut().chain(&mut self.password_file).chain(&mut self.ca_file);
        for path in paths.chain(&mut self.wallet) {
            *path = directory.join(&path);
        }
    }

    /// What is wrong with the values themselves, files not looked into; keys begin with `key`.
    pub fn validate(&self, key: &str) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let mut tell = |name: &str, value: String, what: &str, remedy: &str| {
            wrong.push(Wrong::new(format!("{key}.{name}"), value, what, remedy));
        };
        if self.name.is_empty() || self.name.len() > NAME_BYTES_MAX {
            tell("name", format!("{:?}", self.name), "is no name", "write 1 to 128 bytes");
        }
        if self.files.is_empty() {
            tell("files", "[]".to_owned(), "names no metric file", "name one, such as \"sql/postgresql.toml\"");
        }
        if !(Span::secs(1)..=Span::secs(3600)).contains(&self.interval) {
            tell("interval", self.interval.to_string(), "is out of range", "write \"1s\" to \"1h\"");
        }
        if !(Span::millis(100)..=Span::secs(600)).contains(&self.timeout) {
            tell("timeout", self.timeout.to_string(), "is out of range", "write \"100ms\" to \"10m\"");
        }
        if let Some(prefix) = self.prefix.as_deref().filter(|prefix| !is_name(prefix) && !prefix.is_empty()) {
            tell("prefix", format!("{prefix:?}"), "begins no metric name", "use letters, digits and _");
        }
        for (name, value) in &self.labels {
            if !is_label_name(name) || matches!(name.as_str(), "database" | "query") {
                let remedy = "use letters, digits and _, and neither `database` nor `query`, which are told anyway";
                tell(&format!("labels.{name}"), format!("{value:?}"), "can't be a label", remedy);
            }
        }
        if let Err(Wrong { key: name, value, wrong: what, remedy }) = self.address() {
            tell(&name, value, &what, &remedy);
        }
        wrong
    }

    /// The kind, where it is told.
    pub fn kind(&self) -> Option<Kind> {
        self.address().ok().map(|address| address.kind)
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout.duration()
    }

    /// What names begin with.
    pub fn prefix(&self) -> String {
        let of_kind = || self.kind().map_or("", Kind::prefix).to_owned();
        self.prefix.clone().unwrap_or_else(of_kind)
    }

    /// URL and options put together; options win.
    pub(crate) fn address(&self) -> Result<Address, Wrong> {
        let parts = match self.url.as_str() {
            "" => url::Parts::default(),
            text => url::parse(text).map_err(|problem| {
                // Who shows the value of `url` as the file has it would show the password.
                let key = if problem == url::HAS_PASSWORD { "url.password" } else { "url" };
                Wrong::new(key, format!("{:?}", orszem_model::without_password(text)), problem.what, problem.remedy)
            })?,
        };
        let Some(kind) = self.kind.or(parts.kind) else {
            let remedy = "write \"postgresql\", \"mariadb\", \"sqlite\" or \"oracle\", or a url";
            return Err(Wrong::new("kind", "", "is not told", remedy));
        };
        let or = |own: &str, url: String| if own.is_empty() { url } else { own.to_owned() };
        let database = or(&self.database, parts.database);
        if kind == Kind::Sqlite && database.is_empty() {
            return Err(Wrong::new("database", "", "names no file", "write the path of the database file"));
        }
        if kind == Kind::Oracle && database.is_empty() {
            return Err(Wrong::new("database", "", "names no service", "write the service, such as \"FREEPDB1\""));
        }
        #[cfg(not(feature = "oracle"))]
        if kind == Kind::Oracle {
            return Err(Wrong::new("kind", "\"oracle\"", NO_ORACLE, "use a build with it, or leave this database out"));
        }
        let host = or(&or(&self.host, parts.host), "localhost".to_owned());
        if host.contains(['(', ')', '=', '?', ';', ' ']) {
            return Err(Wrong::new("host", format!("{host:?}"), "is no host", "write a name or an address"));
        }
        let is_here = matches!(host.as_str(), "localhost" | "::1") || host.starts_with("127.") || host.starts_with('/');
        let is_encrypted = match self.tls {
            Some(mode) => mode == TlsMode::Require,
            None => !is_here && kind != Kind::Sqlite,
        };
        Ok(Address {
            kind,
            host,
            port: self.port.or(parts.port).unwrap_or(kind.port()),
            database,
            user: or(&self.user, parts.user),
            password_file: self.password_file.clone(),
            is_encrypted,
            ca_file: self.ca_file.clone(),
            wallet: self.wallet.clone(),
        })
    }
}

impl Address {
    /// The password, if a file holds one.
    pub(crate) async fn password(&self) -> std::io::Result<Option<String>> {
        let Some(path) = &self.password_file else { return Ok(None) };
        let text = tokio::fs::read_to_string(path).await?;
        Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
    }
}

/// Whether a metric may be called so, or begin so.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= NAME_BYTES_MAX && NameValidation::Legacy.is_metric_name(text)
}

/// Whether a label may be called so.
pub(crate) fn is_label_name(text: &str) -> bool {
    text.len() <= NAME_BYTES_MAX && NameValidation::Legacy.is_label_name(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(config: &DatabaseConfig) -> Vec<String> {
        config.validate("sql[0]").into_iter().map(|w| format!("{} = {}: {}", w.key, w.value, w.wrong)).collect()
    }

    fn of_url(url: &str) -> DatabaseConfig {
        DatabaseConfig { name: "a".into(), url: url.into(), files: vec!["a.toml".into()], ..Default::default() }
    }

    #[test]
    fn url_and_options_make_an_address() {
        let config = DatabaseConfig { port: Some(6432), ..of_url("postgres://mon%20itor@db.example/shop") };
        assert_eq!(told(&config), Vec::<String>::new());
        let expected = Address {
            kind: Kind::Postgresql,
            host: "db.example".into(),
            port: 6432,
            database: "shop".into(),
            user: "mon itor".into(),
            password_file: None,
            is_encrypted: true,
            ca_file: None,
            wallet: None,
        };
        assert_eq!(config.address(), Ok(expected));
        let here = of_url("mysql://root@127.0.0.1:3307/").address().expect("an address");
        assert_eq!((here.kind, here.port, here.is_encrypted), (Kind::Mariadb, 3307, false));
        let file = of_url("sqlite:///srv/a.db").address().expect("an address");
        assert_eq!((file.kind, file.database.as_str(), file.is_encrypted), (Kind::Sqlite, "/srv/a.db", false));
    }

    #[test]
    fn all_that_is_wrong_is_told_and_no_password_shown() {
        let secret = of_url("postgres://me:hunter2@h/d");
        assert_eq!(told(&secret), ["sql[0].url.password = \"postgres://me:***@h/d\": holds a password"]);
        let bad = DatabaseConfig {
            interval: Span::secs(0),
            timeout: Span::secs(3600),
            prefix: Some("1-".into()),
            labels: BTreeMap::from([("query".into(), "x".into())]),
            ..Default::default()
        };
        let keys = ["name", "files", "interval", "timeout", "prefix", "labels.query", "kind"];
        let found: Vec<String> = bad.validate("sql[0]").into_iter().map(|wrong| wrong.key).collect();
        assert_eq!(found, keys.map(|key| format!("sql[0].{key}")));
        assert_eq!(told(&of_url("oracle://h")), ["sql[0].database = : names no service"]);
        assert_eq!(told(&of_url("db2://h/x")), ["sql[0].url = \"db2://h/x\": has no scheme that is known"]);
    }
}
