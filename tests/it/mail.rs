//! A mail server of Python's that tells each mail that it took.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::tools;

pub(crate) struct MailServer {
    child: Child,
    lines: BufReader<ChildStdout>,
    pub(crate) port: u16,
}

impl MailServer {
    /// Without TLS and login, on this host; `None` where there is no Python for it.
    pub(crate) fn start() -> Option<Self> {
        let python = tools::python_in("python-notify", "Python mail server")?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/alerting/notify/tests/smtp_server.py");
        let mut command = Command::new(python);
        command.arg(script).arg(json!({ "tls": "none", "auth": false }).to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("starts");
        let mut lines = BufReader::new(child.stdout.take().expect("an output"));
        let port = read(&mut lines).as_u64().and_then(|port| port.try_into().ok()).expect("a port");
        Some(Self { child, lines, port })
    }

    /// The next mail; waits for it.
    pub(crate) fn next(&mut self) -> Value {
        read(&mut self.lines)
    }

    /// Ends it: the mails that it took and that nobody asked for.
    pub(crate) fn rest(mut self) -> Vec<Value> {
        drop(self.child.stdin.take());
        let lines = self.lines.by_ref().lines();
        lines.map(|line| serde_json::from_str(&line.expect("reads")).expect("a line of JSON")).collect()
    }
}

fn read(lines: &mut impl BufRead) -> Value {
    let mut line = String::new();
    lines.read_line(&mut line).expect("reads");
    serde_json::from_str(&line).expect("a line of JSON")
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.child.kill().expect("is killed");
        self.child.wait().expect("ends");
    }
}
