//! Mails to a real server.

mod postfix;

use std::fs;

use orszem_alerting::{Intent, Kind};
use orszem_model::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::notice::Notice;
use crate::outcome::Outcome;
use crate::senders::Senders;
use crate::testing::python::Running;
use crate::testing::{STARTED_AT, addressed, refused, retried, senders};

/// A server with its certificate and password in a folder.
struct Server {
    running: Running,
    port: u64,
    folder: TempDir,
}

impl Server {
    fn start(tls: &str, auth: bool, without: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("writes");
            path
        };
        let (certificate, key) = (put("ca.pem", &made.cert.pem()), put("key.pem", &made.signing_key.serialize_pem()));
        put("password", "s3crőt\n");
        put("wrong", "s3crőt-not");
        let given = json!({ "tls": tls, "auth": auth, "without": without, "certificate": certificate, "key": key });
        let mut running = Running::start("smtp_server.py", &given)?;
        let port = running.next().as_u64().expect("a port");
        Some(Self { running, port, folder })
    }

    fn senders(&self, more: &str) -> Senders {
        let folder = self.folder.path().display();
        let more = more.replace("FOLDER", &folder.to_string());
        senders(&format!(
            "[[email]]\nname = \"mail\"\nhost = \"localhost\"\nport = {}\nfrom = \"Őrszem <orszem@example.com>\"\n{more}",
            self.port
        ))
    }
}

fn to(target: &str) -> Notice {
    addressed(Kind::Open, "mail", target)
}

async fn send(senders: &Senders, notice: &Notice) -> Outcome {
    senders.send(notice, STARTED_AT).await
}

fn delivered(intent: &Intent) -> Outcome {
    let detail = "250 2.0.0 queued as 4711".to_owned();
    Outcome::Delivered { detail, remote_id: format!("<{}@example.com>", intent.key) }
}

#[tokio::test]
async fn a_mail_is_text_and_html_with_a_plot_in_the_thread_of_its_incident() {
    let Some(mut server) = Server::start("none", false, "") else { return };
    let senders = server.senders("tls = \"none\"\nreply_to = \"ops@example.com\"");
    let open = to("Éva <eva@example.com>");
    assert_eq!(send(&senders, &open).await, delivered(&open.intent));
    let mail = server.running.next();
    let header = |name: &str| mail["headers"][name].as_str().unwrap_or_default();
    let root = "<incident-7-test@example.com>";
    let id = format!("<{}@example.com>", open.intent.key);
    let told = [
        ("Subject", "[critical] db1: Disk and 1 more"),
        ("From", "Őrszem <orszem@example.com>"),
        ("To", "Éva <eva@example.com>"),
        ("Reply-To", "ops@example.com"),
        ("Message-ID", &id),
        ("References", root),
        ("In-Reply-To", ""),
        ("Auto-Submitted", "auto-generated"),
        ("Importance", "high"),
        ("X-Orszem-Incident", "7"),
        ("Date", "Sun, 22 Nov 2026 10:00:00 +0000"),
    ];
    for (name, value) in told {
        assert_eq!(header(name), value, "{name}");
    }
    assert_eq!((mail["from"].clone(), mail["to"].clone()), (json!("orszem@example.com"), json!(["eva@example.com"])));
    let structure =
        ["multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"].map(|kind| json!(kind));
    assert_eq!(mail["structure"], Value::from(structure.to_vec()));
    let text = mail["parts"][0][2].as_str().expect("a text");
    assert!(text.starts_with("[critical] db1: Disk and 1 more\n\n/ is <nearly> full"), "{text}");
    assert!(text.contains("Őrszem, to eva through mail, #7"), "{text}");
    assert!(mail["parts"][1][2].as_str().expect("a text").contains("src=\"cid:plot\""));
    assert_eq!(mail["parts"][2], json!(["image/png", "<plot>", "\u{89}PNG"]));
    assert!(mail["longest"].as_u64().expect("a number") <= 998);

    let resolve = addressed(Kind::Resolve, "mail", "eva@example.com");
    assert_eq!(send(&senders, &resolve).await, delivered(&resolve.intent));
    let mail = server.running.next();
    let headers = ["Subject", "In-Reply-To", "References", "Importance"].map(|name| mail["headers"][name].clone());
    assert_eq!(headers, [json!("[resolved] db1: Disk and 1 more"), json!(root), json!(root), Value::Null]);
    assert_ne!(mail["headers"]["Message-ID"], json!(id));
    assert_eq!(mail["connections"], json!(1), "the connection is kept");
}

#[tokio::test]
async fn a_mail_says_what_is_said_to_it_and_nothing_else() {
    let Some(mut server) = Server::start("none", false, "") else { return };
    let senders = server.senders("tls = \"none\"");
    let mut notice = to("eva@example.com");
    notice.intent.message.title = "disk\r\nBcc: evil@example.com\r\n\r\nbody ő".repeat(3);
    notice.intent.message.alerts.clear();
    notice.curve = None;
    assert_eq!(send(&senders, &notice).await, delivered(&notice.intent));
    let mail = server.running.next();
    assert_eq!(mail["headers"]["Bcc"], Value::Null);
    assert_eq!(mail["to"], json!(["eva@example.com"]));
    let subject = mail["headers"]["Subject"].as_str().expect("a subject");
    assert!(subject.starts_with("[critical] disk  Bcc: evil@example.com"), "{subject}");
    assert_eq!(mail["structure"], json!(["multipart/alternative", "text/plain", "text/html"]));
    for wrong in
        ["", "eva", "eva@example.com\r\nRCPT TO:<evil@example.com>", "eva@example.com, evil@example.com", "eva@"]
    {
        let reason = refused(send(&senders, &to(wrong)).await);
        assert!(reason.contains("is no mail address"), "{reason}");
    }
}

#[tokio::test]
async fn what_a_server_says_decides() {
    let Some(mut server) = Server::start("none", false, "") else { return };
    let senders = server.senders("tls = \"none\"\ntimeout = \"2s\"");
    let words = |outcome| retried(outcome);
    let busy = words(send(&senders, &to("busy@example.com")).await);
    assert!(busy.contains("did not take the mail") && busy.contains("450") && busy.contains("mailbox busy"), "{busy}");
    let nobody = refused(send(&senders, &to("nobody@example.com")).await);
    assert!(nobody.contains("550") && nobody.contains("no such user"), "{nobody}");
    assert!(refused(send(&senders, &to("full@example.com")).await).contains("552"));
    let grey = to("grey@example.com");
    assert!(words(send(&senders, &grey).await).contains("451"));
    assert_eq!(send(&senders, &grey).await, delivered(&grey.intent));
    assert_eq!(server.running.next()["to"], json!(["grey@example.com"]));

    // The server has it, but nobody was told: the same mail goes out again, under the same id.
    let dropped = to("drop@example.com");
    let reason = words(send(&senders, &dropped).await);
    assert!(reason.contains("did not take the mail"), "{reason}");
    words(send(&senders, &dropped).await);
    let ids = [server.running.next(), server.running.next()].map(|mail| mail["headers"]["Message-ID"].clone());
    assert_eq!(ids, [json!(format!("<{}@example.com>", dropped.intent.key)), ids[0].clone()]);

    assert_eq!(words(send(&senders, &to("slow@example.com")).await), "no answer within 2s");
    assert_eq!(server.running.next()["to"], json!(["slow@example.com"]));
    // What was cut off in the middle is not spoken over again.
    let next = to("eva@example.com");
    assert_eq!(send(&senders, &next).await, delivered(&next.intent));
    assert_eq!(server.running.next()["to"], json!(["eva@example.com"]));
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_opened_again() {
    let Some(mut server) = Server::start("none", false, "") else { return };
    let senders = server.senders("tls = \"none\"");
    for at in 1..=3 {
        let once = to("once@example.com");
        assert_eq!(send(&senders, &once).await, delivered(&once.intent));
        assert_eq!(server.running.next()["connections"], json!(at));
        assert_eq!(server.running.next(), json!("closed"));
    }
}

#[tokio::test]
async fn tls_is_by_the_authority_that_is_named() {
    let Some(mut server) = Server::start("starttls", false, "") else { return };
    let eva = to("eva@example.com");
    let with_ca = server.senders("ca_file = \"FOLDER/ca.pem\"");
    assert_eq!(send(&with_ca, &eva).await, delivered(&eva.intent));
    assert_eq!(server.running.next()["is_tls"], json!(true));
    let reason = retried(send(&server.senders("ca_file = \"FOLDER/key.pem\""), &eva).await);
    assert!(reason.contains("there is no certificate in"), "{reason}");
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    fs::write(server.folder.path().join("other.pem"), other.cert.pem()).expect("writes");
    let reason = retried(send(&server.senders("ca_file = \"FOLDER/other.pem\""), &eva).await);
    assert!(reason.starts_with("no trusted connection to localhost"), "{reason}");

    let Some(mut server) = Server::start("tls", false, "") else { return };
    let wrapped = server.senders("tls = \"tls\"\nca_file = \"FOLDER/ca.pem\"");
    assert_eq!(send(&wrapped, &eva).await, delivered(&eva.intent));
    assert_eq!(server.running.next()["is_tls"], json!(true));

    let Some(server) = Server::start("none", false, "") else { return };
    let reason = refused(send(&server.senders("ca_file = \"FOLDER/ca.pem\""), &eva).await);
    assert_eq!(reason, "localhost does not offer STARTTLS, without which nothing is sent");
}

#[tokio::test]
async fn what_is_said_before_tls_is_not_taken_for_what_comes_after() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("accepts");
        for said in ["220 x\r\n", "250-x\r\n250 STARTTLS\r\n", "220 go on\r\n250 injected\r\n"] {
            stream.write_all(said.as_bytes()).await.expect("writes");
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n") && stream.read_buf(&mut asked).await.is_ok_and(|bytes| bytes > 0) {}
        }
    });
    let senders =
        senders(&format!("[[email]]\nname = \"mail\"\nhost = \"127.0.0.1\"\nport = {port}\nfrom = \"a@b.c\""));
    let reason = retried(send(&senders, &to("eva@b.c")).await);
    assert_eq!(reason, "127.0.0.1 said more than it was asked before TLS began: somebody is in between");
}

#[tokio::test]
async fn a_login_is_right_or_wrong_and_its_password_is_never_said() {
    for (without, mechanism) in [("", "PLAIN"), ("PLAIN", "LOGIN")] {
        let Some(mut server) = Server::start("starttls", true, without) else { return };
        let eva = to("eva@example.com");
        let login =
            |file: &str| format!("ca_file = \"FOLDER/ca.pem\"\nuser = \"orszem\"\npassword_file = \"FOLDER/{file}\"");
        let senders = server.senders(&login("password"));
        assert_eq!(send(&senders, &eva).await, delivered(&eva.intent));
        assert_eq!(server.running.next()["login"], json!(mechanism));
        let wrong = server.senders(&login("wrong"));
        let reason = refused(send(&wrong, &eva).await);
        assert!(reason.starts_with("localhost does not let orszem in") && reason.contains("535"), "{reason}");
        assert!(!format!("{reason} {wrong:?}").contains("s3cr"), "{reason} {wrong:?}");
        let reason = retried(send(&server.senders(&login("missing")), &eva).await);
        assert!(reason.starts_with("no password: can't read"), "{reason}");
        let reason = refused(send(&server.senders("ca_file = \"FOLDER/ca.pem\""), &eva).await);
        assert!(reason.contains("530"), "{reason}");
    }
}

#[tokio::test]
async fn without_a_server_it_is_tried_again() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let port = listener.local_addr().expect("an address").port();
    let of = |port: u16| {
        senders(&format!(
            "[[email]]\nname = \"mail\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nfrom = \"a@b.c\"\ntimeout = \"1s\""
        ))
    };
    // It listens, and says nothing.
    assert_eq!(retried(of(port).send(&to("eva@b.c"), Timestamp(0)).await), "no answer within 1s");
    drop(listener);
    let reason = retried(of(port).send(&to("eva@b.c"), Timestamp(0)).await);
    assert!(reason.starts_with("no connection to 127.0.0.1"), "{reason}");
    assert_eq!(
        refused(of(port).send(&addressed(Kind::Open, "fax", "1"), Timestamp(0)).await),
        "there is no channel \"fax\""
    );
}
