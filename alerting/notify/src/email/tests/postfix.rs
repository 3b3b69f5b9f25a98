//! Postfix as it comes with the system, with STARTTLS, a login by Cyrus SASL, and a Maildir.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::*;
use crate::testing::{python, tools};

/// Nobody's, as everywhere on Debian.
const NOBODY: u32 = 65_534;
const WITHIN: Duration = Duration::from_secs(60);

/// Only what is needed: it takes mail from whoever has logged in, to example.com, into a Maildir.
const MAIN: &str = "\
compatibility_level = 3.6
queue_directory = FOLDER/queue
data_directory = FOLDER/data
maillog_file = FOLDER/maillog
maillog_file_prefixes = FOLDER
myhostname = localhost
mydestination =
mynetworks =
inet_interfaces = loopback-only
inet_protocols = ipv4
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = example.com
virtual_mailbox_base = FOLDER/mail
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:NOBODY
virtual_gid_maps = static:NOBODY
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_tls_cert_file = FOLDER/ca.pem
smtpd_tls_key_file = FOLDER/key.pem
smtpd_sasl_auth_enable = yes
smtpd_sasl_local_domain = localhost
smtpd_sasl_authenticated_header = yes
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
";

const MASTER: &str = "\
127.0.0.1:PORT inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
";

const SASL: &str = "\
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: FOLDER/users.db
mech_list: PLAIN LOGIN
";

struct Postfix {
    program: PathBuf,
    folder: TempDir,
    port: u16,
}

impl Postfix {
    fn start() -> Option<Self> {
        let program = tools::system_program("postfix")?;
        let saslpasswd = tools::system_program("saslpasswd2")?;
        if fs::metadata("/proc/self").expect("is there").uid() != 0 {
            return tools::skip("root");
        }
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        for name in ["conf", "conf/sasl", "queue", "data", "mail"] {
            fs::create_dir(path(name)).expect("a folder");
        }
        let postfix = owner("postfix");
        fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("is ours");
        chown(path("data"), Some(postfix), None).expect("is ours");
        chown(path("mail"), Some(NOBODY), Some(NOBODY)).expect("is ours");
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let put = |name: &str, text: &str| {
            let text = text.replace("FOLDER", &folder.path().display().to_string());
            let text = text.replace("NOBODY", &NOBODY.to_string()).replace("PORT", &port.to_string());
            fs::write(path(name), text).expect("writes");
        };
        put("ca.pem", &made.cert.pem());
        put("key.pem", &made.signing_key.serialize_pem());
        put("password", "s3crőt\n");
        put("wrong", "s3crőt-not\n");
        put("conf/main.cf", MAIN);
        put("conf/master.cf", MASTER);
        put("conf/sasl/smtpd.conf", SASL);
        given(
            Command::new(saslpasswd).args(["-p", "-c", "-u", "localhost", "-f"]).arg(path("users.db")).arg("orszem"),
            "s3crőt",
        );
        chown(path("users.db"), Some(postfix), None).expect("is ours");
        let log = File::create(path("log")).expect("a file");
        let started = Command::new(&program)
            .arg("-c")
            .arg(path("conf"))
            .arg("start")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .status();
        assert!(started.expect("runs").success(), "{}", fs::read_to_string(path("log")).unwrap_or_default());
        Some(Self { program, folder, port })
    }

    fn senders(&self, login: &str) -> Senders {
        let login = login.replace("FOLDER", &self.folder.path().display().to_string());
        senders(&format!(
            "[[email]]\nname = \"mail\"\nhost = \"localhost\"\nport = {}\nfrom = \"Őrszem <orszem@example.com>\"\n\
             ca_file = \"{}/ca.pem\"\n{login}",
            self.port,
            self.folder.path().display()
        ))
    }

    /// Waits until so many mails were delivered.
    fn delivered(&self, count: usize) -> Vec<PathBuf> {
        let begun = Instant::now();
        loop {
            let found = files(&self.folder.path().join("mail/inbox/new"));
            if found.len() >= count {
                return found;
            }
            assert!(begun.elapsed() < WITHIN, "{} of {count} mails were delivered", found.len());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let mut stop = Command::new(&self.program);
        stop.arg("-c").arg(self.folder.path().join("conf")).arg("stop").stdout(Stdio::null()).stderr(Stdio::null());
        stop.status().map(drop).unwrap_or(());
    }
}

/// The number of a user of the system.
fn owner(name: &str) -> u32 {
    let users = fs::read_to_string("/etc/passwd").expect("reads");
    let user = users.lines().find_map(|line| line.strip_prefix(&format!("{name}:"))).expect("is a user");
    user.split(':').nth(1).and_then(|id| id.parse().ok()).expect("a number")
}

/// Runs a command that is given a text.
fn given(command: &mut Command, text: &str) {
    use std::io::Write;
    let mut child = command.stdin(Stdio::piped()).spawn().expect("starts");
    child.stdin.take().expect("piped").write_all(text.as_bytes()).expect("reads");
    assert!(child.wait().expect("ends").success());
}

/// Nothing before the first mail.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

#[tokio::test]
async fn postfix_delivers_mails_in_their_thread_with_a_picture() {
    let Some(postfix) = Postfix::start() else { return };
    let login = |file: &str| format!("user = \"orszem@localhost\"\npassword_file = \"FOLDER/{file}\"");
    let mails = postfix.senders(&login("password"));
    let (open, resolve) = (to("Éva <eva@example.com>"), addressed(Kind::Resolve, "mail", "eva@example.com"));
    for notice in [&open, &resolve] {
        let outcome = send(&mails, notice).await;
        assert!(
            matches!(&outcome, Outcome::Delivered { detail, .. } if detail.starts_with("250 2.0.0 Ok: queued as ")),
            "{outcome:?}"
        );
    }
    let wrong = refused(send(&postfix.senders(&login("wrong")), &open).await);
    assert!(wrong.starts_with("localhost does not let orszem@localhost in") && wrong.contains("535"), "{wrong}");
    let stranger = refused(send(&postfix.senders(""), &open).await);
    assert!(stranger.contains("554"), "{stranger}");

    let read = |file: &PathBuf| python::run("read_mail.py", &json!({ "file": file }));
    let mut found: Vec<Value> = Vec::new();
    for file in postfix.delivered(2) {
        let Some(mail) = read(&file) else { return };
        found.push(serde_json::from_str(&mail).expect("JSON"));
    }
    found.sort_by_key(|mail| mail["headers"]["Subject"].to_string());
    let headers = |mail: &Value| {
        ["Subject", "Message-ID", "In-Reply-To", "References", "Delivered-To"].map(|name| mail["headers"][name].clone())
    };
    let id = |notice: &Notice| format!("<{}@example.com>", notice.intent.key);
    let root = "<incident-7-test@example.com>";
    let opened = [
        json!("[critical] db1: Disk and 1 more"),
        json!(id(&open)),
        Value::Null,
        json!(root),
        json!("eva@example.com"),
    ];
    let ended = [
        json!("[resolved] db1: Disk and 1 more"),
        json!(id(&resolve)),
        json!(root),
        json!(root),
        json!("eva@example.com"),
    ];
    assert_eq!(found.iter().map(headers).collect::<Vec<_>>(), [opened, ended]);
    for mail in &found {
        let received = mail["headers"]["Received"].as_str().expect("a header");
        assert!(
            received.contains("(Authenticated sender: orszem@localhost)") && received.contains("ESMTPSA"),
            "{received}"
        );
        assert!(mail["html"].as_str().is_some_and(|html| html.contains("src=\"cid:plot\"")), "{mail}");
        let size = mail["pictures"]["<plot>"].as_array().expect("a picture that can be shown");
        assert!(size.iter().all(|dots| dots.as_u64() >= Some(100)), "{size:?}");
    }
    assert_eq!(postfix.delivered(2).len(), 2, "nothing of those who were not let in");
}
