//! Commands whose standard output is followed.

use std::io;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::warn;

use super::stdin::{LINE_BYTES_MAX, Line, read};
use crate::ExecConfig;

/// Lines that wait between the command and the batch; the command is held up when they are full.
const QUEUE_LINES: usize = 1024;
/// The pause before a command that is kept running is started again.
const RESTART_AFTER: Duration = Duration::from_secs(5);
/// The longest run of a command with an interval, unless configured.
const RUN_MAX: Duration = Duration::from_secs(30);
/// How often a waiting thread looks whether it is to stop.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A command that is followed; dropping it ends the command.
#[derive(Debug)]
pub(crate) struct Exec {
    pub(crate) config: ExecConfig,
    control: Arc<Control>,
}

#[derive(Debug, Default)]
struct Control {
    is_stopped: AtomicBool,
    child: Mutex<Option<Child>>,
}

impl Control {
    fn child(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Acquire)
    }

    /// Ends the running command, if there is one.
    fn kill(&self) {
        if let Some(child) = self.child().as_mut()
            && let Err(error) = child.kill()
        {
            warn!(%error, "a command can't be ended");
        }
    }

    /// Waits until `until`, or until it is to stop.
    fn pause(&self, until: Instant) {
        while !self.is_stopped() && Instant::now() < until {
            std::thread::park_timeout(LOOK_EVERY.min(until.saturating_duration_since(Instant::now())));
        }
    }
}

impl Exec {
    /// Starts following the command; answers where its lines arrive.
    pub(crate) fn start(config: ExecConfig) -> io::Result<(Self, Receiver<Line>)> {
        let (sender, lines) = sync_channel(QUEUE_LINES);
        let control = Arc::new(Control::default());
        let (followed, controlled) = (config.clone(), Arc::clone(&control));
        std::thread::Builder::new().name("exec".to_owned()).spawn(move || {
            while !controlled.is_stopped() {
                let begun = Instant::now();
                if let Err(error) = run(&followed, &controlled, &sender) {
                    warn!(command = ?followed.command, %error, "command failed");
                }
                let next = match followed.interval {
                    Some(interval) => begun + interval.duration(),
                    None => Instant::now() + RESTART_AFTER,
                };
                controlled.pause(next);
            }
        })?;
        Ok((Self { config, control }, lines))
    }
}

impl Drop for Exec {
    fn drop(&mut self) {
        self.control.is_stopped.store(true, Ordering::Release);
        self.control.kill();
    }
}

/// One run, until the command ends, takes too long, or nobody listens.
fn run(config: &ExecConfig, control: &Arc<Control>, lines: &SyncSender<Line>) -> io::Result<()> {
    let Some((program, arguments)) = config.command.split_first() else { return Ok(()) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let Some(output) = child.stdout.take() else { return Ok(()) };
    *control.child() = Some(child);
    let deadline = config.interval.map(|_| config.timeout.map_or(RUN_MAX, |timeout| timeout.duration()));
    let watch = deadline.map(|after| watch(Arc::clone(control), after)).transpose()?;
    let read = read(output, lines, LINE_BYTES_MAX);
    let status = control.child().take().map(|mut child| child.wait()).transpose()?;
    if let Some(watch) = watch {
        watch.thread().unpark();
    }
    if let Some(status) = status.filter(|status| !status.success())
        && !control.is_stopped()
    {
        warn!(command = ?config.command, %status, "command ended badly");
    }
    read
}

/// Ends the command when it takes too long.
fn watch(control: Arc<Control>, after: Duration) -> io::Result<std::thread::JoinHandle<()>> {
    let until = Instant::now() + after;
    std::thread::Builder::new().name("exec deadline".to_owned()).spawn(move || {
        while Instant::now() < until {
            std::thread::park_timeout(until.saturating_duration_since(Instant::now()));
            if control.child().is_none() {
                return;
            }
        }
        control.kill();
    })
}

#[cfg(test)]
mod tests {
    use orszem_model::Span;

    use super::*;

    fn config(script: &str, interval: Option<Span>, timeout: Option<Span>) -> ExecConfig {
        let command = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        ExecConfig { command, interval, timeout, ..ExecConfig::default() }
    }

    fn next(lines: &Receiver<Line>) -> String {
        let line = lines.recv_timeout(Duration::from_secs(20)).expect("a line");
        String::from_utf8(line.bytes).expect("text")
    }

    #[test]
    fn a_command_with_an_interval_runs_again_and_is_ended_when_it_takes_too_long() {
        let span = Some(Span::secs(1));
        let (_exec, lines) = Exec::start(config("echo one; exec sleep 100", span, span)).expect("starts");
        assert_eq!([next(&lines), next(&lines)], ["one", "one"]);
    }

    #[test]
    fn dropping_it_ends_the_command() {
        let (exec, lines) = Exec::start(config("echo $$; exec sleep 100", None, None)).expect("starts");
        let process = std::path::PathBuf::from(format!("/proc/{}", next(&lines)));
        assert!(process.is_dir());
        drop(exec);
        let until = Instant::now() + Duration::from_secs(20);
        while process.is_dir() && Instant::now() < until {
            std::thread::yield_now();
        }
        assert!(!process.is_dir());
    }
}
