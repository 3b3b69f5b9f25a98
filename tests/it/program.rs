//! Running the real program.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// The program, without this machine's environment.
pub(crate) fn orszem(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orszem"));
    command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", "/nonexistent").stdin(Stdio::null());
    command
}

/// Runs it to its end: exit code, standard output, standard error.
pub(crate) fn run(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = orszem(arguments).output().expect("runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("is text");
    (status.code().expect("was not killed"), text(stdout), text(stderr))
}

/// A running `orszem server` on a free port.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// From the start of the process until it said where it listens.
    pub(crate) started_in: Duration,
    stdout: BufReader<std::process::ChildStdout>,
}

impl Server {
    pub(crate) fn start(data_dir: &Path, more: &[&str]) -> Self {
        let data_dir = data_dir.to_str().expect("a plain path");
        let mut arguments = vec!["server", "--listen", "127.0.0.1:0", "--log-level", "warn", "--data-dir", data_dir];
        arguments.extend(more);
        Self::spawn(orszem(&arguments))
    }

    /// Runs `command`, which is `orszem server` or `orszem up` in whatever surroundings.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let begun = Instant::now();
        let mut child = command.stdout(Stdio::piped()).spawn().expect("starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("reads");
        let started_in = begun.elapsed();
        let told = ["listening on ", "Őrszem is at http://"].into_iter().find_map(|front| line.strip_prefix(front));
        let address = told.and_then(|text| text.trim_end().trim_end_matches('/').parse().ok());
        Self { child, address: address.expect("says where it listens"), started_in, stdout }
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next line of its standard output.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("reads");
        line.trim_end().to_owned()
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Status and body of a plain request.
    pub(crate) fn get(&self, path: &str, headers: &str) -> (u16, String) {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"))
    }

    /// Status and body of a request with a body.
    pub(crate) fn post(&self, path: &str, headers: &str, body: &[u8]) -> (u16, String) {
        let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}");
        self.exchange(format!("{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes(), body)
    }

    /// Sends `request` as it is and reads to the end.
    pub(crate) fn send(&self, request: &str) -> (u16, String) {
        self.exchange(request.as_bytes(), b"")
    }

    fn exchange(&self, head: &[u8], body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).expect("connects");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        stream.write_all(head).expect("sends");
        // A refusal may come before the whole body was read.
        if let Err(error) = stream.write_all(body) {
            assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
        }
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("reads");
        let answer = String::from_utf8_lossy(&answer);
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status line");
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status, body.to_owned())
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status().expect("runs kill");
        assert!(sent.success());
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("waits")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is gone already where a test stopped it.
        self.child.kill().unwrap_or(());
        self.child.wait().map(drop).unwrap_or(());
    }
}

/// Waits for a state, at most 10 s.
pub(crate) fn wait_until(what: &str, is_reached: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_reached() {
        assert!(begun.elapsed() < Duration::from_secs(10), "{what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
