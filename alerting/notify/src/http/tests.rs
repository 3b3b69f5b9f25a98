//! What answers mean, and whom https is spoken with.

use std::fs;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

fn answer(status: u16, retry_after: &'static str, body: &'static str) -> Answer {
    let mut headers = HeaderMap::new();
    if !retry_after.is_empty() {
        headers.insert(RETRY_AFTER, HeaderValue::from_static(retry_after));
    }
    let status = StatusCode::from_u16(status).expect("a status");
    Answer { status, headers, body: Some(Bytes::from_static(body.as_bytes())) }
}

#[test]
fn a_status_means_what_it_says() {
    let now = httpdate::parse_http_date("Sun, 22 Nov 2026 10:00:00 GMT").expect("a date");
    let of = |status, after, body| outcome(&answer(status, after, body), String::new(), now);
    assert_eq!(of(204, "", ""), Outcome::delivered("HTTP 204 No Content", ""));
    let second = Some(Duration::from_secs(1));
    assert_eq!(of(429, "1", "slow down"), Outcome::retry_after(second, "HTTP 429 Too Many Requests: slow down"));
    let date = "Sun, 22 Nov 2026 10:00:30 GMT";
    let half = Some(Duration::from_secs(30));
    assert_eq!(of(503, date, ""), Outcome::retry_after(half, "HTTP 503 Service Unavailable"));
    let hour = Some(Duration::from_secs(3600));
    assert_eq!(of(500, "999999", ""), Outcome::retry_after(hour, "HTTP 500 Internal Server Error"));
    assert_eq!(of(408, "soon", ""), Outcome::retry("HTTP 408 Request Timeout"));
    for status in [301, 307, 400, 401, 404, 410, 413] {
        assert!(matches!(of(status, "", ""), Outcome::Refused { is_gone: false, .. }), "{status}");
    }
}

/// A server for `localhost` that answers everything with 204; its port and its certificate.
async fn https() -> (u16, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let config = config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).expect("a pair");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Whoever does not trust it leaves.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.is_ok_and(|bytes| bytes > 0) {}
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("writes");
        }
    });
    (port, made.cert.pem())
}

#[tokio::test]
async fn https_is_spoken_with_those_who_are_trusted() {
    let (port, certificate) = https().await;
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, certificate).expect("writes");
    let post = async |files: TlsFiles, host: &str| {
        let client = Client::new(files, Reach::Anywhere);
        let url = Url::parse(&format!("https://{host}:{port}/")).expect("a URL");
        match client.post(&url, HeaderMap::new(), Bytes::new()).await {
            Ok(answer) => outcome(&answer, String::new(), SystemTime::UNIX_EPOCH),
            Err(error) => error.outcome(),
        }
    };
    let named = TlsFiles { ca: Some(ca), ..TlsFiles::default() };
    assert_eq!(post(named.clone(), "localhost").await, Outcome::delivered("HTTP 204 No Content", ""));
    for (files, host) in [(TlsFiles::default(), "localhost"), (named, "127.0.0.1")] {
        let refused = post(files, host).await;
        assert!(matches!(&refused, Outcome::Retry { reason, .. } if reason.starts_with("no trusted")), "{refused:?}");
    }
    let missing = TlsFiles { ca: Some(folder.path().join("missing")), ..TlsFiles::default() };
    let reason = post(missing, "localhost").await;
    assert!(
        matches!(&reason, Outcome::Retry { reason, .. } if reason.starts_with("no TLS to connect with")),
        "{reason:?}"
    );
}
