//! Those who probe and those who are probed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_rustls::TlsAcceptor;

pub(crate) const PROGRAM: &str = "/usr/bin/prometheus-blackbox-exporter";
const NAMES: &str = "/usr/sbin/dnsmasq";

pub(crate) const MODULES: &str = r#"
modules:
  http_2xx: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4}}
  http_body: {prober: http, http: {fail_if_body_not_matches_regexp: ['{"status":"UP"}']}}
  http_not_body: {prober: http, http: {fail_if_body_matches_regexp: ['"st[a-z]{4}"']}}
  http_header:
    prober: http
    http:
      fail_if_header_not_matches: [{header: x-kind, regexp: '^plain$'}]
      fail_if_header_matches: [{header: x-none, regexp: 'x', allow_missing: true}]
  http_404: {prober: http, http: {valid_status_codes: [404], valid_http_versions: ["HTTP/1.1"]}}
  http_stay: {prober: http, http: {follow_redirects: false}}
  http_gzip: {prober: http, http: {compression: gzip}}
  http_gzip_asked: {prober: http, http: {compression: gzip, headers: {Accept-Encoding: gzip}}}
  http_post: {prober: http, http: {method: POST, body: "hello", headers: {Content-Type: text/plain}, fail_if_not_ssl: true}}
  http_tls: {prober: http, http: {fail_if_ssl: true, valid_http_versions: ["HTTP/2.0"]}}
  http_ca: {prober: http, http: {preferred_ip_protocol: ip4, tls_config: {ca_file: CA_FILE}}}
  http_any: {prober: http, http: {preferred_ip_protocol: ip4, tls_config: {insecure_skip_verify: true}}}
  http_h1: {prober: http, http: {preferred_ip_protocol: ip4, enable_http2: false, tls_config: {ca_file: CA_FILE}}}
  http_404_html: {prober: http, http: {valid_status_codes: [404], fail_if_body_not_matches_regexp: ['404 Not Found']}}
  http_busy: {prober: http, http: {valid_status_codes: [503]}}
  tcp: {prober: tcp, timeout: 2s}
  tcp_tls: {prober: tcp, tcp: {preferred_ip_protocol: ip4, tls: true, tls_config: {ca_file: CA_FILE}}}
  tcp_tls_any: {prober: tcp, tcp: {preferred_ip_protocol: ip4, tls: true, tls_config: {insecure_skip_verify: true}}}
  smtp: {prober: tcp, tcp: {query_response: [{expect: '^220 ([^ ]+) ESMTP'}, {send: QUIT}]}}
  smtp_wrong: {prober: tcp, timeout: 1s, tcp: {query_response: [{expect: '^220'}, {send: QUIT}, {expect: '^250'}]}}
  smtp_starttls:
    prober: tcp
    timeout: 5s
    tcp:
      query_response:
      - expect: "^220"
      - send: "EHLO prober\r"
      - expect: "^250-STARTTLS"
      - send: "STARTTLS\r"
      - expect: "^220"
      - starttls: true
      - send: "EHLO prober\r"
      - expect: "^250"
      - send: "QUIT\r"
      tls_config: {ca_file: CA_FILE, server_name: localhost}
  icmp: {prober: icmp, timeout: 2s}
  icmp_large: {prober: icmp, timeout: 2s, icmp: {payload_size: 1400}}
  icmp_whole: {prober: icmp, timeout: 2s, icmp: {dont_fragment: true}}
  dns_a: {prober: dns, dns: {query_name: db.example, query_type: A, validate_answer_rrs: {fail_if_not_matches_regexp: ['db\.example\.\t.*\tIN\tA\t192\.0\.2\.1']}}}
  dns_tcp: {prober: dns, dns: {query_name: db.example, query_type: A, transport_protocol: tcp}}
  dns_missing: {prober: dns, dns: {query_name: none.example, query_type: A}}
  dns_mx: {prober: dns, dns: {query_name: example, query_type: MX, validate_answer_rrs: {fail_if_none_matches_regexp: ['MX\t50 mx\.example\.']}}}
  dns_wrong: {prober: dns, dns: {query_name: db.example, query_type: A, validate_answer_rrs: {fail_if_matches_regexp: ['192']}}}
  dns_txt: {prober: dns, dns: {query_name: txt.example, query_type: TXT, valid_rcodes: [NXDOMAIN], recursion_desired: false}}
"#;

/// The exporter, until it is dropped.
pub(crate) struct Exporter {
    child: Child,
    address: SocketAddr,
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }
}

/// An address that nobody uses.
pub(crate) async fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.expect("binds").local_addr().expect("an address")
}

pub(crate) async fn until_it_listens(address: SocketAddr) {
    let connecting = async {
        while TcpStream::connect(address).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), connecting).await.expect("it listens");
}

impl Exporter {
    pub(crate) async fn start(modules: &Path) -> Self {
        let address = free().await;
        let child = Command::new(PROGRAM)
            .arg(format!("--config.file={}", modules.display()))
            .arg(format!("--web.listen-address={address}"))
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        let exporter = Self { child, address };
        until_it_listens(address).await;
        exporter
    }

    pub(crate) async fn probe(&self, module: &str, target: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.expect("connects");
        let target = target.replace('[', "%5B").replace(']', "%5D");
        let request = format!("GET /probe?module={module}&target={target} HTTP/1.0\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("asks");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("answers");
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer");
        assert!(head.starts_with("HTTP/1.0 200"), "{head}\n{body}");
        body.to_owned()
    }
}

/// Certificates of one authority, and of none.
pub(crate) struct Certificates(Vec<(&'static str, CertificateDer<'static>, Vec<u8>)>);

impl Certificates {
    pub(crate) fn new(directory: &Path) -> Self {
        let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "Probed authority");
        authority.not_after = date_time_ymd(2090, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(authority, key).expect("an authority");
        std::fs::write(directory.join("ca.pem"), authority.pem()).expect("writes");
        let mut all = Vec::new();
        for (kind, name, end) in [
            ("good", "localhost", 2080),
            ("expired", "localhost", 2020),
            ("own", "localhost", 2080),
            ("wrong", "a.example", 2080),
        ] {
            let key = KeyPair::generate().expect("a key");
            let mut parameters = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
            parameters.distinguished_name.push(DnType::CommonName, name);
            parameters.distinguished_name.push(DnType::OrganizationName, "Acme, Inc.");
            parameters.not_before = date_time_ymd(2010, 1, 1);
            parameters.not_after = date_time_ymd(end, 1, 1);
            let signed = match kind {
                "own" => parameters.self_signed(&key).expect("a certificate"),
                _ => parameters.signed_by(&key, &authority).expect("a certificate"),
            };
            // For servers that read files.
            std::fs::write(directory.join(format!("{kind}.pem")), signed.pem()).expect("writes");
            std::fs::write(directory.join(format!("{kind}.key")), key.serialize_pem()).expect("writes");
            all.push((kind, signed.der().clone(), key.serialize_der()));
        }
        Self(all)
    }

    fn acceptor(&self, kind: &str) -> TlsAcceptor {
        let (_, certificate, key) = self.0.iter().find(|(known, _, _)| *known == kind).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.clone())))
            .expect("a configuration");
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }

    /// An HTTPS server with this certificate.
    pub(crate) async fn serve(&self, kind: &str) -> SocketAddr {
        let acceptor = self.acceptor(kind);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        answer(stream).await;
                    }
                });
            }
        });
        address
    }
}

/// A plain HTTP server.
pub(crate) async fn http() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    address
}

/// Answers one request; an error is the client's, which sees it.
async fn answer<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(stream: S) {
    let mut stream = BufReader::new(stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_until(b'\n', &mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default();
    let body = r#"{"status":"UP"}"#;
    let plain = format!("X-Kind: plain\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
    let zipped: &[u8] = &[31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 75, 4, 0, 67, 190, 183, 232, 1, 0, 0, 0];
    let bytes = match path {
        "/" => format!("HTTP/1.1 200 OK\r\n{plain}\r\n{body}").into_bytes(),
        "/redirect" => b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
        "/loop" => b"HTTP/1.1 301 Moved\r\nLocation: /loop\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
        "/chunked" => {
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_vec()
        }
        "/modified" => {
            format!("HTTP/1.1 200 OK\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n{plain}\r\n{body}").into_bytes()
        }
        "/gzip" => {
            let mut bytes = format!(
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                zipped.len()
            )
            .into_bytes();
            bytes.extend_from_slice(zipped);
            bytes
        }
        _ => format!("HTTP/1.1 404 Not Found\r\n{plain}\r\n{body}").into_bytes(),
    };
    if stream.write_all(&bytes).await.is_ok() && stream.shutdown().await.is_ok() {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap_or(0);
    }
}

/// A mail server that speaks STARTTLS.
pub(crate) async fn mail(certificates: &Certificates) -> SocketAddr {
    let acceptor = certificates.acceptor("good");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                if !talk(&mut stream, true).await {
                    return;
                }
                if let Ok(stream) = acceptor.accept(stream.into_inner()).await {
                    talk(&mut BufReader::new(stream), false).await;
                }
            });
        }
    });
    address
}

/// Whether TLS is to begin.
async fn talk<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    greets: bool,
) -> bool {
    if greets && stream.write_all(b"220 mx.example ESMTP ready\r\n").await.is_err() {
        return false;
    }
    let mut line = String::new();
    while stream.read_line(&mut line).await.unwrap_or(0) > 0 {
        let (answer, is_over, begins) = match line.trim() {
            "EHLO prober" => ("250-mx.example\r\n250-STARTTLS\r\n250 OK\r\n", false, false),
            "STARTTLS" => ("220 go on\r\n", false, true),
            "QUIT" => ("221 bye\r\n", true, false),
            _ => ("500 what\r\n", false, false),
        };
        if stream.write_all(answer.as_bytes()).await.is_err() || is_over || begins {
            return begins;
        }
        line.clear();
    }
    false
}

/// A name server, until it is dropped.
pub(crate) struct Names {
    child: Child,
    pub(crate) address: String,
}

impl Drop for Names {
    fn drop(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }
}

pub(crate) async fn dnsmasq(directory: &Path) -> Option<Names> {
    if !Path::new(NAMES).is_file() {
        return None;
    }
    let port = UdpSocket::bind("127.0.0.1:0").await.expect("binds").local_addr().expect("an address").port();
    let pid: PathBuf = directory.join("dnsmasq.pid");
    let child = Command::new(NAMES)
        .args(["--no-daemon", "--no-resolv", "--no-hosts", "--listen-address=127.0.0.1", "--bind-interfaces"])
        .args(["--conf-file=/dev/null", "--local=/example/", "--user=root"])
        .arg(format!("--port={port}"))
        .arg(format!("--pid-file={}", pid.display()))
        .args(["--host-record=db.example,192.0.2.1", "--mx-host=example,mx.example,50", "--txt-record=txt.example,a b"])
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    until_it_listens(SocketAddr::from(([127, 0, 0, 1], port))).await;
    Some(Names { child, address: format!("127.0.0.1:{port}") })
}
