//! What of a batch concerns the engines: observations, telling lines, and signs of life.

use std::collections::BTreeMap;

use memchr::memmem;
use orszem_facts::LogSight;
use orszem_model::wire::{AttributesView, Batch, RawRecord};
use orszem_model::{AttributeValue, Kind, RecordId, Seen, Stream, Timestamp};
use orszem_parse::{Moment, Parsed, Zone};

use super::stage::{ClusterKey, Clusters};
use super::{SERVICE, SIMULATED};
use crate::collectors;

/// What the kernel's lines are searched for before anything else is done with them.
const SPLIT_BRAIN: &[u8] = b"Split-Brain detected";

/// What a record is to the engines.
enum Sight {
    Seen(Box<Seen>),
    /// A line whose message begins at this byte of the body.
    Line(usize),
}

/// Shows the engines the batch at `position` of the journal, its streams together by time. `false` when it does not
/// decode.
pub(super) fn feed(clusters: &mut Clusters, position: u64, payload: &[u8]) -> bool {
    let Some(batch) = Batch::decode(payload) else { return false };
    let streams: Vec<Option<Origin<'_>>> = batch.streams.iter().map(Origin::of).collect();
    let mut signs: BTreeMap<u32, Timestamp> = BTreeMap::new();
    let mut sights = Vec::new();
    let mut count = 0;
    for (index, raw) in (0u64..).zip(batch.records()) {
        count += 1;
        let Some(Some(origin)) = streams.get(raw.stream as usize) else { continue };
        let at = raw.parts.timestamp;
        if origin.is_collector {
            if is_canary(&raw) {
                clusters.alive(origin.tenant, origin.host, at);
            }
            continue;
        }
        let sign = signs.entry(raw.stream).or_insert(at);
        *sign = at.max(*sign);
        if let Some(sight) = origin.sight(&raw) {
            sights.push((at, index, origin, raw, sight));
        }
    }
    // Senders put the records of a stream together: what came after what is to be found again.
    sights.sort_by_key(|(at, index, ..)| (*at, *index));
    for (at, index, origin, raw, sight) in sights {
        let id = RecordId { timestamp: at, seq: position << 20 | index };
        let Some(cluster) = clusters.find_or_make(&origin.key(), batch.received, at.min(batch.received)) else {
            continue;
        };
        cluster.saw(origin.host, at.min(batch.received));
        match sight {
            Sight::Seen(seen) => {
                let facts = cluster.engine.step(&seen, id);
                clusters.tell(&origin.key(), facts);
            }
            Sight::Line(message) => {
                let body = text(&raw);
                let get = |key: &str| attribute(&raw, key);
                let message = body.get(message..).unwrap_or_default();
                let sight = LogSight { at, host: origin.host, service: origin.service, body: message, get: &get };
                let facts = cluster.engine.line(&sight, id);
                clusters.tell(&origin.key(), facts);
            }
        }
    }
    for (stream, at) in signs {
        if let Some(Some(origin)) = streams.get(stream as usize) {
            clusters.heard(origin.tenant, origin.host, at);
        }
    }
    count == batch.record_count
}

/// What a stream's labels say.
struct Origin<'a> {
    tenant: u32,
    cluster: &'a str,
    host: &'a str,
    service: &'a str,
    is_simulated: bool,
    is_collector: bool,
    /// Its lines may tell something.
    is_of_cluster: bool,
    is_of_kernel: bool,
}

impl<'a> Origin<'a> {
    /// `None` for streams that are never looked at: facts themselves, and those without a host.
    fn of(stream: &'a Stream) -> Option<Self> {
        let label = |name| stream.labels.get(name).unwrap_or_default();
        let (host, service, layer) = (label("host"), label("service"), label("layer"));
        if host.is_empty() || service == SERVICE {
            return None;
        }
        let is_daemon = ["corosync", "pacemaker", "crmd", "stonith-ng"].iter().any(|name| service.starts_with(name));
        Some(Self {
            tenant: stream.tenant,
            cluster: label("cluster"),
            host,
            service,
            is_simulated: label(SIMULATED.0) == SIMULATED.1,
            is_collector: service == collectors::SERVICE,
            is_of_cluster: layer == "cluster" || is_daemon,
            is_of_kernel: matches!(layer, "kernel" | "storage") || service == "kernel",
        })
    }

    fn key(&self) -> ClusterKey {
        ClusterKey { tenant: self.tenant, label: self.cluster.to_owned(), is_simulated: self.is_simulated }
    }

    fn sight(&self, raw: &RawRecord<'_>) -> Option<Sight> {
        match raw.parts.kind {
            Kind::Event => {
                let seen = Seen::of(raw.parts.timestamp, self.host, &|key| attribute(raw, key))?;
                Some(Sight::Seen(Box::new(seen)))
            }
            Kind::Log => self.line(raw),
            Kind::Span | Kind::Probe => None,
        }
    }

    fn line(&self, raw: &RawRecord<'_>) -> Option<Sight> {
        let is_candidate =
            self.is_of_cluster || (self.is_of_kernel && memmem::find(raw.parts.body, SPLIT_BRAIN).is_some());
        if !is_candidate {
            return None;
        }
        let body = text(raw);
        let at = message(self.service, body, raw.parts.timestamp);
        let get = |key: &str| attribute(raw, key);
        let (host, service) = (self.host, self.service);
        let sight = LogSight { at: raw.parts.timestamp, host, service, body: body.get(at..)?, get: &get };
        sight.is_telling().then_some(Sight::Line(at))
    }
}

/// Where the message of a line begins, behind the headers of the log and of the program.
fn message(service: &str, body: &str, at: Timestamp) -> usize {
    let zone = Zone::utc();
    let parsed = orszem_parse::parse(body.as_bytes(), &Moment { now: at, zone: &zone });
    if parsed.message > 0 {
        return parsed.message;
    }
    let mut parsed = Parsed::default();
    orszem_parse::refine_message(service, body.as_bytes(), &mut parsed);
    parsed.message
}

fn attribute(raw: &RawRecord<'_>, key: &str) -> Option<AttributeValue> {
    AttributesView(raw.parts.attributes).find(|attribute| attribute.key == key).map(|found| found.to_attribute().value)
}

fn is_canary(raw: &RawRecord<'_>) -> bool {
    AttributesView(raw.parts.attributes).any(|attribute| {
        attribute.key == orszem_model::observation::EVENT_NAME && attribute.value == collectors::CANARY.as_bytes()
    })
}

/// The body of a record, as far as it is text.
fn text<'a>(raw: &RawRecord<'a>) -> &'a str {
    raw.parts.body.utf8_chunks().next().map_or("", |chunk| chunk.valid())
}
