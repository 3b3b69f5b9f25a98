//! Asks for an echo.

use std::time::Instant;

use super::echo::{EchoKind, Pingers};
use crate::error::Failure;
use crate::modules::{IcmpProbe, source};
use crate::page;
use crate::report::Report;
use crate::resolve::choose;

/// As many bytes as other programs send.
const PAYLOAD_BYTES: usize = 28;
const PAYLOAD: &[u8] = b"probe of orszem";

pub(super) async fn probe(
    pingers: &Pingers,
    config: &IcmpProbe,
    target: &str,
    report: &mut Report,
) -> Result<(), Failure> {
    for phase in ["resolve", "setup", "rtt"] {
        report.page.add_phase(page::ICMP_DURATION, phase, 0.0);
    }
    let begun = Instant::now();
    let chosen = choose(config.choice(), target, report).await;
    report.page.add_phase(page::ICMP_DURATION, "resolve", begun.elapsed().as_secs_f64());
    let address = chosen?;
    let begun = Instant::now();
    let kind = EchoKind {
        is_ipv6: address.is_ipv6(),
        source: source(&config.source_ip_address),
        dont_fragment: config.dont_fragment && address.is_ipv4(),
        ttl: config.ttl,
    };
    let pinger = pingers.open(kind).map_err(Failure::Socket)?;
    let size = if config.payload_size == 0 { PAYLOAD_BYTES } else { config.payload_size as usize };
    let mut payload = PAYLOAD.to_vec();
    payload.resize(size, 0);
    let access = pinger.access().as_str();
    report.page.set_with(page::ICMP_SOCKET, vec![("kind".to_owned(), access.to_owned())], 1.0);
    report.note(format!("the socket is {access}"));
    report.phase(page::ICMP_DURATION, "setup", begun);
    let (sent, echo) = pinger.ping(address, &payload).await.map_err(|source| Failure::Send { address, source })?;
    let took = echo.at.saturating_duration_since(sent);
    report.page.add_phase(page::ICMP_DURATION, "rtt", took.as_secs_f64());
    report.took("rtt", took);
    report.facts.is_connected = true;
    if let Some(hops) = echo.hop_limit {
        report.page.set(page::ICMP_HOP_LIMIT, f64::from(hops));
    }
    Ok(())
}
