//! What the listeners count, each on its own.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The counters of all listeners; clones share them. Received = submitted + dropped + waiting.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    messages: Family<ListenerLabels, Counter>,
    bytes: Family<ListenerLabels, Counter>,
    malformed: Family<ListenerLabels, Counter>,
    truncated: Family<ListenerLabels, Counter>,
    dropped: Family<DroppedLabels, Counter>,
    connections: Family<ListenerLabels, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ListenerLabels {
    listener: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DroppedLabels {
    listener: String,
    reason: &'static str,
}

/// One listener's counters.
#[derive(Clone, Debug)]
pub(super) struct Counters {
    pub(super) messages: Counter,
    pub(super) bytes: Counter,
    pub(super) malformed: Counter,
    pub(super) truncated: Counter,
    /// Datagrams for which the queue had no room.
    pub(super) dropped_queue: Counter,
    /// Datagrams for which the kernel's buffer had no room.
    pub(super) dropped_kernel: Counter,
    /// Messages that the store will never take.
    pub(super) dropped_refused: Counter,
    /// Messages that the store did not take before the stop.
    pub(super) dropped_stop: Counter,
    pub(super) connections: Gauge,
}

impl Metrics {
    /// Counters that `registry` shows.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let Self { messages, bytes, malformed, truncated, dropped, connections } = &metrics;
        registry.register("orszem_syslog_messages", "Messages received", messages.clone());
        registry.register("orszem_syslog_bytes", "Bytes of messages received", bytes.clone());
        registry.register(
            "orszem_syslog_malformed",
            "Messages with neither a priority nor a time that was understood; they are kept",
            malformed.clone(),
        );
        registry.register(
            "orszem_syslog_truncated",
            "Messages that were cut or split for their length",
            truncated.clone(),
        );
        registry.register("orszem_syslog_dropped", "Messages that were lost here, by reason", dropped.clone());
        registry.register("orszem_syslog_connections", "Open connections", connections.clone());
        metrics
    }

    /// The counters of the listener `name`.
    pub(super) fn of(&self, name: &str) -> Counters {
        let labels = ListenerLabels { listener: name.to_owned() };
        let dropped = |reason| {
            let labels = DroppedLabels { listener: name.to_owned(), reason };
            self.dropped.get_or_create(&labels).clone()
        };
        Counters {
            messages: self.messages.get_or_create(&labels).clone(),
            bytes: self.bytes.get_or_create(&labels).clone(),
            malformed: self.malformed.get_or_create(&labels).clone(),
            truncated: self.truncated.get_or_create(&labels).clone(),
            dropped_queue: dropped("queue_full"),
            dropped_kernel: dropped("kernel_buffer_full"),
            dropped_refused: dropped("refused"),
            dropped_stop: dropped("stopped"),
            connections: self.connections.get_or_create(&labels).clone(),
        }
    }
}
