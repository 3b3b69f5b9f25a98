//! Disks, file systems, RAID and sensors.

use super::tree::Tree;

#[test]
fn diskstats() {
    let tree = Tree::new()
        .file("proc/diskstats", "   8       0 sda 10 2 16 250 20 3 32 500 1 750 1250 4 5 6 7000 8 9\n   8       1 sda1 1 2 3\n 147       0 drbd0 1 0 8 4 0 0 0 0 0 4 4\n")
        .file("run/udev/data/b8:0", "S:disk/by-id/x\nE:ID_MODEL=Turbo\nE:ID_SERIAL=long\nE:ID_SERIAL_SHORT=S1\nE:ID_PATH=pci-0\nE:ID_FS_TYPE=LVM2_member\nE:ID_FS_USAGE=raid\n");
    let expected = r#"node_disk_info{device="sda",major="8",minor="0",path="pci-0",wwn="",model="Turbo",serial="S1",revision=""} 1
node_disk_filesystem_info{device="sda",type="LVM2_member",usage="raid",uuid="",version=""} 1
node_disk_reads_completed_total{device="sda"} 10
node_disk_reads_merged_total{device="sda"} 2
node_disk_read_bytes_total{device="sda"} 8192
node_disk_read_time_seconds_total{device="sda"} 0.25
node_disk_writes_completed_total{device="sda"} 20
node_disk_writes_merged_total{device="sda"} 3
node_disk_written_bytes_total{device="sda"} 16384
node_disk_write_time_seconds_total{device="sda"} 0.5
node_disk_io_now{device="sda"} 1
node_disk_io_time_seconds_total{device="sda"} 0.75
node_disk_io_time_weighted_seconds_total{device="sda"} 1.25
node_disk_discards_completed_total{device="sda"} 4
node_disk_discards_merged_total{device="sda"} 5
node_disk_discarded_sectors_total{device="sda"} 6
node_disk_discard_time_seconds_total{device="sda"} 7
node_disk_flush_requests_total{device="sda"} 8
node_disk_flush_requests_time_seconds_total{device="sda"} 0.009000000000000001
node_disk_info{device="drbd0",major="147",minor="0",path="",wwn="",model="",serial="",revision=""} 1
node_disk_reads_completed_total{device="drbd0"} 1
node_disk_reads_merged_total{device="drbd0"} 0
node_disk_read_bytes_total{device="drbd0"} 4096
node_disk_read_time_seconds_total{device="drbd0"} 0.004
node_disk_writes_completed_total{device="drbd0"} 0
node_disk_writes_merged_total{device="drbd0"} 0
node_disk_written_bytes_total{device="drbd0"} 0
node_disk_write_time_seconds_total{device="drbd0"} 0
node_disk_io_now{device="drbd0"} 0
node_disk_io_time_seconds_total{device="drbd0"} 0.004
node_disk_io_time_weighted_seconds_total{device="drbd0"} 0.004
"#;
    tree.check("diskstats", expected);
    Tree::new().file("proc/diskstats", "8 0\n").check_bad("diskstats", "");
    let (text, success) = Tree::new().file("proc/diskstats", "8 0 sda 1 x\n").run("diskstats");
    assert!(text.ends_with("node_disk_reads_completed_total{device=\"sda\"} 1\n"), "{text}");
    assert_eq!(success, Some(0.0));
}

#[test]
fn filesystem_leaves_out_and_reports_what_cannot_be_read() {
    let mounts = "/dev/sda1 / ext4 rw 0 0\nproc /proc proc rw 0 0\nnas:/x /srv/nas nfs4 rw 0 0\n\
                  /dev/sdb1 /srv/a\\040b xfs rw 0 0\n/dev/sdb1 /srv/a\\040b xfs rw 0 0\n/dev/sdc1 /dev/x ext4 rw 0 0\n";
    let tree = Tree::new().file("proc/1/mounts", mounts);
    let (text, success) = tree.run("filesystem");
    let errors: Vec<_> = text.lines().filter(|line| line.contains("device_error")).collect();
    let expected = [
        r#"node_filesystem_device_error{device="/dev/sda1",fstype="ext4",mountpoint="/"} 0"#,
        r#"node_filesystem_device_error{device="/dev/sdb1",fstype="xfs",mountpoint="/srv/a b"} 1"#,
    ];
    assert_eq!((errors.as_slice(), success), (expected.as_slice(), Some(1.0)));
    assert_eq!(text.lines().count(), 8, "{text}");
    Tree::new().file("proc/self/mounts", "/dev/sda1 /nowhere\n").check_bad("filesystem", "");
    Tree::new().check_bad("filesystem", "");
}

const MDSTAT: &str = "Personalities : [raid1] [raid0]
md0 : active raid1 sdb1[1] sda1[0](F) sdc1[2](S)
      1000 blocks super 1.2 [2/1] [_U]
      [=>...................]  recovery =  8.5% (85/1000) finish=1.0min speed=259783K/sec
      bitmap: 0/1 pages [0KB], 65536KB chunk

md1 : inactive sdd[0](S)
      500 blocks super 1.2

md2 : active raid0 sde[0] sdf[1]
      2000 blocks 64k chunks
\tresync=DELAYED

unused devices: <none>
";

#[test]
fn mdadm() {
    let lines = |name: &str, state: &str, disks: [u32; 3], rest: [u32; 3]| {
        let mut text = String::new();
        for known in ["active", "inactive", "recovering", "resync", "check"] {
            text += &format!("node_md_state{{device=\"{name}\",state=\"{known}\"}} {}\n", u8::from(known == state));
        }
        for (kind, count) in ["active", "failed", "spare"].iter().zip(disks) {
            text += &format!("node_md_disks{{device=\"{name}\",state=\"{kind}\"}} {count}\n");
        }
        for (kind, count) in ["disks_required", "blocks", "blocks_synced"].iter().zip(rest) {
            text += &format!("node_md_{kind}{{device=\"{name}\"}} {count}\n");
        }
        text
    };
    let expected = lines("md0", "recovering", [1, 1, 1], [2, 1000, 85])
        + &lines("md1", "inactive", [0, 0, 1], [0, 500, 500])
        + &lines("md2", "resync", [2, 0, 0], [2, 2000, 0]);
    Tree::new().file("proc/mdstat", MDSTAT).check("mdadm", &expected);
    Tree::new().file("proc/mdstat", "Personalities :\nunused devices: <none>\n").check("mdadm", "");
    for (good, bad) in
        [(" blocks super 1.2 [2/1]", " blocks [2/x]"), ("(85/1000)", "(85)"), ("md0 : active", "md0 : odd")]
    {
        Tree::new().file("proc/mdstat", MDSTAT.replace(good, bad)).check_bad("mdadm", "");
    }
}

#[test]
fn hwmon() {
    let tree = Tree::new()
        .file("sys/devices/platform/coretemp.0/hwmon/hwmon3/name", "coretemp\n")
        .file("sys/devices/platform/coretemp.0/hwmon/hwmon3/temp1_input", "41000\n")
        .file("sys/devices/platform/coretemp.0/hwmon/hwmon3/temp1_crit_alarm", "0\n")
        .file("sys/devices/platform/coretemp.0/hwmon/hwmon3/temp1_label", "Package id 0\n")
        .file("sys/devices/platform/coretemp.0/hwmon/hwmon3/temp2_input", "broken\n")
        .file("sys/devices/platform/coretemp.0/hwmon/hwmon3/uevent", "")
        .link("sys/class/hwmon/hwmon3", "sys/devices/platform/coretemp.0/hwmon/hwmon3")
        .link("sys/devices/platform/coretemp.0/hwmon/hwmon3/device", "sys/devices/platform/coretemp.0")
        .file("sys/class/hwmon/hwmon4/name", "Nct-6775\n")
        .file("sys/class/hwmon/hwmon4/fan1_input", "900\n")
        .file("sys/class/hwmon/hwmon4/fan1_alarm", "1\n")
        .file("sys/class/hwmon/hwmon4/in0_input", "1512\n")
        .file("sys/class/hwmon/hwmon4/power1_input", "2500000\n")
        .file("sys/class/hwmon/hwmon4/energy1_input", "5000000\n")
        .file("sys/class/hwmon/hwmon4/pwm1", "128\n")
        .file("sys/class/hwmon/hwmon4/update_interval", "1000\n")
        .file("sys/class/hwmon/hwmon4/beep_enable", "1\n");
    tree.check(
        "hwmon",
        r#"node_hwmon_chip_names{chip="platform_coretemp_0",chip_name="coretemp"} 1
node_hwmon_sensor_label{chip="platform_coretemp_0",sensor="temp1",label="package_id_0"} 1
node_hwmon_temp_crit_alarm_celsius{chip="platform_coretemp_0",sensor="temp1"} 0
node_hwmon_temp_celsius{chip="platform_coretemp_0",sensor="temp1"} 41
node_hwmon_chip_names{chip="nct_6775",chip_name="nct_6775"} 1
node_hwmon_beep_enabled{chip="nct_6775",sensor="beep_enable0"} 1
node_hwmon_energy_joule_total{chip="nct_6775",sensor="energy1"} 5
node_hwmon_fan_alarm{chip="nct_6775",sensor="fan1"} 1
node_hwmon_fan_rpm{chip="nct_6775",sensor="fan1"} 900
node_hwmon_in_volts{chip="nct_6775",sensor="in0"} 1.512
node_hwmon_power_watt{chip="nct_6775",sensor="power1"} 2.5
node_hwmon_pwm{chip="nct_6775",sensor="pwm1"} 128
node_hwmon_update_interval_seconds{chip="nct_6775",sensor="update_interval0"} 1
"#,
    );
    Tree::new().check_bad("hwmon", "");
}

#[test]
fn thermal_zone() {
    let tree = Tree::new()
        .file("sys/class/thermal/thermal_zone0/type", "x86_pkg_temp\n")
        .file("sys/class/thermal/thermal_zone0/temp", "48500\n")
        .file("sys/class/thermal/thermal_zone1/temp", "hot\n")
        .file("sys/class/thermal/cooling_device2/type", "Processor\n")
        .file("sys/class/thermal/cooling_device2/cur_state", "1\n")
        .file("sys/class/thermal/cooling_device2/max_state", "10\n");
    tree.check(
        "thermal_zone",
        r#"node_thermal_zone_temp{zone="0",type="x86_pkg_temp"} 48.5
node_cooling_device_cur_state{name="2",type="Processor"} 1
node_cooling_device_max_state{name="2",type="Processor"} 10
"#,
    );
    Tree::new().check_bad("thermal_zone", "");
}

#[test]
fn edac() {
    let at = "sys/devices/system/edac/mc/mc0";
    let mut tree = Tree::new();
    for (file, content) in [("ce_count", "1"), ("ue_count", "2"), ("ce_noinfo_count", "3"), ("ue_noinfo_count", "4")] {
        tree = tree.file(&format!("{at}/{file}"), content);
    }
    let tree = tree.file(&format!("{at}/csrow5/ce_count"), "5");
    let expected = r#"node_edac_correctable_errors_total{controller="0"} 1
node_edac_uncorrectable_errors_total{controller="0"} 2
node_edac_csrow_correctable_errors_total{controller="0",csrow="unknown"} 3
node_edac_csrow_uncorrectable_errors_total{controller="0",csrow="unknown"} 4
node_edac_csrow_correctable_errors_total{controller="0",csrow="5"} 5
"#;
    tree.check_bad("edac", expected);
    let last = "node_edac_csrow_uncorrectable_errors_total{controller=\"0\",csrow=\"5\"} 6\n";
    tree.file(&format!("{at}/csrow5/ue_count"), "6").check("edac", &format!("{expected}{last}"));
}
