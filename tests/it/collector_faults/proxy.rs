//! Stands between collector and server, and does to every request what a script says.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Pass,
    /// It passes, later.
    Delay(Duration),
    /// The server gets a part of it; the connection is cut.
    CutRequest,
    /// The server takes it; the connection is cut before its answer.
    LoseAnswer,
    /// The server takes it; the connection is cut within its answer.
    CutAnswer,
    /// It is answered with this status, and `Retry-After` in seconds.
    Refuse(u16, Option<u64>),
}

/// What is done, and what was done when.
#[derive(Debug, Default)]
struct Script {
    /// For the requests to come; then all pass.
    faults: VecDeque<Fault>,
    done: Vec<(Fault, Instant)>,
}

/// Runs until it is dropped.
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    script: Arc<Mutex<Script>>,
    is_over: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    pub(super) fn start(server: SocketAddr, faults: Vec<Fault>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("listens");
        let address = listener.local_addr().expect("has an address");
        let script = Arc::new(Mutex::new(Script { faults: faults.into(), done: Vec::new() }));
        let is_over = Arc::new(AtomicBool::new(false));
        let accepting = {
            let (script, is_over) = (Arc::clone(&script), Arc::clone(&is_over));
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    if is_over.load(Ordering::Acquire) {
                        return;
                    }
                    let (Ok(stream), script) = (stream, Arc::clone(&script)) else { continue };
                    std::thread::spawn(move || {
                        // The end of a connection, by either side, is what this is for.
                        drop(serve(&stream, server, &script));
                        drop(stream.shutdown(Shutdown::Both));
                    });
                }
            })
        };
        Self { address, script, is_over, accepting: Some(accepting) }
    }

    /// What was done so far, and when.
    pub(super) fn done(&self) -> Vec<(Fault, Instant)> {
        lock(&self.script).done.clone()
    }

    pub(super) fn is_through(&self) -> bool {
        lock(&self.script).faults.is_empty()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        drop(TcpStream::connect(self.address));
        self.accepting.take().map(JoinHandle::join).transpose().expect("the proxy ended well");
    }
}

/// One request or answer: its head with the empty line, and its body.
fn message(stream: &mut impl BufRead) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let mut head = Vec::new();
    let mut length = 0;
    loop {
        let begin = head.len();
        if stream.read_until(b'\n', &mut head)? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&head[begin..]).to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Some((head, body)))
}

fn serve(stream: &TcpStream, server: SocketAddr, script: &Mutex<Script>) -> io::Result<()> {
    let mut requests = BufReader::new(stream);
    let mut answers = stream;
    while let Some((head, body)) = message(&mut requests)? {
        let fault = {
            let mut script = lock(script);
            let fault = script.faults.pop_front().unwrap_or(Fault::Pass);
            script.done.push((fault, Instant::now()));
            fault
        };
        if let Fault::Refuse(status, after) = fault {
            let after = after.map_or(String::new(), |seconds| format!("Retry-After: {seconds}\r\n"));
            write!(answers, "HTTP/1.1 {status} Refused\r\n{after}Content-Length: 0\r\n\r\n")?;
            continue;
        }
        if let Fault::Delay(time) = fault {
            std::thread::park_timeout(time);
        }
        let mut upstream = TcpStream::connect(server)?;
        upstream.write_all(&head)?;
        if fault == Fault::CutRequest {
            return upstream.write_all(&body[..body.len() / 2]);
        }
        upstream.write_all(&body)?;
        let (head, body) = message(&mut BufReader::new(upstream))?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let answer = [head, body].concat();
        match fault {
            Fault::LoseAnswer => return Ok(()),
            Fault::CutAnswer => return answers.write_all(&answer[..answer.len() / 2]),
            Fault::Pass | Fault::Delay(_) | Fault::CutRequest | Fault::Refuse(..) => answers.write_all(&answer)?,
        }
    }
    Ok(())
}
