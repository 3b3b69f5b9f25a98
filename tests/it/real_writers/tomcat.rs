//! Tomcat: `catalina.out` as Tomcat writes it and as Debian's rsyslog does, the logs of its host, its access log.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use super::following::{Following, body, check, only, write};
use super::writer::{Writer, command, free_address};
use crate::program::wait_until;
use crate::tools;
use crate::torture::client::request;

const HOME: &str = "/usr/share/tomcat10";

/// Logs a warning of two lines.
const WARNS: &str =
    r#"<% java.util.logging.Logger.getLogger("com.example.Shop").warning("low stock: 3\nof oranges"); %>ok"#;
/// Logs an exception with a cause, and prints another.
const LOGS: &str = r#"<%
java.util.logging.Logger.getLogger("com.example.Shop").log(java.util.logging.Level.SEVERE, "the bank is gone",
    new IllegalStateException("cannot pay", new java.io.IOException("no line")));
new RuntimeException("printed").printStackTrace(); %>ok"#;
/// Fails.
const FAILS: &str = r#"<% if (true) throw new IllegalArgumentException("no such order"); %>"#;

/// The folder of an instance with those pages.
struct Instance {
    base: PathBuf,
    address: SocketAddr,
}

impl Instance {
    fn new(following: &Following) -> Self {
        let (base, address) = (following.path("tomcat"), free_address());
        for folder in ["conf", "temp", "work"] {
            fs::create_dir_all(base.join(folder)).expect("is made");
        }
        for file in fs::read_dir(Path::new(HOME).join("etc")).expect("Debian's configuration").flatten() {
            fs::copy(file.path(), base.join("conf").join(file.file_name())).expect("is copied");
        }
        let server = base.join("conf/server.xml");
        let text = fs::read_to_string(&server).expect("reads");
        let text = text.replace("port=\"8080\"", &format!("address=\"127.0.0.1\" port=\"{}\"", address.port()));
        fs::write(&server, text.replace("<Server port=\"8005\"", "<Server port=\"-1\"")).expect("writes");
        for (page, text) in [("warns", WARNS), ("logs", LOGS), ("fails", FAILS)] {
            write(&base.join(format!("webapps/ROOT/{page}.jsp")), text);
        }
        fs::create_dir_all(following.path("log/tomcat10")).expect("is made");
        symlink(following.path("log/tomcat10"), base.join("logs")).expect("links");
        Self { base, address }
    }

    fn start(&self, surroundings: &[(&str, &str)], output: Stdio, errors: Stdio) -> Writer {
        let mut tomcat = command(Path::new("/bin/sh"));
        tomcat.arg(Path::new(HOME).join("bin/catalina.sh")).arg("run");
        tomcat.env("CATALINA_HOME", HOME).env("CATALINA_BASE", &self.base);
        tomcat.env("CATALINA_TMPDIR", self.base.join("temp")).env("JAVA_OPTS", "-Djava.awt.headless=true -Xmx128m");
        tomcat.envs(surroundings.iter().copied()).stdout(output).stderr(errors);
        let mut tomcat = Writer::start(&mut tomcat);
        let address = self.address;
        tomcat.wait_until("started", || request(address, "GET /warns.jsp", "", "").is_ok());
        for (page, status) in [("logs.jsp", 200), ("fails.jsp", 500), ("missing", 404)] {
            assert_eq!(request(address, &format!("GET /{page}"), "", "").expect("answers").status, status, "{page}");
        }
        tomcat
    }
}

fn has_tomcat() -> bool {
    let has = tools::system_program("java").is_some();
    has && (Path::new(HOME).join("bin/catalina.sh").is_file() || tools::skip::<()>("Tomcat 10").is_some())
}

/// The file of a day.
fn dated(following: &Following, name: &str) -> String {
    let files = fs::read_dir(following.path("log/tomcat10")).expect("the logs").flatten();
    let mut names = files.map(|file| file.file_name().into_string().expect("a plain name"));
    let file = names.find(|file| file.starts_with(&format!("{name}.2")));
    format!("tomcat10/{}", file.unwrap_or_else(|| panic!("no {name}")))
}

const PLACE: &str = "tomcat";

fn logged(logger: &str, method: &str, more: &Value) -> Value {
    let mut all = json!({ "logger": logger, "method": method, "thread": "*", "orszem.time_inferred": "zone" });
    all.as_object_mut().expect("fields").extend(more.as_object().expect("fields").clone());
    all
}

#[test]
fn tomcat_is_recognised() {
    if !has_tomcat() {
        return;
    }
    let following = Following::start("");
    let instance = Instance::new(&following);
    let out = following.path("log/tomcat10/catalina.out");
    let output = || File::options().create(true).append(true).open(&out).expect("a log");
    instance.start(&[], output().into(), output().into()).stop("TERM");

    let thread = ["thread"];
    let day = dated(&following, "catalina");
    for file in ["tomcat10/catalina.out", day.as_str()] {
        let rows = following.records_of(file);
        let level = |level| [level, PLACE, "app"];
        let jsp = |page: &str| format!("org.apache.jsp.{page}_jsp");
        let startup = only(&rows, "Server startup in");
        let of_startup = logged("org.apache.catalina.startup.Catalina", "start", &json!({}));
        check(startup, &thread, level("info"), &of_startup);
        assert_eq!(startup["attributes"]["thread"], json!("main"));
        let warning = only(&rows, "low stock");
        check(warning, &thread, level("warn"), &logged(&jsp("warns"), "_jspService", &json!({})));
        assert!(body(warning).ends_with("low stock: 3\nof oranges"), "{warning:#}");
        let exception = json!({
            "exception.type": "java.lang.IllegalStateException", "exception.message": "cannot pay",
            "exception.cause": "java.io.IOException",
        });
        let traced = only(&rows, "the bank is gone");
        check(traced, &thread, level("error"), &logged(&jsp("logs"), "_jspService", &exception));
        assert!(is_whole(body(traced)), "{traced:#}");
    }
    let rows = following.records_of("tomcat10/catalina.out");
    let printed = json!({
        "exception.type": "java.lang.RuntimeException", "exception.message": "printed",
        "orszem.time_inferred": "previous",
    });
    check(only(&rows, "RuntimeException: printed"), &[], ["error", PLACE, "app"], &printed);

    let rows = following.records_of(&dated(&following, "localhost"));
    let failed = json!({
        "exception.type": "java.lang.IllegalArgumentException", "exception.message": "no such order",
    });
    let row = only(&rows, "Servlet.service() for servlet [jsp]");
    let of_valve = logged("org.apache.catalina.core.StandardWrapperValve", "invoke", &failed);
    check(row, &thread, ["error", PLACE, "app"], &of_valve);

    let rows = following.records_of(&dated(&following, "localhost_access_log"));
    for (page, level, status) in [
        ("/warns.jsp", "info", 200),
        ("/logs.jsp", "info", 200),
        ("/fails.jsp", "error", 500),
        ("/missing", "warn", 404),
    ] {
        let expected = json!({ "client": "127.0.0.1", "method": "GET", "path": page, "status": status, "bytes": "*" });
        check(only(&rows, &format!("GET {page} ")), &["bytes"], [level, PLACE, "app"], &expected);
    }
}

/// From the message over both exceptions to the last line, and nothing of another.
fn is_whole(body: &str) -> bool {
    let last = body.lines().last().unwrap_or_default();
    body.contains("IllegalStateException: cannot pay\n")
        && body.contains("CoyoteAdapter.service(")
        && body.contains("Caused by: java.io.IOException: no line")
        && last.trim_start().starts_with("... ")
        && last.ends_with(" more")
        && !body.contains("printed")
}

#[test]
fn tomcat_by_way_of_syslog_is_recognised() {
    if !has_tomcat() {
        return;
    }
    let Some(rsyslogd) = tools::system_program("rsyslogd") else { return };
    let Some(logger) = tools::program("logger") else { return };
    let rule = "/etc/rsyslog.d/tomcat10.conf";
    let Ok(rule) = fs::read_to_string(rule) else { return tools::skip(rule).unwrap_or(()) };
    let following = Following::start("");
    let instance = Instance::new(&following);
    let (socket, out) = (following.path("socket"), following.path("log/tomcat10/catalina.out"));
    let rule = rule.replace("/var/log/tomcat10/catalina.out", &out.to_string_lossy());
    let rule = rule.replace("fileOwner=\"tomcat\"", "");
    let config = format!(
        "global(workDirectory=\"{}\")\nmodule(load=\"imuxsock\" SysSock.Use=\"off\")\n\
         input(type=\"imuxsock\" Socket=\"{}\" RateLimit.Interval=\"0\")\n{rule}",
        following.path("").display(),
        socket.display()
    );
    write(&following.path("rsyslog.conf"), &config);
    let mut daemon = command(&rsyslogd);
    daemon.args(["-n", "-f"]).arg(following.path("rsyslog.conf")).arg("-i").arg(following.path("rsyslog.pid"));
    let mut daemon = Writer::start(&mut daemon);
    daemon.wait_until("listening", || socket.try_exists().unwrap_or(false));
    // As the journal hands it on: a line a message, of the severity that its front names.
    let console = following.path("console");
    let output = || File::options().create(true).append(true).open(&console).expect("a file");
    let journal = [("INVOCATION_ID", "1"), ("JOURNAL_STREAM", "8:1")];
    instance.start(&journal, output().into(), output().into()).stop("TERM");
    let mut logger = command(&logger);
    logger.args(["--prio-prefix", "--tag", "tomcat10", "--socket"]).arg(&socket).arg("--file").arg(&console);
    assert!(logger.status().expect("logger runs").success());
    let lines = |path: &Path| fs::read_to_string(path).map_or(0, |text| text.lines().count());
    wait_until("all is written", || lines(&out) >= lines(&console));
    daemon.stop("TERM");

    let rows = following.records_of("tomcat10/catalina.out");
    let inferred = json!({ "orszem.time_inferred": "zone" });
    check(only(&rows, "Server startup in"), &[], ["info", PLACE, "app"], &inferred);
    check(only(&rows, "low stock: 3"), &[], ["warn", PLACE, "app"], &inferred);
    let row = only(&rows, "IllegalStateException: cannot pay");
    let expected = json!({
        "exception.type": "java.lang.IllegalStateException", "exception.message": "cannot pay",
        "exception.cause": "java.io.IOException", "orszem.time_inferred": "zone",
    });
    check(row, &[], ["critical", PLACE, "app"], &expected);
    assert!(body(row).contains("CoyoteAdapter.service(") && body(row).ends_with(" more"), "{row:#}");
}
