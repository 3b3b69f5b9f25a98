//! A configuration that is wrong is told whole, and one that changes is gone on with: nothing lost, nothing doubled.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::collector::site::Site;
use crate::program::{Server, orszem, run};
use crate::torture::client::{export, request};

const BAD: &str = include_str!("collector_config/bad.toml");
/// What is told of [`BAD`], without the file's name.
const TOLD: &str = include_str!("collector_config/bad.txt");
const WITHIN: Duration = Duration::from_secs(30);

/// Waits for a state.
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let begun = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) => assert!(begun.elapsed() < WITHIN, "{what}: {seen}"),
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

fn append(file: &Path, line: &str) {
    let mut file = fs::OpenOptions::new().append(true).create(true).open(file).expect("opens");
    writeln!(file, "{line}").expect("writes");
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    listener.local_addr().expect("is bound").port()
}

#[test]
fn every_command_tells_all_problems_at_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("o.toml");
    fs::write(&path, BAD).expect("writes");
    let (name, data) = (path.to_str().expect("plain"), directory.path().join("data"));
    let data = data.to_str().expect("plain");
    let expected: Vec<String> = TOLD.lines().map(|line| format!("{name}:{line}")).collect();
    let (code, out, _) = run(&["check-config", name]);
    assert_eq!(code, 1);
    assert_eq!(out.lines().collect::<Vec<_>>(), [&expected[..], &[format!("{} problems", expected.len())]].concat());
    for command in ["collector", "up", "server"] {
        let (code, out, err) = run(&[command, "--config", name, "--data-dir", data]);
        assert_eq!((code, out.as_str()), (2, ""), "{command}");
        let told = err.strip_prefix("orszem: ").unwrap_or_else(|| panic!("{command}: {err}"));
        assert_eq!(told.lines().collect::<Vec<_>>(), expected, "{command}");
    }
}

/// The configuration of a collector that follows `include` and one command, and its metrics.
struct Reloading {
    site: Site,
    metrics: u16,
}

impl Reloading {
    fn new(folder: &Path) -> Self {
        let site = Site::new(folder, "");
        fs::create_dir_all(folder.join("other")).expect("a directory");
        let reloading = Self { metrics: free_port(), site };
        reloading.write(&["log"], "");
        reloading
    }

    /// Replaces the file in one step, as an editor does.
    fn write(&self, include: &[&str], more: &str) {
        let folder = &self.site.folder;
        let include: Vec<String> = include.iter().map(|of| format!("{}/{of}/*.log", folder.display())).collect();
        let command = "echo shell $$; n=0; while sleep 0.05; do n=$((n+1)); echo tick $n; done";
        let text = format!(
            "[collector]\ninclude = {include:?}\njournal = \"off\"\nstate_dir = {:?}\nmetrics_listen = \"127.0.0.1:{}\"\n\
             [[collector.exec]]\ncommand = [\"/bin/sh\", \"-c\", {command:?}]\nservice = \"ticks\"\n{more}\n\
             [collector.output]\nendpoints = [\"http://{}\"]\n",
            folder.join("state").display().to_string(),
            self.metrics,
            self.site.address()
        );
        self.write_text(&text);
    }

    fn write_text(&self, text: &str) {
        let beside = self.site.folder.join("collector.toml.new");
        fs::write(&beside, text).expect("writes");
        fs::rename(beside, self.site.folder.join("collector.toml")).expect("renames");
    }

    fn reloads(&self) -> u64 {
        let address = format!("127.0.0.1:{}", self.metrics).parse().expect("an address");
        let page = request(address, "GET /metrics", "", "").map(|answer| answer.body).unwrap_or_default();
        let value = page.lines().find_map(|line| line.strip_prefix("orszem_collector_reloads_total "));
        value.map_or(0, |value| value.parse().expect("a number"))
    }

    fn wait_for_reloads(&self, count: u64) {
        wait_for("the new configuration is in force", || match self.reloads() {
            now if now == count => Ok(()),
            now => Err(format!("{now} reloads\n{}", self.log())),
        });
    }

    fn log(&self) -> String {
        fs::read_to_string(self.site.folder.join("collector.err")).unwrap_or_default()
    }

    /// Waits for a body.
    fn wait_for(&self, body: &str) {
        self.site.wait_for(body, |bodies| bodies.iter().any(|found| found == body));
    }
}

#[test]
fn a_wrong_configuration_leaves_the_old_one_running() {
    let folder = tempfile::tempdir().expect("a directory");
    let mut reloading = Reloading::new(folder.path());
    let log = folder.path().join("log/a.log");
    append(&log, "a 1");
    reloading.site.start_collector();
    reloading.wait_for("a 1");
    reloading.write_text(BAD);
    reloading.site.signal_collector("HUP");
    let name = folder.path().join("collector.toml");
    for line in TOLD.lines() {
        let line = format!("{}:{line}", name.display());
        wait_for("all problems are told", || match reloading.log() {
            log if log.contains(&line) => Ok(()),
            log => Err(format!("{line} is not in {log}")),
        });
    }
    assert!(reloading.log().contains("not reloaded, everything stays as it was"), "{}", reloading.log());
    append(&log, "a 2");
    reloading.wait_for("a 2");
    assert_eq!(reloading.reloads(), 0);
    // Put right again, it is gone on with.
    reloading.write(&["log"], "");
    reloading.site.signal_collector("HUP");
    reloading.wait_for_reloads(1);
    append(&log, "a 3");
    reloading.wait_for("a 3");
    assert_eq!(reloading.site.stop_collector(), Some(0));
}

#[test]
fn a_changed_configuration_is_gone_on_with_and_nothing_is_lost_or_doubled() {
    let folder = tempfile::tempdir().expect("a directory");
    let mut reloading = Reloading::new(folder.path());
    let (a, b) = (folder.path().join("log/a.log"), folder.path().join("other/b.log"));
    append(&a, "a 1");
    append(&b, "b 1");
    reloading.site.start_collector();
    reloading.wait_for("a 1");
    reloading.wait_for("tick 1");

    // Seen without a signal: another folder, a label, redaction, a rule.
    let more = "[collector.labels]\nsite = \"budapest\"\n[[collector.relabel]]\nsource_labels = [\"service\"]\nregex = \"(a|b)\"\n\
                target_label = \"team\"\nreplacement = \"shop-$1\"\n[[collector.drop]]\nbody = \"noise\"\n\
                [[collector.redact.custom]]\nname = \"customer\"\nregex = \"customer=[0-9]+\"\n";
    reloading.write(&["log", "other"], more);
    reloading.wait_for_reloads(1);
    append(&a, "a noise");
    append(&a, "a 2 customer=77");
    append(&b, "b 2");
    for body in ["b 1", "b 2", "a 2 [redacted:customer]"] {
        reloading.wait_for(body);
    }
    let found = |query: &str| {
        let answer =
            request(reloading.site.address(), &format!("GET /app/v1/count?q={query}"), "", "").expect("answers");
        let answer: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
        answer["count"].as_u64().expect("a count")
    };
    assert_eq!((found("site%3Abudapest%20team%3Ashop-b"), found("site%3Abudapest%20team%3Ashop-a")), (2, 1));

    // What is no longer included is not followed, and gone on with later where it was left.
    reloading.write(&["other"], "");
    reloading.wait_for_reloads(2);
    append(&a, "a 3");
    append(&b, "b 3");
    reloading.wait_for("b 3");
    append(&b, "b 4 customer=77");
    reloading.wait_for("b 4 customer=77");
    assert!(!export(reloading.site.address()).contains(&"a 3".to_owned()));
    reloading.write(&["log", "other"], "");
    reloading.wait_for_reloads(3);
    reloading.wait_for("a 3");
    assert_eq!(reloading.site.stop_collector(), Some(0));

    let bodies = export(reloading.site.address());
    let mut lines: Vec<&str> = bodies.iter().map(String::as_str).filter(|body| body.starts_with(['a', 'b'])).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["a 1", "a 2 [redacted:customer]", "a 3", "b 1", "b 2", "b 3", "b 4 customer=77"]);
    // The command ran on through all of it.
    assert_eq!(bodies.iter().filter(|body| body.starts_with("shell ")).count(), 1);
    let ticks: Vec<u64> = bodies
        .iter()
        .filter_map(|body| body.strip_prefix("tick "))
        .map(|tick| tick.parse().expect("a number"))
        .collect();
    assert_eq!(ticks, (1..=ticks.len() as u64).collect::<Vec<_>>());
}

#[test]
fn another_token_and_another_endpoint_are_used_at_once() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = |name: &str| folder.path().join(name).to_str().expect("plain").to_owned();
    let token = |role: &str| {
        let (_, line, shown) = run(&["token", "new", role, "--role", role]);
        (line, shown.trim_end().rsplit(' ').next().expect("a token").to_owned())
    };
    let ((sends, good), (reads, reading)) = (token("ingest"), token("read"));
    fs::write(path("tokens"), sends + &reads).expect("writes");
    fs::write(path("good"), good).expect("writes");
    fs::write(path("bad"), "orszem_wrong").expect("writes");
    let guarded = Server::start(&folder.path().join("guarded"), &["--token-file", &path("tokens")]);
    let mut reloading = Reloading::new(folder.path());
    let metrics = reloading.metrics;
    let text = |endpoint: &str, token: &str| {
        format!(
            "[collector]\ninclude = [{:?}]\njournal = \"off\"\nstate_dir = {:?}\nmetrics_listen = \"127.0.0.1:{}\"\n\
             [collector.output]\nendpoints = [{endpoint:?}]\ntoken_file = {:?}\n",
            path("log/*.log"),
            path("state"),
            metrics,
            path(token)
        )
    };
    reloading.write_text(&text(&guarded.url(), "bad"));
    append(Path::new(&path("log/a.log")), "a 1");
    reloading.site.start_collector();
    wait_for("the refusal is told", || match reloading.log() {
        log if log.contains("401") => Ok(()),
        log => Err(log),
    });
    reloading.write_text(&text(&guarded.url(), "good"));
    reloading.site.signal_collector("HUP");
    reloading.wait_for_reloads(1);
    wait_for("the line arrives", || {
        let authorization = format!("Authorization: Bearer {reading}\r\n");
        match guarded.get("/app/v1/count?q=file%3A*", &authorization) {
            (200, answer) if answer.contains("\"count\":1,") || answer.contains("\"count\":1}") => Ok(()),
            (status, answer) => Err(format!("{status} {answer}\n{}", reloading.log())),
        }
    });
    // The next line goes to the other server, and only that.
    reloading.write_text(&text(&format!("http://{}", reloading.site.address()), "good"));
    reloading.site.signal_collector("HUP");
    reloading.wait_for_reloads(2);
    append(Path::new(&path("log/a.log")), "a 2");
    reloading.wait_for("a 2");
    assert!(!export(reloading.site.address()).contains(&"a 1".to_owned()));
    assert_eq!(reloading.site.stop_collector(), Some(0));
}

#[test]
fn up_reads_what_to_collect_again_on_sighup() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = |name: &str| folder.path().join(name).to_str().expect("plain").to_owned();
    for name in ["log", "other"] {
        fs::create_dir(path(name)).expect("a directory");
        append(Path::new(&path(&format!("{name}/x.log"))), &format!("{name} 1"));
    }
    let write = |include: &str| {
        let text = format!("[collector]\ninclude = [\"{}/*.log\"]\njournal = \"off\"\n", path(include));
        fs::write(path("o.toml"), text).expect("writes");
    };
    write("log");
    let arguments = ["up", "--listen", "127.0.0.1:0", "--data-dir", &path("data"), "--config", &path("o.toml")];
    let mut command = orszem(&arguments);
    let log = || fs::read_to_string(path("log.err")).expect("reads");
    command.stderr(Stdio::from(fs::File::create(path("log.err")).expect("a log")));
    let server = Server::spawn(command);
    let wait_for_body = |body: &str| {
        wait_for(body, || {
            let bodies = export(server.address);
            if bodies.iter().any(|found| found == body) { Ok(()) } else { Err(format!("{bodies:?}\n{}", log())) }
        });
    };
    wait_for_body("log 1");
    fs::write(path("o.toml"), BAD).expect("writes");
    server.signal("HUP");
    for line in TOLD.lines() {
        let line = format!("{}:{line}", path("o.toml"));
        wait_for("all problems are told", || if log().contains(&line) { Ok(()) } else { Err(log()) });
    }
    append(Path::new(&path("log/x.log")), "log 2");
    wait_for_body("log 2");
    write("other");
    server.signal("HUP");
    wait_for_body("other 1");
    append(Path::new(&path("log/x.log")), "log 3");
    append(Path::new(&path("other/x.log")), "other 2");
    wait_for_body("other 2");
    let mut bodies = export(server.address);
    bodies.retain(|body| body.starts_with("log ") || body.starts_with("other "));
    bodies.sort_unstable();
    assert_eq!(bodies, ["log 1", "log 2", "other 1", "other 2"]);
}
