//! A program under test, run as an ordinary child process, as a user that it agrees to.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The zone of everything in these tests.
pub(crate) const ZONE: &str = "America/New_York";
/// How long a program may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// A running program; it is killed when dropped.
pub(crate) struct Writer(Child);

impl Writer {
    /// Starts `command`, whose output is thrown away where it does not say otherwise.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().expect("the program starts"))
    }

    /// Waits until the program does as `is_ready` asks.
    pub(crate) fn wait_until(&mut self, what: &str, is_ready: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_ready() {
            let ended = self.0.try_wait().expect("asks");
            assert!(ended.is_none(), "{what}: the program has ended: {ended:?}");
            assert!(begun.elapsed() < READY_WITHIN, "{what} took too long");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Waits until `address` takes connections.
    pub(crate) fn wait_for_port(&mut self, address: SocketAddr) {
        self.wait_until("listening", || TcpStream::connect(address).is_ok());
    }

    /// Ends the program by a signal, as its service would be stopped, and waits until it is gone.
    pub(crate) fn stop(mut self, signal: &str) {
        let sent = Command::new("kill").args([&format!("-{signal}"), &self.0.id().to_string()]).status();
        assert!(sent.expect("runs kill").success());
        self.0.wait().expect("ends");
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // It is gone already where a test stopped it.
        self.0.kill().unwrap_or(());
        self.0.wait().map(drop).unwrap_or(());
    }
}

/// An address that is free at this moment.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr()).expect("a port")
}

/// Whether these tests run as root, whom some programs refuse.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").expect("is there").uid() == 0
}

/// Whom a program runs as and whose its folders are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User {
    ids: Option<(u32, u32)>,
}

impl User {
    /// The user of this name where the tests run as root, else whoever runs them.
    pub(crate) fn named(name: &str) -> Self {
        let users = fs::read_to_string("/etc/passwd").expect("the users");
        let line = users.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let ids = line.map(|line| {
            let mut numbers = line.split(':').skip(1).map(|id| id.parse().expect("a number"));
            (numbers.next().expect("a user"), numbers.next().expect("a group"))
        });
        Self { ids: ids.filter(|_| is_root()) }
    }

    /// Makes a folder that is this user's.
    pub(crate) fn folder(self, path: &Path) {
        fs::create_dir_all(path).expect("is made");
        if let Some((user, group)) = self.ids {
            chown(path, Some(user), Some(group)).expect("changes its owner");
        }
    }

    /// A command that this user gives, in the zone of the test and with no other surroundings.
    pub(crate) fn command(self, program: &Path) -> Command {
        let mut command = command(program);
        if let Some((user, group)) = self.ids {
            command.uid(user).gid(group);
        }
        command
    }
}

/// A command in the zone of the test, with no other surroundings.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C").env("TZ", ZONE);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
    command
}
