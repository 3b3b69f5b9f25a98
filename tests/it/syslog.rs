//! Syslog from real senders: rsyslog over TCP in both framings and over TLS, and logger over UDP and TCP.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::program::{Server, run, wait_until};
use crate::tools;

/// A server with syslog listeners.
struct Setup {
    server: Server,
    directory: tempfile::TempDir,
    udp: SocketAddr,
    tcp: SocketAddr,
    tls: SocketAddr,
}

impl Setup {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        // Free at this moment; the server says itself if another takes one of them.
        let free =
            || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr()).expect("a port");
        let free_udp =
            UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr()).expect("a port");
        let (udp, tcp, tls) = (free_udp, free(), free());
        let mut text = "[server.tls]\nmode = \"local-ca\"\n".to_owned();
        for (transport, address) in [("udp", udp), ("tcp", tcp), ("tls", tls)] {
            text.push_str(&format!("[[syslog.listen]]\naddress = \"{address}\"\ntransport = \"{transport}\"\n"));
        }
        let config = directory.path().join("o.toml");
        fs::write(&config, text).expect("writes");
        let data = directory.path().join("data");
        let server = Server::start(&data, &["--config", config.to_str().expect("a plain path")]);
        Self { server, directory, udp, tcp, tls }
    }

    /// Rows that a search finds, oldest first.
    fn found(&self, query: &str) -> Vec<Value> {
        let url = format!("https://localhost:{}", self.server.address.port());
        let ca = self.directory.path().join("data/tls/ca.crt");
        let arguments = ["search", "--json", "--server", &url, "--ca-file", ca.to_str().expect("a plain path")];
        let (code, out, err) = run(&[&arguments[..], &[query, "--order", "oldest"]].concat());
        let rows: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(code, i32::from(rows.is_empty()), "{err}");
        rows
    }
}

/// A process that runs until it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It is gone already where it ended by itself.
        self.0.kill().unwrap_or(());
        self.0.wait().map(drop).unwrap_or(());
    }
}

/// rsyslog in the foreground with `actions`, fed by lines of a file.
fn rsyslog(program: &Path, folder: &Path, globals: &str, action: &str, lines: &str) -> Running {
    let [work, input, config] = ["work", "input.log", "rsyslog.conf"].map(|name| folder.join(name));
    fs::create_dir_all(&work).expect("a folder");
    fs::write(&input, lines).expect("writes");
    let text = format!(
        "global(workDirectory=\"{}\" {globals})\nmodule(load=\"imfile\" mode=\"polling\" pollingInterval=\"1\")\n\
         input(type=\"imfile\" File=\"{}\" Tag=\"pay[42]:\" Severity=\"error\" Facility=\"local3\")\n{action}\n",
        work.display(),
        input.display(),
    );
    fs::write(&config, text).expect("writes");
    let pid = folder.join("pid");
    let mut command = Command::new(program);
    command.arg("-n").arg("-f").arg(&config).arg("-i").arg(&pid);
    Running(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts"))
}

/// Checks that the lines were found in order, each once, with what rsyslog says of them.
fn check_lines(setup: &Setup, marker: &str, count: usize) {
    wait_until("the lines are found", || setup.found(marker).len() >= count);
    let rows = setup.found(marker);
    assert_eq!(rows.len(), count);
    for (n, row) in rows.iter().enumerate() {
        let body = row["body"].as_str().expect("a text");
        assert!(body.ends_with(&format!("{marker} {n:03}")), "{body}");
        let stream = &row["stream"];
        assert_eq!(
            (&stream["service"], &stream["layer"], &row["level"]),
            (&json!("pay"), &json!("host"), &json!("error"))
        );
        assert_eq!(
            (&row["attributes"]["facility"], &row["attributes"]["peer"]),
            (&json!(19), &json!("127.0.0.1")),
            "{row}"
        );
    }
}

fn lines(marker: &str) -> String {
    (0..100).map(|n| format!("{marker} {n:03}\n")).collect()
}

#[test]
fn rsyslog_over_tcp_in_both_framings_and_over_tls() {
    let Some(program) = tools::system_program("rsyslogd") else { return };
    let setup = Setup::start();
    let mut senders = Vec::new();
    for (marker, framing, template) in [
        ("counted", "octet-counted", "RSYSLOG_SyslogProtocol23Format"),
        ("newline", "traditional", "RSYSLOG_TraditionalForwardFormat"),
    ] {
        let folder = setup.directory.path().join(marker);
        let action = format!(
            "action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{}\" protocol=\"tcp\" tcp_framing=\"{framing}\" template=\"{template}\")",
            setup.tcp.port()
        );
        senders.push(rsyslog(&program, &folder, "", &action, &lines(marker)));
    }
    check_lines(&setup, "counted", 100);
    check_lines(&setup, "newline", 100);

    let ca = setup.directory.path().join("data/tls/ca.crt");
    let globals = format!("defaultNetstreamDriver=\"ossl\" defaultNetstreamDriverCAFile=\"{}\"", ca.display());
    let action = format!(
        "action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{}\" protocol=\"tcp\" tcp_framing=\"octet-counted\" \
         template=\"RSYSLOG_SyslogProtocol23Format\" StreamDriver=\"ossl\" StreamDriverMode=\"1\" \
         StreamDriverAuthMode=\"x509/certvalid\")",
        setup.tls.port()
    );
    let folder = setup.directory.path().join("encrypted");
    senders.push(rsyslog(&program, &folder, &globals, &action, &lines("encrypted")));
    check_lines(&setup, "encrypted", 100);
    assert_eq!(setup.found("unsent"), Vec::<Value>::new());
}

#[test]
fn logger_over_udp_and_tcp_in_both_forms() {
    let Some(logger) = tools::program("logger") else { return };
    let setup = Setup::start();
    for (name, transport, address, form) in [
        ("udpnew", "--udp", setup.udp, "--rfc5424"),
        ("udpold", "--udp", setup.udp, "--rfc3164"),
        ("tcpnew", "--tcp", setup.tcp, "--rfc5424"),
        ("tcpold", "--tcp", setup.tcp, "--rfc3164"),
        ("tcpcounted", "--tcp", setup.tcp, "--octet-count"),
    ] {
        let port = address.port().to_string();
        let arguments =
            ["--server", "127.0.0.1", "--port", &port, transport, form, "-p", "local0.err", "-t", "app", name];
        let status = Command::new(&logger).args(arguments).status().expect("logger runs");
        assert!(status.success(), "{name}");
        wait_until("the message is found", || !setup.found(name).is_empty());
        let rows = setup.found(name);
        let [row] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!((&row["stream"]["service"], &row["level"]), (&json!("app"), &json!("error")), "{row}");
        assert_eq!(row["attributes"]["facility"], json!(16), "{row}");
    }
}
