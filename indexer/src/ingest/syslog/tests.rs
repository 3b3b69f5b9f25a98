//! The listeners with clients on loopback, and the store behind them as a function.

use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use orszem_model::{Span, Timestamp};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::watch;

use super::chunk::{Chunk, Mark};
use super::*;
use crate::ingest::http::{Accepted, Submission, SubmitError, SubmitFn};
use crate::ingest::tests::{NOW, records, shown as line_of};
use crate::ingest::{Limits, metrics};

/// The longest a state is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Listeners, and what they handed on.
struct Setup {
    syslog: Syslog,
    shown: Arc<Mutex<Vec<String>>>,
    registry: Registry,
    /// How many submissions were made.
    submissions: watch::Receiver<usize>,
    /// While it is false the store takes nothing.
    open: watch::Sender<bool>,
}

/// What the store answers while it is closed.
#[derive(Clone, Copy)]
enum Closed {
    Waits,
    Refuses,
}

impl Setup {
    async fn start(config: SyslogConfig, closed: Closed) -> Self {
        let (open, is_open) = watch::channel(true);
        let (counted, submissions) = watch::channel(0);
        let shown = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&shown);
        let submit: SubmitFn = Arc::new(move |submission: Submission| {
            counted.send_modify(|count| *count += 1);
            let (kept, mut is_open) = (Arc::clone(&kept), is_open.clone());
            Box::pin(async move {
                if matches!(closed, Closed::Refuses) && !*is_open.borrow() {
                    return Err(SubmitError::Overloaded { retry_after_s: 0 });
                }
                is_open.wait_for(|is_open| *is_open).await.expect("the test goes on");
                let lines = records(&submission.batches).into_iter().map(|record| {
                    assert_eq!(record.stream.tenant, submission.tenant);
                    line_of(&record)
                });
                kept.lock().expect("lock").extend(lines);
                Ok(Accepted::default())
            })
        });
        let mut registry = Registry::default();
        let ingest = metrics::Metrics::register(&mut registry);
        let metrics = Metrics::register(&mut registry);
        let state = Arc::new(IngestState::new(Limits::default(), submit, ingest, Arc::new(|| NOW)));
        let syslog = Syslog::start(&config, &state, None, &metrics).await.expect("listens");
        Self { syslog, shown, registry, submissions, open }
    }

    fn address(&self, at: usize) -> SocketAddr {
        self.syslog.addresses()[at].1
    }

    fn metrics(&self) -> String {
        let mut out = String::new();
        encode(&mut out, &self.registry).expect("encodes");
        out
    }

    /// A counter or gauge of the listener at `at`, for all reasons together.
    fn counter(&self, name: &str, at: usize) -> u64 {
        let (transport, address) = self.syslog.addresses()[at];
        let front = format!("orszem_syslog_{name}{{listener=\"{transport} {address}\"");
        let metrics = self.metrics();
        let lines: Vec<&str> = metrics.lines().filter(|line| line.starts_with(&front)).collect();
        assert!(!lines.is_empty(), "{front} in {metrics}");
        let value = |line: &&str| line.rsplit(' ').next().and_then(|text| text.parse::<u64>().ok());
        lines.iter().map(|line| value(line).expect("a number")).sum()
    }

    /// Waits until `count` messages were handed on, and takes them, sorted.
    async fn taken(&self, count: usize) -> Vec<String> {
        wait_until("the messages arrive", || self.shown.lock().expect("lock").len() >= count).await;
        let mut taken = std::mem::take(&mut *self.shown.lock().expect("lock"));
        taken.sort();
        taken
    }
}

async fn wait_until(what: &str, is_reached: impl Fn() -> bool) {
    let waiting = async {
        while !is_reached() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect(what);
}

fn listen(transports: &[Transport]) -> SyslogConfig {
    let address: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    let listen = transports.iter().map(|transport| Listen { address, transport: *transport, tenant: 4 }).collect();
    SyslogConfig { listen, ..SyslogConfig::default() }
}

const PEER: &str = "10.1.2.3";

/// What becomes of one message from [`PEER`], and whether it counts as malformed.
fn check(message: &[u8], mark: Mark, expected: &str) {
    let limits = Limits::default();
    let streams = crate::ingest::StreamLimiter::new(&limits);
    let context =
        crate::ingest::Context { tenant: 0, now: NOW, corrects_times: false, limits: &limits, streams: &streams };
    let mut chunk = Chunk::default();
    chunk.add(message, PEER.parse::<IpAddr>().expect("an address"), mark);
    let (decoded, malformed) = record::encode(&[chunk], &context, &Zone::utc()).expect("encodes");
    let text: Vec<String> = records(&decoded.batches).iter().map(line_of).collect();
    let message = String::from_utf8_lossy(message);
    assert_eq!(text, [expected.replace("BODY", message.trim_end())], "{message}");
    assert_eq!(malformed == 1, !message.starts_with('<') && expected.contains("time_inferred"), "{message}");
}

#[test]
fn every_form_of_message_is_read() {
    for (message, expected) in [
        (
            "<165>1 2026-11-22T10:00:01.5Z db1 evt 9 ID47 [ex@1 iut=\"3\"] hi",
            "1.5s {host=db1,layer=host,service=evt} 10 [facility=20 pid=9 msgid=\"ID47\" ex@1.iut=\"3\" peer=\"10.1.2.3\"] BODY",
        ),
        (
            "<13>1 - - app - - - hi",
            "0s {host=10.1.2.3,layer=host,service=app} 10 [facility=1 orszem.time_inferred=true peer=\"10.1.2.3\"] BODY",
        ),
        (
            "<11>Nov 22 10:00:01 db1 sshd[42]: no\n",
            "1s {host=db1,layer=host,service=sshd} 17 [facility=1 pid=42 peer=\"10.1.2.3\"] BODY",
        ),
        (
            "<13>2026-11-22T11:00:01+01:00 db1 nginx: x",
            "1s {host=db1,layer=web,service=nginx} 10 [facility=1 peer=\"10.1.2.3\"] BODY",
        ),
        (
            "Nov 22 10:00:01 db1 sshd[42]: bye",
            "1s {host=db1,layer=host,service=sshd} 0 [pid=42 peer=\"10.1.2.3\"] BODY",
        ),
        (
            "<13>Nov 22 10:00:01 cron[7]: x",
            "1s {host=10.1.2.3,layer=host,service=cron} 10 [facility=1 pid=7 peer=\"10.1.2.3\"] BODY",
        ),
        (
            "<11>app: disk full\0",
            "0s {host=10.1.2.3,layer=host,service=app} 17 [facility=1 orszem.time_inferred=true peer=\"10.1.2.3\"] <11>app: disk full",
        ),
        (
            "<15>error: disk full",
            "0s {host=10.1.2.3,layer=host} 5 [facility=1 orszem.time_inferred=true peer=\"10.1.2.3\"] BODY",
        ),
        (
            "<13>Nov 22 10:00:01 localhost app: x",
            "1s {host=10.1.2.3,layer=host,service=app} 10 [facility=1 peer=\"10.1.2.3\"] BODY",
        ),
        // A clock that is a day ahead would have the record rejected.
        (
            "<13>1 2026-11-23T10:00:00Z db1 app - - - hi",
            "0s {host=db1,layer=host,service=app} 10 [facility=1 orszem.time_inferred=true peer=\"10.1.2.3\"] BODY",
        ),
        ("noise", "0s {host=10.1.2.3,layer=host} 0 [orszem.time_inferred=true peer=\"10.1.2.3\"] BODY"),
    ] {
        check(message.as_bytes(), Mark::Whole, expected);
    }
    let peer = "peer=\"10.1.2.3\"";
    let cut = format!("0s {{host=10.1.2.3,layer=host}} 0 [orszem.time_inferred=true {peer} line.truncated=true] BODY");
    check(b"noise", Mark::Truncated, &cut);
    check(b"noise", Mark::Piece, &cut.replace("truncated", "split"));
}

#[test]
fn a_number_that_is_no_priority_is_text() {
    let limits = Limits::default();
    let streams = crate::ingest::StreamLimiter::new(&limits);
    let context =
        crate::ingest::Context { tenant: 0, now: NOW, corrects_times: false, limits: &limits, streams: &streams };
    for message in ["<192>x y", "<>x y", "<1", "<+3>x y", "<0013>x y"] {
        let mut chunk = Chunk::default();
        chunk.add(message.as_bytes(), PEER.parse().expect("an address"), Mark::Whole);
        let (decoded, malformed) = record::encode(&[chunk], &context, &Zone::utc()).expect("encodes");
        let text: Vec<String> = records(&decoded.batches).iter().map(line_of).collect();
        let expected = format!("0s {{host={PEER},layer=host}} 0 [orszem.time_inferred=true peer={PEER:?}] {message}");
        assert_eq!((text, malformed), (vec![expected], 1));
    }
}

#[tokio::test]
async fn datagrams_and_both_framings_arrive() {
    let setup = Setup::start(listen(&[Transport::Udp, Transport::Tcp]), Closed::Waits).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("binds");
    for text in ["<13>app: one", "<13>app: two\n", ""] {
        socket.send_to(text.as_bytes(), setup.address(0)).await.expect("sends");
    }
    let mut stream = TcpStream::connect(setup.address(1)).await.expect("connects");
    stream.write_all(b"<13>app: three\n14 <13>app: a\nb\n\n<13>app: l").await.expect("sends");
    stream.write_all(b"ast").await.expect("sends");
    stream.shutdown().await.expect("ends");
    let expected = ["a\nb", "last", "one", "three", "two"].map(|text| {
        format!("0s {{host=127.0.0.1,layer=host,service=app}} 10 [facility=1 orszem.time_inferred=true peer=\"127.0.0.1\"] <13>app: {text}")
    });
    assert_eq!(setup.taken(5).await, expected);
    let counts = ["messages_total", "bytes_total", "malformed_total", "truncated_total"]
        .map(|name| [setup.counter(name, 0), setup.counter(name, 1)]);
    assert_eq!(counts, [[2, 3], [24, 39], [0, 0], [0, 0]]);
    wait_until("the connection is forgotten", || setup.counter("connections", 1) == 0).await;
    let address = setup.address(1);
    setup.syslog.stop().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn messages_are_gathered_into_few_submissions() {
    let setup = Setup::start(listen(&[Transport::Tcp]), Closed::Waits).await;
    let mut stream = TcpStream::connect(setup.address(0)).await.expect("connects");
    let text: String = (0..10_000).map(|n| format!("<13>app: line {n:05}\n")).collect();
    stream.write_all(text.as_bytes()).await.expect("sends");
    let taken = setup.taken(10_000).await;
    assert_eq!(taken.len(), 10_000);
    for (n, line) in taken.iter().enumerate() {
        assert!(line.ends_with(&format!(" <13>app: line {n:05}")), "{line}");
    }
    let submissions = *setup.submissions.borrow();
    assert!(submissions <= 20, "{submissions} submissions");
    setup.syslog.stop().await;
}

#[tokio::test]
async fn while_the_store_does_not_take_tcp_waits_and_udp_drops() {
    let setup = Setup::start(listen(&[Transport::Udp, Transport::Tcp]), Closed::Waits).await;
    setup.open.send(false).expect("listens");
    let mut stream = TcpStream::connect(setup.address(1)).await.expect("connects");
    let line = format!("<13>app: {}\n", "x".repeat(1000));
    let mut sent = 0;
    // The queue, the batch and the system's buffers are full once a write does not go through any more.
    while tokio::time::timeout(Duration::from_millis(500), stream.write_all(line.as_bytes())).await.is_ok() {
        sent += 1;
        assert!(sent < 100_000, "it waits at some point");
    }
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("binds");
    let datagram = format!("<13>app: {}", "x".repeat(60_000));
    let dropped = || setup.counter("dropped_total", 0);
    let mut datagrams = 0_u64;
    while dropped() == 0 {
        socket.send_to(datagram.as_bytes(), setup.address(0)).await.expect("sends");
        datagrams += 1;
        let received = || setup.counter("messages_total", 0) == datagrams;
        wait_until("the datagram is received", received).await;
        assert!(datagrams < 1_000, "it drops at some point");
    }
    setup.open.send(true).expect("listens");
    let kept = datagrams - dropped();
    wait_until("everything else arrives", || {
        let shown = setup.shown.lock().expect("lock");
        let long = shown.iter().filter(|line| line.len() > 50_000).count() as u64;
        long == kept && shown.len() as u64 - long >= sent
    })
    .await;
    setup.syslog.stop().await;
}

#[tokio::test]
async fn a_refusal_is_tried_again_and_at_the_stop_counted() {
    let setup = Setup::start(listen(&[Transport::Tcp]), Closed::Refuses).await;
    setup.open.send(false).expect("listens");
    let mut stream = TcpStream::connect(setup.address(0)).await.expect("connects");
    stream.write_all(b"<13>app: one\n").await.expect("sends");
    wait_until("it is tried again", || *setup.submissions.borrow() >= 3).await;
    setup.open.send(true).expect("listens");
    assert_eq!(setup.taken(1).await.len(), 1);

    setup.open.send(false).expect("listens");
    let before = *setup.submissions.borrow();
    stream.write_all(b"<13>app: two\n").await.expect("sends");
    wait_until("it is tried", || *setup.submissions.borrow() > before).await;
    let Setup { syslog, shown, registry, .. } = setup;
    syslog.stop().await;
    let mut metrics = String::new();
    encode(&mut metrics, &registry).expect("encodes");
    assert!(metrics.contains("reason=\"stopped\"} 1\n"), "{metrics}");
    assert_eq!(*shown.lock().expect("lock"), Vec::<String>::new());
}

#[tokio::test]
async fn what_was_received_is_submitted_at_the_stop() {
    let setup = Setup::start(listen(&[Transport::Tcp]), Closed::Waits).await;
    let mut stream = TcpStream::connect(setup.address(0)).await.expect("connects");
    stream.write_all(b"<13>app: one\n").await.expect("sends");
    wait_until("it is received", || setup.counter("messages_total", 0) == 1).await;
    let Setup { syslog, shown, .. } = setup;
    syslog.stop().await;
    assert_eq!(shown.lock().expect("lock").len(), 1);
}

#[tokio::test]
async fn long_messages_and_idle_connections_have_an_end() {
    let config = SyslogConfig {
        message_max: orszem_model::ByteSize(500),
        idle_timeout: Span::secs(1),
        ..listen(&[Transport::Udp, Transport::Tcp])
    };
    let setup = Setup::start(config, Closed::Waits).await;
    let long = format!("<13>app: {}", "x".repeat(600));
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("binds");
    socket.send_to(long.as_bytes(), setup.address(0)).await.expect("sends");
    let mut stream = TcpStream::connect(setup.address(1)).await.expect("connects");
    stream.write_all(format!("{} {long}{long}\n", long.len()).as_bytes()).await.expect("sends");
    let taken = setup.taken(4).await;
    let marks: Vec<(bool, bool)> =
        taken.iter().map(|line| (line.contains("line.truncated=true"), line.contains("line.split=true"))).collect();
    assert_eq!(marks.iter().filter(|mark| **mark == (true, false)).count(), 2, "{taken:?}");
    assert_eq!(marks.iter().filter(|mark| **mark == (false, true)).count(), 2, "{taken:?}");
    assert_eq!([setup.counter("truncated_total", 0), setup.counter("truncated_total", 1)], [1, 3]);
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("is closed");
    assert_eq!(closed.expect("reads"), 0);
    setup.syslog.stop().await;
}

#[tokio::test]
async fn what_cannot_be_listened_on_is_named() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let mut config = listen(&[Transport::Tcp]);
    config.listen[0].address = taken.local_addr().expect("bound");
    let submit: SubmitFn = Arc::new(|_| Box::pin(async { Ok(Accepted::default()) }));
    let clock = Arc::new(|| Timestamp(0));
    let state = Arc::new(IngestState::new(Limits::default(), submit, metrics::Metrics::default(), clock));
    let error = Syslog::start(&config, &state, None, &Metrics::default()).await.err().expect("taken");
    assert_eq!(error.to_string(), format!("can't listen for syslog on tcp {}", config.listen[0].address));
    let error = Syslog::start(&listen(&[Transport::Tls]), &state, None, &Metrics::default()).await.err();
    let expected =
        "syslog over TLS on 127.0.0.1:0 needs a certificate: set server.tls.mode to \"files\" or \"local-ca\"";
    assert_eq!(error.map(|error| error.to_string()).as_deref(), Some(expected));
}
