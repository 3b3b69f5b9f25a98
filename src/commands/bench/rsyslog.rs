//! The same file through rsyslog, for comparison: imfile to a TCP receiver, in memory, without acknowledgements.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::process::Command;

use super::process::Usage;

/// Where Debian has it.
const PROGRAM: &str = "/usr/sbin/rsyslogd";
/// The longest time without a byte.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Seconds and use of an rsyslogd that forwards the `lines` of `file`; `None` where there is none.
pub(super) async fn measure(folder: &Path, file: &Path, lines: u64) -> anyhow::Result<Option<(f64, Usage)>> {
    if !Path::new(PROGRAM).is_file() {
        return Ok(None);
    }
    let state = folder.join("rsyslog");
    fs::create_dir_all(&state).context("can't make a directory")?;
    let listener = TcpListener::bind("127.0.0.1:0").await.context("can't listen")?;
    let port = listener.local_addr()?.port();
    let config = state.join("rsyslog.conf");
    let text = format!(
        "global(workDirectory=\"{}\")\nmodule(load=\"imfile\")\ntemplate(name=\"line\" type=\"string\" string=\"%msg%\\n\")\n\
         input(type=\"imfile\" file=\"{}\" tag=\"bench\")\n\
         action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{port}\" protocol=\"tcp\" template=\"line\")\n",
        state.display(),
        file.display()
    );
    fs::write(&config, text).context("can't write rsyslog's configuration")?;
    let begun = Instant::now();
    let mut process = Command::new(PROGRAM)
        .arg("-n")
        .arg("-f")
        .arg(&config)
        .arg("-i")
        .arg(state.join("pid"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("can't start rsyslogd")?;
    let pid = process.id().context("rsyslogd ended at once")?;
    let (mut connection, _) =
        tokio::time::timeout(SILENCE_MAX, listener.accept()).await.context("rsyslogd does not connect")??;
    let mut received = 0;
    let mut buffer = vec![0; 1 << 20];
    while received < lines {
        let read = tokio::time::timeout(SILENCE_MAX, connection.read(&mut buffer)).await;
        match read.with_context(|| format!("rsyslogd sent {received} of {lines} lines and no more"))?? {
            0 => bail!("rsyslogd closed the connection"),
            count => received += buffer.iter().take(count).filter(|byte| **byte == b'\n').count() as u64,
        }
    }
    let measured = (begun.elapsed().as_secs_f64(), Usage::of(pid)?);
    process.kill().await.context("can't stop rsyslogd")?;
    Ok(Some(measured))
}
