//! CPU, memory, pressure, clocks and the kernel's own numbers.

use super::tree::{NOW_MS, Tree, pass_of};

#[test]
fn loadavg() {
    let good = Tree::new().file("proc/loadavg", "0.21 1.37 12.5 2/330 4711\n");
    good.check("loadavg", "node_load1 0.21\nnode_load5 1.37\nnode_load15 12.5\n");
    Tree::new().file("proc/loadavg", "0.21 high 0.1").check_bad("loadavg", "node_load1 0.21\n");
    Tree::new().file("proc/loadavg", "0.21").check_bad("loadavg", "");
    Tree::new().check_bad("loadavg", "");
    Tree::new().file("proc/loadavg/a", "unreadable, since it is a directory").check_bad("loadavg", "");
}

const STAT: &str = "cpu  300 20 100 8000 50 0 5 1 7 0
cpu0 200 20 40 4000 50 0 5 1 7 3
cpu1 100 0 60 4000 0 0 0 0 0 0
intr 987 1 2 3
ctxt 4567
btime 1767300000
processes 321
procs_running 2
procs_blocked 1
softirq 5 1 2
";

#[test]
fn stat() {
    Tree::new().file("proc/stat", STAT).check(
        "stat",
        "node_intr_total 987\nnode_context_switches_total 4567\nnode_boot_time_seconds 1767300000\n\
         node_forks_total 321\nnode_procs_running 2\nnode_procs_blocked 1\n",
    );
    let bad = Tree::new().file("proc/stat", STAT.replace("btime 1767300000", "btime soon"));
    bad.check_bad("stat", "node_intr_total 987\nnode_context_switches_total 4567\n");
}

#[test]
fn cpu_seconds_and_throttles() {
    let mut tree = Tree::new().file("proc/stat", STAT.replace("cpu1 100 0 60 4000 0 0 0 0 0 0\n", ""));
    for (cpu, core) in [("cpu0", "0"), ("cpu1", "0"), ("cpu2", "1")] {
        let at = format!("sys/devices/system/cpu/{cpu}");
        tree = tree.file(&format!("{at}/topology/physical_package_id"), "0\n");
        tree = tree.file(&format!("{at}/topology/core_id"), core);
        tree = tree.file(&format!("{at}/thermal_throttle/core_throttle_count"), "4\n");
        tree = tree.file(&format!("{at}/thermal_throttle/package_throttle_count"), "9\n");
    }
    let seconds = r#"node_cpu_seconds_total{cpu="0",mode="user"} 2
node_cpu_seconds_total{cpu="0",mode="nice"} 0.2
node_cpu_seconds_total{cpu="0",mode="system"} 0.4
node_cpu_seconds_total{cpu="0",mode="idle"} 40
node_cpu_seconds_total{cpu="0",mode="iowait"} 0.5
node_cpu_seconds_total{cpu="0",mode="irq"} 0
node_cpu_seconds_total{cpu="0",mode="softirq"} 0.05
node_cpu_seconds_total{cpu="0",mode="steal"} 0.01
node_cpu_guest_seconds_total{cpu="0",mode="user"} 0.07
node_cpu_guest_seconds_total{cpu="0",mode="nice"} 0.03
"#;
    let throttles = r#"node_cpu_package_throttles_total{package="0"} 9
node_cpu_core_throttles_total{package="0",core="0"} 4
node_cpu_core_throttles_total{package="0",core="1"} 4
"#;
    tree.check("cpu", &format!("{seconds}{throttles}"));
    Tree::new().file("proc/stat", STAT.replace("4000", "-")).check_bad("cpu", "");
    Tree::new().file("proc/stat", "intr 1\n").check_bad("cpu", "");
}

#[test]
fn cpu_seconds_never_fall_a_little_but_begin_anew_after_a_hotplug() {
    let line = |idle: u32, iowait: u32| format!("cpu0 0 0 0 {idle} {iowait} 0 0 0 0 0\n");
    let tree = Tree::new().file("proc/stat", line(1000, 80));
    let mut host = tree.host(&["cpu"]);
    let mut shown = |tree: &Tree, text: String| {
        tree.write("proc/stat", text);
        let (text, _) = pass_of(&mut host, NOW_MS);
        let of = |mode: &str| {
            text.lines().find(|line| line.contains(mode)).and_then(|line| line.rsplit(' ').next()).map(str::to_owned)
        };
        (of("\"idle\""), of("\"iowait\""))
    };
    let both = |idle: &str, iowait: &str| (Some(idle.to_owned()), Some(iowait.to_owned()));
    assert_eq!(shown(&tree, line(1000, 80)), both("10", "0.8"));
    assert_eq!(shown(&tree, line(1100, 70)), both("11", "0.8"));
    assert_eq!(shown(&tree, line(100, 2)), both("1", "0.02"));
}

#[test]
fn cpufreq() {
    let tree = Tree::new()
        .file("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1200000\n")
        .file("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "3600000\n")
        .file("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_cur_freq", "<unknown>\n")
        .file("sys/devices/system/cpu/cpufreq/policy0", "");
    tree.check(
        "cpufreq",
        "node_cpu_frequency_max_hertz{cpu=\"0\"} 3600000000\nnode_cpu_scaling_frequency_hertz{cpu=\"0\"} 1200000000\n",
    );
    tree.file("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "fast").check_bad("cpufreq", "");
}

#[test]
fn meminfo() {
    let text = "MemTotal:       2048 kB\nActive(anon):      3 kB\nHugePages_Total:       7\n";
    let expected =
        "node_memory_MemTotal_bytes 2097152\nnode_memory_Active_anon_bytes 3072\nnode_memory_HugePages_Total 7\n";
    Tree::new().file("proc/meminfo", text).check("meminfo", expected);
    Tree::new()
        .file("proc/meminfo", "MemTotal:  2 kB\nMemFree\n")
        .check_bad("meminfo", "node_memory_MemTotal_bytes 2048\n");
    Tree::new().file("proc/meminfo", "").check_bad("meminfo", "");
}

#[test]
fn swap() {
    let text = "Filename\tType\tSize\tUsed\tPriority\n/dev/dm-1   partition\t2048\t16\t-2\n";
    let at = r#"{device="/dev/dm-1",type="partition"}"#;
    let expected =
        format!("node_swap_size_bytes{at} 2097152\nnode_swap_used_bytes{at} 16384\nnode_swap_priority{at} -2\n");
    Tree::new().file("proc/swaps", text).check("swap", &expected);
    Tree::new().file("proc/swaps", text.replace("2048", "big")).check_bad("swap", "");
}

#[test]
fn vmstat() {
    let text = "nr_free_pages 5\npgpgin 6\npswpout 7\npgmajfault 8\noom_kill 9\n";
    let expected = "node_vmstat_pgpgin 6\nnode_vmstat_pswpout 7\nnode_vmstat_pgmajfault 8\nnode_vmstat_oom_kill 9\n";
    Tree::new().file("proc/vmstat", text).check("vmstat", expected);
    Tree::new().file("proc/vmstat", "pgpgin 6\npgpgout").check_bad("vmstat", "node_vmstat_pgpgin 6\n");
}

#[test]
fn pressure() {
    let both =
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\n";
    let tree =
        Tree::new().file("proc/pressure/cpu", both).file("proc/pressure/io", both).file("proc/pressure/memory", both);
    let expected = "node_pressure_cpu_waiting_seconds_total 2.5\nnode_pressure_io_waiting_seconds_total 2.5\n\
                    node_pressure_io_stalled_seconds_total 1\nnode_pressure_memory_waiting_seconds_total 2.5\n\
                    node_pressure_memory_stalled_seconds_total 1\n";
    tree.check("pressure", expected);
    let tree = tree.file("proc/pressure/irq", "full avg10=0.00 avg60=0.00 avg300=0.00 total=500000\n");
    tree.check("pressure", &format!("{expected}node_pressure_irq_stalled_seconds_total 0.5\n"));
    tree.file("proc/pressure/cpu", "some avg10=0.00\n").check_bad("pressure", "");
}

#[test]
fn clocks() {
    let tree = Tree::new()
        .file("sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc hpet \n")
        .file("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
    tree.check(
        "time",
        r#"node_time_seconds 1767323045.5
node_time_clocksource_available_info{device="0",clocksource="tsc"} 1
node_time_clocksource_available_info{device="0",clocksource="hpet"} 1
node_time_clocksource_current_info{device="0",clocksource="tsc"} 1
"#,
    );
    Tree::new().check("time", "node_time_seconds 1767323045.5\n");
}

#[test]
fn small_numbers_of_the_kernel() {
    let tree = Tree::new().file("proc/sys/fs/file-nr", "1824\t0\t811680\n");
    tree.check("filefd", "node_filefd_allocated 1824\nnode_filefd_maximum 811680\n");
    tree.file("proc/sys/fs/file-nr", "1824 0\n").check_bad("filefd", "");
    let tree = Tree::new().file("proc/sys/kernel/random/entropy_avail", "255\n");
    tree.check_bad("entropy", "node_entropy_available_bits 255\n");
    let tree = tree.file("proc/sys/kernel/random/poolsize", "256\n");
    tree.check("entropy", "node_entropy_available_bits 255\nnode_entropy_pool_size_bits 256\n");
}

#[test]
fn uname() {
    let mut tree = Tree::new();
    let files =
        [("ostype", "Linux"), ("osrelease", "6.1.0-9"), ("version", "#1 SMP"), ("hostname", "db1"), ("arch", "s390x")];
    for (file, content) in files {
        tree = tree.file(&format!("proc/sys/kernel/{file}"), format!("{content}\n"));
    }
    tree.check_bad("uname", "");
    tree.file("proc/sys/kernel/domainname", "(none)\n").check(
        "uname",
        "node_uname_info{machine=\"s390x\",sysname=\"Linux\",release=\"6.1.0-9\",version=\"#1 SMP\",nodename=\"db1\",\
         domainname=\"(none)\"} 1\n",
    );
}

#[test]
fn os_release() {
    let text = "# made by hand\nNAME=\"Rocky \\\"R\\\" Linux\"\nID=rocky\nID_LIKE='rhel centos'\nVERSION_ID=9.4.1\n";
    let info = "node_os_info{build_id=\"\",id=\"rocky\",id_like=\"rhel centos\",image_id=\"\",image_version=\"\",\
                name=\"Rocky \\\"R\\\" Linux\",pretty_name=\"\",variant=\"\",variant_id=\"\",version=\"\",\
                version_codename=\"\",version_id=\"9.4.1\"} 1\n";
    let version = "node_os_version{id=\"rocky\",id_like=\"rhel centos\",name=\"Rocky \\\"R\\\" Linux\"} 9.4\n";
    Tree::new().file("usr/lib/os-release", text).check("os", &format!("{info}{version}"));
    let rolling = Tree::new().file("etc/os-release", text.replace("9.4.1", "rolling"));
    rolling.check("os", &info.replace("9.4.1", "rolling"));
    Tree::new().check_bad("os", "");
}

#[test]
fn timex_has_all_its_samples() {
    let (text, success) = Tree::new().run("timex");
    assert_eq!((text.lines().count(), success), (17, Some(1.0)));
    let frequency = text.lines().find_map(|line| line.strip_prefix("node_timex_frequency_adjustment_ratio "));
    // The kernel allows 500 ppm.
    let ratio: f64 = frequency.expect("a frequency").parse().expect("a number");
    assert!((ratio - 1.0).abs() <= 501e-6, "{ratio}");
}
