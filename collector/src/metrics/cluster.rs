//! What the cluster's tools told, as samples. ha_cluster_exporter's names of its own success go with them.

use orszem_cluster::drbd::metrics::MetricKind;
use orszem_cluster::metrics::Kind;
use orszem_scrape::MetricType;

use super::measured::Measured;
use crate::cluster::latest::{self, Part};

const DURATION: &str = "ha_cluster_scrape_duration_seconds";
const SUCCESS: &str = "ha_cluster_scrape_success";

/// Puts the answer to the last question of a part into the pass.
pub(super) fn put(part: Part, measured: &latest::Measured, into: &mut Measured) {
    let latest::Measured { is_well, took, samples, drbd } = measured;
    let collector = [("collector", part.name())];
    into.describe(DURATION, MetricType::Gauge, "Duration of a question to the cluster's tools", "seconds");
    into.sample(DURATION, collector.into_iter(), took.as_secs_f64());
    into.describe(SUCCESS, MetricType::Gauge, "Whether the cluster's tools answered", "");
    into.sample(SUCCESS, collector.into_iter(), f64::from(u8::from(*is_well)));
    for sample in samples {
        let family = sample.family;
        let kind = match family.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
        };
        into.describe(family.name, kind, family.help, family.unit);
        into.sample(family.name, sample.labels.iter().map(|(name, value)| (*name, value.as_str())), sample.value);
    }
    for sample in drbd {
        let metric = sample.metric;
        let kind = match metric.kind {
            MetricKind::Counter => MetricType::Counter,
            MetricKind::Gauge => MetricType::Gauge,
        };
        into.describe(metric.name, kind, metric.help, "");
        into.sample(metric.name, sample.labels.iter().map(|(name, value)| (*name, value.as_str())), sample.value);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use orszem_cluster::metrics::{Family, Sample};
    use orszem_model::METRIC_NAME;

    use super::*;

    const VOTES: Family =
        Family { name: "ha_cluster_corosync_member_votes", kind: Kind::Gauge, unit: "", help: "Votes" };
    const FAMILY: &Family = &VOTES;

    #[test]
    fn samples_go_with_the_success_of_their_part() {
        let sample =
            Sample { family: FAMILY, labels: vec![("node", "n1".to_owned()), ("local", String::new())], value: 2.0 };
        let measured = latest::Measured {
            is_well: true,
            took: Duration::from_millis(500),
            samples: vec![sample],
            drbd: Vec::new(),
        };
        let mut into = Measured::new(BTreeMap::new(), BTreeMap::new());
        into.begin(1_000);
        put(Part::Corosync, &measured, &mut into);
        put(Part::Drbd, &latest::Measured::default(), &mut into);
        let scraped = into.finish(true, Duration::ZERO);
        let shown = scraped.samples.iter().take(5).map(|(labels, _, value)| {
            let label = |name| labels.get(name).unwrap_or_default().to_owned();
            format!("{} {}{} {value}", label(METRIC_NAME), label("collector"), label("node"))
        });
        assert_eq!(
            shown.collect::<Vec<_>>(),
            [
                "ha_cluster_scrape_duration_seconds corosync 0.5",
                "ha_cluster_scrape_success corosync 1",
                "ha_cluster_corosync_member_votes n1 2",
                "ha_cluster_scrape_duration_seconds drbd 0",
                "ha_cluster_scrape_success drbd 0",
            ]
        );
    }
}
