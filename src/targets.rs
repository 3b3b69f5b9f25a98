//! What the collector scrapes, as the Prometheus API shows it.

use std::time::{SystemTime, UNIX_EPOCH};

use http::Uri;
use orszem_collector::{Health, Metadata, TargetStatus, Targets};
use orszem_dashboards::http::prometheus::engine::{self, MetricMetadata, TargetMetadata, TargetMetadataAsk};

/// The names of this host that mean another one elsewhere.
const LOCAL: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// `host` is what this host is called elsewhere.
pub(crate) fn shown(targets: Targets, host: &str) -> engine::Targets {
    let Targets { active, dropped, dropped_counts } = targets;
    engine::Targets {
        pools: dropped_counts.iter().map(|(pool, _)| pool.to_string()).collect(),
        active: active.into_iter().map(|target| status(target, host)).collect(),
        dropped: dropped
            .into_iter()
            .map(|dropped| engine::DroppedTarget {
                pool: dropped.pool.to_string(),
                discovered: dropped.discovered_labels,
            })
            .collect(),
        dropped_counts: dropped_counts.into_iter().map(|(pool, count)| (pool.to_string(), count)).collect(),
    }
}

fn status(target: TargetStatus, host: &str) -> engine::Target {
    let TargetStatus {
        pool,
        discovered_labels,
        labels,
        url,
        interval,
        timeout,
        health,
        last_error,
        last_scrape,
        last_duration,
        metadata: _,
    } = target;
    let ms = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    engine::Target {
        discovered: discovered_labels,
        labels,
        pool: pool.to_string(),
        global_url: global(&url, host).unwrap_or_else(|| url.clone()),
        url,
        last_error,
        last_scrape: last_scrape.map(millis),
        last_duration_s: last_duration.as_secs_f64(),
        health: match health {
            Health::Unknown => engine::Health::Unknown,
            Health::Up => engine::Health::Up,
            Health::Down => engine::Health::Down,
        },
        interval_ms: ms(interval),
        timeout_ms: ms(timeout),
    }
}

fn millis(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// `url` with `host` in place of a name that means the same host only there; `None` if it has none.
fn global(url: &str, host: &str) -> Option<String> {
    let parsed: Uri = url.parse().ok()?;
    let authority = parsed.authority()?;
    if !LOCAL.contains(&authority.host()) {
        return None;
    }
    let port = authority.port().map(|port| format!(":{port}")).unwrap_or_default();
    let behind = parsed.path_and_query().map_or("", |path| path.as_str());
    Some(format!("{}://{host}{port}{behind}", parsed.scheme_str()?))
}

/// What targets say of their metrics, as far as `ask` wants to know.
pub(crate) fn metadata(targets: &Targets, ask: &TargetMetadataAsk) -> Vec<TargetMetadata> {
    let TargetMetadataAsk { matchers, metric, limit } = ask;
    let mut found: Vec<TargetMetadata> = Vec::new();
    let is_asked = |target: &&TargetStatus| {
        matchers.iter().all(|matcher| matcher.matches(target.labels.get(&matcher.name).unwrap_or_default()))
    };
    for target in targets.active.iter().filter(is_asked) {
        // As Prometheus does it: a target is asked whole.
        if limit.is_some_and(|limit| found.len() >= limit) {
            break;
        }
        let wanted = target.metadata.iter().filter(|one| metric.as_deref().is_none_or(|metric| *one.family == *metric));
        found.extend(wanted.map(|one| TargetMetadata { target: target.labels.clone(), metadata: of_metric(one) }));
    }
    found
}

fn of_metric(Metadata { family, kind, help, unit }: &Metadata) -> MetricMetadata {
    MetricMetadata {
        metric: family.to_string(),
        kind: kind.name().to_owned(),
        help: help.to_string(),
        unit: unit.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use orszem_collector::DroppedTarget;
    use orszem_model::{Labels, Matcher};

    use super::*;

    fn target(instance: &str, families: &[&str]) -> TargetStatus {
        let family = |name: &&str| Metadata { family: (*name).into(), help: "Help.".into(), ..Metadata::default() };
        TargetStatus {
            pool: "node".into(),
            discovered_labels: Labels::from([("__address__", instance)]),
            labels: Labels::from([("instance", instance)]),
            url: format!("http://{instance}/metrics?a=b"),
            interval: Duration::from_secs(60),
            timeout: Duration::from_millis(2_500),
            health: Health::Down,
            last_error: "refused".into(),
            last_scrape: Some(UNIX_EPOCH + Duration::from_millis(1_500)),
            last_duration: Duration::from_millis(250),
            metadata: families.iter().map(family).collect(),
        }
    }

    #[test]
    fn targets_are_shown_with_an_address_for_others() {
        let targets = Targets {
            active: vec![target("localhost:9100", &["up"])],
            dropped: vec![DroppedTarget { pool: "node".into(), discovered_labels: Labels::from([("a", "b")]) }],
            dropped_counts: vec![("node".into(), 3)],
        };
        let expected = engine::Targets {
            pools: vec!["node".to_owned()],
            active: vec![engine::Target {
                discovered: Labels::from([("__address__", "localhost:9100")]),
                labels: Labels::from([("instance", "localhost:9100")]),
                pool: "node".into(),
                url: "http://localhost:9100/metrics?a=b".into(),
                global_url: "http://db1:9100/metrics?a=b".into(),
                last_error: "refused".into(),
                last_scrape: Some(1_500),
                last_duration_s: 0.25,
                health: engine::Health::Down,
                interval_ms: 60_000,
                timeout_ms: 2_500,
            }],
            dropped: vec![engine::DroppedTarget { pool: "node".into(), discovered: Labels::from([("a", "b")]) }],
            dropped_counts: vec![("node".to_owned(), 3)],
        };
        assert_eq!(shown(targets, "db1"), expected);
        assert_eq!(global("https://[::1]:9/x", "db1").as_deref(), Some("https://db1:9/x"));
        assert_eq!(global("http://db2:9100/metrics", "db1"), None);
    }

    #[test]
    fn metadata_is_that_of_the_targets_and_metrics_that_are_asked_for() {
        let active = vec![target("a:1", &["up", "x"]), target("b:1", &["up"])];
        let targets = Targets { active, ..Targets::default() };
        let ask = |instance: Option<&str>, metric: Option<&str>, limit| {
            let matchers = instance.map(|instance| Matcher::equal("instance", instance)).into_iter().collect();
            let ask = TargetMetadataAsk { matchers, metric: metric.map(str::to_owned), limit };
            let found = metadata(&targets, &ask).into_iter();
            let line = |one: TargetMetadata| {
                let TargetMetadata { target, metadata: MetricMetadata { metric, kind, help, unit } } = one;
                format!("{} {metric} {kind} {help}{unit}", target.get("instance").unwrap_or_default())
            };
            found.map(line).collect::<Vec<_>>()
        };
        let all = ["a:1 up unknown Help.", "a:1 x unknown Help.", "b:1 up unknown Help."];
        assert_eq!(ask(None, None, None), all);
        assert_eq!(ask(None, None, Some(1)), all[..2]);
        assert_eq!(ask(None, None, Some(0)), [""; 0]);
        assert_eq!(ask(Some("b:1"), None, None), all[2..]);
        assert_eq!(ask(None, Some("x"), None), all[1..2]);
        assert_eq!(ask(Some("c:1"), Some("x"), None), [""; 0]);
    }
}
