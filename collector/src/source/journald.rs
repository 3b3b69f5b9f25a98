//! The systemd journal, through `journalctl -o json --follow`.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use orszem_model::record::{Attribute, AttributeValue};
use orszem_model::{Severity, Timestamp};
use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::file::LINE_BYTES_MAX;
use crate::counters::{Counters, count};
use crate::{FileStatus, StartAt};

/// Entries that wait between `journalctl` and the batch; it is held up when they are full.
const QUEUE_ENTRIES: usize = 1024;
/// Entries of the past that a first start reads.
const FIRST_ENTRIES: &str = "200000";
/// The most bytes of one entry in JSON.
const ENTRY_BYTES_MAX: u64 = 2 << 20;
const RESTART_AFTER: Duration = Duration::from_secs(5);
const DIRECTORIES: [&str; 2] = ["/var/log/journal", "/run/log/journal"];

/// One journal entry, as far as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) cursor: String,
    pub(crate) timestamp: Timestamp,
    pub(crate) severity: Severity,
    pub(crate) service: String,
    pub(crate) unit: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) message: Vec<u8>,
}

/// Whether there is a journal, and whether it can be read.
pub(crate) fn look() -> Option<Result<(), FileStatus>> {
    let directories = DIRECTORIES.iter().map(Path::new);
    let journal = directories.flat_map(machine_directories).find_map(|dir| {
        let mut files = std::fs::read_dir(&dir).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        files.find(|path| path.extension().is_some_and(|e| e == "journal"))
    })?;
    Some(match std::fs::File::open(&journal) {
        Ok(_) => Ok(()),
        Err(e) => Err(FileStatus::unreadable(&journal, &e)),
    })
}

fn machine_directories(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir);
    entries.map_or_else(|_| Vec::new(), |entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
}

/// Follows the journal from behind `cursor` (empty: from `from`) until `shutdown`; answers where entries arrive.
pub(crate) fn follow(
    cursor: String,
    from: StartAt,
    counters: Arc<Counters>,
    shutdown: CancellationToken,
) -> mpsc::Receiver<Entry> {
    let (entries, receiver) = mpsc::channel(QUEUE_ENTRIES);
    tokio::spawn(async move {
        let mut cursor = cursor;
        loop {
            let ended = tokio::select! {
                () = shutdown.cancelled() => return,
                ended = read_from(&mut cursor, from, &counters, &entries) => ended,
            };
            match ended {
                Ok(Ended::ReceiverGone) => return,
                Ok(Ended::ByItself) => warn!("journalctl ended, starting it again"),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    debug!("journalctl is not installed, the journal is not followed");
                    return;
                }
                Err(e) => warn!(error = %e, "journalctl can't be read, starting it again"),
            }
            count(&counters.journal_restarts);
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(RESTART_AFTER) => {}
            }
        }
    });
    receiver
}

enum Ended {
    ByItself,
    ReceiverGone,
}

fn start(cursor: &str, from: StartAt) -> io::Result<Child> {
    let mut command = Command::new("journalctl");
    command.args(["--output=json", "--follow", "--no-pager", "--all", "--quiet"]);
    if !cursor.is_empty() {
        command.arg("--no-tail").arg(format!("--after-cursor={cursor}"));
    } else if from == StartAt::End {
        command.arg("--lines=0");
    } else {
        command.arg(format!("--lines={FIRST_ENTRIES}"));
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn()
}

async fn read_from(
    cursor: &mut String,
    from: StartAt,
    counters: &Counters,
    entries: &mpsc::Sender<Entry>,
) -> io::Result<Ended> {
    let mut child = start(cursor, from)?;
    let Some(stdout) = child.stdout.take() else { return Ok(Ended::ByItself) };
    let mut stdout = BufReader::new(stdout);
    let mut line = Vec::new();
    loop {
        line.clear();
        let len = (&mut stdout).take(ENTRY_BYTES_MAX).read_until(b'\n', &mut line).await?;
        if len == 0 {
            return Ok(Ended::ByItself);
        }
        match parse(&line) {
            Some(entry) => {
                let next = entry.cursor.clone();
                if entries.send(entry).await.is_err() {
                    return Ok(Ended::ReceiverGone);
                }
                *cursor = next;
            }
            None => count(&counters.journal_undecodable),
        }
    }
}

/// Reads one entry in journald's JSON form. Source: systemd, JOURNAL_EXPORT_FORMATS, "Journal JSON Format".
fn parse(line: &[u8]) -> Option<Entry> {
    let fields: Map<String, Value> = serde_json::from_slice(line).ok()?;
    let text = |key: &str| fields.get(key).and_then(Value::as_str);
    let micros: i64 = text("_SOURCE_REALTIME_TIMESTAMP").or_else(|| text("__REALTIME_TIMESTAMP"))?.parse().ok()?;
    let unit = text("_SYSTEMD_UNIT").map(str::to_owned);
    let unit_stem = unit.as_deref().map(|unit| unit.strip_suffix(".service").unwrap_or(unit));
    let service = text("SYSLOG_IDENTIFIER").or(unit_stem).or_else(|| text("_COMM")).unwrap_or("journal").to_owned();
    let level = text("PRIORITY").and_then(|p| p.parse::<u8>().ok());
    let mut message = bytes(fields.get("MESSAGE")?)?;
    message.truncate(LINE_BYTES_MAX);
    let attributes = [("pid", "_PID"), ("transport", "_TRANSPORT"), ("uid", "_UID"), ("code_file", "CODE_FILE")];
    let attributes = attributes.iter().filter_map(|(key, field)| {
        let value = text(field)?.to_owned();
        let is_number = matches!(*key, "pid" | "uid");
        let value = if is_number { AttributeValue::Integer(value) } else { AttributeValue::String(value) };
        Some(Attribute { key: (*key).to_owned(), value })
    });
    Some(Entry {
        cursor: text("__CURSOR")?.to_owned(),
        timestamp: Timestamp(micros.checked_mul(1000)?),
        severity: level.map_or(Severity::UNSET, Severity::from_syslog),
        service,
        host: text("_HOSTNAME").map(str::to_owned),
        attributes: attributes.collect(),
        message,
        unit,
    })
}

/// A field's value: text, or an array of bytes where it is no UTF-8, or several values, of which the first.
fn bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.as_bytes().to_vec()),
        Value::Array(items) if items.iter().all(Value::is_u64) => {
            items.iter().map(|item| item.as_u64().and_then(|b| u8::try_from(b).ok())).collect()
        }
        Value::Array(items) => items.first().and_then(bytes),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_keeps_its_bytes_and_bad_ones_are_refused() {
        let line = br#"{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1795341600000001","PRIORITY":"4","_PID":"7",
            "_SYSTEMD_UNIT":"ssh.service","_HOSTNAME":"db1","MESSAGE":[99,255]}"#;
        let expected = Entry {
            cursor: "s=1;i=2".into(),
            timestamp: Timestamp(1_795_341_600_000_001_000),
            severity: Severity::WARN,
            service: "ssh".into(),
            unit: Some("ssh.service".into()),
            host: Some("db1".into()),
            attributes: vec![Attribute { key: "pid".into(), value: AttributeValue::Integer("7".into()) }],
            message: vec![99, 255],
        };
        assert_eq!(parse(line), Some(expected));
        assert_eq!(parse(br#"{"__CURSOR":"x","__REALTIME_TIMESTAMP":"1","MESSAGE":null}"#), None);
        assert_eq!(parse(b"-- cursor"), None);
    }
}
