//! Asks by HTTP, follows redirects, and checks what comes.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, HOST, LAST_MODIFIED, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use orszem_client::Stream;
use orszem_scrape::config::Secret;
use tokio::task::JoinHandle;
use url::Url;

use super::cookies::Cookies;
use super::{Extras, Prober, body};
use crate::error::Failure;
use crate::modules::{Compression, HeaderCheck, HttpProbe};
use crate::page;
use crate::report::Report;
use crate::resolve::{choose, connect, look_up};
use crate::tls::TlsSettings;

/// Further redirects end the probe.
const REDIRECTS_MAX: u32 = 10;

/// Where a request goes.
struct Hop {
    url: Url,
    address: SocketAddr,
    /// What `Host` says.
    authority: String,
    method: Method,
    body: Bytes,
    /// Whether it goes to the host that the target names, which alone gets credentials.
    is_first_host: bool,
}

/// Ends the task of a connection when it is not needed any more.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(super) async fn probe(
    prober: &Prober,
    config: &HttpProbe,
    target: &str,
    extras: &Extras,
    report: &mut Report,
) -> Result<(), Failure> {
    for phase in ["resolve", "connect", "tls", "processing", "transfer"] {
        report.page.add_phase(page::HTTP_DURATION, phase, 0.0);
    }
    let zeros = [
        page::HTTP_CONTENT_LENGTH,
        page::HTTP_BODY_LENGTH,
        page::HTTP_REDIRECTS,
        page::HTTP_SSL,
        page::HTTP_STATUS,
        page::HTTP_VERSION,
        page::FAILED_DUE_TO_REGEX,
    ];
    zeros.into_iter().for_each(|gauge| report.page.set(gauge, 0.0));
    let url = parse(target)?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let begun = Instant::now();
    let chosen = choose(config.choice(), &host, report).await;
    report.page.add_phase(page::HTTP_DURATION, "resolve", begun.elapsed().as_secs_f64());
    let address = SocketAddr::new(chosen?, url.port_or_known_default().unwrap_or(80));
    let named = extras.hostname.as_deref().or(config.host_header());
    let first_name = named.map_or(host.as_str(), without_port).to_owned();
    let body = match &config.body_file {
        Some(path) => secret_file(path).await?.into(),
        None => Bytes::from(config.body.clone()),
    };
    let mut hop = Hop {
        authority: named.map_or_else(|| authority(&url), str::to_owned),
        url,
        address,
        method: Method::from_bytes(config.method.as_bytes()).unwrap_or(Method::GET),
        body,
        is_first_host: true,
    };
    if config.method.is_empty() {
        hop.method = Method::GET;
    }
    let mut cookies = Cookies::default();
    let mut redirects = 0;
    loop {
        let (response, driver, is_encrypted, headed) = ask(prober, config, &hop, &first_name, &cookies, report).await?;
        let location = redirect(&response);
        cookies.learn(hop.url.host_str().unwrap_or_default(), response.headers());
        let Some(location) = location else {
            return finish(config, extras, response, driver, is_encrypted, headed, None, report).await;
        };
        redirects += 1;
        report.page.set(page::HTTP_REDIRECTS, f64::from(redirects));
        report.note(format!("redirected to {location}"));
        if !config.follows_redirects() || redirects > REDIRECTS_MAX {
            let failure = match config.follows_redirects() {
                true => Failure::Redirects,
                false => Failure::RedirectNotFollowed(location),
            };
            return finish(config, extras, response, driver, is_encrypted, headed, Some(failure), report).await;
        }
        let status = response.status();
        drop((response, driver));
        hop = follow(config, hop, status, &location, &first_name, report).await?;
    }
}

fn parse(target: &str) -> Result<Url, Failure> {
    let has_scheme = target.starts_with("http://") || target.starts_with("https://");
    let whole = if has_scheme { target.to_owned() } else { format!("http://{target}") };
    let wrong = |wrong| Failure::Target { target: without_password(target), wrong };
    let url = Url::parse(&whole).map_err(|_| wrong("is no URL"))?;
    if url.host_str().is_some_and(|host| !host.is_empty()) { Ok(url) } else { Err(wrong("names no host")) }
}

fn without_password(target: &str) -> String {
    match target.rsplit_once('@') {
        Some((before, behind)) => match before.split_once("://") {
            Some((scheme, _)) => format!("{scheme}://***@{behind}"),
            None => format!("***@{behind}"),
        },
        None => target.to_owned(),
    }
}

/// The name in `Host`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

/// `Host` of a URL.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Where an answer leads on to.
fn redirect(response: &Response<Incoming>) -> Option<String> {
    let is_redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get(LOCATION).filter(|_| is_redirect)?;
    Some(String::from_utf8_lossy(location.as_bytes()).into_owned())
}

async fn follow(
    config: &HttpProbe,
    hop: Hop,
    status: StatusCode,
    location: &str,
    first_name: &str,
    report: &mut Report,
) -> Result<Hop, Failure> {
    let lost = || Failure::Redirect(location.to_owned());
    let url = hop.url.join(location).map_err(|_| lost())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(lost());
    }
    let is_same = url.host_str() == hop.url.host_str();
    let is_relative = Url::parse(location).is_err() && !location.starts_with("//");
    let port = url.port_or_known_default().unwrap_or(80);
    let begun = Instant::now();
    let address = match is_same {
        true => hop.address.ip(),
        false => look_up(config.choice(), url.host_str().unwrap_or_default()).await?,
    };
    report.phase(page::HTTP_DURATION, "resolve", begun);
    let keeps_body = matches!(status.as_u16(), 307 | 308);
    let method = match (keeps_body, hop.method) {
        (true, method) => method,
        (false, Method::HEAD) => Method::HEAD,
        (false, _) => Method::GET,
    };
    Ok(Hop {
        authority: if is_relative { hop.authority } else { authority(&url) },
        address: SocketAddr::new(address, port),
        method,
        body: if keeps_body { hop.body } else { Bytes::new() },
        is_first_host: url.host_str() == Some(first_name) || (is_same && hop.is_first_host),
        url,
    })
}

/// Connects and sends; the answer's head, whether it came encrypted, and when.
async fn ask(
    prober: &Prober,
    config: &HttpProbe,
    hop: &Hop,
    first_name: &str,
    cookies: &Cookies,
    report: &mut Report,
) -> Result<(Response<Incoming>, Driver, bool, Instant), Failure> {
    let begun = Instant::now();
    let connected = connect(hop.address, None).await;
    report.phase(page::HTTP_DURATION, "connect", begun);
    let mut stream: Box<dyn Stream> = Box::new(connected?);
    report.facts.is_connected = true;
    let is_encrypted = hop.url.scheme() == "https";
    let mut speaks_h2 = false;
    if is_encrypted {
        let tls = prober.tls(&config.tls_config).await?;
        let begun = Instant::now();
        let protocols: &[&[u8]] = if config.enable_http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
        let own = hop.url.host_str().unwrap_or_default();
        let name = if hop.is_first_host { tls.server_name().unwrap_or(first_name) } else { own };
        let upgraded = TlsSettings::connect(&tls, stream, name, protocols, &mut report.page, &mut report.facts).await;
        report.phase(page::HTTP_DURATION, "tls", begun);
        let upgraded = upgraded?;
        speaks_h2 = upgraded.get_ref().1.alpn_protocol() == Some(b"h2");
        stream = Box::new(upgraded);
    }
    let request = request(config, hop, cookies, speaks_h2).await?;
    let begun = Instant::now();
    let sent = send(stream, request, speaks_h2).await;
    report.phase(page::HTTP_DURATION, "processing", begun);
    let (response, driver) = sent.map_err(Failure::Http)?;
    Ok((response, driver, is_encrypted, Instant::now()))
}

async fn send(
    stream: Box<dyn Stream>,
    request: Request<Full<Bytes>>,
    speaks_h2: bool,
) -> Result<(Response<Incoming>, Driver), hyper::Error> {
    let io = TokioIo::new(stream);
    let note = |ended: Result<(), hyper::Error>| {
        if let Err(error) = ended {
            tracing::trace!(%error, "a probed connection ended");
        }
    };
    if speaks_h2 {
        let (mut requests, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
        let driver = Driver(tokio::spawn(async move { note(connection.await) }));
        return Ok((requests.send_request(request).await?, driver));
    }
    let mut builder = hyper::client::conn::http1::Builder::new();
    let (mut requests, connection) = builder.title_case_headers(true).handshake(io).await?;
    let driver = Driver(tokio::spawn(async move { note(connection.await) }));
    Ok((requests.send_request(request).await?, driver))
}

async fn request(
    config: &HttpProbe,
    hop: &Hop,
    cookies: &Cookies,
    speaks_h2: bool,
) -> Result<Request<Full<Bytes>>, Failure> {
    let path = match hop.url.query() {
        Some(query) => format!("{}?{query}", hop.url.path()),
        None => hop.url.path().to_owned(),
    };
    let mut request = Request::new(Full::new(hop.body.clone()));
    *request.method_mut() = hop.method.clone();
    let whole = if speaks_h2 { format!("{}://{}{path}", hop.url.scheme(), hop.authority) } else { path };
    *request.uri_mut() = whole.parse().map_err(|error: http::uri::InvalidUri| Failure::Request(error.into()))?;
    let headers = request.headers_mut();
    let value = |text: &str| HeaderValue::try_from(text).map_err(|error| Failure::Request(error.into()));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("orszem/", env!("CARGO_PKG_VERSION"))));
    if !speaks_h2 {
        headers.insert(HOST, value(&hop.authority)?);
    }
    if config.compression != Compression::None {
        headers.insert(ACCEPT_ENCODING, value(config.compression.as_str())?);
    }
    if hop.is_first_host {
        authorize(config, hop, headers).await?;
    }
    for (name, values) in &config.http_headers {
        let name = HeaderName::try_from(name.as_str()).map_err(|error| Failure::Request(error.into()))?;
        headers.remove(&name);
        for text in &values.values {
            headers.append(&name, value(text)?);
        }
        for secret in values.secrets.iter().filter(|_| hop.is_first_host) {
            headers.append(&name, value(secret.reveal())?);
        }
        for path in values.files.iter().filter(|_| hop.is_first_host) {
            headers.append(&name, value(secret_file(path).await?.trim())?);
        }
    }
    for (name, text) in config.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host")) {
        let name = HeaderName::try_from(name.as_str()).map_err(|error| Failure::Request(error.into()))?;
        if hop.is_first_host || !(name == AUTHORIZATION || name == http::header::COOKIE) {
            headers.insert(name, value(text)?);
        }
    }
    cookies.tell(hop.url.host_str().unwrap_or_default(), headers);
    Ok(request)
}

/// Adds credentials: the module's, else those of the URL.
async fn authorize(config: &HttpProbe, hop: &Hop, headers: &mut HeaderMap) -> Result<(), Failure> {
    let of_basic = |name: &str, password: &str| format!("Basic {}", STANDARD.encode(format!("{name}:{password}")));
    let text = if let Some(basic) = &config.basic_auth {
        let name = match &basic.username_file {
            Some(path) => secret_file(path).await?.trim().to_owned(),
            None => basic.username.clone(),
        };
        of_basic(&name, &secret(basic.password.as_ref(), basic.password_file.as_deref()).await?)
    } else if let Some(authorization) = &config.authorization {
        let kind = authorization.kind.as_deref().filter(|kind| !kind.is_empty()).unwrap_or("Bearer");
        let of = secret(authorization.credentials.as_ref(), authorization.credentials_file.as_deref());
        format!("{kind} {}", of.await?)
    } else if config.bearer_token.is_some() || config.bearer_token_file.is_some() {
        let of = secret(config.bearer_token.as_ref(), config.bearer_token_file.as_deref());
        format!("Bearer {}", of.await?)
    } else if !hop.url.username().is_empty() {
        let plain = |text: &str| percent_decoded(text);
        of_basic(&plain(hop.url.username()), &plain(hop.url.password().unwrap_or_default()))
    } else {
        return Ok(());
    };
    let mut value = HeaderValue::try_from(text).map_err(|error| Failure::Request(error.into()))?;
    value.set_sensitive(true);
    headers.insert(AUTHORIZATION, value);
    Ok(())
}

fn percent_decoded(text: &str) -> String {
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                out.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

async fn secret(own: Option<&Secret>, file: Option<&Path>) -> Result<String, Failure> {
    match (own, file) {
        (Some(secret), _) => Ok(secret.reveal().to_owned()),
        (None, Some(path)) => Ok(secret_file(path).await?.trim().to_owned()),
        (None, None) => Ok(String::new()),
    }
}

async fn secret_file(path: &Path) -> Result<String, Failure> {
    let failed = |source| Failure::Secret { path: path.display().to_string(), source };
    tokio::fs::read_to_string(path).await.map_err(failed)
}

/// Reads the last answer and checks it. With `unfollowed` it is a redirect whose body is left.
#[expect(clippy::too_many_arguments, reason = "all that is known of the last answer, used once")]
async fn finish(
    config: &HttpProbe,
    extras: &Extras,
    response: Response<Incoming>,
    driver: Driver,
    is_encrypted: bool,
    headed: Instant,
    unfollowed: Option<Failure>,
    report: &mut Report,
) -> Result<(), Failure> {
    let (parts, body) = response.into_parts();
    let status = parts.status.as_u16();
    let (version, version_name) = version(parts.version);
    report.note(format!("{version_name} {status}"));
    report.facts.status = Some(status);
    report.page.set(page::HTTP_STATUS, f64::from(status));
    report.page.set(page::HTTP_VERSION, version);
    report.page.set(page::HTTP_SSL, f64::from(u8::from(is_encrypted)));
    report.page.set(page::HTTP_CONTENT_LENGTH, content_length(&parts.headers, &body));
    if let Some(at) = last_modified(&parts.headers) {
        report.page.set(page::HTTP_LAST_MODIFIED, at);
    }
    let mut ended = check_status(config, status);
    if ended.is_ok() && has_header_checks(config) {
        ended = check_headers(config, &parts.headers);
        report.page.set(page::FAILED_DUE_TO_REGEX, f64::from(u8::from(ended.is_err())));
    }
    let has_patterns =
        !config.fail_if_body_matches_regexp.is_empty() || !config.fail_if_body_not_matches_regexp.is_empty();
    if unfollowed.is_none() {
        let is_kept = extras.wants_body || (ended.is_ok() && has_patterns);
        match body::read(body, config.compression, config.body_size_limit.0, is_kept).await {
            Ok(read) => {
                report.page.set(page::HTTP_BODY_LENGTH, read.bytes as f64);
                if ended.is_ok() && has_patterns {
                    ended = check_body(config, &read.kept);
                    report.page.set(page::FAILED_DUE_TO_REGEX, f64::from(u8::from(ended.is_err())));
                }
                report.facts.body = extras.wants_body.then_some(read.kept);
            }
            Err((bytes, failure)) => {
                report.page.set(page::HTTP_BODY_LENGTH, bytes as f64);
                ended = ended.and(Err(failure));
            }
        }
    }
    drop(driver);
    report.phase(page::HTTP_DURATION, "transfer", headed);
    let is_valid_version = config.valid_http_versions.is_empty()
        || config
            .valid_http_versions
            .iter()
            .any(|valid| valid.trim_end_matches(".0") == version_name.trim_end_matches(".0"));
    if ended.is_ok() && !is_valid_version {
        ended = Err(Failure::Version(version_name));
    }
    if ended.is_ok() && is_encrypted && config.fail_if_ssl {
        ended = Err(Failure::IsEncrypted);
    }
    if ended.is_ok() && !is_encrypted && config.fail_if_not_ssl {
        ended = Err(Failure::IsNotEncrypted);
    }
    match (ended, unfollowed) {
        // Who accepts the status of a redirect does not want it followed.
        (Err(Failure::Status(_)), Some(unfollowed)) => Err(unfollowed),
        (ended, _) => ended,
    }
}

fn version(version: Version) -> (f64, &'static str) {
    match version {
        Version::HTTP_2 => (2.0, "HTTP/2.0"),
        Version::HTTP_10 => (1.0, "HTTP/1.0"),
        _ => (1.1, "HTTP/1.1"),
    }
}

/// -1 where it is not known.
fn content_length(headers: &HeaderMap, body: &Incoming) -> f64 {
    let told = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match (told, body.size_hint().exact()) {
        (Some(length), _) | (None, Some(length)) => length as f64,
        (None, None) => -1.0,
    }
}

fn last_modified(headers: &HeaderMap) -> Option<f64> {
    let at = httpdate::parse_http_date(headers.get(LAST_MODIFIED)?.to_str().ok()?).ok()?;
    Some(at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64())
}

fn check_status(config: &HttpProbe, status: u16) -> Result<(), Failure> {
    let is_valid = match config.valid_status_codes.as_slice() {
        [] => (200..300).contains(&status),
        valid => valid.contains(&status),
    };
    if is_valid { Ok(()) } else { Err(Failure::Status(status)) }
}

fn has_header_checks(config: &HttpProbe) -> bool {
    !config.fail_if_header_matches.is_empty() || !config.fail_if_header_not_matches.is_empty()
}

fn check_headers(config: &HttpProbe, headers: &HeaderMap) -> Result<(), Failure> {
    let checks = config.fail_if_header_matches.iter().map(|check| (check, false));
    for (check, must_match) in checks.chain(config.fail_if_header_not_matches.iter().map(|check| (check, true))) {
        let HeaderCheck { header, regexp, allow_missing } = check;
        let mut values = headers.get_all(header.as_str()).iter().peekable();
        if values.peek().is_none() {
            if *allow_missing {
                continue;
            }
            return Err(Failure::HeaderMissing(header.clone()));
        }
        if values.any(|value| regexp.is_match(value.as_bytes())) != must_match {
            let told = if must_match { "does not match" } else { "matches" };
            return Err(Failure::Header { name: header.clone(), told, pattern: regexp.as_str().to_owned() });
        }
    }
    Ok(())
}

fn check_body(config: &HttpProbe, body: &[u8]) -> Result<(), Failure> {
    if let Some(pattern) = config.fail_if_body_matches_regexp.iter().find(|pattern| pattern.is_match(body)) {
        return Err(Failure::Pattern { told: "matches", pattern: pattern.as_str().to_owned() });
    }
    match config.fail_if_body_not_matches_regexp.iter().find(|pattern| !pattern.is_match(body)) {
        Some(pattern) => Err(Failure::Pattern { told: "does not match", pattern: pattern.as_str().to_owned() }),
        None => Ok(()),
    }
}
