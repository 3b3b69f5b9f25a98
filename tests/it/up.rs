//! `orszem up` on this host: what it says at its start, and that it follows what is written from then on.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::mail::MailServer;
use crate::program::{Server, run, wait_until};

/// Where a test's `up` lives: its program, home, data and logs.
struct Place {
    directory: TempDir,
    /// The user that it runs as; `None` for the one of the tests.
    user: Option<u32>,
}

impl Place {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory"), user: None }
    }

    /// A place for a user whom file modes hold, which root is not.
    fn of_a_mere_user() -> Self {
        let mut place = Self::new();
        let is_root = fs::metadata("/proc/self").expect("is there").uid() == 0;
        if is_root {
            const NOBODY: u32 = 65_534;
            std::os::unix::fs::chown(place.path(""), Some(NOBODY), Some(NOBODY)).expect("changes its owner");
            place.user = Some(NOBODY);
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A copy of the program that any user can reach, run in this place.
    fn orszem(&self, arguments: &[&str]) -> Command {
        let program = self.path("orszem");
        if !program.is_file() {
            fs::copy(env!("CARGO_BIN_EXE_orszem"), &program).expect("is copied");
        }
        let mut command = Command::new(program);
        command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.path(""));
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    fn up(&self, more: &[&str]) -> Server {
        let data = self.path("data");
        let begin = ["up", "--listen", "127.0.0.1:0", "--log-level", "warn", "--data-dir"];
        let arguments = [&begin, &[data.to_str().expect("a plain path")][..], more].concat();
        Server::spawn(self.orszem(&arguments))
    }

    /// Writes a configuration that follows only the folder `logs` of this place.
    fn configuration(&self) -> String {
        fs::create_dir_all(self.path("logs")).expect("is made");
        let file = self.path("orszem.toml");
        let include = self.path("logs/**");
        fs::write(&file, format!("[collector]\ninclude = [\"{}\"]\njournal = \"off\"\n", include.display()))
            .expect("writes");
        file.to_str().expect("a plain path").to_owned()
    }
}

/// What it says behind its address: the files, and the three commands to try.
fn welcome(server: &mut Server) -> (String, [String; 3]) {
    let mut files = String::new();
    loop {
        let line = server.line();
        if line == "try" {
            return (files, std::array::from_fn(|_| server.line().trim_start().to_owned()));
        }
        files.push_str(&line);
        files.push('\n');
    }
}

fn count(server: &Server, query: &str) -> u64 {
    let (status, answer) = server.get(&format!("/app/v1/count?q={query}"), "");
    assert_eq!(status, 200, "{answer}");
    serde_json::from_str::<Value>(&answer).expect("JSON")["count"].as_u64().expect("a count")
}

fn append(file: &Path, line: &str) {
    let mut file = fs::OpenOptions::new().append(true).create(true).open(file).expect("opens");
    writeln!(file, "{line}").expect("writes");
}

#[test]
fn this_host_is_welcomed_within_two_seconds_with_queries_that_work() {
    let place = Place::new();
    let begun = Instant::now();
    let mut server = place.up(&[]);
    let (files, queries) = welcome(&mut server);
    let elapsed = begun.elapsed();
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
    let following = files.lines().find_map(|line| line.strip_prefix("following ")?.split_once(" file"));
    let following: u32 = following.expect("says how many").0.parse().expect("a number");
    let listed = files.lines().filter(|line| line.starts_with("  /")).count();
    assert_eq!(listed, usize::try_from(following.min(20)).expect("small"), "{files}");
    let path = format!("{}:/usr/bin:/bin", place.path("").display());
    let code_of = |query: &str| {
        let output = Command::new("sh").args(["-c", query]).env_clear().env("PATH", &path).output().expect("runs");
        output.status.code().expect("was not killed")
    };
    for query in &queries {
        assert!(query.starts_with("orszem search '") && query.ends_with(&format!(" --server {}", server.url())));
        assert!([0, 1].contains(&code_of(query)), "{query}");
    }
    let has_text = files.lines().any(|line| fs::metadata(line.trim()).is_ok_and(|file| file.len() > 0));
    if has_text {
        wait_until("the biggest file is found", || code_of(&queries[2]) == 0);
    }
}

#[test]
fn files_are_followed_from_then_on_and_once_only() {
    let place = Place::new();
    let configuration = place.configuration();
    let file = place.path("logs/app.log");
    append(&file, "written before the start");
    let mut server = place.up(&["--config", &configuration]);
    let (files, [_, _, by_file]) = welcome(&mut server);
    assert_eq!(files, format!("\nfollowing 1 file\n  {}\n\n", file.display()));
    assert!(by_file.starts_with("orszem search 'file:*app.log' --limit 20 --server "), "{by_file}");
    wait_until("the old line is found", || count(&server, "before") == 1);
    for (file, line) in [(&file, "error: written after the start"), (&place.path("logs/new.log"), "of a later file")] {
        append(file, line);
        let begun = Instant::now();
        let query = format!("%22{}%22", line.replace(' ', "%20"));
        wait_until("the new line is found", || count(&server, &query) == 1);
        assert!(begun.elapsed() < Duration::from_secs(2), "{line}: {:?}", begun.elapsed());
    }
    assert_eq!(count(&server, "severity:error%20after"), 1);

    let begun = Instant::now();
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(10));
    append(&file, "written while it was down");
    let mut server = place.up(&["--config", &configuration]);
    welcome(&mut server);
    wait_until("the missed line is found", || count(&server, "down") == 1);
    assert_eq!((count(&server, "written"), count(&server, "file:*")), (3, 4));
}

#[test]
fn a_file_that_it_may_not_read_comes_with_the_command_that_mends_it() {
    let place = Place::of_a_mere_user();
    let configuration = place.configuration();
    append(&place.path("logs/open.log"), "open");
    let secret = place.path("logs/secret.log");
    append(&secret, "secret");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).expect("is locked");
    let mut server = place.up(&["--config", &configuration]);
    let (files, _) = welcome(&mut server);
    let (followed, unreadable) = files.split_once("can't read ").expect("tells of it");
    assert_eq!(followed, format!("\nfollowing 1 file\n  {}\n", place.path("logs/open.log").display()));
    let fix = unreadable.strip_prefix(&format!("{}: Permission denied\n  fix: ", secret.display()));
    let fix = fix.unwrap_or_else(|| panic!("{files}")).trim_end();
    // The command does it: run as root it lets the file be read, without a restart.
    assert!(fix.starts_with("sudo "), "{fix}");
    if place.user.is_some() {
        let command = fix.replace("sudo ", "");
        assert!(Command::new("sh").args(["-c", &command]).status().expect("runs").success(), "{fix}");
        wait_until("the file is followed", || count(&server, "secret") == 1);
    }
}

#[test]
fn a_taken_port_names_its_holder() {
    let place = Place::new();
    let holder = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = holder.local_addr().expect("bound").to_string();
    let data = place.path("data");
    let (code, out, err) = run(&["up", "--listen", &address, "--data-dir", data.to_str().expect("a plain path")]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains(&format!("{address} is taken by ")), "{err}");
    assert!(err.contains(&format!("(pid {})", std::process::id())), "{err}");
}

#[test]
fn tokens_are_read_again_on_sighup() {
    let place = Place::new();
    let configuration = place.configuration();
    let tokens = place.path("tokens");
    let new = |name: &str| {
        let (_, line, shown) = run(&["token", "new", name, "--role", "read"]);
        fs::write(&tokens, line).expect("writes");
        format!("Authorization: Bearer {}\r\n", shown.trim_end().rsplit(' ').next().expect("a token"))
    };
    let first = new("first");
    let server = place.up(&["--config", &configuration, "--token-file", tokens.to_str().expect("a plain path")]);
    let status = |token: &str| server.get("/app/v1/count", token).0;
    assert_eq!((status(""), status(&first)), (401, 200));
    let second = new("second");
    assert_eq!(status(&second), 401);
    server.signal("HUP");
    wait_until("the new token is accepted", || status(&second) == 200);
    assert_eq!(status(&first), 401);
    // A mistake in a file leaves all as it was.
    fs::write(&configuration, "[collector\n").expect("writes");
    server.signal("HUP");
    assert_eq!(status(&second), 200);
}

/// The line that begins so.
fn line_with(server: &mut Server, begin: &str) -> String {
    loop {
        let line = server.line();
        if line.starts_with(begin) {
            return line;
        }
    }
}

#[test]
fn what_the_programs_own_rules_find_is_mailed() {
    let Some(mut mail) = MailServer::start() else { return };
    let place = Place::new();
    let configuration = place.configuration();
    let smtp = format!("127.0.0.1:{}", mail.port);
    let arguments = ["--config", &configuration, "--mail", "eva@example.com", "--smtp", &smtp];
    let mut server = place.up(&arguments);
    assert_eq!(
        line_with(&mut server, "alerts are mailed"),
        format!("alerts are mailed to eva@example.com through {smtp}; a test message goes out now …")
    );
    let told = line_with(&mut server, "");
    assert!(told.starts_with("the test message was delivered: 250 "), "{told}");
    let test = mail.next();
    assert_eq!((&test["to"], &test["from"]), (&json!(["eva@example.com"]), &json!("eva@example.com")));
    let subject = test["headers"]["Subject"].as_str().expect("a subject").to_owned();
    assert_eq!(subject, "[test] Test message to mail");

    let disk = b"orszem_logs_disk_full{instance=\"far\"} 1\n";
    assert_eq!(server.post("/api/v1/import/prometheus", "", disk).0, 204);
    let alert = mail.next();
    let subject = alert["headers"]["Subject"].as_str().expect("a subject").to_owned();
    assert!(subject.contains("OrszemDiskFull"), "{subject}");
    drop(server);

    let mut server = place.up(&arguments);
    assert_eq!(
        line_with(&mut server, "alerts are mailed"),
        format!("alerts are mailed to eva@example.com through {smtp}; --mail-test sends a test message again")
    );
}

#[test]
fn a_test_message_that_fails_is_told_with_its_reason() {
    let Some(mail) = MailServer::start() else { return };
    let place = Place::new();
    let configuration = place.configuration();
    let smtp = format!("127.0.0.1:{}", mail.port);
    let mut server = place.up(&["--config", &configuration, "--mail", "nobody@example.com", "--smtp", &smtp]);
    let told = line_with(&mut server, "THE TEST");
    assert!(told.starts_with("THE TEST MESSAGE WAS NOT DELIVERED: ") && told.contains("550"), "{told}");
    assert!(told.ends_with("; alerts will not arrive either"), "{told}");
    drop(server);
    let nobody = place.up(&["--config", &configuration, "--mail", "eva@example.com", "--smtp", "127.0.0.1:1"]);
    let (mut nobody, told) = (nobody, "THE TEST MESSAGE WAS NOT DELIVERED: ");
    let said = line_with(&mut nobody, told);
    assert!(said.ends_with("; it is tried again for a day, as alerts are"), "{said}");
    drop(nobody);
    let data = place.path("data");
    let arguments = ["up", "--listen", "127.0.0.1:0", "--mail", "nobody", "--data-dir", data.to_str().expect("plain")];
    let (code, _, err) = run(&arguments);
    assert_eq!(code, 2);
    assert!(err.contains("--mail \"nobody\" is no mail address"), "{err}");
}
