//! What udev knows of a block device, from its database under `/run/udev/data`.

use crate::pass::Pass;

/// Properties of a device: `ID_MODEL`, …
#[derive(Debug, Default)]
pub(super) struct Properties(Vec<(String, String)>);

impl Properties {
    /// None where udev does not run.
    pub(super) fn read(pass: &mut Pass<'_>, major: &str, minor: &str) -> Self {
        let path = pass.files.root(&format!("run/udev/data/b{major}:{minor}"));
        let Ok(text) = pass.page.read(&path) else { return Self::default() };
        let pairs = text.lines().filter_map(|line| line.strip_prefix("E:")?.split_once('='));
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// The value; empty if there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// What is printed on the disk, or the nearest to it.
    pub(super) fn serial(&self) -> &str {
        let names = ["SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"];
        names.into_iter().map(|name| self.get(name)).find(|serial| !serial.is_empty()).unwrap_or_default()
    }
}
