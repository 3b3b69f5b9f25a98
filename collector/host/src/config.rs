//! What is measured of this host, and where its files are.

use std::path::PathBuf;
use std::time::Duration;

use orszem_transform::Wrong;
use serde::{Deserialize, Serialize};

use crate::collectors::COLLECTORS;
use crate::filters;

/// The most groups of processes that may be named by each of the four measures.
const TOP_PROCESSES_MAX: usize = 100;
/// The longest patience with a file system.
const MOUNT_TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// Which collectors run, and what they leave out. The regular expressions are node_exporter's flags of the same
/// names, with its defaults; an empty one matches nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostConfig {
    /// The collectors to run; empty: all. What is named here is expected to be there: if not, that is logged.
    pub collectors: Vec<String>,
    /// Collectors not to run.
    pub collectors_exclude: Vec<String>,
    /// Mount points that `filesystem` leaves out.
    pub mount_points_exclude: String,
    /// Types of file systems that `filesystem` leaves out.
    pub fs_types_exclude: String,
    /// Whether file systems of the network are measured too. A dead one never stops the others.
    pub network_filesystems: bool,
    /// How long a file system may take to tell its size, in milliseconds.
    pub mount_timeout_ms: u64,
    /// Block devices that `diskstats` leaves out.
    pub disks_exclude: String,
    /// Interfaces that `netdev` leaves out.
    pub netdev_exclude: String,
    /// Interfaces that `netclass` leaves out.
    pub netclass_exclude: String,
    /// Fields of `netstat`, with their protocol before: `Tcp_InSegs`.
    pub netstat_fields: String,
    /// Fields of `/proc/vmstat`.
    pub vmstat_fields: String,
    /// How many groups of processes are named by each of CPU, memory, I/O and open files; 0 turns them off.
    pub top_processes: usize,
    /// Directory of `*.prom` files, whose metrics are passed on; empty: none.
    pub textfile_directory: String,
    /// Where the host's file systems are mounted.
    pub paths: Paths,
}

/// The roots of the host; in a container they are mounted elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Paths {
    pub procfs: PathBuf,
    pub sysfs: PathBuf,
    pub rootfs: PathBuf,
}

impl Default for Paths {
    fn default() -> Self {
        Self { procfs: "/proc".into(), sysfs: "/sys".into(), rootfs: "/".into() }
    }
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            collectors: Vec::new(),
            collectors_exclude: Vec::new(),
            mount_points_exclude:
                "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)".into(),
            fs_types_exclude: concat!(
                "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|",
                "nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$"
            )
            .into(),
            network_filesystems: false,
            mount_timeout_ms: 2000,
            disks_exclude: r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$".into(),
            netdev_exclude: String::new(),
            netclass_exclude: String::new(),
            netstat_fields: concat!(
                r"^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|",
                r"TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts)|",
                r"Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|",
                r"Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$"
            )
            .into(),
            vmstat_fields: "^(oom_kill|pgpg|pswp|pg.*fault).*".into(),
            top_processes: 10,
            textfile_directory: String::new(),
            paths: Paths::default(),
        }
    }
}

impl HostConfig {
    /// All that is wrong, keys counted from this section on.
    pub fn validate(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let named = [("collectors", &self.collectors), ("collectors_exclude", &self.collectors_exclude)];
        for (key, names) in named {
            let unknown =
                names.iter().enumerate().filter(|(_, name)| COLLECTORS.iter().all(|known| known.name() != **name));
            wrong.extend(unknown.map(|(at, name)| {
                let known: Vec<_> = COLLECTORS.iter().map(|known| known.name()).collect();
                let remedy = format!("write one of: {}", known.join(", "));
                Wrong::new(format!("{key}[{at}]"), format!("{name:?}"), "is no collector", remedy)
            }));
        }
        wrong.extend(self.expressions().into_iter().filter_map(|(key, pattern)| wrong_expression(key, pattern)));
        if self.top_processes > TOP_PROCESSES_MAX {
            let remedy = format!("write at most {TOP_PROCESSES_MAX}: each is a set of series");
            wrong.push(Wrong::new("top_processes", self.top_processes, "is too many", remedy));
        }
        let longest = MOUNT_TIMEOUT_MAX.as_millis();
        if self.mount_timeout_ms == 0 || u128::from(self.mount_timeout_ms) > longest {
            let remedy = format!("write 1 to {longest} milliseconds");
            wrong.push(Wrong::new("mount_timeout_ms", self.mount_timeout_ms, "is no usable patience", remedy));
        }
        let Paths { procfs, sysfs, rootfs } = &self.paths;
        let paths = [("paths.procfs", procfs), ("paths.sysfs", sysfs), ("paths.rootfs", rootfs)];
        wrong.extend(paths.into_iter().filter(|(_, path)| !path.is_absolute()).map(|(key, path)| {
            Wrong::new(key, format!("{:?}", path.display()), "is not an absolute path", "begin the path with `/`")
        }));
        if !self.textfile_directory.is_empty() && !self.textfile_directory.starts_with('/') {
            let value = format!("{:?}", self.textfile_directory);
            wrong.push(Wrong::new("textfile_directory", value, "is not an absolute path", "begin the path with `/`"));
        }
        wrong
    }

    fn expressions(&self) -> [(&'static str, &str); 7] {
        [
            ("mount_points_exclude", &self.mount_points_exclude),
            ("fs_types_exclude", &self.fs_types_exclude),
            ("disks_exclude", &self.disks_exclude),
            ("netdev_exclude", &self.netdev_exclude),
            ("netclass_exclude", &self.netclass_exclude),
            ("netstat_fields", &self.netstat_fields),
            ("vmstat_fields", &self.vmstat_fields),
        ]
    }
}

fn wrong_expression(key: &str, pattern: &str) -> Option<Wrong> {
    let error = filters::compile(pattern).err()?;
    let told = error.to_string();
    let cause = told.lines().last().unwrap_or_default().trim().trim_start_matches("error: ");
    let remedy = "write it in RE2 syntax, without look-around";
    Some(Wrong::new(key, format!("{pattern:?}"), format!("is no regular expression: {cause}"), remedy))
}
