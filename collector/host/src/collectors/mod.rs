//! The collectors, one a file, and the table of all.

mod arp;
mod bonding;
mod cgroup;
mod conntrack;
mod cpu;
mod cpufreq;
mod diskstats;
mod edac;
mod entropy;
mod filefd;
mod filesystem;
mod hwmon;
mod loadavg;
mod mdadm;
mod meminfo;
mod mounts;
mod netclass;
mod netdev;
mod netstat;
mod os;
mod pressure;
mod processes;
mod sockstat;
mod softnet;
mod stat;
mod swap;
mod textfile;
mod thermal_zone;
mod time;
mod timex;
mod top;
mod udev;
mod udp_queues;
mod uname;
mod vmstat;

use crate::error::CollectError;
use crate::pass::Pass;

/// One that keeps something from pass to pass.
pub(crate) trait Collect: Send {
    fn collect(&mut self, pass: &mut Pass<'_>) -> Result<(), CollectError>;
}

type Plain = fn(&mut Pass<'_>) -> Result<(), CollectError>;
type Kept = fn() -> Box<dyn Collect>;

/// A source of metrics that can be turned on and off by its name.
#[derive(Clone, Copy, Debug)]
pub struct Collector {
    name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Plain(Plain),
    Kept(Kept),
}

impl Collector {
    /// Its name in the configuration and in the label `collector`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }
}

const fn plain(name: &'static str, run: Plain) -> Collector {
    Collector { name, kind: Kind::Plain(run) }
}

const fn kept(name: &'static str, make: Kept) -> Collector {
    Collector { name, kind: Kind::Kept(make) }
}

/// All collectors, in the order in which they run. Those that node_exporter has too are called as there.
pub const COLLECTORS: &[Collector] = &[
    kept("cpu", || Box::new(cpu::Cpu::default())),
    plain("cpufreq", cpufreq::collect),
    plain("stat", stat::collect),
    plain("loadavg", loadavg::collect),
    plain("meminfo", meminfo::collect),
    plain("swap", swap::collect),
    plain("vmstat", vmstat::collect),
    plain("pressure", pressure::collect),
    plain("diskstats", diskstats::collect),
    kept("filesystem", || Box::new(filesystem::Filesystem::default())),
    plain("mdadm", mdadm::collect),
    plain("netdev", netdev::collect),
    plain("netclass", netclass::collect),
    plain("bonding", bonding::collect),
    plain("netstat", netstat::collect),
    plain("sockstat", sockstat::collect),
    plain("softnet", softnet::collect),
    plain("udp_queues", udp_queues::collect),
    plain("arp", arp::collect),
    plain("conntrack", conntrack::collect),
    plain("filefd", filefd::collect),
    plain("entropy", entropy::collect),
    plain("time", time::collect),
    plain("timex", timex::collect),
    plain("uname", uname::collect),
    plain("os", os::collect),
    plain("hwmon", hwmon::collect),
    plain("thermal_zone", thermal_zone::collect),
    plain("edac", edac::collect),
    kept("processes", || Box::new(processes::Processes::default())),
    plain("cgroup", cgroup::collect),
    plain("textfile", textfile::collect),
];
