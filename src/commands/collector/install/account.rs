//! The system user that a collector runs as.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use anyhow::{Context, bail};

/// Groups that exist to let people read logs; the user joins those that the host has.
pub(super) const GROUPS: [&str; 3] = ["adm", "systemd-journal", CLUSTER_GROUP];
/// The group that Pacemaker lets ask, and that its daemons are in.
pub(super) const CLUSTER_GROUP: &str = "haclient";
/// The longest name that `useradd` takes.
const NAME_BYTES_MAX: usize = 32;

/// Whether `useradd` takes this name, and a unit file can hold it.
pub(super) fn is_name(name: &str) -> bool {
    let is_first = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let is_later = |byte: u8| is_first(byte) || byte.is_ascii_digit() || byte == b'-';
    name.len() <= NAME_BYTES_MAX && name.bytes().next().is_some_and(is_first) && name.bytes().all(is_later)
}

/// Whether this process may do everything.
pub(super) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// Makes the user where it is missing and puts it in [`GROUPS`]; tells what was done.
pub(super) fn ensure(user: &str) -> anyhow::Result<Vec<String>> {
    let mut done = Vec::new();
    if lookup("/etc/passwd", user)?.is_none() {
        let home = ["--home-dir", "/var/lib/orszem", "--no-create-home", "--shell", "/usr/sbin/nologin"];
        run(Command::new("useradd").args(["--system", "--user-group"]).args(home).arg(user))
            .with_context(|| format!("the user {user} is missing and can't be made; make it, then run this again"))?;
        done.push(format!("the system user {user}"));
    }
    for group in GROUPS {
        let Some(line) = lookup("/etc/group", group)? else { continue };
        let is_in = line.rsplit(':').next().is_some_and(|members| members.split(',').any(|member| member == user));
        if !is_in {
            run(Command::new("usermod").args(["--append", "--groups", group, user]))?;
            done.push(format!("{user} a member of {group}"));
        }
    }
    Ok(done)
}

/// The numbers of the user and its own group.
pub(super) fn ids(user: &str) -> anyhow::Result<(u32, u32)> {
    let line = lookup("/etc/passwd", user)?.with_context(|| format!("/etc/passwd has no user {user}"))?;
    let mut fields = line.split(':').skip(2).map(str::parse);
    match (fields.next(), fields.next()) {
        (Some(Ok(uid)), Some(Ok(gid))) => Ok((uid, gid)),
        _ => bail!("the line of {user} in /etc/passwd can't be read"),
    }
}

/// The number of a group; `None` where there is none of that name.
pub(super) fn group(name: &str) -> anyhow::Result<Option<u32>> {
    let Some(line) = lookup("/etc/group", name)? else { return Ok(None) };
    let number = line.split(':').nth(2).and_then(|number| number.parse().ok());
    number.map(Some).with_context(|| format!("the line of {name} in /etc/group can't be read"))
}

/// The line of `name` in a table such as `/etc/passwd`.
fn lookup(table: &str, name: &str) -> anyhow::Result<Option<String>> {
    let text = fs::read_to_string(table).with_context(|| format!("can't read {table}"))?;
    Ok(text.lines().find(|line| line.split(':').next() == Some(name)).map(str::to_owned))
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let shown = format!("{command:?}");
    let output = command.output().with_context(|| format!("can't run {shown}"))?;
    if !output.status.success() {
        bail!("{shown} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_useradd() {
        for (name, expected) in
            [("orszem", true), ("_a-1", true), ("", false), ("1a", false), ("a b", false), ("Ab", false), ("ő", false)]
        {
            assert_eq!(is_name(name), expected, "{name}");
        }
        assert!(!is_name(&"a".repeat(33)));
    }
}
