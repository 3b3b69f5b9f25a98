//! Programs of the site: the message in JSON on standard input and in `ORSZEM_*`, an end by itself or by force.

use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use orszem_model::prefix;
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout_at};

use crate::config::ExecConfig;
use crate::notice::Notice;
use crate::outcome::Outcome;
use crate::template::Templates;
use crate::view::{Site, View};

/// What is kept of a program's output, of each of the two; the rest is read and left out.
const OUTPUT_BYTES_MAX: usize = 4 << 10;
/// The code with which a program says that it may work later (`EX_TEMPFAIL` of `sysexits.h`).
const TEMPORARY: i32 = 75;
/// The longest value of a variable: Linux takes 128 KiB.
const VARIABLE_BYTES_MAX: usize = 32 << 10;
/// What remains to be read when the program has ended and nothing that it started holds its output open.
const DRAIN_WITHIN: Duration = Duration::from_secs(1);
/// Where programs look for others.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program.
#[derive(Debug)]
pub(crate) struct Exec {
    config: ExecConfig,
}

/// Why there is no exit code.
#[derive(Debug, thiserror::Error)]
enum ExecError {
    #[error("can't start {}", program.display())]
    Start {
        program: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("can't wait for {}", program.display())]
    Wait {
        program: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} did not end within {within:?}, and was killed", program.display())]
    TooSlow { program: PathBuf, within: Duration },
}

impl ExecError {
    fn outcome(&self) -> Outcome {
        let words = orszem_model::chain(self);
        match self {
            Self::Start { source, .. } => match source.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput => {
                    Outcome::refused(&words)
                }
                _ => Outcome::retry(&words),
            },
            Self::Wait { .. } | Self::TooSlow { .. } => Outcome::retry(&words),
        }
    }
}

/// What is written to standard input: all that templates see, with the texts that they make.
#[derive(Serialize)]
struct Input<'a, 'n> {
    /// Of this form; another one gets another number.
    version: u8,
    #[serde(flatten)]
    view: &'a View<'n>,
    short: &'a str,
    text: &'a str,
}

/// A program that was started; what is left of its process group is killed when this goes.
struct Group {
    child: Child,
    id: Option<u32>,
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(pid) = self.id.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) else { return };
        match kill_process_group(pid, Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => tracing::warn!(%error, "a program of a channel can't be ended"),
        }
    }
}

impl Exec {
    pub(crate) fn new(config: &ExecConfig) -> Self {
        Self { config: config.clone() }
    }

    /// Runs the program once.
    pub(crate) async fn send(&self, notice: &Notice, site: &Site, templates: &Templates) -> Outcome {
        let view = View::new(notice, site);
        let (short, text) = (templates.short(&view), templates.text(&view));
        let input = Input { version: 1, view: &view, short: &short.text, text: &text.text };
        let input = serde_json::to_vec(&input).expect("texts and numbers are JSON");
        let outcome = match self.run(&view, &short.text, &input).await {
            Ok((status, output)) => told(status, &output),
            Err(error) => error.outcome(),
        };
        match short.problem.or(text.problem) {
            Some(problem) => outcome.with_note(&problem),
            None => outcome,
        }
    }

    async fn run(&self, view: &View<'_>, short: &str, input: &[u8]) -> Result<(ExitStatus, String), ExecError> {
        let ExecConfig { name: _, program, arguments, timeout } = &self.config;
        let until = Instant::now() + timeout.duration();
        let mut command = Command::new(program);
        command.args(arguments).env_clear().env("PATH", PATH).env("LANG", "C.UTF-8").current_dir("/");
        for (name, value) in variables(view, short) {
            command.env(name, prefix(value, VARIABLE_BYTES_MAX).replace('\0', ""));
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        let child = command.spawn().map_err(|source| ExecError::Start { program: program.clone(), source })?;
        let mut group = Group { id: child.id(), child };
        let (stdin, stdout, stderr) = (group.child.stdin.take(), group.child.stdout.take(), group.child.stderr.take());
        let feeding = async move {
            let Some(mut stdin) = stdin else { return };
            // A program may end without having read all of it.
            if let Err(error) = stdin.write_all(input).await {
                tracing::debug!(%error, "a program of a channel did not read its input");
            }
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let status = {
            let reading = async { tokio::join!(feeding, keep(stdout, &mut out), keep(stderr, &mut err)) };
            tokio::pin!(reading);
            let mut is_read = false;
            let status = loop {
                tokio::select! {
                    status = group.child.wait() => break status,
                    _ = &mut reading, if !is_read => is_read = true,
                    () = tokio::time::sleep_until(until) => {
                        return Err(ExecError::TooSlow { program: program.clone(), within: timeout.duration() });
                    }
                }
            };
            // What it left behind must not hold its output open.
            drop(group);
            if !is_read && timeout_at(Instant::now() + DRAIN_WITHIN, &mut reading).await.is_err() {
                tracing::debug!("the output of a program of a channel stayed open");
            }
            status.map_err(|source| ExecError::Wait { program: program.clone(), source })?
        };
        let output = if status.success() || err.is_empty() { &out } else { &err };
        Ok((status, String::from_utf8_lossy(output).trim().to_owned()))
    }
}

fn told(status: ExitStatus, output: &str) -> Outcome {
    let words = |what: &str| if output.is_empty() { what.to_owned() } else { format!("{what}: {output}") };
    match status.code() {
        Some(0) => Outcome::delivered(&words("exit code 0"), ""),
        Some(TEMPORARY) => Outcome::retry(&words("exit code 75")),
        Some(code) => Outcome::refused(&words(&format!("exit code {code}"))),
        None => Outcome::retry(&words(&format!("{status}"))),
    }
}

/// The message in variables, for shell scripts.
fn variables<'a>(view: &'a View<'_>, short: &'a str) -> [(&'static str, &'a str); 17] {
    [
        ("ORSZEM_KIND", view.kind),
        ("ORSZEM_STATUS", view.status),
        ("ORSZEM_SEVERITY", view.severity),
        ("ORSZEM_TITLE", &view.title),
        ("ORSZEM_SHORT", short),
        ("ORSZEM_WHAT", &view.what),
        ("ORSZEM_ENTITY", view.entity),
        ("ORSZEM_STARTED_AT", &view.started_at),
        ("ORSZEM_ENDED_AT", &view.ended_at),
        ("ORSZEM_THREAD", &view.thread),
        ("ORSZEM_KEY", &view.key),
        ("ORSZEM_CONTACT", view.contact),
        ("ORSZEM_CHANNEL", view.channel),
        ("ORSZEM_TARGET", view.target),
        ("ORSZEM_URL", view.links.incident),
        ("ORSZEM_RUNBOOK", &view.runbook),
        ("ORSZEM_ORIGIN", view.origin),
    ]
}

/// Reads to the end and keeps the beginning.
async fn keep(from: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut from) = from else { return };
    let mut buffer = [0; 4096];
    loop {
        match from.read(&mut buffer).await {
            Ok(0) => return,
            Ok(read) => {
                let room = OUTPUT_BYTES_MAX.saturating_sub(kept.len());
                kept.extend(buffer.iter().take(read.min(room)));
            }
            Err(error) => {
                tracing::debug!(%error, "the output of a program of a channel can't be read");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
