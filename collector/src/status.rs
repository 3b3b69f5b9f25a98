//! What is followed, what can't be read, and the command that mends it.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// One file as the collector sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileStatus {
    pub path: PathBuf,
    pub state: FileState,
    /// In bytes, at the last look.
    pub size: u64,
    /// Bytes that were read and stand in the checkpoint.
    pub position: u64,
    /// `size - position`.
    pub lag: u64,
}

/// Whether a file is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileState {
    Following,
    /// `fix` is a command to paste into a shell.
    Unreadable {
        reason: String,
        fix: String,
    },
}

impl FileStatus {
    /// The status of a path that could not be opened.
    pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Self {
        let size = std::fs::metadata(path).map_or(0, |m| m.len());
        let state = FileState::Unreadable { reason: reason(error), fix: fix(path, error, &Account::own()) };
        Self { path: path.to_owned(), state, size, position: 0, lag: size }
    }
}

/// What the system says, without the number behind it.
fn reason(error: &io::Error) -> String {
    let told = error.to_string();
    told.split(" (os error").next().map_or(String::new(), str::to_owned)
}

/// The name of the user this process runs as.
pub(crate) fn own_name() -> String {
    Account::own().name
}

/// Who this process runs as, and whether this host has the commands of access lists.
struct Account {
    name: String,
    group: String,
    has_setfacl: bool,
}

impl Account {
    /// Read from `/proc/self`, `/etc/passwd` and `/etc/group`; a number stands in where there is no name.
    fn own() -> Self {
        let (uid, gid) = std::fs::metadata("/proc/self").map_or((0, 0), |m| (m.uid(), m.gid()));
        let named = |table: &str, id: u32| {
            let table = std::fs::read_to_string(table).unwrap_or_else(|_| String::new());
            name_of(&table, id).unwrap_or_else(|| id.to_string())
        };
        let has_setfacl = ["/usr/bin/setfacl", "/bin/setfacl"].iter().any(|file| Path::new(file).is_file());
        Self { name: named("/etc/passwd", uid), group: named("/etc/group", gid), has_setfacl }
    }
}

/// The name with this number in the text of `/etc/passwd` or `/etc/group`.
fn name_of(table: &str, id: u32) -> Option<String> {
    table.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    })
}

/// Groups that exist to let people read logs; joining one is better than changing a file's access list.
const READER_GROUPS: [&str; 3] = ["adm", "systemd-journal", "log"];

fn fix(path: &Path, error: &io::Error, account: &Account) -> String {
    let shown = quoted(path);
    let Account { name: who, group: own_group, has_setfacl } = account;
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            let metadata = std::fs::metadata(path).ok();
            let group = metadata.as_ref().filter(|m| m.mode() & 0o040 != 0).and_then(|m| {
                let groups = std::fs::read_to_string("/etc/group").ok()?;
                name_of(&groups, m.gid()).filter(|g| READER_GROUPS.contains(&g.as_str()))
            });
            let (every, read) = if metadata.is_some_and(|m| m.is_dir()) { ("-R ", "rX") } else { ("", "r") };
            match (group, has_setfacl) {
                (Some(group), _) => format!("sudo usermod -aG {group} {who}"),
                (None, true) => format!("sudo setfacl {every}-m u:{who}:{read} {shown}"),
                (None, false) => {
                    format!("sudo chgrp {every}{own_group} {shown} && sudo chmod {every}g+{read} {shown}")
                }
            }
        }
        io::ErrorKind::NotFound => format!("ls -l {shown}"),
        _ => format!("sudo head -c 1 {shown}"),
    }
}

/// The path as one shell word.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    if text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+:@".contains(&b)) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fix_fits_the_error() {
        let dir = tempfile::tempdir().expect("tempdir");
        let file = dir.path().join("it's.log");
        std::fs::write(&file, "x").expect("write");
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let account = Account { name: "ann".into(), group: "staff".into(), has_setfacl: true };
        let shown = format!("'{}'", file.to_string_lossy().replace('\'', r"'\''"));
        assert_eq!(fix(&file, &denied, &account), format!("sudo setfacl -m u:ann:r {shown}"));
        assert_eq!(fix(dir.path(), &denied, &account), format!("sudo setfacl -R -m u:ann:rX {}", dir.path().display()));
        let without = Account { has_setfacl: false, ..account };
        let by_group = format!("sudo chgrp staff {shown} && sudo chmod g+r {shown}");
        assert_eq!(fix(&file, &denied, &without), by_group);
        let shown = dir.path().display();
        let by_group = format!("sudo chgrp -R staff {shown} && sudo chmod -R g+rX {shown}");
        assert_eq!(fix(dir.path(), &denied, &without), by_group);
        let missing = Path::new("/nowhere/x");
        assert_eq!(fix(missing, &io::Error::from(io::ErrorKind::NotFound), &without), "ls -l /nowhere/x");
    }

    #[test]
    fn a_reason_has_no_number() {
        assert_eq!(reason(&io::Error::from_raw_os_error(13)), "Permission denied");
        assert_eq!(reason(&io::Error::other("cut short")), "cut short");
    }

    #[test]
    fn names_come_from_the_third_field() {
        let table = "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n";
        assert_eq!(name_of(table, 1000), Some("ann".into()));
        assert_eq!(name_of(table, 7), None);
    }
}
