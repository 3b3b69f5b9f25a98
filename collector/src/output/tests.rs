//! Sending, against servers that answer as they are told.

mod endpoints;
mod metrics;
mod refusal;
pub(super) mod server;
mod tls;

use std::path::Path;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message;
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::dial::Dial;
use super::*;
use server::{Answer, Network, status};

/// A sender to servers in memory.
struct Fixture {
    network: Network,
    sender: Sender,
    directory: TempDir,
    cancel: CancellationToken,
}

fn config(hosts: &[&str]) -> OutputConfig {
    OutputConfig { endpoints: hosts.iter().map(|host| format!("http://{host}")).collect(), ..OutputConfig::default() }
}

fn output(config: OutputConfig) -> Output {
    Output::Http(HttpOutput { config, config_hash: "c0ffee".into() })
}

fn fixture(config: OutputConfig) -> Fixture {
    let (network, cancel) = (Network::default(), CancellationToken::new());
    let directory = tempfile::tempdir().expect("a directory");
    let dial = Dial::Memory(network.clone());
    let sender = Sender::dialling(output(config), Signal::Logs, directory.path(), cancel.clone(), dial);
    Fixture { network, sender: sender.expect("a sender"), directory, cancel }
}

fn request(records: u32) -> Vec<u8> {
    let record = |time| LogRecord { time_unix_nano: time, ..LogRecord::default() };
    let log_records = (1..=u64::from(records)).map(record).collect();
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec()
}

fn batch(seq: u64, records: u32) -> Outbound {
    let raw = request(records);
    let payload = zstd::bulk::compress(&raw, 1).expect("compresses").into();
    let hash = crc32c::crc32c(&raw);
    Outbound { source: "n1".into(), epoch: 3, payload, hash, raw_len: raw.len(), records, seq, skipped: 0 }
}

fn delivered(accepted_seq: u64, horizon_seq: u64) -> Result<Delivered, Undelivered> {
    Ok(Delivered { accepted_seq, horizon_seq, refused: None })
}

fn states(sender: &Sender) -> Vec<EndpointState> {
    sender.status().endpoints().into_iter().map(|endpoint| endpoint.state).collect()
}

#[tokio::test(start_paused = true)]
async fn a_batch_goes_out_under_its_identity_over_a_kept_connection() {
    let mut f = fixture(config(&["a:7450"]));
    let numbers = vec![("x-orszem-accepted-seq", "9"), ("x-orszem-horizon-seq", "5")];
    f.network.script("a", [Answer::Status(200, numbers, Vec::new())]);
    let first = batch(7, 2);
    assert_eq!(f.sender.deliver(&first).await, delivered(9, 5));
    assert_eq!(f.sender.deliver(&Outbound { skipped: 4, ..batch(12, 1) }).await, delivered(12, 12));
    let seen = f.network.seen("a");
    assert_eq!(seen.iter().map(|seen| seen.connection).collect::<Vec<_>>(), [1, 1]);
    let hash = format!("{:08x}", first.hash);
    for (name, expected) in [
        ("host", Some("a:7450")),
        ("content-type", Some("application/x-protobuf")),
        ("content-encoding", Some("zstd")),
        ("user-agent", Some(concat!("orszem/", env!("CARGO_PKG_VERSION")))),
        ("x-orszem-source", Some("n1")),
        ("x-orszem-epoch", Some("3")),
        ("x-orszem-seq", Some("7")),
        ("x-orszem-gap", None),
        ("x-orszem-hash", Some(hash.as_str())),
        ("x-orszem-config", Some("c0ffee")),
        ("idempotency-key", None),
        ("authorization", None),
    ] {
        assert_eq!(seen[0].header(name), expected, "{name}");
    }
    let sent: u128 = seen[0].header("x-orszem-sent").and_then(|sent| sent.parse().ok()).expect("nanoseconds");
    assert!(sent > 1_700_000_000_000_000_000, "{sent}");
    assert_eq!(seen[0].body, request(2));
    assert_eq!(seen[1].header("x-orszem-gap"), Some("4"));
    let counts = f.sender.status().counts();
    let expected = OutputCounts {
        batches_sent: 2,
        records_sent: 3,
        raw_bytes_sent: (request(2).len() + request(1).len()) as u64,
        bytes_sent: (first.payload.len() + batch(12, 1).payload.len()) as u64,
        ..OutputCounts::default()
    };
    assert_eq!(counts, expected);
    assert_eq!(f.sender.status().endpoints()[0].sent_batches, 2);
}

#[tokio::test(start_paused = true)]
async fn whatever_is_not_the_batchs_fault_is_tried_again() {
    let retries = |by: fn(&mut RetryCounts)| {
        let mut retries = RetryCounts::default();
        by(&mut retries);
        retries
    };
    let failed = |status: u16| (server::status(status), retries(|r| r.failed = 3), EndpointState::Failing, 1);
    let misconfigured =
        |status: u16| (server::status(status), retries(|r| r.misconfigured = 3), EndpointState::Misconfigured, 1);
    for (answer, expected, state, least_s) in [
        (status(429), retries(|r| r.busy = 3), EndpointState::Busy, 0),
        (status(408), retries(|r| r.busy = 3), EndpointState::Busy, 0),
        (Answer::Status(429, vec![("retry-after", "7")], vec![]), retries(|r| r.busy = 3), EndpointState::Busy, 21),
        (
            Answer::Status(503, vec![("retry-after", "99")], vec![]),
            retries(|r| r.failed = 3),
            EndpointState::Failing,
            180,
        ),
        (Answer::Hang, retries(|r| r.unreachable = 3), EndpointState::Unreachable, 90),
        (Answer::BreakOff, retries(|r| r.unreachable = 3), EndpointState::Unreachable, 0),
    ]
    .into_iter()
    .chain([500, 502, 503, 504, 507].map(failed).map(|(a, r, s, _)| (a, r, s, 0)))
    .chain([301, 401, 403, 404, 405, 415].map(misconfigured).map(|(a, r, s, _)| (a, r, s, 0)))
    {
        let mut f = fixture(config(&["a"]));
        f.network.script("a", [answer.clone(), answer.clone(), answer.clone(), Answer::Hang]);
        let begun = Instant::now();
        let cut = tokio::time::timeout(Duration::from_secs(least_s + 10), f.sender.deliver(&batch(1, 1))).await;
        assert!(cut.is_err(), "{answer:?} decides nothing");
        assert_eq!((f.sender.status().retries(), states(&f.sender)), (expected, vec![state]), "{answer:?}");
        assert_eq!(f.sender.deliver(&batch(1, 1)).await, delivered(1, 1), "{answer:?}");
        let took = begun.elapsed();
        assert!(took.as_secs() >= least_s && took.as_secs() <= least_s + 11, "{answer:?} took {took:?}");
        assert_eq!(states(&f.sender), [EndpointState::Sending]);
        assert!(f.sender.status().endpoints()[0].last_error.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_the_server_closes_is_no_failure() {
    let mut f = fixture(config(&["a"]));
    f.network.script("a", [Answer::Status(200, vec![("connection", "close")], vec![]), status(200), Answer::BreakOff]);
    for seq in 1..=3 {
        assert_eq!(f.sender.deliver(&batch(seq, 1)).await, delivered(seq, seq));
    }
    assert_eq!(f.network.seen("a").iter().map(|seen| seen.connection).collect::<Vec<_>>(), [1, 2, 2, 3]);
    assert_eq!(f.sender.status().retries(), RetryCounts::default());
}

#[tokio::test(start_paused = true)]
async fn told_to_stop_in_the_middle_it_stops_and_delivers_after() {
    let mut f = fixture(config(&["a"]));
    f.network.script("a", [Answer::Hang]);
    let (cancel, network) = (f.cancel.clone(), f.network.clone());
    tokio::spawn(async move {
        while network.seen("a").is_empty() {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    });
    assert_eq!(f.sender.deliver(&batch(1, 1)).await, Err(Undelivered::Cancelled));
    f.network.script("a", [status(503)]);
    assert_eq!(f.sender.deliver(&batch(1, 1)).await, Err(Undelivered::Cancelled), "at once");
    assert_eq!(f.network.seen("a").len(), 1);
    let dial = Dial::Memory(f.network.clone());
    let token = CancellationToken::new();
    let mut next =
        Sender::dialling(output(config(&["a"])), Signal::Logs, f.directory.path(), token, dial).expect("a sender");
    assert_eq!(next.deliver(&batch(1, 1)).await, delivered(1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_token_is_read_again_when_the_server_does_not_know_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("token");
    let mut f = fixture(OutputConfig { token_file: Some(path.clone()), ..config(&["a"]) });
    let missing = tokio::time::timeout(Duration::from_secs(1), f.sender.deliver(&batch(1, 1))).await;
    assert!(missing.is_err());
    let told = f.sender.status().endpoints()[0].last_error.clone().expect("an error");
    assert!(told.starts_with(&format!("can't read the token in {}: No such file", path.display())), "{told}");
    std::fs::write(&path, "old").expect("writes");
    f.network.script("a", [status(401)]);
    let network = f.network.clone();
    let replacing = tokio::spawn(async move {
        while network.seen("a").is_empty() {
            tokio::task::yield_now().await;
        }
        std::fs::write(&path, "new").expect("writes");
    });
    assert_eq!(f.sender.deliver(&batch(1, 1)).await, delivered(1, 1));
    replacing.await.expect("ends");
    let seen = f.network.seen("a");
    let tokens: Vec<_> = seen.iter().map(|seen| seen.header("authorization")).collect();
    assert_eq!(tokens, [Some("Bearer old"), Some("Bearer new")]);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_in_the_same_process_is_served_alike() {
    let directory = tempfile::tempdir().expect("a directory");
    let (channel, mut batches) = mpsc::channel(1);
    let new =
        |channel| Sender::new(Output::InProcess(channel), Signal::Logs, directory.path(), CancellationToken::new());
    let mut sender = new(channel).expect("a sender");
    let answers = [
        Err(OutputError::Busy { retry_after: Duration::from_secs(3) }),
        Err(OutputError::Unavailable { reason: "away".into() }),
        Ok(Accepted { accepted_seq: 9, horizon_seq: 4, rejected: 1, message: "1 bad_time".into() }),
        Err(OutputError::Refused { reason: "bad".into() }),
        Err(OutputError::Refused { reason: "bad".into() }),
        Ok(Accepted { accepted_seq: 10, horizon_seq: 10, ..Accepted::default() }),
    ];
    let serving = tokio::spawn(async move {
        let mut seen = Vec::new();
        for answer in answers {
            let OutboundBatch { signal, payload, hash, source, epoch, seq, skipped, records, done } =
                batches.recv().await.expect("a batch");
            let body = zstd::decode_all(payload.as_ref()).expect("zstd");
            assert_eq!((crc32c::crc32c(&body), source.as_str(), epoch), (hash, "n1", 3));
            assert_eq!(signal, Signal::Logs);
            seen.push((seq, skipped, records, body.len()));
            done.send(answer).expect("heard");
        }
        seen
    });
    let rejected = Refused { records: 1, reason: "1 bad_time".into(), dead_letters: Vec::new() };
    let first = Delivered { accepted_seq: 9, horizon_seq: 4, refused: Some(rejected) };
    assert_eq!(sender.deliver(&batch(9, 2)).await, Ok(first));
    let path = directory.path().join("dead-letter/3-10.otlp.zst");
    let refused = Refused { records: 2, reason: "bad".into(), dead_letters: vec![path] };
    let second = Delivered { accepted_seq: 10, horizon_seq: 10, refused: Some(refused) };
    assert_eq!(sender.deliver(&Outbound { skipped: 1, ..batch(10, 2) }).await, Ok(second));
    let whole = request(2).len();
    let (nine, ten) = ((9, 0, 2, whole), (10, 1, 2, whole));
    assert_eq!(serving.await.expect("ends"), [nine, nine, nine, ten, ten, (10, 1, 0, 0)]);
    assert_eq!(sender.deliver(&batch(11, 1)).await, Err(Undelivered::Closed));
}
