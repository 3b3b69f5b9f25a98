//! Asks a name server, and checks what it answers.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use orszem_client::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;

use super::Prober;
use crate::error::Failure;
use crate::message::{self, Answer, Question, SOA};
use crate::modules::{DnsProbe, RecordsCheck, Transport};
use crate::page;
use crate::pattern::Pattern;
use crate::report::Report;
use crate::resolve::{choose, connect, split};

/// The longest answer by UDP.
const UDP_BYTES_MAX: usize = 65_535;

pub(super) async fn probe(
    prober: &Prober,
    config: &DnsProbe,
    target: &str,
    report: &mut Report,
) -> Result<(), Failure> {
    for phase in ["resolve", "connect", "request"] {
        report.page.add_phase(page::DNS_DURATION, phase, 0.0);
    }
    for gauge in [page::DNS_ANSWERS, page::DNS_AUTHORITIES, page::DNS_ADDITIONALS, page::DNS_SUCCEEDED] {
        report.page.set(gauge, 0.0);
    }
    let (kind, class) = config.codes().ok_or(Failure::Query("its type or class is not known"))?;
    let port = if config.dns_over_tls { 853 } else { 53 };
    let (host, port) = split(target).unwrap_or((target, port));
    let begun = Instant::now();
    let chosen = choose(config.choice(), host, report).await;
    report.page.add_phase(page::DNS_DURATION, "resolve", begun.elapsed().as_secs_f64());
    let address = SocketAddr::new(chosen?, port);
    let id = getrandom::u32().map_err(|_| Failure::Query("there is no random number"))? as u16;
    let question = Question { name: &config.query_name, kind, class, is_recursive: config.recursion_desired };
    let query = message::query(id, question).ok_or(Failure::Query("its name is none"))?;
    let bytes = match config.transport_protocol {
        Transport::Udp => by_udp(config, address, &query, report).await?,
        Transport::Tcp => by_tcp(prober, config, address, host, &query, report).await?,
    };
    let answer = message::read(&bytes, &query).ok_or(Failure::Message)?;
    report.facts.is_connected = true;
    report.facts.rcode = Some(message::rcode_name(answer.rcode));
    tell(&answer, kind, report);
    check(config, &answer)
}

fn tell(answer: &Answer, kind: u16, report: &mut Report) {
    report.page.set(page::DNS_SUCCEEDED, 1.0);
    report.page.set(page::DNS_ANSWERS, answer.answers.len() as f64);
    report.page.set(page::DNS_AUTHORITIES, answer.authorities.len() as f64);
    report.page.set(page::DNS_ADDITIONALS, answer.additionals.len() as f64);
    if kind == SOA {
        report.page.set(page::DNS_SERIAL, answer.serial.map_or(0.0, f64::from));
    }
    for record in answer.answers.iter().chain(&answer.authorities).chain(&answer.additionals) {
        report.note(record.clone());
    }
    let body = answer.answers.iter().filter_map(|record| record.split('\t').nth(4)).collect::<Vec<_>>().join("\n");
    report.facts.body = Some(body.into());
}

fn check(config: &DnsProbe, answer: &Answer) -> Result<(), Failure> {
    let rcode = message::rcode_name(answer.rcode);
    let is_valid = match config.valid_rcodes.as_slice() {
        [] => rcode == "NOERROR",
        valid => valid.contains(&rcode),
    };
    if !is_valid {
        return Err(Failure::Rcode(rcode));
    }
    records("answer", &answer.answers, &config.validate_answer_rrs)?;
    records("authority", &answer.authorities, &config.validate_authority_rrs)?;
    records("additional", &answer.additionals, &config.validate_additional_rrs)
}

fn records(section: &'static str, records: &[String], check: &RecordsCheck) -> Result<(), Failure> {
    let failed =
        |told, pattern: &Pattern| Err(Failure::Records { section, told, pattern: pattern.as_str().to_owned() });
    if records.is_empty() {
        let wanted = check.fail_if_not_matches_regexp.first().or(check.fail_if_none_matches_regexp.first());
        return wanted.map_or(Ok(()), |pattern| failed("are none, to match", pattern));
    }
    let is_match = |pattern: &Pattern, record: &String| pattern.is_match(record.as_bytes());
    let any = |pattern: &&Pattern| records.iter().any(|record| is_match(pattern, record));
    let all = |pattern: &Pattern| records.iter().all(|record| is_match(pattern, record));
    if let Some(pattern) = check.fail_if_matches_regexp.iter().find(any) {
        return failed("match", pattern);
    }
    if let Some(pattern) = check.fail_if_not_matches_regexp.iter().find(|pattern| !all(pattern)) {
        return failed("do not all match", pattern);
    }
    // As blackbox_exporter has it, which fails unless all match.
    if let Some(pattern) = check.fail_if_all_match_regexp.iter().find(|pattern| !all(pattern)) {
        return failed("do not all match", pattern);
    }
    match check.fail_if_none_matches_regexp.first() {
        Some(first) if !check.fail_if_none_matches_regexp.iter().any(|pattern| any(&pattern)) => {
            failed("do not match", first)
        }
        _ => Ok(()),
    }
}

async fn by_udp(config: &DnsProbe, address: SocketAddr, query: &[u8], report: &mut Report) -> Result<Vec<u8>, Failure> {
    let begun = Instant::now();
    let any: IpAddr = if address.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    let source = crate::modules::source(&config.source_ip_address).unwrap_or(any);
    let socket = UdpSocket::bind(SocketAddr::new(source, 0)).await.map_err(Failure::Socket)?;
    socket.connect(address).await.map_err(Failure::Socket)?;
    report.phase(page::DNS_DURATION, "connect", begun);
    let begun = Instant::now();
    let exchange = async {
        socket.send(query).await.map_err(Failure::Write)?;
        let mut bytes = vec![0; UDP_BYTES_MAX];
        loop {
            let length = socket.recv(&mut bytes).await.map_err(Failure::Read)?;
            // A late answer to another question is passed over.
            if bytes.get(..2) == query.get(..2) {
                bytes.truncate(length);
                return Ok(bytes);
            }
        }
    };
    let bytes = exchange.await;
    report.phase(page::DNS_DURATION, "request", begun);
    bytes
}

async fn by_tcp(
    prober: &Prober,
    config: &DnsProbe,
    address: SocketAddr,
    host: &str,
    query: &[u8],
    report: &mut Report,
) -> Result<Vec<u8>, Failure> {
    let begun = Instant::now();
    let stream = connect(address, crate::modules::source(&config.source_ip_address)).await?;
    let mut stream: Box<dyn Stream> = Box::new(stream);
    if config.dns_over_tls {
        let tls = prober.tls(&config.tls_config).await?;
        let name = tls.server_name().unwrap_or(host);
        // Only success and problem are of use here; blackbox_exporter tells nothing of DNS over TLS.
        let mut told = crate::page::Page::default();
        let facts = &mut report.facts;
        stream = Box::new(tls.connect(stream, name, &[], &mut told, facts).await?);
    }
    report.phase(page::DNS_DURATION, "connect", begun);
    let begun = Instant::now();
    let exchange = async {
        let mut bytes = u16::try_from(query.len()).map_err(io::Error::other)?.to_be_bytes().to_vec();
        bytes.extend_from_slice(query);
        stream.write_all(&bytes).await?;
        stream.flush().await?;
        let length = stream.read_u16().await?;
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await?;
        Ok::<_, io::Error>(answer)
    };
    let answer = exchange.await.map_err(Failure::Read);
    let took: Duration = begun.elapsed();
    report.page.add_phase(page::DNS_DURATION, "request", took.as_secs_f64());
    report.took("request", took);
    answer
}
