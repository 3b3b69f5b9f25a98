//! A receiver of webhooks that notes what it is told, and under which key.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// What came.
#[derive(Clone, Debug)]
pub(crate) struct Hit {
    /// The key by which a repeat is recognised.
    pub(crate) key: String,
    pub(crate) body: Value,
}

pub(crate) struct Sink {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    hits: Vec<Hit>,
    /// Answers 503 so often before anything is taken.
    failures: usize,
    /// Takes so many messages without ever answering.
    unanswered: usize,
    /// Answers this to everything and takes nothing.
    refusal: Option<String>,
}

impl Sink {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State::default()));
        let taking = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, state) = (stream.expect("connects"), Arc::clone(&taking));
                thread::spawn(move || serve(&stream, &state));
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) fn fail(&self, times: usize) {
        lock(&self.state).failures = times;
    }

    /// Takes the next message without ever answering.
    pub(crate) fn hold(&self) {
        lock(&self.state).unanswered = 1;
    }

    /// Answers `status` to everything from now on.
    pub(crate) fn refuse(&self, status: &str) {
        lock(&self.state).refusal = Some(status.to_owned());
    }

    pub(crate) fn hits(&self) -> Vec<Hit> {
        lock(&self.state).hits.clone()
    }

    /// Names and states of the alerts of each message.
    pub(crate) fn told(&self) -> Vec<(String, String)> {
        self.hits().iter().flat_map(|hit| alerts(&hit.body)).collect()
    }

    pub(crate) fn was_told(&self, name: &str, status: &str) -> bool {
        self.told().iter().any(|(told, state)| told == name && state == status)
    }
}

pub(crate) fn alerts(body: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let alerts = body["alerts"].as_array().cloned().unwrap_or_default();
    alerts.iter().map(|alert| (text(&alert["labels"]["alertname"]), text(&alert["status"]))).collect()
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Requests one after the other. A sender that is killed in the middle has told nothing.
fn serve(stream: &TcpStream, state: &Mutex<State>) {
    stream.set_read_timeout(Some(Duration::from_secs(120))).expect("a timeout");
    let mut reader = BufReader::new(stream.try_clone().expect("clones"));
    while let Some((key, body)) = request(&mut reader) {
        let status = {
            let mut state = lock(state);
            if let Some(refusal) = state.refusal.clone() {
                Some(refusal)
            } else if state.failures > 0 {
                state.failures -= 1;
                Some("503 Service Unavailable".to_owned())
            } else {
                state.hits.push(Hit { key, body: serde_json::from_slice(&body).expect("JSON") });
                let is_unanswered = state.unanswered > 0;
                state.unanswered -= usize::from(is_unanswered);
                (!is_unanswered).then(|| "200 OK".to_owned())
            }
        };
        let Some(status) = status else { continue };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        if (&*stream).write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn request(reader: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let (mut length, mut key) = (0, String::new());
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            if line.trim_end().is_empty() {
                break;
            }
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "idempotency-key" => key = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((key, body))
}
