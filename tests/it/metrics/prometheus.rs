//! A real Prometheus, and real exporters.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running Prometheus.
pub(crate) struct Prometheus {
    child: Child,
    pub(crate) address: SocketAddr,
    log: PathBuf,
}

impl Prometheus {
    /// `config` is the text of its configuration.
    pub(crate) fn start(program: &Path, folder: &Path, config: &str) -> Self {
        Self::start_at(free_address(), program, folder, config)
    }

    /// The same at an address that is known beforehand.
    pub(crate) fn start_at(address: SocketAddr, program: &Path, folder: &Path, config: &str) -> Self {
        let file = folder.join("prometheus.yml");
        fs::write(&file, config).expect("writes");
        let log = folder.join("prometheus.log");
        let child = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("prometheus").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).expect("the log opens"))
            .spawn()
            .expect("starts");
        Self { child, address, log }
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("reads")
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// A running node_exporter.
pub(crate) struct NodeExporter {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl NodeExporter {
    pub(crate) fn start(program: &Path) -> Self {
        let address = free_address();
        let child = Command::new(program)
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        Self { child, address }
    }
}

impl Drop for NodeExporter {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// A running blackbox_exporter.
pub(crate) struct Blackbox {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Blackbox {
    /// `modules` is its configuration file.
    pub(crate) fn start(program: &Path, modules: &Path) -> Self {
        let address = free_address();
        let child = Command::new(program)
            .arg(format!("--config.file={}", modules.display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        Self { child, address }
    }
}

impl Drop for Blackbox {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// None tells which port it was given: one that was free a moment ago.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

fn end(child: &mut Child) {
    // It may have ended by itself.
    child.kill().unwrap_or(());
    child.wait().map(drop).unwrap_or(());
}
