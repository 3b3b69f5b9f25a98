//! A group of processes, and which groups are shown.

use std::collections::BTreeMap;

use super::{COUNT, CPU, FDS, READ, RESIDENT, THREADS, WRITTEN};
use crate::collectors::processes::Stat;
use crate::family::Sink;
use crate::pass::Pass;

/// What makes the rank follow the use: an average over about so long.
const RANK_MS: f64 = 600_000.0;
/// One that is shown is left only for another with so many times its use.
const LEAD: f64 = 1.25;
const TICKS_PER_SECOND: f64 = 100.0;
/// Container ids in names of scopes are cut to so many digits, as their tools print them.
const ID_DIGITS: usize = 12;

/// The name of the program and the systemd unit that it runs in, empty for kernel threads and without systemd.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) comm: String,
    pub(super) unit: String,
}

/// What its processes use and used.
#[derive(Debug, Default)]
pub(super) struct Group {
    cpu_seconds: f64,
    read_bytes: f64,
    written_bytes: f64,
    has_io: bool,
    resident_bytes: f64,
    fds: Option<f64>,
    processes: f64,
    threads: f64,
    /// Since the pass began.
    new_cpu: f64,
    new_io: f64,
    /// Averages for the rank, per second.
    cpu_rate: f64,
    io_rate: f64,
    is_ranked: bool,
    pub(super) is_shown: bool,
    pub(super) last_ms: i64,
}

impl Key {
    /// Whether the process still has this name.
    pub(super) fn is_of(&self, stat: &Stat<'_>) -> bool {
        self.comm == name(stat)
    }

    pub(super) fn read(pass: &mut Pass<'_>, pid: u32, stat: &Stat<'_>) -> Self {
        let comm = name(stat).to_owned();
        if stat.is_kernel {
            return Self { comm, unit: String::new() };
        }
        let path = pass.files.proc(&pid.to_string()).join("cgroup");
        let unit = pass.page.attribute(&path).map(unit).unwrap_or_default();
        Self { comm, unit }
    }
}

/// The name of the program; kernel threads lose the CPU and the work: `kworker/3:1-events` is `kworker`.
fn name<'t>(stat: &Stat<'t>) -> &'t str {
    if stat.is_kernel { stat.comm.split(['/', ':']).next().unwrap_or(stat.comm) } else { stat.comm }
}

/// The innermost unit of `/proc/<pid>/cgroup`; of a session its user's slice, since sessions are numbered on and on.
fn unit(text: &str) -> String {
    let path = |start: &str| text.lines().find_map(|line| line.split_once(start).map(|(_, path)| path));
    let path = path("0::/").filter(|path| !path.is_empty()).or_else(|| path(":name=systemd:/")).unwrap_or_default();
    let is_unit = |name: &&str| [".service", ".scope", ".slice"].iter().any(|kind| name.ends_with(kind));
    let is_session = |name: &&str| name.starts_with("session-") || name.starts_with("run-");
    let unit = path.rsplit('/').filter(is_unit).find(|name| !is_session(name)).unwrap_or_default();
    shorten(unit)
}

/// `docker-0123456789abcdef….scope` is `docker-0123456789ab.scope`.
fn shorten(unit: &str) -> String {
    let parts = unit.rsplit_once('.').and_then(|(stem, kind)| Some((stem.rsplit_once('-')?, kind)));
    match parts {
        Some(((name, id), kind)) if id.len() >= 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            let id: String = id.chars().take(ID_DIGITS).collect();
            format!("{name}-{id}.{kind}")
        }
        _ => unit.to_owned(),
    }
}

impl Group {
    pub(super) fn begin(&mut self) {
        (self.resident_bytes, self.fds, self.processes, self.threads) = (0.0, None, 0.0, 0.0);
        (self.new_cpu, self.new_io) = (0.0, 0.0);
    }

    pub(super) fn add(&mut self, stat: &Stat<'_>, ticks: u64, io: Option<(f64, f64)>, fds: Option<f64>) {
        let seconds = ticks as f64 / TICKS_PER_SECOND;
        self.cpu_seconds += seconds;
        self.new_cpu += seconds;
        if let Some((read, written)) = io {
            self.has_io = true;
            self.read_bytes += read;
            self.written_bytes += written;
            self.new_io += read + written;
        }
        if let Some(fds) = fds {
            *self.fds.get_or_insert(0.0) += fds;
        }
        self.resident_bytes += stat.resident_pages as f64 * rustix::param::page_size() as f64;
        self.processes += 1.0;
        self.threads += stat.threads as f64;
    }

    /// Takes the pass into the averages. In the first pass of all, what was used until then stands for a rate.
    pub(super) fn end(&mut self, now_ms: i64, elapsed_ms: i64) {
        if self.processes > 0.0 {
            self.last_ms = now_ms;
        }
        let elapsed = elapsed_ms as f64;
        if elapsed <= 0.0 {
            (self.cpu_rate, self.io_rate) = (self.new_cpu, self.new_io);
            return;
        }
        let (cpu, io) = (self.new_cpu * 1000.0 / elapsed, self.new_io * 1000.0 / elapsed);
        // The first rate counts whole, since there is none before it.
        let weight = if self.is_ranked { 1.0 - (-elapsed / RANK_MS).exp() } else { 1.0 };
        self.cpu_rate += weight * (cpu - self.cpu_rate);
        self.io_rate += weight * (io - self.io_rate);
        self.is_ranked = true;
    }

    pub(super) fn put(&self, sink: &mut dyn Sink, labels: &[(&str, &str)]) {
        sink.put(&CPU, labels, self.cpu_seconds);
        sink.put(&RESIDENT, labels, self.resident_bytes);
        if self.has_io {
            sink.put(&READ, labels, self.read_bytes);
            sink.put(&WRITTEN, labels, self.written_bytes);
        }
        if let Some(fds) = self.fds {
            sink.put(&FDS, labels, fds);
        }
        sink.put(&COUNT, labels, self.processes);
        sink.put(&THREADS, labels, self.threads);
    }
}

/// Marks the groups to show: the `count` first by each of the four measures.
pub(super) fn choose(groups: &mut BTreeMap<Key, Group>, count: usize) {
    let measures: [fn(&Group) -> f64; 4] = [
        |group| group.cpu_rate,
        |group| group.resident_bytes,
        |group| group.io_rate,
        |group| group.fds.unwrap_or_default(),
    ];
    let mut ranked: Vec<_> = groups.values_mut().map(|group| (group.is_shown, group)).collect();
    ranked.iter_mut().for_each(|(_, group)| group.is_shown = false);
    for measure in measures {
        let rank = |was_shown: bool, group: &Group| measure(group) * if was_shown { LEAD } else { 1.0 };
        let mut places: Vec<_> = (0..ranked.len()).map(|at| (rank(ranked[at].0, ranked[at].1), at)).collect();
        places.retain(|(rank, _)| *rank > 0.0);
        places.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for (_, at) in places.into_iter().take(count) {
            ranked[at].1.is_shown = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_cgroups() {
        let cases = [
            ("0::/system.slice/nginx.service", "nginx.service"),
            ("0::/user.slice/user-1000.slice/session-4.scope", "user-1000.slice"),
            ("0::/user.slice/user-0.slice/user@0.service/app.slice/a.service", "a.service"),
            ("12:cpu:/x\n1:name=systemd:/system.slice/sshd.service\n0::/", "sshd.service"),
            (&format!("0::/system.slice/docker-{}.scope", "0a".repeat(32)), "docker-0a0a0a0a0a0a.scope"),
            ("0::/", ""),
            ("0::/kubepods/pod7", ""),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(unit(text), expected, "{text}");
        }
    }

    #[test]
    fn one_that_is_shown_stays_until_another_is_clearly_ahead() {
        let named = |comm: &str| Key { comm: comm.to_owned(), unit: String::new() };
        let using = |cpu_rate| Group { cpu_rate, ..Group::default() };
        let mut groups = BTreeMap::from([(named("a"), using(1.0)), (named("b"), using(2.0)), (named("c"), using(0.0))]);
        let shown = |groups: &BTreeMap<Key, Group>| {
            groups.iter().filter(|(_, group)| group.is_shown).map(|(key, _)| key.comm.clone()).collect::<String>()
        };
        for (rate, expected) in [(1.0, "b"), (2.2, "b"), (2.6, "a"), (1.9, "a"), (1.0, "b")] {
            groups.get_mut(&named("a")).expect("there").cpu_rate = rate;
            choose(&mut groups, 1);
            assert_eq!(shown(&groups), expected, "{rate}");
        }
        choose(&mut groups, 5);
        assert_eq!(shown(&groups), "ab", "what uses nothing is not shown");
        choose(&mut groups, 0);
        assert_eq!(shown(&groups), "");
    }
}
