//! Connects, and holds the conversation that the module tells.

use std::net::SocketAddr;
use std::time::Instant;

use orszem_client::Stream;
use tokio::io::AsyncWriteExt;

use super::lines::Lines;
use super::{Extras, Prober};
use crate::error::Failure;
use crate::modules::{QueryResponse, TcpProbe};
use crate::page;
use crate::report::Report;
use crate::resolve::{choose, connect, split};
use crate::tls::TlsSettings;

pub(super) async fn probe(
    prober: &Prober,
    config: &TcpProbe,
    target: &str,
    extras: &Extras,
    report: &mut Report,
) -> Result<(), Failure> {
    report.page.set(page::FAILED_DUE_TO_REGEX, 0.0);
    if config.query_response.iter().any(|step| !step.expect_bytes.is_empty()) {
        report.page.set(page::FAILED_DUE_TO_BYTES, 0.0);
    }
    let (host, port) = split(target)?;
    let address = choose(config.choice(), host, report).await?;
    let tls = if config.needs_tls() { Some(prober.tls(&config.tls_config).await?) } else { None };
    let name = tls.as_ref().and_then(TlsSettings::server_name).or(extras.hostname.as_deref()).unwrap_or(host);
    let begun = Instant::now();
    let source = crate::modules::source(&config.source_ip_address);
    let stream = connect(SocketAddr::new(address, port), source).await?;
    report.took("connect", begun.elapsed());
    report.facts.is_connected = true;
    let mut stream: Box<dyn Stream> = Box::new(stream);
    if let Some(tls) = tls.as_ref().filter(|_| config.tls) {
        stream = upgrade(tls, stream, name, report).await?;
    }
    let mut lines = Lines::default();
    let begun = Instant::now();
    for step in &config.query_response {
        let send = match expect(step, &mut lines, &mut *stream, report).await? {
            Some(send) => send,
            None => step.send.clone().into_bytes(),
        };
        if !send.is_empty() {
            let mut line = send;
            line.push(b'\n');
            stream.write_all(&line).await.map_err(Failure::Write)?;
            stream.flush().await.map_err(Failure::Write)?;
        }
        if let Some(tls) = tls.as_ref().filter(|_| step.starttls) {
            stream = upgrade(tls, stream, name, report).await?;
            // What came before TLS was not protected by it.
            lines = Lines::default();
        }
    }
    if !config.query_response.is_empty() {
        report.took("conversation", begun.elapsed());
    }
    Ok(())
}

async fn upgrade(
    tls: &TlsSettings,
    stream: Box<dyn Stream>,
    name: &str,
    report: &mut Report,
) -> Result<Box<dyn Stream>, Failure> {
    let begun = Instant::now();
    let stream = tls.connect(stream, name, &[], &mut report.page, &mut report.facts).await;
    report.took("tls", begun.elapsed());
    Ok(Box::new(stream?))
}

/// Waits for what the step expects; what is sent then, where a regular expression matched.
async fn expect(
    step: &QueryResponse,
    lines: &mut Lines,
    stream: &mut dyn Stream,
    report: &mut Report,
) -> Result<Option<Vec<u8>>, Failure> {
    if !step.expect_bytes.is_empty() {
        let is_next = lines.are_next(stream, step.expect_bytes.as_bytes()).await.map_err(Failure::Read)?;
        report.page.set(page::FAILED_DUE_TO_BYTES, f64::from(u8::from(!is_next)));
        return if is_next { Ok(None) } else { Err(Failure::Expect(step.expect_bytes.clone())) };
    }
    let Some(pattern) = &step.expect else { return Ok(None) };
    while let Some(line) = lines.next(stream).await.map_err(Failure::Read)? {
        let Some(captures) = pattern.regex().captures(&line) else { continue };
        report.note(format!("{pattern:?} matched {:?}", String::from_utf8_lossy(&line)));
        report.page.set(page::FAILED_DUE_TO_REGEX, 0.0);
        if !step.labels.is_empty() {
            let labels = step.labels.iter().map(|label| {
                let mut value = Vec::new();
                captures.expand(label.value.as_bytes(), &mut value);
                (label.name.clone(), String::from_utf8_lossy(&value).into_owned())
            });
            let labels = labels.collect();
            report.page.set_with(page::EXPECT_INFO, labels, 1.0);
        }
        let mut send = Vec::new();
        captures.expand(step.send.as_bytes(), &mut send);
        return Ok(Some(send));
    }
    report.page.set(page::FAILED_DUE_TO_REGEX, 1.0);
    Err(Failure::Expect(pattern.as_str().to_owned()))
}
