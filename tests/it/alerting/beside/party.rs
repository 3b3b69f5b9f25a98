//! The two that are compared, with the same route, receiver and inhibition.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::alerting::sink::Sink;
use crate::alerting::{Listening, Waits, start_waiting};
use crate::program::Server;
use crate::torture::client::request;

/// An Alertmanager serves within this time.
const SERVES_WITHIN: Duration = Duration::from_secs(60);

/// One of the two.
pub(super) enum Party {
    Orszem,
    /// The program of this path.
    Alertmanager(PathBuf),
}

/// One of them, running.
pub(super) enum Running {
    Orszem(Server),
    Alertmanager(Child, SocketAddr),
}

impl Party {
    /// As Alertmanager tells it itself; nothing for this program.
    pub(super) fn version(&self) -> String {
        let Self::Alertmanager(program) = self else { return String::new() };
        let output = Command::new(program).arg("--version").output().expect("runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        said.split_whitespace().nth(2).unwrap_or("of no version").to_owned()
    }

    /// Starts it on what is in `folder`.
    pub(super) fn start(&self, folder: &Path, sink: &Sink, waits: Waits) -> Running {
        let program = match self {
            Self::Orszem => return Running::Orszem(start_waiting(folder, sink, waits, "")),
            Self::Alertmanager(program) => program,
        };
        let file = folder.join("alertmanager.yml");
        fs::write(&file, configuration(sink, waits)).expect("writes");
        // It does not tell which port it was given: one that was free a moment ago.
        let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        let log = File::options().append(true).create(true).open(folder.join("alertmanager.log")).expect("opens");
        let child = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.path={}", folder.join("alertmanager").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--cluster.listen-address=")
            .stdin(Stdio::null())
            .stderr(Stdio::from(log))
            .spawn()
            .expect("starts");
        let begun = Instant::now();
        while !request(address, "GET /-/ready", "", "").is_ok_and(|answer| answer.status == 200) {
            assert!(begun.elapsed() < SERVES_WITHIN, "Alertmanager does not serve");
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Running::Alertmanager(child, address)
    }
}

fn configuration(sink: &Sink, Waits { group, interval, hold: _ }: Waits) -> String {
    format!(
        "route: {{receiver: hook, group_by: [alertname], group_wait: {group}, group_interval: {interval}, repeat_interval: 1h}}\n\
         inhibit_rules: [{{source_matchers: ['severity=\"critical\"'], target_matchers: ['severity=\"warning\"'], equal: [host]}}]\n\
         receivers: [{{name: hook, webhook_configs: [{{url: '{}', send_resolved: true}}]}}]\n",
        sink.url()
    )
}

impl Listening for Running {
    fn address(&self) -> SocketAddr {
        match self {
            Self::Orszem(server) => server.address(),
            Self::Alertmanager(_, address) => *address,
        }
    }
}

impl Running {
    /// Ends it by a signal, and waits for its end.
    pub(super) fn end(mut self, signal: &str) {
        let pid = match &self {
            Self::Orszem(server) => server.pid(),
            Self::Alertmanager(child, _) => child.id(),
        };
        let sent = Command::new("kill").args([&format!("-{signal}"), &pid.to_string()]).status().expect("runs kill");
        assert!(sent.success());
        match &mut self {
            Self::Orszem(server) => server.wait(),
            Self::Alertmanager(child, _) => child.wait().expect("ends"),
        };
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Self::Alertmanager(child, _) = self else { return };
        // It is gone already where a scenario ended it.
        child.kill().unwrap_or(());
        child.wait().map(drop).unwrap_or(());
    }
}
