//! A server and a collector of its own, each a process that can be killed and started again.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::{Server, orszem};

/// The collector's metrics are looked at to see whether all is read and sent.
const IDLE_WITHIN: Duration = Duration::from_secs(120);

/// Folders, configuration and processes.
pub(crate) struct Site {
    pub(crate) folder: PathBuf,
    address: SocketAddr,
    pub(crate) server: Option<Server>,
    collector: Option<Child>,
    /// Wraps the collector's command, such as `faketime`.
    pub(crate) environment: Vec<(String, String)>,
    /// Where the collector sends to: the server, unless something stands in front of it.
    pub(crate) endpoint: SocketAddr,
    /// Stands before the collector's command, such as `nsenter`.
    pub(crate) surroundings: Vec<String>,
}

impl Site {
    /// A running server, and a collector that is not started yet. `more` is added to its `[collector]` section.
    pub(crate) fn new(folder: &Path, more: &str) -> Self {
        fs::create_dir_all(folder.join("log")).expect("makes the log directory");
        let server = start_server(folder, "127.0.0.1:0".parse().expect("an address"));
        let address = server.address;
        let site = Self {
            folder: folder.to_owned(),
            address,
            server: Some(server),
            collector: None,
            environment: Vec::new(),
            endpoint: address,
            surroundings: Vec::new(),
        };
        site.configure(more);
        site
    }

    /// Writes the collector's configuration.
    pub(crate) fn configure(&self, more: &str) {
        let log = self.folder.join("log");
        let state = self.folder.join("state");
        let text = format!(
            "[collector]\ninclude = [\"{}/*.log\"]\njournal = \"off\"\nstate_dir = \"{}\"\n{more}\n[collector.host_metrics]\nenabled = false\n[collector.output]\nendpoints = [\"http://{}\"]\n",
            log.display(),
            state.display(),
            self.endpoint
        );
        fs::write(self.folder.join("collector.toml"), text).expect("writes the configuration");
    }

    pub(crate) fn start_server(&mut self) {
        self.server = Some(start_server(&self.folder, self.address));
    }

    pub(crate) fn kill_server(&mut self) {
        self.server = None;
    }

    pub(crate) fn start_collector(&mut self) {
        let log = File::options().create(true).append(true).open(self.folder.join("collector.err")).expect("a log");
        let config = self.folder.join("collector.toml");
        let plain = orszem(&["collector", "--log-level", "info", "--config"]);
        let mut command = self.surrounded(plain);
        command.arg(config).stdout(Stdio::null()).stderr(Stdio::from(log)).envs(self.environment.iter().cloned());
        self.collector = Some(command.spawn().expect("the collector starts"));
    }

    fn surrounded(&self, plain: Command) -> Command {
        let Some((program, arguments)) = self.surroundings.split_first() else { return plain };
        let mut command = Command::new(program);
        command.args(arguments).arg(plain.get_program()).args(plain.get_args());
        command.env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin").env("HOME", "/nonexistent").stdin(Stdio::null());
        command
    }

    /// Kill -9.
    pub(crate) fn kill_collector(&mut self) {
        if let Some(mut child) = self.collector.take() {
            child.kill().expect("is running");
            child.wait().expect("ends");
        }
    }

    pub(crate) fn signal_collector(&self, name: &str) {
        let pid = self.collector_pid().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status().expect("runs kill");
        assert!(sent.success());
    }

    pub(crate) fn collector_pid(&self) -> u32 {
        self.collector.as_ref().expect("is running").id()
    }

    /// SIGTERM, and its exit status.
    pub(crate) fn stop_collector(&mut self) -> Option<i32> {
        self.signal_collector("TERM");
        self.collector.take().expect("is running").wait().expect("ends").code()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until `is_reached` on the bodies of all records that have arrived.
    pub(crate) fn wait_for(&self, what: &str, is_reached: impl Fn(&[String]) -> bool) -> Vec<String> {
        let begun = Instant::now();
        loop {
            let bodies = crate::torture::client::export(self.address);
            if is_reached(&bodies) {
                return bodies;
            }
            let log = fs::read_to_string(self.folder.join("collector.err")).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(20).collect();
            assert!(begun.elapsed() < IDLE_WITHIN, "{what}: {} records have arrived\n{tail:#?}", bodies.len());
            std::thread::park_timeout(Duration::from_millis(200));
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.kill_collector();
    }
}

fn start_server(folder: &Path, address: SocketAddr) -> Server {
    let log = File::options().create(true).append(true).open(folder.join("server.err")).expect("a log");
    let data = folder.join("data");
    let mut command = orszem(&["server", "--log-level", "warn", "--listen", &address.to_string(), "--data-dir"]);
    command.arg(data).stderr(Stdio::from(log));
    Server::spawn(command)
}
