//! The files of an enrolled host: what is in each, where, with which mode, whose.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};

use anyhow::Context;
use orszem_collector::spool;

use super::account;

/// The collector's configuration.
pub(super) const CONFIG: &str = "/etc/orszem/collector.toml";
const TOKEN: &str = "/etc/orszem/collector.token";
const AUTHORITY: &str = "/etc/orszem/ca.crt";
const BINARY: &str = "/usr/bin/orszem";
/// For clusters, which start a program without arguments.
const EVENT: &str = "/usr/bin/orszem-event";
const STATE: &str = "/var/lib/orszem/collector";
const UNIT: &str = "/etc/systemd/system/orszem-collector.service";
const SHIPPED_UNIT: &str = include_str!("../../../../config/systemd/orszem-collector.service");

/// What the files are made from.
pub(super) struct Layout<'a> {
    pub(super) server: &'a str,
    pub(super) token: &'a str,
    /// PEM.
    pub(super) authority: Option<&'a str>,
    pub(super) user: &'a str,
    pub(super) read_all: bool,
    /// This program's own file.
    pub(super) binary: &'a Path,
}

/// One file or directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Absolute.
    path: &'static str,
    content: Content,
    pub(super) mode: u32,
    /// The collector's user owns it; else whoever runs the command, which is root.
    is_users: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Content {
    Directory,
    /// A directory whose owner owns all that is in it, too: a trial run as root leaves files there that the unit could
    /// not open.
    Tree,
    Text(String),
    /// A copy of this file, unless it is that very file.
    CopyOf(PathBuf),
    /// A symbolic link to this.
    LinkTo(&'static str),
    /// A directory to which the cluster's daemons write, too, if they are here: what is made in it is their group's.
    Spool,
}

impl Layout<'_> {
    /// Everything, in the order of writing: what the unit needs comes before it.
    pub(super) fn pieces(&self) -> Vec<Piece> {
        let piece = |path, content, mode, is_users| Piece { path, content, mode, is_users };
        let mut pieces = vec![
            piece("/etc/orszem", Content::Directory, 0o755, false),
            piece("/var/lib/orszem", Content::Directory, 0o750, true),
            piece(STATE, Content::Tree, 0o750, true),
            piece(BINARY, Content::CopyOf(self.binary.to_owned()), 0o755, false),
            piece(TOKEN, Content::Text(format!("{}\n", self.token)), 0o600, true),
        ];
        pieces.insert(4, piece(EVENT, Content::LinkTo(BINARY), 0o777, false));
        pieces.push(piece("/var/spool/orszem", Content::Directory, 0o755, false));
        pieces.push(piece(spool::DIRECTORY, Content::Spool, 0o2770, true));
        if let Some(authority) = self.authority {
            pieces.push(piece(AUTHORITY, Content::Text(authority.to_owned()), 0o644, false));
        }
        pieces.push(piece(CONFIG, Content::Text(self.config()), 0o644, false));
        pieces.push(piece(UNIT, Content::Text(self.unit()), 0o644, false));
        pieces
    }

    fn config(&self) -> String {
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let authority = match self.authority {
            Some(_) => format!("ca_file = {}\n", quoted(AUTHORITY)),
            None => String::new(),
        };
        format!(
            "# Written by `orszem collector install`. What it does not name is found by itself.\n\
             [collector]\nstate_dir = {}\n\n\
             [collector.output]\n# In the order of preference; others follow the first, separated by commas.\n\
             endpoints = [{}]\ntoken_file = {}\n{authority}",
            quoted(STATE),
            quoted(self.server),
            quoted(TOKEN),
        )
    }

    fn unit(&self) -> String {
        let mut unit = SHIPPED_UNIT.replace("User=orszem\n", &format!("User={}\n", self.user));
        if self.read_all {
            unit = unit.replace(
                "CapabilityBoundingSet=\n",
                "CapabilityBoundingSet=CAP_DAC_READ_SEARCH\nAmbientCapabilities=CAP_DAC_READ_SEARCH\n",
            );
        }
        unit
    }
}

impl Piece {
    /// Where it goes below `root`.
    pub(super) fn target(&self, root: &Path) -> PathBuf {
        root.join(self.path.trim_start_matches('/'))
    }

    /// Writes it and tells whether anything changed. Text that is replaced stays beside as `*.old`; a file is there
    /// whole or not at all.
    pub(super) fn put(&self, root: &Path, owner: Option<(u32, u32)>) -> anyhow::Result<bool> {
        let target = self.target(root);
        let changed = self.write(&target).with_context(|| format!("can't write {}", target.display()))?;
        if let (Content::Spool, Some((uid, gid))) = (&self.content, owner) {
            let group = account::group(account::CLUSTER_GROUP)?.unwrap_or(gid);
            // A change of the owner takes the set-group-ID bit away.
            chown(&target, Some(uid), Some(group))
                .and_then(|()| fs::set_permissions(&target, fs::Permissions::from_mode(self.mode)))
                .with_context(|| format!("can't give {} to its group", target.display()))?;
        } else if let (true, Some((uid, gid))) = (self.is_users, owner) {
            chown(&target, Some(uid), Some(gid))
                .and_then(|()| if self.content == Content::Tree { give_content(&target, (uid, gid)) } else { Ok(()) })
                .with_context(|| format!("can't give {} to its user", target.display()))?;
        }
        Ok(changed)
    }

    fn write(&self, target: &Path) -> std::io::Result<bool> {
        let content = match &self.content {
            Content::LinkTo(to) => return link(Path::new(to), target),
            Content::Directory | Content::Tree | Content::Spool => {
                if target.is_dir() {
                    return Ok(false);
                }
                fs::create_dir_all(target)?;
                fs::set_permissions(target, fs::Permissions::from_mode(self.mode))?;
                return Ok(true);
            }
            Content::Text(text) => text.clone().into_bytes(),
            Content::CopyOf(from) if is_same_file(from, target)? => return Ok(false),
            Content::CopyOf(from) => fs::read(from)?,
        };
        let before = match fs::read(target) {
            Ok(before) => Some(before),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if before.as_deref() == Some(&content) {
            fs::set_permissions(target, fs::Permissions::from_mode(self.mode))?;
            return Ok(false);
        }
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        if let (Some(before), Content::Text(_)) = (before, &self.content) {
            write_new(&with_suffix(target, ".old"), &before, self.mode)?;
        }
        let beside = with_suffix(target, ".new");
        write_new(&beside, &content, self.mode)?;
        fs::rename(&beside, target)?;
        Ok(true)
    }
}

/// Whether the link is new. What stands in its place and is none stays.
fn link(to: &Path, target: &Path) -> std::io::Result<bool> {
    match fs::symlink_metadata(target) {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == ErrorKind::NotFound => symlink(to, target).map(|()| true),
        Err(error) => Err(error),
    }
}

/// Changes the owner of what is in a directory. Links are given away themselves and not followed. What goes away
/// meanwhile, as in the queue of a running collector, needs no owner.
fn give_content(directory: &Path, (uid, gid): (u32, u32)) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let given = fs::symlink_metadata(&path).and_then(|metadata| {
            if (metadata.uid(), metadata.gid()) != (uid, gid) {
                lchown(&path, Some(uid), Some(gid))?;
            }
            if metadata.is_dir() { give_content(&path, (uid, gid)) } else { Ok(()) }
        });
        match given {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Never readable for more people than `mode` says, not for a moment.
fn write_new(path: &Path, content: &[u8], mode: u32) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(content)?;
    file.sync_all()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn is_same_file(a: &Path, b: &Path) -> std::io::Result<bool> {
    if !b.try_exists()? {
        return Ok(false);
    }
    Ok(fs::canonicalize(a)? == fs::canonicalize(b)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout<'a>(binary: &'a Path, server: &'a str, read_all: bool) -> Layout<'a> {
        Layout { server, token: "orszem_t", authority: Some("PEM\n"), user: "logs", read_all, binary }
    }

    #[test]
    fn an_image_has_all_files_with_their_modes_and_nothing_is_written_twice() {
        let root = tempfile::tempdir().expect("a directory");
        let binary = root.path().join("self");
        fs::write(&binary, "ELF").expect("writes");
        let put = |server: &str| -> Vec<bool> {
            let pieces = layout(&binary, server, false).pieces();
            pieces.iter().map(|piece| piece.put(root.path(), None).expect("writes")).collect()
        };
        assert_eq!(put("https://a:7450"), [true; 11]);
        assert_eq!(put("https://a:7450"), [false; 11]);
        let mode = |path: &str| fs::metadata(root.path().join(path)).expect("there").mode() & 0o7777;
        assert_eq!(
            (mode("etc/orszem/collector.token"), mode("etc/orszem/collector.toml"), mode("usr/bin/orszem")),
            (0o600, 0o644, 0o755)
        );
        assert_eq!(mode("var/spool/orszem/events"), 0o2770);
        let linked = fs::read_link(root.path().join("usr/bin/orszem-event")).expect("a link");
        assert_eq!(linked, Path::new("/usr/bin/orszem"));
        let config = root.path().join("etc/orszem/collector.toml");
        let text = fs::read_to_string(&config).expect("reads");
        let table: toml::Table = toml::from_str(&text).expect("is TOML");
        let expected = "[collector]\nstate_dir = \"/var/lib/orszem/collector\"\n[collector.output]\n\
            endpoints = [\"https://a:7450\"]\ntoken_file = \"/etc/orszem/collector.token\"\nca_file = \"/etc/orszem/ca.crt\"\n";
        assert_eq!(table, toml::from_str::<toml::Table>(expected).expect("is TOML"));

        // Another server: the configuration alone changes, and the old one stays.
        assert_eq!(put("https://b:7450"), [false, false, false, false, false, false, false, false, false, true, false]);
        assert_eq!(fs::read_to_string(with_suffix(&config, ".old")).expect("kept"), text);
    }

    #[test]
    fn what_is_in_the_state_directory_changes_its_owner_and_links_are_not_followed() {
        let root = tempfile::tempdir().expect("a directory");
        let state = root.path().join("var/lib/orszem/collector");
        fs::create_dir_all(state.join("queue")).expect("makes");
        let (queued, elsewhere, beside) =
            (state.join("queue/lock"), root.path().join("elsewhere"), root.path().join("var/lib/orszem/logs"));
        for file in [&queued, &elsewhere, &beside] {
            fs::write(file, "").expect("writes");
        }
        std::os::unix::fs::symlink(&elsewhere, state.join("link")).expect("links");
        let own = |path: &Path| {
            let metadata = fs::symlink_metadata(path).expect("is there");
            (metadata.uid(), metadata.gid())
        };
        let before = own(&elsewhere);
        // Only root may give files away; anyone else may give them to itself.
        let owner = if before.0 == 0 { (65_534, 65_534) } else { before };
        let pieces = layout(Path::new("/x"), "http://a", false).pieces();
        for piece in
            pieces.iter().filter(|piece| piece.is_users && matches!(piece.content, Content::Directory | Content::Tree))
        {
            piece.put(root.path(), Some(owner)).expect("writes");
        }
        let owners =
            [&state, &state.join("queue"), &queued, &state.join("link"), &elsewhere, &beside].map(|path| own(path));
        assert_eq!(owners, [owner, owner, owner, owner, before, before]);
    }

    #[test]
    fn the_unit_has_its_user_and_capabilities_only_when_asked() {
        let unit = |read_all| layout(Path::new("/x"), "http://a", read_all).unit();
        assert!(unit(false).contains("\nUser=logs\n") && unit(false).contains("\nCapabilityBoundingSet=\n"));
        assert!(!unit(false).contains("AmbientCapabilities"));
        assert!(
            unit(true)
                .contains("\nCapabilityBoundingSet=CAP_DAC_READ_SEARCH\nAmbientCapabilities=CAP_DAC_READ_SEARCH\n")
        );
    }
}
