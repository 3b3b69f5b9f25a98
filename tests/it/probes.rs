//! Probes by several collectors, each in a network namespace of its own: who is cut off pages nobody, what is down pages
//! once, and the ledger has its times.

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use orszem_model::Timestamp;
use orszem_model::time::parse_timestamp;
use serde_json::{Value, json};

use crate::alerting::sink::{Hit, Sink, alerts};
use crate::program::{Server, orszem, run};

/// How long a state is waited for: `for` of a rule is 30 s.
const WITHIN: Duration = Duration::from_secs(150);

/// Namespaces and the ways into them, until it is dropped.
struct Net {
    prefix: String,
    count: u8,
}

impl Net {
    /// `None` where this may not be done.
    fn new(count: u8) -> Option<Self> {
        let net = Self { prefix: format!("op{}", std::process::id()), count };
        (1..=count).all(|at| net.add(at)).then_some(net)
    }

    fn name(&self, at: u8) -> String {
        format!("{}-{at}", self.prefix)
    }

    fn add(&self, at: u8) -> bool {
        let (name, outer) = (self.name(at), format!("v{}x{at}", self.prefix));
        let gateway = format!("198.18.{at}.1");
        let (near, far) = (format!("{gateway}/30"), format!("198.18.{at}.2/30"));
        ip(&["netns", "add", &name])
            && ip(&["link", "add", &outer, "type", "veth", "peer", "name", "eth0", "netns", &name])
            && ip(&["addr", "add", &near, "dev", &outer])
            && ip(&["link", "set", &outer, "up"])
            && (at > 1 || ip(&["addr", "add", "198.18.100.1/32", "dev", &outer]))
            && ip(&["-n", &name, "link", "set", "lo", "up"])
            && ip(&["-n", &name, "addr", "add", &far, "dev", "eth0"])
            && ip(&["-n", &name, "link", "set", "eth0", "up"])
            && ip(&["-n", &name, "route", "add", "default", "via", &gateway])
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for at in 1..=self.count {
            ip(&["link", "del", &format!("v{}x{at}", self.prefix)]);
            ip(&["netns", "del", &self.name(at)]);
        }
    }
}

fn ip(arguments: &[&str]) -> bool {
    let ended = Command::new("ip").args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    ended.is_ok_and(|status| status.success())
}

/// A target that answers until it is dropped.
struct Target {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
}

impl Target {
    fn at(address: &str) -> Self {
        let listener = TcpListener::bind(address).expect("binds");
        let address = listener.local_addr().expect("an address");
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::Acquire) {
                    return;
                }
                drop(stream);
            }
        });
        Self { address, is_over }
    }

    /// Nobody listens when it returns.
    fn close(self) -> SocketAddr {
        self.is_over.store(true, Ordering::Release);
        let is_open = || std::net::TcpStream::connect(self.address).is_ok();
        wait("nobody listens", || !is_open());
        self.address
    }
}

/// A collector in a namespace.
struct Collector(Child);

impl Drop for Collector {
    fn drop(&mut self) {
        self.0.kill().unwrap_or(());
        self.0.wait().map(drop).unwrap_or(());
    }
}

fn wait(what: &str, is_reached: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_reached() {
        assert!(begun.elapsed() < WITHIN, "{what}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("before 2262")
}

fn millis(value: &Value) -> i64 {
    parse_timestamp(value.as_str().expect("a time"), Timestamp(0)).expect("a time").0 / 1_000_000
}

/// A server for others than this host, with tokens, whose contact is told at `sink`.
struct Site {
    folder: tempfile::TempDir,
    admin: String,
    server: Option<Server>,
    port: u16,
}

impl Site {
    fn new(sink: &Sink, count: u8) -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let path = |name: &str| folder.path().join(name);
        let token = |name: &str, role: &str| {
            let (code, line, shown) = run(&["token", "new", name, "--role", role]);
            assert_eq!(code, 0, "{shown}");
            let secret = shown.trim_end().rsplit(' ').next().expect("a secret").to_owned();
            (line, secret)
        };
        let ((admin_line, admin), (node_line, node)) = (token("admin", "admin"), token("node", "ingest"));
        fs::write(path("tokens"), format!("{admin_line}{node_line}")).expect("writes");
        fs::write(path("node"), node).expect("writes");
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/rules/probes.yml");
        let text = format!(
            "[server.tls]\nmode = \"off\"\n[access]\ntoken_file = \"{}\"\n\
             [alerting]\nrule_files = [\"{}\"]\nrestart_hold = \"300ms\"\nrestart_hold_critical = \"300ms\"\n\
             [[alerting.contacts]]\nname = \"eva\"\naddresses = [{{ channel = \"hook\", to = \"x\" }}]\nrate = 10000\n\
             [[alerting.policies]]\nname = \"all\"\nsteps = [{{ contacts = [\"eva\"] }}]\n\
             [alerting.route]\npolicy = \"all\"\ngroup_by = [\"...\"]\nwait_warning = \"50ms\"\nwait_critical = \"50ms\"\n\
             [[notify.webhook]]\nname = \"hook\"\nurl = \"{}\"\n",
            path("tokens").display(),
            rules.display(),
            sink.url()
        );
        fs::write(path("server.toml"), text).expect("writes");
        let mut site = Self { folder, admin, server: None, port: 0 };
        site.start_server(count);
        site
    }

    fn start_server(&mut self, count: u8) {
        let path = |name: &str| self.folder.path().join(name).to_str().expect("a plain path").to_owned();
        let (config, data) = (path("server.toml"), path("data"));
        let port = if self.port == 0 { free_port() } else { self.port };
        let listen: Vec<String> = std::iter::once(format!("127.0.0.1:{port}"))
            .chain((1..=count).map(|at| format!("198.18.{at}.1:{port}")))
            .collect();
        let mut arguments = vec!["server", "--log-level", "warn", "--data-dir", &data, "--config", &config];
        listen.iter().for_each(|address| arguments.extend(["--listen", address]));
        let server = Server::spawn(orszem(&arguments));
        self.port = server.address.port();
        self.server = Some(server);
    }

    fn collect(&self, net: &Net, at: u8, targets: &[SocketAddr], canary: SocketAddr) -> Collector {
        let path = |name: &str| self.folder.path().join(name);
        let targets: Vec<String> = targets.iter().map(|target| format!("\"{target}\"")).collect();
        let text = format!(
            "[collector]\nhost = \"node{at}\"\ninclude = [\"{}/*.log\"]\njournal = \"off\"\nstate_dir = \"{}\"\n\
             probe_canaries = [\"{canary}\"]\n[collector.host_metrics]\nenabled = false\n\
             [collector.output]\nendpoints = [\"http://198.18.{at}.1:{}\"]\ntoken_file = \"{}\"\n\
             [[collector.probe]]\nname = \"shop\"\ntargets = [{}]\ninterval = \"1s\"\n",
            self.folder.path().display(),
            path(&format!("state{at}")).display(),
            self.port,
            path("node").display(),
            targets.join(", "),
        );
        let config = path(&format!("collector{at}.toml"));
        fs::write(&config, text).expect("writes");
        let log = fs::File::create(path(&format!("collector{at}.err"))).expect("a log");
        let plain = orszem(&["collector", "--log-level", "info", "--config", config.to_str().expect("a plain path")]);
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &net.name(at)]).arg(plain.get_program()).args(plain.get_args());
        Collector(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("starts"))
    }

    fn get(&self, path: &str) -> Value {
        let server = self.server.as_ref().expect("runs");
        let (status, body) = server.get(path, &format!("Authorization: Bearer {}\r\n", self.admin));
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    /// Verdict and number of votes of each target.
    fn held(&self) -> Vec<(String, usize)> {
        let answer = self.get("/app/v1/probes");
        let targets = answer["targets"].as_array().expect("targets").iter();
        let of = |target: &Value| {
            let votes = target["votes"].as_array().expect("votes").len();
            (target["verdict"].as_str().expect("a verdict").to_owned(), votes)
        };
        targets.map(of).collect()
    }

    fn verdict(&self, instance: SocketAddr) -> String {
        let answer = self.get(&format!("/app/v1/probes?instance={instance}"));
        answer["targets"][0]["verdict"].as_str().expect("a verdict").to_owned()
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

#[test]
fn who_is_cut_off_pages_nobody_and_what_is_down_pages_once_with_its_times() {
    let Some(net) = Net::new(3) else {
        eprintln!("skipped: network namespaces can't be made here");
        return;
    };
    let sink = Sink::start();
    let mut site = Site::new(&sink, 3);
    let mut targets: Vec<Target> = (0..3).map(|_| Target::at("198.18.100.1:0")).collect();
    let canary = Target::at("198.18.100.1:0");
    let addresses: Vec<SocketAddr> = targets.iter().map(|target| target.address).collect();
    let collectors: Vec<Collector> = (1..=3).map(|at| site.collect(&net, at, &addresses, canary.address)).collect();
    let all_up = vec![("up".to_owned(), 3); 3];
    wait("all three find all three up", || site.held() == all_up);

    // One loses its way to all targets, and still reaches the server.
    assert!(ip(&["-n", &net.name(3), "route", "add", "blackhole", "198.18.100.0/24"]));
    wait("somebody is told that it is cut off", || sink.was_told("ProbeCollectorIsolated", "firing"));
    assert!(site.held().iter().all(|(verdict, _)| verdict == "up"), "{:?}", site.held());

    // One target is down, and the server is killed while it is.
    let down = targets.remove(0);
    let begun = now();
    let address = down.close();
    let closed = now();
    wait("somebody is told that it is down", || sink.was_told("ProbeDown", "firing"));
    assert_eq!(site.verdict(address), "down");
    site.server = None;
    site.start_server(3);
    assert_eq!(site.verdict(address), "down", "it is known after kill -9");
    let opened = now();
    targets.push(Target::at(&address.to_string()));
    wait("somebody is told that it is up", || sink.was_told("ProbeDown", "resolved"));
    let up_again = now();

    let outages = site.get(&format!("/app/v1/probes/{address}/outages?period=1h"));
    let all = outages["outages"].as_array().expect("outages");
    assert_eq!(all.len(), 1, "{outages}");
    let (from, until) = (millis(&all[0]["from"]), millis(&all[0]["until"]));
    assert!((begun..=closed + 3_000).contains(&from), "{begun} to {closed}, and not {from}");
    assert!((opened..=up_again).contains(&until), "{opened} to {up_again}, and not {until}");
    for target in &targets[..2] {
        let outages = site.get(&format!("/app/v1/probes/{}/outages?period=1h", target.address));
        assert_eq!(outages["outages"].as_array().map(Vec::len), Some(0), "{outages}");
    }
    // What was about to be noted as sent when the server was killed comes again, under the same key.
    let told = |name: &str| {
        let is_meant = |hit: &&Hit| alerts(&hit.body).contains(&(name.to_owned(), "firing".to_owned()));
        sink.hits().iter().filter(is_meant).map(|hit| hit.key.clone()).collect::<BTreeSet<_>>().len()
    };
    let pages = ["ProbeDown", "ProbeCollectorIsolated", "ProbeFails"].map(told);
    assert_eq!(pages, [1, 1, 0], "{:?}", sink.told());
    drop(collectors);
}

/// A vote of node1, whose probe ended `age_ms` ago.
pub(crate) fn told(n: u64, vote: &str, age_ms: u64) -> Vec<u8> {
    let vote = json!({
        "n": n, "probe": "shop", "instance": "https://shop.example/", "vote": vote, "reason": "status 503",
        "age_ms": age_ms, "interval_ms": 10_000, "timeout_ms": 5_000,
    });
    json!({ "collector": "node1", "epoch": 1, "votes": [vote] }).to_string().into_bytes()
}

#[test]
fn votes_become_outages_that_can_be_excluded_and_a_report() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(directory.path(), &[]);
    let post = |path: &str, body: &[u8]| {
        let (status, body) = server.post(path, "Content-Type: application/json\r\n", body);
        (status, serde_json::from_str::<Value>(&body).unwrap_or_default())
    };
    let get = |path: &str| {
        let (status, body) = server.get(path, "");
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str::<Value>(&body).expect("JSON")
    };
    let votes = [("up", 30_000), ("down", 20_000), ("down", 19_000), ("down", 18_000), ("up", 10_000), ("up", 0)];
    for (n, (vote, age_ms)) in (1..).zip(votes) {
        assert_eq!(post("/app/v1/probes/votes", &told(n, vote, age_ms)), (200, json!({ "asked": [] })));
    }
    let (status, answer) = post("/app/v1/probes/votes", br#"{"collector":"","epoch":1}"#);
    assert_eq!((status, answer["code"].as_str()), (400, Some("probes.wrong")), "{answer}");

    let listed = get("/app/v1/probes?span=1h&bars=2&goal=0.9");
    let target = &listed["targets"][0];
    assert_eq!([&target["id"], &target["verdict"], &listed["goal"]], [&json!(1), &json!("up"), &json!(0.9)]);
    let outages = get("/app/v1/probes/https%3A%2F%2Fshop.example%2F/outages?period=1h");
    let outage = &outages["outages"][0];
    let lasted = outage["lasted_ms"].as_i64().expect("a span");
    // Each request has a clock of its own.
    assert!((9_000..=11_000).contains(&lasted), "{outages}");
    assert_eq!([&outage["reason"], &outage["excluded"]], [&json!("status 503"), &json!(false)]);

    let body = json!({ "outage": outage["from"], "reason": "planned", "by": "eva" }).to_string();
    let (status, excluded) = post("/app/v1/probes/1/exclude", body.as_bytes());
    assert_eq!((status, &excluded["exclusion"]), (200, &json!(1)), "{excluded}");
    let counted = || get("/app/v1/probes/1/outages?period=1h")["availability"].clone();
    assert_eq!([&counted()["down_ms"], &counted()["ratio"]], [&json!(0), &json!(1.0)]);
    let (code, out, err) = run(&["report", "--period", "1h", "--server", &server.url()]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("https://shop.example/  100 %") && out.contains("status 503 (excluded)"), "{out}");
    assert_eq!(post("/app/v1/probes/exclusions/1/withdraw", b"").0, 200);
    assert_eq!(post("/app/v1/probes/exclusions/1/withdraw", b"").0, 404);
    assert_eq!(counted()["down_ms"], json!(lasted));
    let (code, out, _) = run(&["report", "--period", "1h", "--format", "html", "--server", &server.url()]);
    assert!(code == 1 && out.contains("<h2 style=\"font-size:16px\">Outages</h2>"), "{code}: {out}");
    for (path, code) in [("/app/v1/probes/9/outages", 404), ("/app/v1/report?period=soon", 400)] {
        assert_eq!(server.get(path, "").0, code, "{path}");
    }
}
