//! Lines and what is recognised in them.

use super::parse;
use crate::testing::{check, check_refined};

#[test]
fn each_form_is_read() {
    for (record, expected) in [
        (
            "[12345.678901] usb 1-1: new device",
            "unset0 service=kernel kernel.uptime=12345.678901 | usb 1-1: new device",
        ),
        (
            "<3>[  467.384882] critical medium error, dev sda, sector 4656 op 0x0:(READ)",
            r#"error17 service=kernel kernel.uptime=467.384882 disk="sda" sector=4656 {disk/sda} | critical medium error, dev sda, sector 4656 op 0x0:(READ)"#,
        ),
        (
            "<6>[  467.384882][  T123] sd 0:0:0:0: [sda] tag#170 FAILED Result: hostbyte=DID_OK",
            r#"error17 service=kernel kernel.uptime=467.384882 disk="sda" {disk/sda} | sd 0:0:0:0: [sda] tag#170 FAILED Result: hostbyte=DID_OK"#,
        ),
    ] {
        check(parse, record, expected);
    }
}

#[test]
fn what_only_looks_like_it_is_refused() {
    for record in ["[12345.678] x", "[abc.678901] x", "<192>[12345.678901] x"] {
        check(parse, record, "-");
    }
}

#[test]
fn messages_behind_a_header_are_read() {
    for (message, expected) in [
        ("[    1.500000] sda: sda1 sda2", "unset0 kernel.uptime=1.5"),
        ("Out of memory: Killed process 123 (java) total-vm:1kB", r#"error18 process="java" pid=123"#),
        ("app[77]: segfault at 0 ip 00 sp 00 error 4 in libc.so", r#"error17 process="app" pid=77"#),
        ("traps: app[77] general protection fault ip:0 sp:0", r#"error17 process="app" pid=77"#),
        ("INFO: task jbd2/sda1-8:123 blocked for more than 120 seconds.", r#"error17 process="jbd2/sda1-8" pid=123"#),
        ("watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [java:77]", r#"error18 process="java" pid=77"#),
        (
            "EXT4-fs error (device sda1): ext4_find_entry:1455: inode #2: comm ls: reading directory",
            r#"error17 disk="sda1" {disk/sda1}"#,
        ),
        ("EXT4-fs (sda1): mounted filesystem with ordered data mode", r#"unset0 disk="sda1" {disk/sda1}"#),
        ("Buffer I/O error on dev dm-0, logical block 1, lost async page write", r#"error17 disk="dm-0" {disk/dm-0}"#),
        ("e1000e: eth0 NIC Link is Down", r#"warn13 interface="eth0" {interface/eth0}"#),
        ("r8169 0000:02:00.0 eth0: Link is Up - 1Gbps/Full", r#"info10 interface="eth0" {interface/eth0}"#),
        (
            "bond0: (slave eth1): link status definitely down, disabling slave",
            r#"warn13 interface="eth1" {interface/eth1}"#,
        ),
        ("device-mapper: multipath: 253:0: Failing path 8:16.", "error17 layer=storage"),
        ("md/raid1:md0: Disk failure on sda1, disabling device.", r#"error17 layer=storage disk="sda1" {disk/sda1}"#),
        ("Kernel panic - not syncing: Fatal exception", "fatal21"),
        ("mce: [Hardware Error]: Machine check events logged", "error18"),
        (r#"audit: type=1400 apparmor="STATUS""#, "unset0"),
        ("a link down the road of words", "unset0"),
        ("e1000e 0000:00:19.0 eth0: NIC Link is Up 1000 Mbps", r#"info10 interface="eth0" {interface/eth0}"#),
    ] {
        check_refined("kernel", message, expected);
    }
}
