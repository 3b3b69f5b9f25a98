//! A journal made with systemd-journal-remote: what `journald` keeps of the kernel, of services, of a cluster.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::following::{Following, body, check, only, write};
use super::writer::command;
use crate::tools;

const REMOTE: &str = "/usr/lib/systemd/systemd-journal-remote";
const BOOT: &str = "0123456789abcdef0123456789abcdef";
const MACHINE: &str = "fedcba9876543210fedcba9876543210";

fn remote() -> Option<PathBuf> {
    let found = ["/usr/lib/systemd/systemd-journal-remote", "/lib/systemd/systemd-journal-remote"];
    tools::program("journalctl")?;
    found.iter().map(PathBuf::from).find(|file| file.is_file()).or_else(|| tools::skip(REMOTE))
}

/// One entry in systemd's export format. A value with a line feed or no UTF-8 is written with its length.
fn entry(number: u64, micros: u64, fields: &[(&str, &[u8])]) -> Vec<u8> {
    let head = format!(
        "__CURSOR=x;i={number}\n__REALTIME_TIMESTAMP={micros}\n__MONOTONIC_TIMESTAMP={number}\n_BOOT_ID={BOOT}\n\
         _MACHINE_ID={MACHINE}\n_HOSTNAME=db1\n"
    );
    let mut out = head.into_bytes();
    for (name, value) in fields {
        out.extend_from_slice(name.as_bytes());
        if value.contains(&b'\n') || std::str::from_utf8(value).is_err() {
            out.push(b'\n');
            out.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            out.push(b'=');
        }
        out.extend_from_slice(value);
        out.push(b'\n');
    }
    out.push(b'\n');
    out
}

/// Writes entries into a journal file of their own.
fn record(remote: &Path, following: &Following, name: &str, entries: &[u8]) {
    let input = following.path(&format!("{name}.export"));
    fs::write(&input, entries).expect("writes");
    let folder = following.path("journal");
    fs::create_dir_all(&folder).expect("is made");
    let mut remote = command(remote);
    remote.arg("--output").arg(folder.join(format!("{name}.journal"))).arg(&input);
    assert!(remote.stdin(File::open(&input).expect("opens")).status().expect("journal-remote runs").success());
}

#[test]
fn a_journal_is_recognised_and_followed() {
    let Some(remote) = remote() else { return };
    let mut following = Following::without_collector("journal_directory = \"{folder}/journal\"");
    write(&following.path("log/plain.log"), "a file beside it\n");
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970") - Duration::from_millis(500);
    let micros = u64::try_from(since.as_micros()).expect("small");
    let entries = [
        entry(
            1,
            micros,
            &[
                ("PRIORITY", b"3"),
                ("SYSLOG_IDENTIFIER", b"kernel"),
                ("SYSLOG_FACILITY", b"0"),
                ("_TRANSPORT", b"kernel"),
                ("MESSAGE", b"I/O error, dev sda, sector 4656 op 0x0:(READ)"),
            ],
        ),
        entry(
            2,
            micros + 1,
            &[
                ("PRIORITY", b"6"),
                ("SYSLOG_IDENTIFIER", b"kernel"),
                ("_TRANSPORT", b"kernel"),
                ("MESSAGE", b"drbd r0: conn( Connecting -> Connected )"),
            ],
        ),
        entry(
            3,
            micros + 2,
            &[
                ("PRIORITY", b"6"),
                ("SYSLOG_IDENTIFIER", b"sshd"),
                ("SYSLOG_PID", b"4242"),
                ("_PID", b"4242"),
                ("_UID", b"0"),
                ("_SYSTEMD_UNIT", b"ssh.service"),
                ("_TRANSPORT", b"syslog"),
                ("MESSAGE", b"Failed password for invalid user admin from 203.0.113.9 port 51234 ssh2"),
            ],
        ),
        entry(
            4,
            micros + 3,
            &[
                ("PRIORITY", b"5"),
                ("SYSLOG_IDENTIFIER", b"pacemaker-controld"),
                ("_PID", b"88"),
                ("_SYSTEMD_UNIT", b"pacemaker.service"),
                ("MESSAGE", b"notice: Result of start operation for web on db1: error"),
            ],
        ),
        entry(
            5,
            micros + 4,
            &[
                ("PRIORITY", b"4"),
                ("SYSLOG_IDENTIFIER", b"postgres"),
                ("_PID", b"77"),
                ("_SYSTEMD_UNIT", b"postgresql@15-main.service"),
                ("MESSAGE", b"[3-1] bob@shop ERROR:  deadlock detected"),
            ],
        ),
        entry(
            6,
            micros + 5,
            &[
                ("PRIORITY", b"2"),
                ("SYSLOG_IDENTIFIER", b"tomcat10"),
                ("_PID", b"99"),
                ("_SYSTEMD_UNIT", b"tomcat10.service"),
                (
                    "MESSAGE",
                    b"cannot pay\njava.lang.IllegalStateException: no line\n\tat com.example.Shop.pay(Shop.java:3)",
                ),
            ],
        ),
        // No severity, no identifier; a message and a field that are no text.
        entry(
            7,
            micros + 6,
            &[
                ("_COMM", b"backup"),
                ("_PID", b"100"),
                ("BLOB", b"\x00\xff\xfe\n"),
                ("MESSAGE", b"WARNING: caf\xe9 is closed"),
            ],
        ),
        entry(
            8,
            micros + 7,
            &[
                ("PRIORITY", b"7"),
                ("SYSLOG_IDENTIFIER", b"IPaddr2(vip)"),
                ("SYSLOG_PID", b"101"),
                ("MESSAGE", b"DEBUG: Adding inet address"),
            ],
        ),
    ];
    record(&remote, &following, "first", &entries.concat());
    following.start_collector();

    let rows = following.wait_for("entries are missing", "host:db1", |rows| rows.len() >= entries.len());
    assert_eq!(rows.len(), entries.len());
    let order: Vec<&str> = rows.iter().map(|row| row["stream"]["service"].as_str().expect("a name")).collect();
    let in_order = ["kernel", "kernel", "sshd", "pacemaker-controld", "postgres", "tomcat10", "backup", "IPaddr2(vip)"];
    assert_eq!(order, in_order);
    for (number, row) in rows.iter().enumerate() {
        let written = (micros + number as u64) * 1000;
        assert_eq!(row["ts_ns"], json!(written.to_string()), "{row:#}");
    }
    for (needle, unit, place, attributes) in [
        (
            "I/O error",
            Value::Null,
            ["error", "kernel", "kernel"],
            json!({ "transport": "kernel", "facility": 0, "disk": "sda", "sector": 4656 }),
        ),
        (
            "Failed password",
            json!("ssh.service"),
            ["warn", "sshd", "host"],
            json!({
                "pid": 4242, "uid": 0, "transport": "syslog", "method": "password", "user": "admin",
                "client": "203.0.113.9", "port": 51234,
            }),
        ),
        (
            "Result of start",
            json!("pacemaker.service"),
            ["warn", "pacemaker-controld", "cluster"],
            json!({
                "pid": 88, "pacemaker.operation": "start", "resource": "web", "node": "db1",
                "pacemaker.result": "error",
            }),
        ),
        (
            "deadlock",
            json!("postgresql@15-main.service"),
            ["error", "postgres", "database"],
            json!({ "pid": 77, "user": "bob", "database": "shop" }),
        ),
        (
            "cannot pay",
            json!("tomcat10.service"),
            ["critical", "tomcat10", "app"],
            json!({
                "pid": 99, "exception.type": "java.lang.IllegalStateException", "exception.message": "no line",
            }),
        ),
        ("is closed", Value::Null, ["warn", "backup", "host"], json!({ "pid": 100 })),
        ("Adding inet", Value::Null, ["debug", "IPaddr2(vip)", "cluster"], json!({ "pid": 101 })),
    ] {
        let row = only(&rows, needle);
        check(row, &[], place, &attributes);
        assert_eq!(row["stream"]["unit"], unit, "{row:#}");
        following.check_time(row);
    }
    assert_eq!(only(&rows, "drbd r0")["stream"]["layer"], json!("storage"));
    for (needle, entity) in [("I/O error", "disk/sda"), ("deadlock", "database/shop"), ("Adding inet", "resource/vip")]
    {
        assert_eq!(only(&rows, needle)["entities"], json!([entity, "host/db1"]));
    }
    assert!(body(only(&rows, "cannot pay")).ends_with("\n\tat com.example.Shop.pay(Shop.java:3)"));
    assert_eq!(only(&rows, "is closed")["body_base64"], json!("V0FSTklORzogY2Fm6SBpcyBjbG9zZWQ="));

    // More comes into another file, after the collector was killed.
    following.kill_collector();
    following.start_collector();
    let later = |from: u64| {
        let texts = (from..from + 20).map(|number| (number, format!("entry number {number}")));
        texts
            .flat_map(|(number, text)| {
                entry(
                    number,
                    micros + number,
                    &[("PRIORITY", b"6"), ("SYSLOG_IDENTIFIER", b"app"), ("MESSAGE", text.as_bytes())],
                )
            })
            .collect::<Vec<u8>>()
    };
    record(&remote, &following, "second", &later(100));
    following.wait_for("later entries are missing", "host:db1 service:app", |rows| rows.len() >= 20);
    following.kill_collector();
    record(&remote, &following, "third", &later(200));
    following.start_collector();
    let rows = following.wait_for("last entries are missing", "host:db1 service:app", |rows| rows.len() >= 40);
    let texts: Vec<&str> = rows.iter().map(body).collect();
    let expected: Vec<String> = (100..120).chain(200..220).map(|number| format!("entry number {number}")).collect();
    assert_eq!(texts, expected);
    assert_eq!(following.found("host:db1 -service:orszem-facts").len(), entries.len() + 40);
    assert_eq!(following.found("event.name:collector.gap"), Vec::<Value>::new());
}
