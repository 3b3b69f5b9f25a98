//! Processes, units and text files.

use super::tree::{NOW_MS, Tree, pass_of};
use crate::HostConfig;

/// `last` are threads, start and resident pages.
fn stat(pid: u32, comm: &str, state: char, flags: u32, ticks: u32, last: [u32; 3]) -> String {
    let [threads, start, pages] = last;
    format!(
        "{pid} ({comm}) {state} 1 1 1 0 -1 {flags} 0 0 0 0 {ticks} 0 0 0 20 0 {threads} 0 {start} 4096 {pages} 1 2\n"
    )
}

fn limits() -> Tree {
    Tree::new().file("proc/sys/kernel/threads-max", "1000\n").file("proc/sys/kernel/pid_max", "32768\n")
}

#[test]
fn processes() {
    let tree = limits()
        .file("proc/10/stat", stat(10, "a b", 'S', 0, 5, [2, 7, 0]))
        .file("proc/11/stat", stat(11, "x", 'S', 0, 0, [1, 8, 0]));
    let tree =
        tree.file("proc/12/stat", stat(12, "kworker/0:1", 'I', 0x0020_0000, 0, [1, 9, 0])).file("proc/99/other", "");
    let config = HostConfig { top_processes: 0, collectors: vec!["processes".into()], ..HostConfig::default() };
    let expected = "node_processes_threads 4\nnode_processes_max_threads 1000\nnode_processes_state{state=\"I\"} 1\n\
                    node_processes_state{state=\"S\"} 2\nnode_processes_pids 3\nnode_processes_max_processes 32768\n";
    assert_eq!(pass_of(&mut tree.host_with(config), NOW_MS), (expected.to_owned(), Some(1.0)));
    tree.file("proc/11/stat", "11 (x) S").check_bad("processes", "");
}

/// The lines of our own metrics.
fn top(host: &mut crate::Host, now_ms: i64) -> String {
    let (text, success) = pass_of(host, now_ms);
    assert_eq!(success, Some(1.0));
    text.lines()
        .filter_map(|line| line.strip_prefix("orszem_host_process_"))
        .map(|line| line.to_owned() + "\n")
        .collect()
}

#[test]
fn top_processes_go_on_counting_when_one_ends() {
    let page = rustix::param::page_size();
    let io = |read: u32| format!("rchar: 1\nread_bytes: {read}\nwrite_bytes: 50\ncancelled_write_bytes: 0\n");
    let tree = limits();
    for (pid, ticks) in [(10, 100), (11, 300)] {
        tree.write(&format!("proc/{pid}/stat"), stat(pid, "db", 'S', 0, ticks, [2, 7, 10]));
        tree.write(&format!("proc/{pid}/io"), io(1000));
        tree.write(&format!("proc/{pid}/cgroup"), "0::/system.slice/db.service\n");
    }
    tree.write("proc/12/stat", stat(12, "kworker/0:1-x", 'I', 0x0020_0000, 50, [1, 9, 0]));
    let mut host = tree.host(&["processes"]);
    let db = r#"{comm="db",unit="db.service"}"#;
    let kernel = "cpu_seconds_total{comm=\"kworker\",unit=\"\"} 0.5\nresident_memory_bytes{comm=\"kworker\",unit=\"\"} 0\n\
                  count{comm=\"kworker\",unit=\"\"} 1\nthreads{comm=\"kworker\",unit=\"\"} 1\n";
    let expected = |cpu: f64, memory: usize, read: u32, written: u32, count: u32| {
        format!(
            "cpu_seconds_total{db} {cpu}\nresident_memory_bytes{db} {memory}\nread_bytes_total{db} {read}\n\
             written_bytes_total{db} {written}\ncount{db} {count}\nthreads{db} {}\n{kernel}",
            count * 2
        )
    };
    assert_eq!(top(&mut host, NOW_MS), expected(4.0, 20 * page, 2000, 100, 2));
    // One ends; the other goes on.
    tree.remove("proc/11");
    tree.write("proc/10/stat", stat(10, "db", 'R', 0, 250, [2, 7, 10]));
    tree.write("proc/10/io", io(1500));
    let kernel_idle = kernel.to_owned();
    let second = top(&mut host, NOW_MS + 15_000);
    assert_eq!(second, expected(5.5, 10 * page, 2500, 100, 1).replace(&kernel_idle, ""), "the kernel's used nothing");
    // Its number is given to another.
    tree.write("proc/10/stat", stat(10, "db", 'R', 0, 25, [2, 99, 10]));
    let third = top(&mut host, NOW_MS + 30_000);
    assert_eq!(third, expected(5.75, 10 * page, 4000, 150, 1).replace(&kernel_idle, ""));
}

#[test]
fn cgroup() {
    let at = "sys/fs/cgroup/system.slice/db.service";
    let tree = Tree::new()
        .file("sys/fs/cgroup/cgroup.controllers", "cpu memory io pids\n")
        .file(&format!("{at}/cpu.stat"), "usage_usec 2500000\nuser_usec 1\nthrottled_usec 500000\n")
        .file(&format!("{at}/memory.current"), "4096\n")
        .file(&format!("{at}/memory.max"), "max\n")
        .file(&format!("{at}/pids.max"), "100\n")
        .file(&format!("{at}/memory.events"), "low 0\noom 2\noom_kill 1\noom_group_kill 0\n")
        .file(
            &format!("{at}/io.stat"),
            "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n8:16 rbytes=10 wbytes=20 rios=30 wios=40\n",
        )
        .file(&format!("{at}/cpu.pressure"), "some avg10=0.00 total=1500000\nfull avg10=0.00 total=250000\n")
        .file("sys/fs/cgroup/system.slice/system-getty.slice/getty@tty1.service/pids.current", "1\n")
        .file("sys/fs/cgroup/system.slice/x.socket/pids.current", "1\n");
    let at = format!("{at}/cpu.stat");
    let unit = r#"{unit="db.service"}"#;
    let getty = "orszem_host_cgroup_tasks{unit=\"getty@tty1.service\"} 1\n";
    let expected = format!(
        "orszem_host_cgroup_cpu_seconds_total{unit} 2.5\norszem_host_cgroup_cpu_throttled_seconds_total{unit} 0.5\n\
         orszem_host_cgroup_memory_bytes{unit} 4096\norszem_host_cgroup_tasks_max{unit} 100\n\
         orszem_host_cgroup_oom_kills_total{unit} 1\norszem_host_cgroup_io_read_bytes_total{unit} 11\n\
         orszem_host_cgroup_io_written_bytes_total{unit} 22\norszem_host_cgroup_io_reads_total{unit} 33\n\
         orszem_host_cgroup_io_writes_total{unit} 44\n\
         orszem_host_cgroup_pressure_waiting_seconds_total{{unit=\"db.service\",resource=\"cpu\"}} 1.5\n\
         orszem_host_cgroup_pressure_stalled_seconds_total{{unit=\"db.service\",resource=\"cpu\"}} 0.25\n{getty}"
    );
    tree.check("cgroup", &expected);
    tree.file(&at, "usage_usec lots\n").check_bad("cgroup", "");
    Tree::new().check_bad("cgroup", "");
}

#[test]
fn textfile() {
    let tree = Tree::new()
        .file("var/metrics/a.prom", "# HELP job_seconds How long.\n# TYPE job_seconds histogram\njob_seconds_bucket{le=\"1\"} 2\njob_seconds_bucket{le=\"+Inf\"} 3\njob_seconds_sum 4\njob_seconds_count 3\nup{b=\"x\",a=\"y\\\"z\"} 1\n")
        .file("var/metrics/other.txt", "no metrics\n");
    let path = format!("{}/var/metrics/a.prom", tree.path());
    let run = |tree: &Tree| {
        let collectors = vec!["textfile".into()];
        let config = HostConfig { textfile_directory: "/var/metrics".into(), collectors, ..HostConfig::default() };
        pass_of(&mut tree.host_with(config), NOW_MS)
    };
    let (text, success) = run(&tree);
    let samples = "job_seconds_bucket{le=\"1.0\"} 2\njob_seconds_bucket{le=\"+Inf\"} 3\njob_seconds_sum 4\njob_seconds_count 3\nup{a=\"y\\\"z\",b=\"x\"} 1\n";
    let mtime = text
        .strip_prefix(samples)
        .and_then(|rest| rest.strip_prefix(&format!("node_textfile_mtime_seconds{{file=\"{path}\"}} ")));
    let mtime = mtime.and_then(|rest| rest.strip_suffix("\nnode_textfile_scrape_error 0\n"));
    assert!(mtime.is_some_and(|mtime| mtime.parse::<f64>().is_ok_and(|mtime| mtime > 1.7e9)), "{text}");
    assert_eq!(success, Some(1.0));
    for bad in ["up 1 1767323045500\n", "up{ 1\n", "fine 1\nup one\n", "a{b=\"1\",b=\"2\"} 1\n"] {
        tree.write("var/metrics/a.prom", bad);
        assert_eq!(run(&tree), ("node_textfile_scrape_error 1\n".to_owned(), Some(0.0)), "{bad}");
    }
    let nothing = Tree::new();
    assert_eq!(run(&nothing), ("node_textfile_scrape_error 1\n".to_owned(), Some(0.0)));
    nothing.check("textfile", "node_textfile_scrape_error 0\n");
}
