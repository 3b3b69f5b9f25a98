//! Syslog over TCP and TLS: connections, each split into messages; a sender waits while the store does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::chunk::{Chunk, Mark};
use super::framing::Framer;
use super::{Listener, TlsSource};

/// Bytes that one connection reads at once.
const READ_BYTES: usize = 16 << 10;
/// How long a TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// After how long without a byte the system asks whether the sender is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// After a failed accept (no descriptors left), before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What connections need to be let in.
pub(super) struct Door {
    pub(super) permits: Arc<Semaphore>,
    pub(super) tls: Option<TlsSource>,
    pub(super) tasks: TaskTracker,
}

/// Accepts connections until the stop.
pub(super) async fn accept(socket: TcpListener, door: Door, sender: mpsc::Sender<Chunk>, listener: Arc<Listener>) {
    loop {
        let permit = tokio::select! {
            () = listener.stop.cancelled() => return,
            permit = Arc::clone(&door.permits).acquire_owned() => permit,
        };
        let Ok(permit) = permit else { return };
        let accepted = tokio::select! {
            () = listener.stop.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (sender, listener, tls) = (sender.clone(), Arc::clone(&listener), door.tls.clone());
                door.tasks.spawn(async move {
                    listener.counters.connections.inc();
                    serve(stream, peer, tls, &sender, &listener).await;
                    listener.counters.connections.dec();
                    drop(permit);
                });
            }
            Err(error) => {
                warn!(listener = listener.name, %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsSource>,
    sender: &mpsc::Sender<Chunk>,
    listener: &Listener,
) {
    if let Err(error) = SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE)) {
        debug!(%peer, %error, "the connection is gone already");
        return;
    }
    let Some(tls) = tls else {
        return read(stream, peer, sender, listener).await;
    };
    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(tls()).accept(stream));
    let shaken = tokio::select! {
        shaken = handshake => shaken,
        () = listener.stop.cancelled() => return,
    };
    match shaken {
        Ok(Ok(stream)) => read(stream, peer, sender, listener).await,
        Ok(Err(error)) => debug!(%peer, %error, "no TLS"),
        Err(error) => debug!(%peer, %error, "no TLS in time"),
    }
}

/// Reads messages to the connection's end, and no faster than they are gathered.
async fn read<S: AsyncRead + Unpin>(
    mut stream: S,
    peer: SocketAddr,
    sender: &mpsc::Sender<Chunk>,
    listener: &Listener,
) {
    let mut framer = Framer::new(peer.ip(), listener.message_bytes_max);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let reading = tokio::time::timeout(listener.idle_timeout, stream.read(&mut buffer));
        let read = tokio::select! {
            () = listener.stop.cancelled() => break,
            read = reading => read,
        };
        let count = match read {
            Ok(Ok(0)) => break,
            Ok(Ok(count)) => count,
            Ok(Err(error)) => {
                debug!(%peer, %error, "the connection broke off");
                break;
            }
            Err(_) => {
                debug!(%peer, "the connection was idle");
                break;
            }
        };
        let mut chunk = Chunk::default();
        framer.push(buffer.get(..count).unwrap_or(&[]), &mut chunk);
        hand_on(chunk, sender, listener).await;
    }
    let mut chunk = Chunk::default();
    framer.finish(&mut chunk);
    hand_on(chunk, sender, listener).await;
}

async fn hand_on(chunk: Chunk, sender: &mpsc::Sender<Chunk>, listener: &Listener) {
    if chunk.len() == 0 {
        return;
    }
    let counters = &listener.counters;
    let messages = chunk.len() as u64;
    counters.messages.inc_by(messages);
    counters.bytes.inc_by(chunk.byte_len() as u64);
    counters.truncated.inc_by(chunk.messages().filter(|(_, _, mark)| *mark != Mark::Whole).count() as u64);
    if sender.send(chunk).await.is_err() {
        counters.dropped_stop.inc_by(messages);
        warn!(listener = listener.name, messages, "syslog messages were lost: nobody gathers them any more");
    }
}
