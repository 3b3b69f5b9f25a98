//! The `[collector]` section.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::ConfigError;

/// What the collector follows and where it keeps its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CollectorConfig {
    /// Absolute path patterns; `*` and `?` stay within a directory level, `**` crosses them.
    pub include: Vec<String>,
    /// Patterns to leave out; one without `/` is compared with the file's name.
    pub exclude: Vec<String>,
    /// How many directory levels below a pattern's fixed part are searched, 1 to 16.
    pub depth_max: usize,
    /// Where a file is begun that the very first start finds.
    pub from: StartAt,
    /// At most this many bytes from the end of a file that is seen for the first time. At least 1 MiB.
    pub first_read_bytes_max: u64,
    /// Whether the systemd journal is followed.
    pub journal: JournalMode,
    /// Where the checkpoint is kept. The binary fills it in from its data directory when it is empty.
    pub state_dir: PathBuf,
}

/// Where to begin with content that is older than the collector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StartAt {
    /// With what is there, up to `first_read_bytes_max`.
    #[default]
    Start,
    /// With what is written from now on.
    End,
}

/// Whether the systemd journal is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JournalMode {
    /// If `journalctl` and a journal are there.
    #[default]
    Auto,
    Off,
}

impl Default for CollectorConfig {
    fn default() -> Self {
        let owned = |patterns: &[&str]| patterns.iter().map(|p| (*p).to_owned()).collect();
        Self {
            include: owned(&["/var/log/**"]),
            exclude: owned(&[
                "*.gz",
                "*.xz",
                "*.zst",
                "*.bz2",
                "*.[0-9]",
                "*.[0-9][0-9]",
                "*.old",
                "*.journal",
                "*.journal~",
                "wtmp*",
                "btmp*",
                "lastlog",
                "faillog",
                "tallylog",
                "README*",
            ]),
            depth_max: 4,
            from: StartAt::Start,
            first_read_bytes_max: 64 << 20,
            journal: JournalMode::Auto,
            state_dir: PathBuf::new(),
        }
    }
}

impl CollectorConfig {
    /// Names the first option whose value can't be used. An empty `state_dir` is accepted here, since the
    /// binary fills it in; [`crate::Collector::start`] refuses it.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.include.is_empty() {
            return Err(ConfigError::NoInclude);
        }
        if let Some(pattern) = self.include.iter().find(|p| !p.starts_with('/')) {
            return Err(ConfigError::RelativeInclude { pattern: pattern.clone() });
        }
        if !(1..=16).contains(&self.depth_max) {
            return Err(ConfigError::DepthMax { value: self.depth_max });
        }
        if self.first_read_bytes_max < 1 << 20 {
            return Err(ConfigError::FirstReadBytesMax { value: self.first_read_bytes_max });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut CollectorConfig), expected: Option<&ConfigError>) {
        let mut config = CollectorConfig::default();
        change(&mut config);
        assert_eq!(config.validate().as_ref().err(), expected);
    }

    #[test]
    fn names_the_option_and_its_value() {
        check(|_| {}, None);
        check(|c| c.include.clear(), Some(&ConfigError::NoInclude));
        check(|c| c.include = vec!["logs/*".into()], Some(&ConfigError::RelativeInclude { pattern: "logs/*".into() }));
        check(|c| c.depth_max = 0, Some(&ConfigError::DepthMax { value: 0 }));
        check(|c| c.depth_max = 16, None);
        check(|c| c.first_read_bytes_max = 5, Some(&ConfigError::FirstReadBytesMax { value: 5 }));
    }

    #[test]
    fn an_unknown_option_is_refused() {
        let good: CollectorConfig = serde_json::from_str(r#"{"from":"end","journal":"off"}"#).expect("parses");
        assert_eq!(
            good,
            CollectorConfig { from: StartAt::End, journal: JournalMode::Off, ..CollectorConfig::default() }
        );
        assert!(serde_json::from_str::<CollectorConfig>(r#"{"form":"end"}"#).is_err());
    }
}
