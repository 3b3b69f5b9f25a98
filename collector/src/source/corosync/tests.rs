use std::path::Path;

use orszem_model::Observation;

use super::*;
use crate::source::poller::testing::{next_notice, next_seen, script, until, ways};

fn quorum(is_quorate: bool) -> String {
    let (yes, code) = if is_quorate { ("Yes", 0) } else { ("No", 2) };
    format!(
        "cat <<'END'
Quorum information
------------------
Date:             Sun Nov 22 01:41:27 2026
Quorum provider:  corosync_votequorum
Nodes:            2
Node ID:          1
Ring ID:          1.9
Quorate:          {yes}

Votequorum information
----------------------
Expected votes:   2
Highest expected: 2
Total votes:      2
Quorum:           2
Flags:            Quorate

Membership information
----------------------
    Nodeid      Votes Name
         1          1 n1 (local)
         2          1 n2
END
exit {code}"
    )
}

const LINKS: &str = "cat <<'END'
Local node ID 1, transport knet
LINK ID 0 udp
\taddr\t= 10.0.0.1
\tstatus:
\t\tnodeid:          1:\tlocalhost
\t\tnodeid:          2:\tconnected
END";

const MAP: &str = "case \"$1\" in
-m) echo 'stats.knet.node2.link0.latency_ave (u32) = 250';;
*) cat <<'END'
nodelist.node.0.name (str) = n1
nodelist.node.0.nodeid (u32) = 1
nodelist.node.1.name (str) = n2
nodelist.node.1.nodeid (u32) = 2
totem.cluster_name (str) = prod
END
;;
esac";

fn config(directory: &Path) -> CorosyncConfig {
    CorosyncConfig {
        reporter: "n1".to_owned(),
        quorumtool: script(directory, "quorumtool", &quorum(true)),
        cfgtool: script(directory, "cfgtool", LINKS),
        cmapctl: script(directory, "cmapctl", MAP),
        qdevice_tool: "/nonexistent/qdevice".to_owned(),
        interval: Duration::from_millis(50),
        timeout: Duration::from_secs(60),
        is_required: true,
    }
}

#[test]
fn quorum_and_links_are_told_and_their_changes() {
    let directory = tempfile::tempdir().expect("a directory");
    let (ways, items) = ways();
    let _poller = start(config(directory.path()), &ways).expect("starts");
    let (first, second) = (next_seen(&items), next_seen(&items));
    assert!(
        first.is_initial
            && matches!(&first.observation, Observation::QuorumState(it) if it.is_quorate && it.members == ["n1", "n2"])
    );
    assert!(matches!(&second.observation, Observation::LinkState(it) if it.peer == "n2" && it.is_connected));
    assert_eq!(ways.latest.cluster(), "prod");
    script(directory.path(), "cfgtool", &LINKS.replace("connected", "disconnected"));
    let down = next_seen(&items);
    assert!(!down.is_initial && matches!(&down.observation, Observation::LinkState(it) if !it.is_connected));
    script(directory.path(), "quorumtool", &quorum(false));
    let lost = next_seen(&items);
    assert!(matches!(&lost.observation, Observation::QuorumState(it) if !it.is_quorate), "{lost:?}");
    let measured = ways.latest.measured();
    assert!(measured.iter().any(|(part, it)| *part == Part::Corosync && it.is_well && it.samples.len() > 5));
}

#[test]
fn what_does_not_run_is_told_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let (ways, items) = ways();
    let config = config(directory.path());
    script(directory.path(), "quorumtool", "echo 'Cannot initialize CMAP service' >&2; exit 1");
    let _poller = start(config, &ways).expect("starts");
    let told = next_notice(&items);
    assert!(told.contains("corosync does not run here: Cannot initialize CMAP service"), "{told}");
    until("it asks again", || ways.counters.values().cluster_polls_failed > 2);
    script(directory.path(), "quorumtool", &quorum(true));
    assert!(next_seen(&items).is_initial, "nothing was told in between");
}

#[test]
fn tools_that_are_missing_or_hang_take_nothing_from_the_others() {
    let directory = tempfile::tempdir().expect("a directory");
    let (ways, items) = ways();
    let mut config = config(directory.path());
    config.timeout = Duration::from_secs(1);
    config.cfgtool = "/nonexistent/cfgtool".to_owned();
    script(directory.path(), "cmapctl", "sleep 1000");
    let _poller = start(config, &ways).expect("starts");
    assert!(matches!(next_seen(&items).observation, Observation::QuorumState(_)));
    assert_eq!(ways.counters.values().cluster_polls_killed, 2);
}
