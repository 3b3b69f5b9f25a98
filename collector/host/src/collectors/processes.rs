//! Processes and threads by state, with the limits, from `/proc/<pid>`.

use std::collections::BTreeMap;

use super::Collect;
use super::top::Top;
use crate::error::CollectError;
use crate::family::Family;
use crate::files::{garbled, names};
use crate::pass::Pass;

const THREADS: Family<'static> = Family::gauge("node_processes_threads", "Allocated threads in system");
const MAX_THREADS: Family<'static> = Family::gauge("node_processes_max_threads", "Limit of threads in the system");
const STATE: Family<'static> = Family::gauge("node_processes_state", "Number of processes in each state.");
const PIDS: Family<'static> = Family::gauge("node_processes_pids", "Number of PIDs");
const MAX_PIDS: Family<'static> = Family::gauge("node_processes_max_processes", "Number of max PIDs limit");

/// `PF_KTHREAD` of the kernel's `include/linux/sched.h`.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// What is kept for the groups of processes that use the most.
#[derive(Debug, Default)]
pub(super) struct Processes {
    top: Top,
}

/// `/proc/<pid>/stat`; see proc_pid_stat(5).
#[derive(Debug, PartialEq)]
pub(super) struct Stat<'t> {
    pub(super) comm: &'t str,
    pub(super) state: &'t str,
    pub(super) is_kernel: bool,
    /// User and system time in ticks of 10 ms.
    pub(super) ticks: u64,
    pub(super) threads: u64,
    /// Ticks since boot; with the pid it names the process for all time.
    pub(super) start: u64,
    pub(super) resident_pages: u64,
}

impl Collect for Processes {
    fn collect(&mut self, pass: &mut Pass<'_>) -> Result<(), CollectError> {
        let root = pass.files.proc("");
        let mut states = BTreeMap::<String, u32>::new();
        let (mut pids, mut threads) = (0_u32, 0_u64);
        let mut page = crate::files::Page::default();
        self.top.begin(pass.now_ms);
        for name in names(&root)? {
            let Ok(pid) = name.parse::<u32>() else { continue };
            let path = root.join(&name).join("stat");
            // It may have ended since.
            let Some(text) = page.read_if_there(&path)? else { continue };
            let stat = stat(text).ok_or_else(|| garbled(&path, format!("no process: {text:?}")))?;
            pids += 1;
            threads += stat.threads;
            match states.get_mut(stat.state) {
                Some(count) => *count += 1,
                None => drop(states.insert(stat.state.to_owned(), 1)),
            }
            if pass.config.top_processes > 0 {
                self.top.observe(pass, pid, &stat);
            }
        }
        pass.sink.put(&THREADS, &[], threads as f64);
        let limit = pass.page.number(&pass.files.proc("sys/kernel/threads-max"))?;
        pass.sink.put(&MAX_THREADS, &[], limit);
        for (state, count) in &states {
            pass.sink.put(&STATE, &[("state", state)], f64::from(*count));
        }
        let limit = pass.page.number(&pass.files.proc("sys/kernel/pid_max"))?;
        pass.sink.put(&PIDS, &[], f64::from(pids));
        pass.sink.put(&MAX_PIDS, &[], limit);
        self.top.put(pass.sink, pass.config.top_processes);
        Ok(())
    }
}

/// `12 (a name) S 1 …`: the name may have spaces and brackets.
fn stat(text: &str) -> Option<Stat<'_>> {
    let (_, rest) = text.split_once('(')?;
    let (comm, rest) = rest.rsplit_once(')')?;
    let mut words = rest.split_ascii_whitespace();
    let state = words.next()?;
    // From here on the words are counted from `ppid`, the first number.
    let mut numbers = [0_u64; 21];
    for place in &mut numbers {
        let word = words.next()?;
        *place = word.parse().ok().or_else(|| word.parse::<i64>().is_ok().then_some(0))?;
    }
    let [_, _, _, _, _, flags, _, _, _, _, user, system, _, _, _, _, threads, _, start, _, resident_pages] = numbers;
    Some(Stat {
        comm,
        state,
        is_kernel: flags & KERNEL_THREAD != 0,
        ticks: user.saturating_add(system),
        threads,
        start,
        resident_pages,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets() {
        let line =
            "71 (tmux: (x) S) R 1 71 71 0 -1 4194560 9 8 7 6 150 50 0 0 20 0 3 0 12345 4096 77 18446744073709551615";
        let expected = Stat {
            comm: "tmux: (x) S",
            state: "R",
            is_kernel: false,
            ticks: 200,
            threads: 3,
            start: 12345,
            resident_pages: 77,
        };
        assert_eq!(stat(line), Some(expected));
        for bad in ["", "71", "71 (a", "71 (a) S", "71 (a) S 1 2 3", &line.replace("12345", "x")] {
            assert_eq!(stat(bad), None, "{bad}");
        }
    }
}
