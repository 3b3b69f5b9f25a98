//! Size and free space of the mounted file systems.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Collect;
use super::mounts::{Mounts, Usage};
use crate::error::CollectError;
use crate::family::Family;
use crate::fields::words;
use crate::files::{Page, garbled};
use crate::filters::is_match;
use crate::pass::Pass;

const SIZE: Family<'static> = Family::gauge("node_filesystem_size_bytes", "Filesystem size in bytes.");
const FREE: Family<'static> = Family::gauge("node_filesystem_free_bytes", "Filesystem free space in bytes.");
const AVAIL: Family<'static> =
    Family::gauge("node_filesystem_avail_bytes", "Filesystem space available to non-root users in bytes.");
const FILES: Family<'static> = Family::gauge("node_filesystem_files", "Filesystem total file nodes.");
const FILES_FREE: Family<'static> = Family::gauge("node_filesystem_files_free", "Filesystem total free file nodes.");
const READ_ONLY: Family<'static> = Family::gauge("node_filesystem_readonly", "Filesystem read-only status.");
const DEVICE_ERROR: Family<'static> = Family::gauge(
    "node_filesystem_device_error",
    "Whether an error occurred while getting statistics for the given device.",
);

/// Types whose data are on other hosts.
const NETWORK_TYPES: &[&str] = &[
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "davfs",
    "fuse.ceph",
    "fuse.cephfs",
    "fuse.davfs",
    "fuse.glusterfs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.sshfs",
    "glusterfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "smb3",
    "smbfs",
];

/// The thread that asks the file systems.
#[derive(Debug, Default)]
pub(super) struct Filesystem {
    mounts: Mounts,
}

impl Collect for Filesystem {
    fn collect(&mut self, pass: &mut Pass<'_>) -> Result<(), CollectError> {
        let mut table = Page::default();
        // The first process sees the host's mounts even if this one lives in a namespace of its own.
        let mut path = pass.files.proc("1/mounts");
        if table.read(&path).is_err() {
            path = pass.files.proc("self/mounts");
            table.read(&path)?;
        }
        let mut seen = BTreeSet::new();
        for line in table.text().lines() {
            let [device, point, kind, options] =
                words::<4>(line).ok_or_else(|| garbled(&path, format!("no mount: {line:?}")))?;
            let point = unescape(point);
            let is_left_out = is_match(&pass.filters.mount_points_exclude, &point)
                || is_match(&pass.filters.fs_types_exclude, kind)
                || (NETWORK_TYPES.contains(&kind) && !pass.config.network_filesystems);
            if is_left_out || !seen.insert((device, point.clone(), kind)) {
                continue;
            }
            let patience = Duration::from_millis(pass.config.mount_timeout_ms);
            let usage = self.mounts.usage(&pass.files.root(&point), patience)?;
            put(pass, [("device", &unescape(device)), ("fstype", kind), ("mountpoint", &point)], options, usage);
        }
        Ok(())
    }
}

pub(super) fn put(pass: &mut Pass<'_>, labels: [(&str, &str); 3], options: &str, usage: Option<Usage>) {
    pass.sink.put(&DEVICE_ERROR, &labels, f64::from(u8::from(usage.is_none())));
    let Some(usage) = usage else { return };
    let Usage { size, free, avail, files, files_free, is_read_only } = usage;
    // A bind mount may be read-only where the file system is not.
    let is_read_only = is_read_only || options.split(',').any(|option| option == "ro");
    pass.sink.put(&READ_ONLY, &labels, f64::from(u8::from(is_read_only)));
    pass.sink.put(&SIZE, &labels, size);
    pass.sink.put(&FREE, &labels, free);
    pass.sink.put(&AVAIL, &labels, avail);
    pass.sink.put(&FILES, &labels, files);
    pass.sink.put(&FILES_FREE, &labels, files_free);
}

/// Undoes the octal escapes of `/proc/mounts`: white space, `\` and `#`.
fn unescape(text: &str) -> String {
    let escapes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\043", "#"), ("\\134", "\\")];
    escapes.iter().fold(
        text.to_owned(),
        |text, (escape, letter)| {
            if text.contains(escape) { text.replace(escape, letter) } else { text }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::tree::with_pass;

    #[test]
    fn sizes_of_a_mount() {
        let usage =
            Usage { size: 8192.0, free: 4096.0, avail: 2048.0, files: 10.0, files_free: 3.0, is_read_only: false };
        let labels = [("device", "/dev/drbd0"), ("fstype", "xfs"), ("mountpoint", "/srv/my data")];
        let at = r#"{device="/dev/drbd0",fstype="xfs",mountpoint="/srv/my data"}"#;
        let lines = with_pass(|pass| put(pass, labels, "rw,noatime", Some(usage)));
        let expected = format!(
            "node_filesystem_device_error{at} 0\nnode_filesystem_readonly{at} 0\nnode_filesystem_size_bytes{at} 8192\n\
             node_filesystem_free_bytes{at} 4096\nnode_filesystem_avail_bytes{at} 2048\nnode_filesystem_files{at} 10\n\
             node_filesystem_files_free{at} 3\n"
        );
        assert_eq!(lines, expected);
        let lines = with_pass(|pass| put(pass, labels, "ro,noatime", Some(usage)));
        assert_eq!(lines, expected.replace(&format!("readonly{at} 0"), &format!("readonly{at} 1")));
    }

    #[test]
    fn octal_escapes() {
        assert_eq!(unescape("/srv/a\\040b\\011c\\134d"), "/srv/a b\tc\\d");
        assert_eq!(unescape("/srv/a\\04"), "/srv/a\\04");
    }
}
