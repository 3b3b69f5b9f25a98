//! What targets are asked, and how their answers are read.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::StatusCode;

use super::server::{Page, Server};
use super::steps::{Run, is_down, is_up, job, value};

/// The named headers of the first request of a job.
async fn asked(more: &str, names: &[&str]) -> (String, Vec<Option<String>>) {
    let server = Server::start("a 1\n").await;
    let mut run = Run::start(&job(server.address, more));
    run.next().await;
    let asked = server.asked().swap_remove(0);
    run.stop().await;
    let header = |name: &&str| asked.headers.get(*name).map(|value| value.to_str().expect("text").to_owned());
    (asked.uri.clone(), names.iter().map(header).collect())
}

#[tokio::test]
async fn a_target_is_asked_as_prometheus_asks() {
    let names = ["user-agent", "accept-encoding", "x-prometheus-scrape-timeout-seconds", "accept", "authorization"];
    let (uri, headers) = asked("scrape_timeout: 40ms", &names).await;
    let told = |text: &str| Some(text.to_owned());
    let accept = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                  application/openmetrics-text;version=0.0.1;q=0.5,\
                  text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    let agent = concat!("orszem/", env!("CARGO_PKG_VERSION"));
    assert_eq!(uri, "/metrics");
    assert_eq!(headers, [told(agent), told("gzip"), told("0.04"), told(accept), None]);
    let more = "metrics_path: /probe\nparams: {target: [x y], module: [a, b]}\nenable_compression: false";
    let (uri, headers) = asked(more, &["accept-encoding"]).await;
    assert_eq!((uri.as_str(), headers), ("/probe?module=a&module=b&target=x+y", vec![told("identity")]));
}

#[tokio::test]
async fn credentials_come_from_the_configuration_or_from_files() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("secret");
    fs::write(&path, "from file\n").expect("writes");
    let path = path.display();
    for (more, expected) in [
        ("basic_auth: {username: u, password: p}".to_owned(), "Basic dTpw"),
        (format!("basic_auth: {{username: u, password_file: '{path}'}}"), "Basic dTpmcm9tIGZpbGU="),
        ("authorization: {credentials: t}".to_owned(), "Bearer t"),
        (format!("authorization: {{type: Token, credentials_file: '{path}'}}"), "Token from file"),
        ("bearer_token: old".to_owned(), "Bearer old"),
        (format!("bearer_token_file: '{path}'"), "Bearer from file"),
    ] {
        assert_eq!(asked(&more, &["authorization"]).await.1, [Some(expected.to_owned())], "{more}");
    }
    let headers = format!("http_headers: {{X-Scope: {{values: [a]}}, X-Key: {{files: ['{path}']}}}}");
    let expected = ["a", "from file"].map(|value| Some(value.to_owned()));
    assert_eq!(asked(&headers, &["x-scope", "x-key"]).await.1, expected);
    let server = Server::start("a 1\n").await;
    let mut run = Run::start(&job(server.address, "bearer_token_file: /nowhere/token"));
    run.until(is_down).await;
    let error = run.scraper.targets().active[0].last_error.clone();
    assert!(error.contains("can't read /nowhere/token: No such file"), "{error}");
    assert!(server.asked().is_empty());
    run.stop().await;
}

#[tokio::test]
async fn compressed_bodies_are_read_and_broken_ones_are_not() {
    let server = Server::start("").await;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Longer than what is read in passing.
    for at in 0..20_000 {
        writeln!(encoder, "a{{n=\"{at}\"}} {at}").expect("writes");
    }
    let packed = encoder.finish().expect("packs");
    let page = |body: Vec<u8>| Page { body: body.into(), ..Page::text("") }.with("content-encoding", "gzip");
    server.set(page(packed.clone()));
    let mut run = Run::start(&job(server.address, "scrape_interval: 5s").replacen("  scrape_interval: 200ms\n", "", 1));
    let first = run.next().await;
    assert_eq!((value(&first, "up"), value(&first, "scrape_samples_scraped")), (Some(1.0), Some(20_000.0)));
    assert_eq!(first.samples[19_999].2, 19_999.0);
    run.stop().await;
    server.set(page(packed[..packed.len() / 2].to_vec()));
    let mut run = Run::start(&job(server.address, ""));
    run.until(is_down).await;
    let error = run.scraper.targets().active[0].last_error.clone();
    assert!(error.contains("can't decompress the body"), "{error}");
    run.stop().await;
    server.set(page(packed));
    let mut run = Run::start(&job(server.address, "body_size_limit: 200KB"));
    run.until(is_down).await;
    let error = run.scraper.targets().active[0].last_error.clone();
    assert!(error.ends_with("body size limit exceeded"), "{error}");
    run.stop().await;
}

#[tokio::test]
async fn redirects_are_followed_without_giving_credentials_away() {
    let (from, to) = (Server::start("").await, Server::start("a 1\n").await);
    from.set(Page::status(StatusCode::FOUND).with("location", &format!("http://{}/there?x", to.address)));
    let mut run = Run::start(&job(from.address, "bearer_token: t"));
    run.until(is_up).await;
    let asked = to.asked().swap_remove(0);
    assert_eq!((asked.uri.as_str(), asked.headers.get("authorization")), ("/there?x", None));
    assert!(from.asked()[0].headers.get("authorization").is_some());
    run.stop().await;
    let error = |run: &Run| run.scraper.targets().active[0].last_error.clone();
    let mut run = Run::start(&job(from.address, "follow_redirects: false"));
    run.until(is_down).await;
    assert!(error(&run).ends_with("server returned HTTP status 302 Found"), "{}", error(&run));
    run.stop().await;
    from.set(Page::status(StatusCode::FOUND).with("location", "/metrics"));
    let mut run = Run::start(&job(from.address, ""));
    run.until(is_down).await;
    assert!(error(&run).ends_with("stopped after 10 redirects"), "{}", error(&run));
    run.stop().await;
}

#[tokio::test]
async fn one_connection_serves_many_scrapes() {
    let server = Server::start("a 1\n").await;
    let mut run = Run::start(&job(server.address, ""));
    for _ in 0..5 {
        assert!(is_up(&run.next().await));
    }
    assert_eq!(server.connections(), 1);
    assert!(server.asked().len() >= 5);
    run.stop().await;
}
