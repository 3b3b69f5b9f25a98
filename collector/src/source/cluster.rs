//! All that is asked of the cluster that this host is a node of.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use super::corosync::{self, CorosyncConfig};
use super::drbd::{self, DrbdConfig};
use super::pacemaker::{self, PacemakerConfig};
use super::poller::{Item, Poller, Ways};
use crate::ClusterConfig;
use crate::cluster::latest::{Latest, Part};
use crate::counters::Counters;

/// Observations that wait for the batch; while there are so many, the pollers wait.
const ITEMS_MAX: usize = 1_024;

/// The pollers, and what they tell.
#[derive(Debug)]
pub(crate) struct Cluster {
    reporter: String,
    pacemaker: Option<Poller<PacemakerConfig>>,
    corosync: Option<Poller<CorosyncConfig>>,
    drbd: Option<Poller<DrbdConfig>>,
    items: Receiver<Item>,
    held: Option<Item>,
    ways: Ways,
}

impl Cluster {
    /// Nothing is asked yet.
    pub(crate) fn new(latest: Latest, counters: Arc<Counters>) -> Self {
        let (sender, items) = sync_channel(ITEMS_MAX);
        let ways = Ways { items: sender, latest, counters };
        Self { reporter: String::new(), pacemaker: None, corosync: None, drbd: None, items, held: None, ways }
    }

    /// Asks what the configuration says from now on; what is the same keeps running. `reporter` is this host's name.
    pub(crate) fn follow(&mut self, config: &ClusterConfig, reporter: &str) -> io::Result<()> {
        reporter.clone_into(&mut self.reporter);
        let Self { pacemaker, corosync, drbd, ways, .. } = self;
        change(pacemaker, config.pacemaker(reporter), Part::Pacemaker, ways, pacemaker::start)?;
        change(corosync, config.corosync(reporter), Part::Corosync, ways, corosync::start)?;
        change(drbd, config.drbd(reporter), Part::Drbd, ways, drbd::start)
    }

    /// Something happens: Pacemaker and corosync are asked soon, and not only when it is their turn.
    pub(crate) fn hurry(&self) {
        self.pacemaker.iter().for_each(Poller::hurry);
        self.corosync.iter().for_each(Poller::hurry);
    }

    /// This host's name.
    pub(crate) fn reporter(&self) -> &str {
        &self.reporter
    }

    /// The next of what is told, if there is any.
    pub(crate) fn next(&mut self) -> Option<Item> {
        self.held.take().or_else(|| self.items.try_recv().ok())
    }

    /// Puts back what [`Self::next`] gave.
    pub(crate) fn hold(&mut self, item: Item) {
        self.held = Some(item);
    }
}

fn change<C: PartialEq>(
    running: &mut Option<Poller<C>>,
    wanted: Option<C>,
    part: Part,
    ways: &Ways,
    start: impl Fn(C, &Ways) -> io::Result<Poller<C>>,
) -> io::Result<()> {
    if running.as_ref().map(|poller| &poller.config) == wanted.as_ref() {
        return Ok(());
    }
    *running = None;
    ways.latest.forget_measured(part);
    *running = wanted.map(|config| start(config, ways)).transpose()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use orszem_model::Span;

    use super::*;
    use crate::source::poller::testing::{script, until};
    use crate::{ClusterCommands, ClusterMode};

    #[test]
    fn a_reload_keeps_what_is_the_same_and_ends_what_is_off() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        fs::write(path("proc_drbd"), "version: 9.2.9\n").expect("writes");
        let text =
            format!("test $1 = events2 || exit 1\necho $$ >> {}\ncat >/dev/null\nexit 0", path("started").display());
        let missing = || "/nonexistent".to_owned();
        let commands = ClusterCommands {
            crm_mon: missing(),
            corosync_quorumtool: missing(),
            drbdsetup: script(directory.path(), "drbdsetup", &text),
            proc_drbd: path("proc_drbd"),
            ..ClusterCommands::default()
        };
        let mut config = ClusterConfig { commands, ..ClusterConfig::default() };
        let started = || fs::read_to_string(path("started")).unwrap_or_default().lines().count();
        let mut cluster = Cluster::new(Latest::default(), Arc::default());
        cluster.follow(&config, "n1").expect("starts");
        until("it runs", || started() == 1);
        config.pacemaker_interval = Span::secs(7);
        cluster.follow(&config, "n1").expect("goes on");
        config.drbd_interval = Span::secs(7);
        cluster.follow(&config, "n1").expect("goes on");
        until("another runs", || started() == 2);
        let pids = fs::read_to_string(path("started")).expect("reads");
        let is_running = |at: usize| {
            let stat = pids.lines().nth(at).map(|pid| fs::read_to_string(format!("/proc/{pid}/stat")));
            stat.is_some_and(|stat| stat.is_ok_and(|stat| !stat.contains(") Z")))
        };
        until("the first is ended", || !is_running(0));
        assert!(is_running(1));
        config.enabled = ClusterMode::Off;
        cluster.follow(&config, "n1").expect("goes on");
        until("all are ended", || !is_running(1));
        assert_eq!((started(), cluster.drbd.is_some()), (2, false));
    }
}
