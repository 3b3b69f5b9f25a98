//! Modules: how targets are probed, as blackbox_exporter's configuration file says it.

mod check;
mod dns;
mod http;
mod icmp;
mod sql;
mod tcp;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use orszem_scrape::config::PromDuration;
use orszem_transform::Wrong;
use orszem_yaml::Node;
use serde::{Deserialize, Serialize};

pub use dns::{DnsProbe, RecordsCheck, Transport};
pub use http::{Compression, HeaderCheck, HttpProbe};
pub use icmp::IcmpProbe;
pub use sql::SqlProbe;
pub(crate) use tcp::source;
pub use tcp::{ExpectLabel, QueryResponse, TcpProbe};

/// A larger file is refused.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// A whole file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    modules: BTreeMap<String, RawModule>,
}

/// A module as it is written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawModule {
    prober: String,
    timeout: PromDuration,
    http: HttpProbe,
    tcp: TcpProbe,
    icmp: IcmpProbe,
    dns: DnsProbe,
    sql: SqlProbe,
}

/// How a target is probed.
#[derive(Clone, Debug, PartialEq)]
pub struct Module {
    pub name: String,
    /// The longest that a probe takes, if it is told.
    pub timeout: Option<Duration>,
    pub kind: Kind,
}

impl Module {
    /// The same without checks of its own: where there are conditions and no module, they alone decide, as Gatus has it.
    #[must_use]
    pub fn lenient(mut self) -> Self {
        match &mut self.kind {
            Kind::Http(http) => http.valid_status_codes = (100..=999).collect(),
            Kind::Dns(dns) => {
                dns.valid_rcodes = crate::message::RCODES.iter().map(|rcode| (*rcode).to_owned()).collect();
            }
            Kind::Tcp(_) | Kind::Icmp(_) | Kind::Sql(_) => {}
        }
        self
    }

    /// As it would be written, every option with its value; secrets are hidden.
    pub fn shown(&self) -> impl Serialize {
        #[derive(Serialize)]
        struct Shown<'a> {
            prober: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            timeout: Option<PromDuration>,
            #[serde(flatten)]
            kind: &'a Kind,
        }
        let millis = |timeout: Duration| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        let timeout = self.timeout.map(|timeout| PromDuration::millis(millis(timeout)));
        Shown { prober: self.kind.as_str(), timeout, kind: &self.kind }
    }
}

/// What is spoken to the target.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Http(HttpProbe),
    Tcp(TcpProbe),
    Icmp(IcmpProbe),
    Dns(DnsProbe),
    Sql(SqlProbe),
}

impl Kind {
    /// As `prober` has it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Tcp(_) => "tcp",
            Self::Icmp(_) => "icmp",
            Self::Dns(_) => "dns",
            Self::Sql(_) => "sql",
        }
    }
}

/// Modules by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Modules(BTreeMap<String, Arc<Module>>);

impl Modules {
    /// Reads files; a module of a later one replaces that of an earlier one. Blocks on the disk.
    ///
    /// # Errors
    /// All that is wrong with all of them; keys are such as `blackbox.yml: modules.http_2xx.http.method`.
    pub fn load(files: &[PathBuf]) -> Result<Self, Vec<Wrong>> {
        let (mut modules, mut wrong) = (Self::default(), Vec::new());
        for file in files {
            let directory = file.parent().unwrap_or(Path::new("."));
            match read(file).and_then(|text| Self::parse(&text, directory)) {
                Ok(others) => modules.0.extend(others.0),
                Err(problems) => wrong.extend(problems.into_iter().map(|problem| {
                    let key = format!("{}: {}", file.display(), problem.key);
                    Wrong { key: key.trim_end_matches([' ', ':']).to_owned(), ..problem }
                })),
            }
        }
        if wrong.is_empty() { Ok(modules) } else { Err(wrong) }
    }

    /// Reads a text; relative paths in it begin at `directory`.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(text: &str, directory: &Path) -> Result<Self, Vec<Wrong>> {
        let node = Node::parse(text).map_err(|error| {
            vec![Wrong::new("", "", format!("is no YAML: {error}"), "write it as blackbox_exporter documents it")]
        })?;
        let (file, problems) = orszem_yaml::read_all::<File>(node);
        let mut wrong: Vec<Wrong> = problems.iter().map(check::of_yaml).collect();
        let mut modules = BTreeMap::new();
        for (name, raw) in file.unwrap_or_default().modules {
            match check::module(&name, raw, directory) {
                Ok(module) => {
                    modules.insert(name, Arc::new(module));
                }
                Err(others) => wrong.extend(others),
            }
        }
        if wrong.is_empty() { Ok(Self(modules)) } else { Err(wrong) }
    }

    pub fn get(&self, name: &str) -> Option<&Arc<Module>> {
        self.0.get(name)
    }

    /// Their names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn read(file: &Path) -> Result<String, Vec<Wrong>> {
    let wrong = |wrong: String, remedy: &str| vec![Wrong::new("", "", wrong, remedy)];
    let failed = |error: std::io::Error| wrong(format!("can't be read: {error}"), "name a file that can be read");
    let bytes = std::fs::metadata(file).map_err(failed)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(wrong(format!("has {bytes} bytes"), "split it into files of at most 4 MiB"));
    }
    std::fs::read_to_string(file).map_err(failed)
}
