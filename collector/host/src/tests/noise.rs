//! Whatever the files have, no collector panics.

use proptest::prelude::*;

use super::tree::{Lines, NOW_MS, Tree};
use crate::HostConfig;

/// Every file that a collector reads.
const FILES: &[&str] = &[
    "etc/os-release",
    "proc/1/mounts",
    "proc/10/cgroup",
    "proc/10/io",
    "proc/10/stat",
    "proc/diskstats",
    "proc/loadavg",
    "proc/mdstat",
    "proc/meminfo",
    "proc/net/arp",
    "proc/net/dev",
    "proc/net/netstat",
    "proc/net/snmp",
    "proc/net/snmp6",
    "proc/net/sockstat",
    "proc/net/sockstat6",
    "proc/net/softnet_stat",
    "proc/net/stat/nf_conntrack",
    "proc/net/udp",
    "proc/net/udp6",
    "proc/pressure/cpu",
    "proc/pressure/io",
    "proc/pressure/memory",
    "proc/stat",
    "proc/swaps",
    "proc/sys/fs/file-nr",
    "proc/sys/kernel/hostname",
    "proc/sys/kernel/pid_max",
    "proc/sys/kernel/random/entropy_avail",
    "proc/sys/kernel/threads-max",
    "proc/sys/net/netfilter/nf_conntrack_count",
    "proc/sys/net/netfilter/nf_conntrack_max",
    "proc/vmstat",
    "run/udev/data/b8:0",
    "sys/class/hwmon/hwmon0/name",
    "sys/class/hwmon/hwmon0/temp1_input",
    "sys/class/hwmon/hwmon0/temp1_label",
    "sys/class/net/bonding_masters",
    "sys/class/net/eth0/speed",
    "sys/class/thermal/thermal_zone0/temp",
    "sys/devices/system/clocksource/clocksource0/available_clocksource",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq",
    "sys/devices/system/edac/mc/mc0/ce_count",
    "sys/fs/cgroup/cgroup.controllers",
    "sys/fs/cgroup/system.slice/a.service/cpu.stat",
    "sys/fs/cgroup/system.slice/a.service/io.stat",
    "sys/fs/cgroup/system.slice/a.service/memory.events",
    "textfiles/a.prom",
];

fn content() -> impl Strategy<Value = Vec<u8>> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..200);
    // What is near to the real thing goes deeper.
    let words =
        r"([a-zA-Z:\[\]()|/{}=, \t\n-]|[0-9]{1,3}|cpu0 |md0 : active |      9 blocks|8 0 sda |10 \(a\) S |0::/){0,60}";
    prop_oneof![bytes, words.prop_map(String::into_bytes)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_content_makes_a_collector_panic(contents in proptest::collection::vec(content(), FILES.len())) {
        let tree = Tree::new();
        for (path, content) in FILES.iter().zip(&contents) {
            tree.write(path, content);
        }
        let textfile_directory = "/textfiles".to_owned();
        let mut host = tree.host_with(HostConfig { textfile_directory, ..HostConfig::default() });
        for pass in 0..2 {
            let mut lines = Lines::default();
            host.collect(NOW_MS + pass * 15_000, &mut lines);
            prop_assert!(lines.success.is_some());
        }
    }
}
