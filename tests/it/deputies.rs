//! Collectors tell people when the server is gone: one of them, once, and when it is back.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::mail::MailServer;
use crate::program::{Server, orszem, wait_until};

const PASSWORD: &str = "s3crőt";

/// An address that nobody listens on, so that a collector has the same one after a restart.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").expect("binds").local_addr().expect("an address")
}

/// A collector that can be killed and started again.
struct Node {
    folder: PathBuf,
    child: Option<Child>,
}

impl Node {
    fn new(folder: &Path, name: &str, server: SocketAddr) -> Self {
        let folder = folder.join(name);
        fs::create_dir_all(folder.join("log")).expect("makes folders");
        let text = format!(
            "[collector]\nhost = \"{name}\"\ninclude = [\"{0}/log/*.log\"]\njournal = \"off\"\nstate_dir = \"{0}/state\"\n\
             metrics_listen = \"{1}\"\n[collector.host_metrics]\nenabled = false\n\
             [collector.output]\nendpoints = [\"http://{server}\"]\n",
            folder.display(),
            free()
        );
        fs::write(folder.join("collector.toml"), text).expect("writes");
        let mut node = Self { folder, child: None };
        node.start();
        node
    }

    fn start(&mut self) {
        let log = File::options().create(true).append(true).open(self.folder.join("err")).expect("a log");
        let mut command = orszem(&["collector", "--log-level", "info", "--config"]);
        command.arg(self.folder.join("collector.toml")).stdout(Stdio::null()).stderr(Stdio::from(log));
        self.child = Some(command.spawn().expect("starts"));
    }

    /// Kill -9.
    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("is running");
            child.wait().expect("ends");
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("err")).expect("a log")
    }

    fn state(&self) -> PathBuf {
        self.folder.join("state/deputy/deputy.state")
    }

    /// What it keeps; the object between the front and the checksum of the file.
    fn kept(&self) -> Value {
        let bytes = fs::read(self.state()).unwrap_or_default();
        let body = bytes.get(12..bytes.len().saturating_sub(4)).unwrap_or_default();
        serde_json::from_slice(body).unwrap_or_default()
    }

    fn writes(&self, lines: usize) {
        let text: String = (0..lines).map(|line| format!("line {line} of the outage\n")).collect();
        fs::write(self.folder.join("log/a.log"), text).expect("writes");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

fn server(folder: &Path, address: &str) -> Server {
    let (config, data) = (folder.join("orszem.toml"), folder.join("data"));
    let mut command = orszem(&["server", "--listen", address, "--log-level", "info"]);
    command.arg("--config").arg(config).arg("--data-dir").arg(data);
    let log = File::options().create(true).append(true).open(folder.join("server.err")).expect("a log");
    command.stderr(Stdio::from(log));
    Server::spawn(command)
}

fn header<'m>(mail: &'m Value, name: &str) -> &'m str {
    mail["headers"][name].as_str().unwrap_or_default()
}

fn text(mail: &Value) -> &str {
    mail["parts"][0][2].as_str().expect("a text")
}

/// Waits until both know their place and each other, and nobody is owed anything of an outage.
fn wait_settled(first: &Node, second: &Node, before: &Value) -> Value {
    let outage = |node: &Node| node.kept()["place"]["outage"].clone();
    wait_until("both know their ranks", || {
        let is_settled = |node: &Node, rank: u64| {
            let kept = node.kept();
            let has_peer = kept["place"]["peers"].as_array().is_some_and(|peers| peers.len() == 1);
            has_peer && kept["place"]["rank"] == rank && kept["outages"].as_array().is_some_and(Vec::is_empty)
        };
        is_settled(first, 0) && is_settled(second, 1) && outage(first) == outage(second) && outage(first) != *before
    });
    outage(first)
}

#[test]
fn one_collector_tells_that_the_server_is_gone_and_that_it_is_back() {
    let Some(mut mail) = MailServer::start() else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let path = |name: &str| folder.path().join(name);
    fs::write(path("password"), PASSWORD).expect("writes");
    let text_of = format!(
        "[notify]\norigin = \"site\"\n[[notify.email]]\nname = \"mail\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
         from = \"Őrszem <orszem@example.com>\"\nuser = \"orszem\"\npassword_file = {:?}\n\
         [notify.collectors]\nafter = \"2s\"\nspread = \"2s\"\n\
         addresses = [{{ channel = \"mail\", to = \"ops@example.com\" }}]\n",
        mail.port,
        path("password")
    );
    fs::write(path("orszem.toml"), text_of).expect("writes");
    let gone = server(folder.path(), "127.0.0.1:0");
    let address = gone.address;
    let (mut a, mut b) = (Node::new(folder.path(), "a", address), Node::new(folder.path(), "b", address));
    let number = wait_settled(&a, &b, &Value::Null);
    let mode = |path: &Path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
    assert_eq!((mode(&a.state()), mode(&a.state().with_file_name("file-0"))), (0o600, 0o600));
    let (_, shown) = gone.get("/api/v1/status/config", "");
    assert!(shown.contains("ops@example.com") && !shown.contains(PASSWORD), "{shown}");

    // The first one tells, and the second hears that.
    drop(gone);
    let told = mail.next();
    a.writes(30);
    let root = format!("<incident-{number}-site@example.com>");
    assert_eq!(header(&told, "Subject"), "[critical] Őrszem's server does not answer");
    assert_eq!((header(&told, "References"), header(&told, "In-Reply-To")), (root.as_str(), ""));
    assert!(text(&told).contains(&format!("a has not reached http://{address} for ")), "{told}");
    assert!(told["login"].is_string(), "{told}");
    wait_until("the second knows that it was told", || b.log().contains("has told people"));

    let back = server(folder.path(), &address.to_string());
    let clear = mail.next();
    assert_eq!(header(&clear, "Subject"), "[resolved] Őrszem's server does not answer");
    assert_eq!((header(&clear, "References"), header(&clear, "In-Reply-To")), (root.as_str(), root.as_str()));
    assert_ne!(header(&clear, "Message-ID"), header(&told, "Message-ID"));
    assert!(text(&clear).contains(&format!("a reaches http://{address} again, after ")), "{clear}");
    let kept = text(&clear).split_once("It kept ").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
    assert!(kept.is_some_and(|kept: u64| kept >= 30), "{clear}");

    // The second one tells where the first is gone, too; a restart in the middle changes nothing.
    let second = wait_settled(&a, &b, &number);
    a.kill();
    drop(back);
    let told = mail.next();
    let root = format!("<incident-{second}-site@example.com>");
    assert_eq!(header(&told, "References"), root);
    assert!(text(&told).contains("b has not reached "), "{told}");
    wait_until("that it was told is kept", || b.kept()["outages"][0]["told"][0]["state"] == "delivered");
    b.kill();
    b.start();
    a.start();
    wait_until("the first knows that it was told", || a.log().contains("has told people"));
    let back = server(folder.path(), &address.to_string());
    let clear = mail.next();
    assert_eq!((header(&clear, "In-Reply-To"), header(&clear, "X-Orszem-Status")), (root.as_str(), "resolved"));
    assert!(text(&clear).contains("b reaches "), "{clear}");
    wait_settled(&a, &b, &second);
    drop(back);
    a.kill();
    b.kill();
    assert_eq!(mail.rest(), Vec::<Value>::new());
    for log in [a.log(), b.log(), fs::read_to_string(path("server.err")).expect("a log")] {
        assert!(!log.contains(PASSWORD), "{log}");
    }
}
