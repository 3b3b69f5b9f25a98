//! `GET /api/v2/alerts/groups`: alerts by receiver, and by what groups them there.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use orszem_alerting::{Alerting, GroupBy, Routed};
use orszem_model::Labels;
use serde_json::{Value, json};

use super::AlertmanagerApi;
use super::alerts::{Shown, all, answer, object};
use super::params::Filter;
use super::problem::{Ours, Problem};

pub(super) async fn list(State(api): State<AlertmanagerApi>, _: Ours, filter: Filter) -> Result<Response, Problem> {
    let groups = api.alerting.read(move |engine, now| {
        let shown = all(engine, &filter, now);
        grouped(engine, &filter, &shown)
    });
    Ok(answer(&groups.await?))
}

/// Policy, route, and what is in common.
type Key = (String, String, Vec<(String, String)>);

fn grouped(engine: &Alerting, filter: &Filter, shown: &[Shown]) -> Value {
    let mut groups: BTreeMap<Key, Vec<&Shown>> = BTreeMap::new();
    for alert in shown {
        for routed in engine.plan().route().find(&alert.labels) {
            if filter.takes_receivers(std::iter::once(routed.policy.as_str())) {
                let labels = group_labels(&routed, alert);
                groups.entry((routed.policy, routed.path, labels)).or_default().push(alert);
            }
        }
    }
    let groups = groups.into_iter().map(|((receiver, _, labels), mut alerts)| {
        alerts.sort_by_key(|alert| alert.fingerprint);
        let alerts: Vec<Value> = alerts.into_iter().map(Shown::json).collect();
        json!({ "alerts": alerts, "labels": object(&Labels::new(labels)), "receiver": { "name": receiver } })
    });
    Value::Array(groups.collect())
}

/// What the group has in common; what is grouped by topology has its incident.
fn group_labels(routed: &Routed, alert: &Shown) -> Vec<(String, String)> {
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    match &routed.group_by {
        GroupBy::Topology => {
            alert.incident.map(|incident| ("incident".to_owned(), incident.to_string())).into_iter().collect()
        }
        GroupBy::Alert => alert.labels.iter().map(own).collect(),
        GroupBy::Labels(names) => {
            alert.labels.iter().filter(|(name, _)| names.iter().any(|by| by == name)).map(own).collect()
        }
    }
}
