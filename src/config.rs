//! The configuration file: the sum of the parts' sections, read strictly and checked as a whole.

use std::path::{Path, PathBuf};

use orszem_collector::CollectorConfig;
use orszem_indexer::IndexerOptions;
use orszem_indexer::ingest::limits::Limits;
use serde::{Deserialize, Serialize};

pub use access::AccessConfig;
pub use logs::{DEFAULT_CLASS, retention_of_up};
pub use problem::{Problem, Problems};
pub use server::{DEFAULT_PORT, ServerConfig, TlsConfig, TlsMode};

mod access;
mod locate;
mod logs;
mod problem;
mod server;

/// Everything that can be configured. `config/orszem.toml` shows each option with its default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub server: ServerConfig,
    pub access: AccessConfig,
    pub ingest: Limits,
    pub logs: IndexerOptions,
    pub collector: CollectorConfig,
}

/// Why a configuration file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("can't read the configuration file {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{0}")]
    Problems(Problems),
}

impl Config {
    /// Reads and checks `path`; all problems are told at once.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, &path.display().to_string()).map_err(ConfigError::Problems)
    }

    /// Reads and checks a text; `file` is the name that problems are told under.
    pub fn parse(text: &str, file: &str) -> Result<Self, Problems> {
        let (config, mut problems) = locate::deserialize::<Self>(text);
        problems.extend(config.validate().into_iter().map(|problem| locate::with_line(text, problem)));
        if problems.is_empty() { Ok(config) } else { Err(Problems::new(file, problems)) }
    }

    /// What is wrong with the values, section by section.
    pub fn validate(&self) -> Vec<Problem> {
        let Self { server, access, ingest, logs, collector } = self;
        let mut problems = server.validate();
        problems.extend(access.validate());
        problems.extend(validate_ingest(ingest));
        problems.extend(logs::validate(logs));
        problems.extend(validate_classes(ingest, logs));
        problems.extend(validate_collector(collector));
        problems
    }
}

/// Ingest names its own option; it is only brought into this file's shape here.
fn validate_ingest(ingest: &Limits) -> Option<Problem> {
    let wrong = ingest.validate().err()?;
    let (key, value) = (format!("ingest.{}", wrong.key), wrong.value);
    Some(Problem::new(key, value, "is out of range", format!("write a value that is {}", wrong.expected)))
}

/// Retention is kept by class, so every class it names has to be one that streams are put in.
fn validate_classes(ingest: &Limits, logs: &IndexerOptions) -> Vec<Problem> {
    let is_known = |class: &str| class == DEFAULT_CLASS || ingest.classes.iter().any(|rule| rule.class == class);
    let unknown =
        logs.retention.iter().enumerate().filter(|(_, kept)| !kept.class.is_empty() && !is_known(&kept.class));
    unknown
        .map(|(at, kept)| {
            let remedy = "name it in [[ingest.classes]], or write \"default\"";
            Problem::new(format!("logs.retention[{at}].class"), format!("{:?}", kept.class), "is no class", remedy)
        })
        .collect()
}

/// The collector names its own option; it is only brought into this file's shape here.
fn validate_collector(collector: &CollectorConfig) -> Option<Problem> {
    use orszem_collector::ConfigError as Wrong;
    let problem = match collector.validate().err()? {
        Wrong::NoInclude => Problem::new(
            "collector.include",
            "[]",
            "names no file",
            "name at least one pattern, such as \"/var/log/**\"",
        ),
        Wrong::RelativeInclude { pattern } => Problem::new(
            "collector.include",
            format!("{pattern:?}"),
            "is not an absolute path",
            "begin the pattern with `/`",
        ),
        Wrong::DepthMax { value } => Problem::new("collector.depth_max", value, "is out of range", "write 1 to 16"),
        Wrong::FirstReadBytesMax { value } => {
            Problem::new("collector.first_read_bytes_max", value, "is too small", "write at least 1048576")
        }
        Wrong::NoStateDir => Problem::new("collector.state_dir", "\"\"", "is empty", "name a directory"),
    };
    Some(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_are_told_at_once_with_line_and_remedy() {
        let text = "[server]\nlisten = [\"everywhere\"]\nconnections_max = 0\nheader_timeout = \"10\"\nspeed = 9\n\n[acess]\nx = 1\n\n[collector]\ndepth_max = 99\n";
        let problems = Config::parse(text, "t.toml").expect_err("a bad file");
        let lines: Vec<String> = problems.to_string().lines().map(str::to_owned).collect();
        assert_eq!(
            lines,
            [
                "t.toml:2: server.listen = [\"everywhere\"]: invalid socket address syntax; write addresses with a port, such as [\"127.0.0.1:7450\"]",
                "t.toml:3: server.connections_max = 0: lets nobody in; write 1 to 1000000",
                "t.toml:4: server.header_timeout = \"10\": `10` has no unit: write one of ns, us, ms, s, m, h, d, w; correct the value, config/orszem.toml shows every option",
                "t.toml:5: server.speed = 9: unknown option; use one of `listen`, `connections_max`, `header_timeout`, `body_max`, `tls`, or remove it",
                "t.toml:7: acess: unknown option; use one of `server`, `access`, `ingest`, `logs`, `collector`, or remove it",
                "t.toml:11: collector.depth_max = 99: is out of range; write 1 to 16",
            ]
        );
    }

    #[test]
    fn broken_toml_is_told_with_its_line() {
        let problems = Config::parse("[server]\nlisten = [\n", "t.toml").expect_err("broken");
        assert!(problems.to_string().starts_with("t.toml:2: "), "{problems}");
        assert_eq!(Config::parse("", "t.toml"), Ok(Config::default()));
    }
}
