//! Reads, writes and busy time of block devices, from `/proc/diskstats`.

use super::udev::Properties;
use crate::error::CollectError;
use crate::family::Family;
use crate::fields::number;
use crate::files::{Page, garbled};
use crate::filters::is_match;
use crate::pass::Pass;

const INFO: Family<'static> = Family::gauge("node_disk_info", "Info of /sys/block/<block_device>.");
const FILESYSTEM_INFO: Family<'static> = Family::gauge("node_disk_filesystem_info", "Info about disk filesystem.");
const DEVICE_MAPPER_INFO: Family<'static> =
    Family::gauge("node_disk_device_mapper_info", "Info about disk device mapper.");

const MILLISECOND: f64 = 1e-3;
/// Sectors of `/proc/diskstats` are of this size whatever the disk has.
const SECTOR_BYTES: f64 = 512.0;

/// The columns behind the device's name. Kernels before 4.18 lack the discards, those before 5.5 the flushes.
const COLUMNS: [(f64, Family<'static>); 17] = [
    (1.0, Family::counter("node_disk_reads_completed_total", "The total number of reads completed successfully.")),
    (1.0, Family::counter("node_disk_reads_merged_total", "The total number of reads merged.")),
    (SECTOR_BYTES, Family::counter("node_disk_read_bytes_total", "The total number of bytes read successfully.")),
    (
        MILLISECOND,
        Family::counter("node_disk_read_time_seconds_total", "The total number of seconds spent by all reads."),
    ),
    (1.0, Family::counter("node_disk_writes_completed_total", "The total number of writes completed successfully.")),
    (1.0, Family::counter("node_disk_writes_merged_total", "The number of writes merged.")),
    (SECTOR_BYTES, Family::counter("node_disk_written_bytes_total", "The total number of bytes written successfully.")),
    (
        MILLISECOND,
        Family::counter(
            "node_disk_write_time_seconds_total",
            "This is the total number of seconds spent by all writes.",
        ),
    ),
    (1.0, Family::gauge("node_disk_io_now", "The number of I/Os currently in progress.")),
    (MILLISECOND, Family::counter("node_disk_io_time_seconds_total", "Total seconds spent doing I/Os.")),
    (
        MILLISECOND,
        Family::counter("node_disk_io_time_weighted_seconds_total", "The weighted # of seconds spent doing I/Os."),
    ),
    (
        1.0,
        Family::counter("node_disk_discards_completed_total", "The total number of discards completed successfully."),
    ),
    (1.0, Family::counter("node_disk_discards_merged_total", "The total number of discards merged.")),
    (1.0, Family::counter("node_disk_discarded_sectors_total", "The total number of sectors discarded successfully.")),
    (
        MILLISECOND,
        Family::counter(
            "node_disk_discard_time_seconds_total",
            "This is the total number of seconds spent by all discards.",
        ),
    ),
    (
        1.0,
        Family::counter("node_disk_flush_requests_total", "The total number of flush requests completed successfully"),
    ),
    (
        MILLISECOND,
        Family::counter(
            "node_disk_flush_requests_time_seconds_total",
            "This is the total number of seconds spent by all flush requests.",
        ),
    ),
];

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    let path = pass.files.proc("diskstats");
    let mut table = Page::default();
    for line in table.read(&path)?.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(major), Some(minor), Some(device)) = (words.next(), words.next(), words.next()) else {
            return Err(garbled(&path, format!("no device: {line:?}")));
        };
        if is_match(&pass.filters.disks_exclude, device) {
            continue;
        }
        put_info(pass, device, major, minor);
        for ((factor, family), word) in COLUMNS.iter().zip(words) {
            let count = number(word).ok_or_else(|| garbled(&path, format!("a count that is no number: {word:?}")))?;
            pass.sink.put(family, &[("device", device)], count * factor);
        }
    }
    Ok(())
}

fn put_info(pass: &mut Pass<'_>, device: &str, major: &str, minor: &str) {
    let udev = Properties::read(pass, major, minor);
    let labels = [
        ("device", device),
        ("major", major),
        ("minor", minor),
        ("path", udev.get("ID_PATH")),
        ("wwn", udev.get("ID_WWN")),
        ("model", udev.get("ID_MODEL")),
        ("serial", udev.serial()),
        ("revision", udev.get("ID_REVISION")),
    ];
    pass.sink.put(&INFO, &labels, 1.0);
    if !udev.get("ID_FS_TYPE").is_empty() {
        let labels = [
            ("device", device),
            ("type", udev.get("ID_FS_TYPE")),
            ("usage", udev.get("ID_FS_USAGE")),
            ("uuid", udev.get("ID_FS_UUID")),
            ("version", udev.get("ID_FS_VERSION")),
        ];
        pass.sink.put(&FILESYSTEM_INFO, &labels, 1.0);
    }
    if !udev.get("DM_NAME").is_empty() {
        let labels = [
            ("device", device),
            ("name", udev.get("DM_NAME")),
            ("uuid", udev.get("DM_UUID")),
            ("vg_name", udev.get("DM_VG_NAME")),
            ("lv_name", udev.get("DM_LV_NAME")),
            ("lv_layer", udev.get("DM_LV_LAYER")),
        ];
        pass.sink.put(&DEVICE_MAPPER_INFO, &labels, 1.0);
    }
}
