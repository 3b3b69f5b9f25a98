//! What is counted of telling that the server is gone.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::duty::Ended;

/// The counters, as a part of a registry. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    is_deputy: AtomicBool,
    is_reached: AtomicBool,
    delivered: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    dropped: AtomicU64,
}

impl Counts {
    pub(super) fn see(&self, is_deputy: bool, is_reached: bool) {
        self.0.is_deputy.store(is_deputy, Relaxed);
        self.0.is_reached.store(is_reached, Relaxed);
    }

    pub(super) fn count(&self, ended: Ended) {
        let counter = match ended {
            Ended::Delivered => &self.0.delivered,
            Ended::Failed => &self.0.failed,
            Ended::Refused => &self.0.refused,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(super) fn dropped(&self, messages: usize) {
        self.0.dropped.fetch_add(messages as u64, Relaxed);
    }
}

impl Collector for Counts {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let Inner { is_deputy, is_reached, delivered, failed, refused, dropped } = &*self.0;
        for (name, help, is_so) in [
            ("deputy", "Whether the server has handed out what it takes to tell that it is gone", is_deputy),
            ("server_reached", "Whether the server answered the last time that it was asked", is_reached),
        ] {
            let gauge = ConstGauge::new(f64::from(u8::from(is_so.load(Relaxed))));
            let name = format!("orszem_collector_{name}");
            gauge.encode(encoder.encode_descriptor(&name, help, None, gauge.metric_type())?)?;
        }
        for (name, help, counter) in [
            ("deputy_delivered", "Messages about the server that were taken", delivered),
            ("deputy_failed", "Attempts to send one that failed and are made again", failed),
            ("deputy_refused", "Messages about the server that will never be taken", refused),
            ("deputy_dropped", "Messages about the server that were given up", dropped),
        ] {
            let counter = ConstCounter::new(counter.load(Relaxed));
            let name = format!("orszem_collector_{name}");
            counter.encode(encoder.encode_descriptor(&name, help, None, counter.metric_type())?)?;
        }
        Ok(())
    }
}
