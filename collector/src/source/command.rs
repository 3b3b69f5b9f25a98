//! Running a cluster's tool to its end, within limits of time and size.

use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use super::poller::Control;

/// Where tools are that are named without a directory.
pub(crate) const DIRECTORIES: [&str; 6] =
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"];
/// The most that is read of an answer, and of what a tool complains of.
const ANSWER_BYTES_MAX: usize = 64 << 20;
pub(super) const COMPLAINT_BYTES_MAX: usize = 4 << 10;
/// How often a waiting thread looks whether it is to stop.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const PIECE_BYTES: usize = 64 << 10;

/// What a tool wrote.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) output: Vec<u8>,
    /// The beginning of what it wrote to standard error.
    pub(super) complaint: String,
    /// `None` when a signal ended it.
    pub(super) code: Option<i32>,
}

impl Answer {
    /// As text; what is no UTF-8 is replaced.
    pub(super) fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.output)
    }

    /// What it says of its failure, in a line.
    pub(super) fn reason(&self) -> String {
        let line = self.complaint.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        let line: String = line.chars().take(200).collect();
        match (self.code, line.is_empty()) {
            (Some(code), true) => format!("exit code {code}"),
            (Some(code), false) => format!("exit code {code}: {line}"),
            (None, _) => format!("ended by a signal {line}").trim_end().to_owned(),
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    #[error("{program} is not installed")]
    NotInstalled { program: String },
    #[error("can't run {}", path.display())]
    Start {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("can't read what {} writes", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} gave no answer within {} s", path.display(), deadline.as_secs_f64())]
    TooSlow { path: PathBuf, deadline: Duration },
    #[error("{} wrote more than {ANSWER_BYTES_MAX} bytes", path.display())]
    TooLong { path: PathBuf },
    #[error("the collector stops")]
    Stopped,
}

impl RunError {
    /// It had to be ended.
    pub(super) fn was_killed(&self) -> bool {
        matches!(self, Self::TooSlow { .. } | Self::TooLong { .. })
    }
}

/// The file of a tool; `None` where it is not installed. What PATH has comes first.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        let path = PathBuf::from(program);
        return path.is_file().then_some(path);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let named = std::env::split_paths(&path).filter(|directory| directory.is_absolute());
    named.chain(DIRECTORIES.map(PathBuf::from)).map(|directory| directory.join(program)).find(|path| path.is_file())
}

/// Starts a tool in a process group of its own, so that what it starts can be ended with it. Its times are those of UTC
/// and its words English.
pub(super) fn start(program: &str, arguments: &[&str], input: Stdio, control: &Control) -> Result<Group, RunError> {
    let path = find(program).ok_or_else(|| RunError::NotInstalled { program: program.to_owned() })?;
    let mut command = Command::new(&path);
    command.args(arguments).env("LC_ALL", "C").env("TZ", "UTC").process_group(0);
    command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
    let begun = Instant::now();
    let child = loop {
        match command.spawn() {
            // Somebody is writing the file right now.
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && begun.elapsed() < LOOK_EVERY => {
                std::thread::park_timeout(Duration::from_millis(1));
            }
            spawned => break spawned,
        }
    };
    let child = child.map_err(|source| RunError::Start { path: path.clone(), source })?;
    control.started(child.id());
    Ok(Group { child, path, control: control.clone() })
}

/// A running tool; dropping it ends it and all that it started.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) child: Child,
    pub(super) path: PathBuf,
    control: Control,
}

impl Drop for Group {
    fn drop(&mut self) {
        kill(self.child.id());
        self.control.ended();
        if let Err(error) = self.child.wait() {
            tracing::warn!(%error, path = %self.path.display(), "a tool can't be waited for");
        }
    }
}

/// Ends a process group; one that has ended already is left alone.
pub(super) fn kill(group: u32) {
    let Some(pid) = i32::try_from(group).ok().and_then(Pid::from_raw) else { return };
    match kill_process_group(pid, Signal::KILL) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => {}
        Err(error) => tracing::warn!(%error, "a tool can't be ended"),
    }
}

/// Waits until one of these can be read, at most until `until`, and not for long: whoever asks looks whether to stop.
pub(super) fn wait_readable(files: &[BorrowedFd<'_>], until: Instant) -> io::Result<Vec<bool>> {
    let left = until.saturating_duration_since(Instant::now()).min(LOOK_EVERY);
    let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(left.subsec_nanos()) };
    let mut polled: Vec<PollFd<'_>> = files.iter().map(|file| PollFd::from_borrowed_fd(*file, PollFlags::IN)).collect();
    match poll(&mut polled, Some(&timeout)) {
        Ok(_) => Ok(polled.iter().map(|file| !file.revents().is_empty()).collect()),
        Err(rustix::io::Errno::INTR) => Ok(vec![false; files.len()]),
        Err(error) => Err(error.into()),
    }
}

/// Runs a tool to its end, at most for `deadline`.
pub(super) fn run(
    program: &str,
    arguments: &[&str],
    deadline: Duration,
    control: &Control,
) -> Result<Answer, RunError> {
    let until = Instant::now() + deadline;
    let mut group = start(program, arguments, Stdio::null(), control)?;
    let path = group.path.clone();
    let failed = |source| RunError::Read { path: path.clone(), source };
    let (mut output, mut errors) = (group.child.stdout.take(), group.child.stderr.take());
    let mut answer = Answer::default();
    let (mut piece, mut complaint) = (vec![0; PIECE_BYTES], Vec::new());
    loop {
        if control.is_stopped() {
            return Err(RunError::Stopped);
        }
        if Instant::now() >= until {
            return Err(RunError::TooSlow { path, deadline });
        }
        let (is_out, is_err) = match (&output, &errors) {
            (None, None) => match group.child.try_wait().map_err(failed)? {
                Some(status) => {
                    answer.code = status.code();
                    answer.complaint = String::from_utf8_lossy(&complaint).into_owned();
                    return Ok(answer);
                }
                None => {
                    std::thread::park_timeout(Duration::from_millis(2));
                    (false, false)
                }
            },
            (Some(out), None) => (wait_readable(&[out.as_fd()], until).map_err(failed)?.contains(&true), false),
            (None, Some(err)) => (false, wait_readable(&[err.as_fd()], until).map_err(failed)?.contains(&true)),
            (Some(out), Some(err)) => {
                let ready = wait_readable(&[out.as_fd(), err.as_fd()], until).map_err(failed)?;
                (ready.first() == Some(&true), ready.last() == Some(&true))
            }
        };
        if is_out && let Some(out) = &mut output {
            let len = out.read(&mut piece).map_err(failed)?;
            if answer.output.len() + len > ANSWER_BYTES_MAX {
                return Err(RunError::TooLong { path });
            }
            answer.output.extend_from_slice(piece.get(..len).unwrap_or_default());
            if len == 0 {
                output = None;
            }
        }
        if is_err && let Some(err) = &mut errors {
            let len = err.read(&mut piece).map_err(failed)?;
            let room = COMPLAINT_BYTES_MAX.saturating_sub(complaint.len());
            complaint.extend_from_slice(piece.get(..len.min(room)).unwrap_or_default());
            if len == 0 {
                errors = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::poller::testing::script;

    fn run_script(text: &str, deadline: Duration) -> Result<Answer, RunError> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = script(directory.path(), "tool", text);
        run(&path, &["a", "b"], deadline, &Control::default())
    }

    #[test]
    fn an_answer_has_its_code_and_its_complaint() {
        let answer = run_script("echo \"$@ $TZ\"; echo oh >&2; exit 3", Duration::from_secs(60)).expect("answers");
        assert_eq!((answer.text().as_ref(), answer.code), ("a b UTC\n", Some(3)));
        assert_eq!(answer.reason(), "exit code 3: oh");
    }

    #[test]
    fn one_that_hangs_or_never_ends_is_ended_with_all_that_it_started() {
        let directory = tempfile::tempdir().expect("a directory");
        let text = format!("sleep 1000 & echo $! > {}/pid; wait", directory.path().display());
        let hung = run_script(&text, Duration::from_millis(1_500)).expect_err("hangs");
        assert!(hung.was_killed() && hung.to_string().ends_with("gave no answer within 1.5 s"), "{hung}");
        let pid = std::fs::read_to_string(directory.path().join("pid")).expect("was started");
        let process = PathBuf::from(format!("/proc/{}", pid.trim()));
        let until = Instant::now() + Duration::from_secs(20);
        let is_running = || std::fs::read_to_string(process.join("stat")).is_ok_and(|stat| !stat.contains(") Z"));
        while is_running() && Instant::now() < until {
            std::thread::yield_now();
        }
        assert!(!is_running());
        let endless = run_script("exec yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Duration::from_secs(60));
        assert!(matches!(endless, Err(RunError::TooLong { .. })), "{endless:?}");
    }

    #[test]
    fn what_is_not_installed_is_told_as_such() {
        let refused =
            run("/nonexistent/tool", &[], Duration::from_secs(1), &Control::default()).expect_err("is missing");
        assert!(matches!(refused, RunError::NotInstalled { .. }) && !refused.was_killed());
        assert_eq!(find("sh").map(|path| path.is_file()), Some(true));
    }

    #[test]
    fn a_stop_ends_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = script(directory.path(), "tool", "sleep 1000");
        let control = Control::default();
        let stopping = control.clone();
        let running = std::thread::spawn(move || run(&path, &[], Duration::from_secs(1_000), &stopping));
        control.stop();
        assert!(matches!(running.join().expect("ends"), Err(RunError::Stopped)));
    }
}
