//! Scripts in Python, which are the other side of a channel.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use super::tools;

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// The Python with the other side of the channels.
fn python() -> Option<PathBuf> {
    tools::python_in("python-notify", "Python mail server and web push libraries")
}

/// What a script prints; `None` where there is no Python for it.
pub(crate) fn run(name: &str, given: &Value) -> Option<String> {
    let python = python()?;
    let output = Command::new(python).arg(script(name)).arg(given.to_string()).output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).expect("text").trim().to_owned())
}

/// A script that runs until this goes, and tells in lines of JSON.
pub(crate) struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn start(name: &str, given: &Value) -> Option<Self> {
        let python = python()?;
        let mut command = Command::new(python);
        command.arg(script(name)).arg(given.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("starts");
        let lines = BufReader::new(child.stdout.take().expect("an output"));
        Some(Self { child, lines })
    }

    /// The next line; waits for it.
    pub(crate) fn next(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("reads");
        serde_json::from_str(&line).expect("a line of JSON")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().expect("is killed");
        self.child.wait().expect("ends");
    }
}
