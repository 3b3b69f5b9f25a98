//! What a collector asks, and what a server and other collectors answer. Fields are only ever added, each with a default.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use orszem_notify::{ConfigError, NotifyConfig};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a collector asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// Its host.
    pub(super) collector: String,
    /// Where its metrics page listens, at which others can ask it.
    pub(super) page: Option<SocketAddr>,
    /// The revision of the setting that it has; empty without one.
    pub(super) has: String,
    /// The outage that ends with this question.
    pub(super) outage: Option<u64>,
}

/// What a server answers.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Answered {
    /// Empty where collectors are to tell nobody.
    pub(super) revision: String,
    /// `None` where the collector has it already.
    pub(super) setting: Option<Setting>,
    pub(super) place: Place,
}

/// Where a collector stands among the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Place {
    /// The number that the next outage has for all collectors.
    pub(super) outage: u64,
    /// From 0.
    pub(super) rank: u32,
    /// Where others can be asked.
    pub(super) peers: Vec<SocketAddr>,
}

/// Whom to tell, and how. It holds secrets, so it is never shown.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Setting {
    /// `[notify]` as in the configuration file, as far as it is needed and not as by default.
    notify: Value,
    /// What the files that it names hold.
    files: BTreeMap<PathBuf, String>,
}

/// What another collector answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Heard {
    /// Whether it reaches the server.
    pub(super) reached: bool,
    /// Whether it has told people that the server is gone.
    pub(super) told: bool,
}

/// A file with what it is to hold.
pub(super) type Held<'s> = (PathBuf, &'s str);

/// Why a setting is of no use here.
#[derive(Debug, thiserror::Error)]
pub(super) enum SettingError {
    #[error("it has options that this version does not know")]
    Options(#[source] serde_json::Error),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("it names the file {} and does not say what it holds", path.display())]
    File { path: PathBuf },
}

impl Setting {
    /// Of a configuration that [`NotifyConfig::of_collectors`] gave, and what its files hold.
    ///
    /// # Errors
    /// When a path is no UTF-8.
    pub(super) fn new(notify: &NotifyConfig, files: BTreeMap<PathBuf, String>) -> Result<Self, serde_json::Error> {
        let mut value = serde_json::to_value(notify)?;
        let plain = |value: &mut Value, usual: Value| leave_out(value, &usual);
        for (kind, usual) in [
            ("email", serde_json::to_value(orszem_notify::EmailConfig::default())?),
            ("ntfy", serde_json::to_value(orszem_notify::NtfyConfig::default())?),
            ("webhook", serde_json::to_value(orszem_notify::WebhookConfig::default())?),
        ] {
            for channel in value.get_mut(kind).and_then(Value::as_array_mut).into_iter().flatten() {
                plain(channel, usual.clone());
            }
        }
        plain(&mut value, serde_json::to_value(NotifyConfig::default())?);
        Ok(Self { notify: value, files })
    }

    /// The configuration with its files in `folder`, where `file-0` and so on are to hold what is given with them.
    ///
    /// # Errors
    /// When it is of a later version, is wrong, or is not whole.
    pub(super) fn notify(&self, folder: &Path) -> Result<(NotifyConfig, Vec<Held<'_>>), SettingError> {
        let mut notify: NotifyConfig = serde_json::from_value(self.notify.clone()).map_err(SettingError::Options)?;
        if let Some(wrong) = notify.validate().into_iter().next() {
            return Err(wrong.into());
        }
        let mut files = Vec::new();
        for (number, path) in notify.files_mut().into_iter().enumerate() {
            let held = self.files.get(path).ok_or_else(|| SettingError::File { path: path.clone() })?;
            *path = folder.join(format!("file-{number}"));
            files.push((path.clone(), held.as_str()));
        }
        Ok((notify, files))
    }
}

/// Leaves out what is as usual, so that a collector of an earlier version knows all that is left.
fn leave_out(value: &mut Value, usual: &Value) {
    if let (Some(value), Some(usual)) = (value.as_object_mut(), usual.as_object()) {
        value.retain(|name, value| usual.get(name) != Some(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTIFY: &str = r#"
origin = "site"
[[email]]
name = "mail"
host = "smtp.example"
from = "a@example.com"
user = "a"
password_file = "/etc/p"
[collectors]
addresses = [{ channel = "mail", to = "ops@example.com" }]
"#;

    fn notify() -> NotifyConfig {
        toml::from_str(NOTIFY).expect("a configuration")
    }

    #[test]
    fn a_setting_comes_over_with_its_files_and_without_what_is_usual() {
        let files = BTreeMap::from([(PathBuf::from("/etc/p"), "hunter2".to_owned())]);
        let setting = Setting::new(&notify(), files).expect("plain paths");
        let wire = serde_json::to_string(&setting).expect("JSON");
        let expected = r#"{"notify":{"collectors":{"addresses":[{"channel":"mail","to":"ops@example.com"}],"after":"5m","spread":"1m","tellers":3},"email":[{"from":"a@example.com","host":"smtp.example","name":"mail","password_file":"/etc/p","user":"a"}],"origin":"site"},"files":{"/etc/p":"hunter2"}}"#;
        assert_eq!(wire, expected, "the first form is read for ever");
        let read: Setting = serde_json::from_str(&wire).expect("reads");
        let (config, files) = read.notify(Path::new("/state")).expect("is of use");
        assert_eq!(files, [(PathBuf::from("/state/file-0"), "hunter2")]);
        let mut there = notify();
        there.email[0].password_file = Some("/state/file-0".into());
        assert_eq!(config, there);
    }

    #[test]
    fn a_setting_that_is_not_whole_or_from_later_is_told() {
        let of = |setting: &str| {
            let setting: Setting = serde_json::from_str(setting).expect("JSON");
            setting.notify(Path::new("/state")).map(drop).map_err(|error| error.to_string())
        };
        let mail = r#"{"name":"mail","host":"a","from":"a@b.hu","user":"a","password_file":"/p"}"#;
        let without = format!(r#"{{"notify":{{"email":[{mail}]}}}}"#);
        assert_eq!(of(&without), Err("it names the file /p and does not say what it holds".to_owned()));
        let newer = of(r#"{"notify":{"pigeons":[]},"more":1}"#);
        assert_eq!(newer, Err("it has options that this version does not know".to_owned()));
        let wrong = of(r#"{"notify":{"time_zone":"Nowhere"}}"#).expect_err("is wrong");
        assert!(wrong.starts_with("notify.time_zone \"Nowhere\" is no time zone"), "{wrong}");
    }
}
