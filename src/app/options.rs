//! The command line's options of a server, on top of its configuration file.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::{Config, retention_of_up};
use crate::features::Features;
use crate::mailing::Mailing;

/// What the command line says about a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Read again on reload.
    pub config_file: Option<PathBuf>,
    pub overrides: Overrides,
    pub data_dir: PathBuf,
    /// Whether this host's own logs are followed.
    pub follow: bool,
    /// Whether the rules that the program brings hold where the file has none of its own and does not say.
    pub built_in_rules: bool,
    pub features: Features,
}

/// What the command line puts above the configuration file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Instead of `server.listen`, unless empty.
    pub listen: Vec<SocketAddr>,
    /// Instead of `access.token_file`.
    pub token_file: Option<PathBuf>,
    /// Where alerts go that the file sends nowhere.
    pub mailing: Option<Mailing>,
}

impl Options {
    /// The configuration in force: the file's, with the command line on top.
    pub fn config(&self) -> anyhow::Result<Config> {
        let Overrides { listen, token_file, mailing } = &self.overrides;
        let mut config = match &self.config_file {
            Some(path) => Config::load(path)?,
            None => Config::default(),
        };
        if !listen.is_empty() {
            config.server.listen.clone_from(listen);
        }
        if self.follow && config.logs.retention.is_empty() {
            config.logs.retention = retention_of_up();
        }
        if self.built_in_rules && config.alerting.rule_files.is_empty() {
            config.alerting.built_in_rules.get_or_insert(true);
        }
        if token_file.is_some() {
            config.access.token_file.clone_from(token_file);
        }
        if let Some(mailing) = mailing {
            mailing.apply(&mut config)?;
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_above_the_file_and_up_forgets_in_time() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "[server]\nlisten = [\"127.0.0.1:1\"]\nconnections_max = 5\n").expect("writes");
        let address: SocketAddr = "127.0.0.1:2".parse().expect("an address");
        let overrides = Overrides { listen: vec![address], token_file: Some("t".into()), mailing: None };
        let config_file = Some(file.path().to_owned());
        let options = Options {
            config_file,
            overrides,
            data_dir: PathBuf::new(),
            follow: true,
            built_in_rules: true,
            features: Features::default(),
        };
        let mut expected = Config::default();
        expected.server.listen = vec![address];
        expected.server.connections_max = 5;
        expected.access.token_file = Some("t".into());
        let kept_by_server =
            Options { follow: false, built_in_rules: false, ..options.clone() }.config().expect("a good file");
        assert_eq!(kept_by_server, expected);
        expected.logs.retention = retention_of_up();
        expected.alerting.built_in_rules = Some(true);
        assert_eq!(options.config().expect("a good file"), expected);
    }
}
