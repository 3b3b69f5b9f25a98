//! Incidents, deliveries and explanations as JSON.

use orszem_alerting::{Recipient, Why};
use orszem_indexer::alerting::{DeliveryRecord, IncidentRecord, MemberRecord};
use orszem_model::{Labels, Timestamp};
use serde_json::{Map, Value, json};

pub(super) fn incident(incident: &IncidentRecord) -> Value {
    let time = |ns: Option<i64>| ns.map(|ns| Timestamp(ns).to_string());
    let state = match incident {
        IncidentRecord { merged_into: Some(_), .. } => "merged",
        incident if incident.is_open() => "open",
        _ => "ended",
    };
    json!({
        "id": incident.id,
        "state": state,
        "level": incident.level,
        "group": incident.group,
        "started_at": Timestamp(incident.started_ns).to_string(),
        "changed_at": Timestamp(incident.changed_ns).to_string(),
        "ended_at": time(incident.ended_ns),
        "acknowledged_by": incident.acknowledged_by,
        "acknowledged_until": time(incident.acknowledged_until_ns),
        "snoozed_until": time(incident.snoozed_until_ns),
        "merged_into": incident.merged_into,
        "alerts": incident.members.iter().map(member).collect::<Vec<_>>(),
    })
}

fn member(member: &MemberRecord) -> Value {
    let labels: Map<String, Value> = member.labels.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({
        "rule": member.rule,
        "labels": labels,
        "level": member.level,
        "is_firing": member.is_firing,
        "is_flapping": member.is_flapping,
        "joined_at": Timestamp(member.joined_ns).to_string(),
        "why": member.why,
    })
}

/// An address as people are shown it: of a browser's subscription only the push service, as its path and its keys are all
/// that it takes to push to it.
pub(in crate::http) fn target(target: &str) -> String {
    let subscription: Option<Value> = Some(target).filter(|text| text.starts_with('{')).and_then(of_json);
    let endpoint = subscription.as_ref().and_then(|subscription| subscription["endpoint"].as_str());
    let service = endpoint.and_then(|url| url.split('/').nth(2));
    service.unwrap_or(target).to_owned()
}

fn of_json(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

pub(super) fn delivery(delivery: &DeliveryRecord) -> Value {
    let Recipient { contact, channel, target: to } = &delivery.recipient;
    let attempts: Vec<Value> = delivery
        .attempts
        .iter()
        .map(|(at, state, detail)| json!({ "at": at.to_string(), "outcome": outcome(state.name()), "detail": detail }))
        .collect();
    json!({
        "key": delivery.key,
        "incident": delivery.incident,
        "kind": delivery.kind,
        "contact": contact,
        "channel": channel,
        "target": target(to),
        "title": delivery.title,
        "created_at": delivery.created_at.to_string(),
        "expires_at": delivery.expires_at.to_string(),
        "state": delivery.state.name(),
        "attempts": attempts,
    })
}

/// An attempt that leaves its message waiting is to be repeated.
fn outcome(state: &str) -> &str {
    if state == "waiting" { "retry" } else { state }
}

pub(super) fn why(why: &Why, labels: &Labels) -> Value {
    let labels: Map<String, Value> = labels.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    let routes: Vec<Value> = why
        .routes
        .iter()
        .map(|route| {
            let told: Vec<Value> = route
                .told
                .iter()
                .map(|told| {
                    let Recipient { contact, channel, target: to } = &told.recipient;
                    json!({
                        "contact": contact,
                        "channel": channel,
                        "target": target(to),
                        "at": told.at.to_string(),
                        "is_delivered": told.is_delivered,
                    })
                })
                .collect();
            json!({ "path": route.path, "policy": route.policy, "reason": route.reason, "told": told })
        })
        .collect();
    json!({
        "rule": why.key.rule,
        "labels": labels,
        "state": why.state.to_string(),
        "since": why.since.map(|since| since.to_string()),
        "is_flapping": why.is_flapping,
        "incident": why.incident,
        "joined": why.joined,
        "suppressed": why.suppressed.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "routes": routes,
        "answer": why.answer,
        "text": why.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::target;

    #[test]
    fn of_a_subscription_only_the_push_service_is_shown() {
        for (of, shown) in [
            ("eva@example.com", "eva@example.com"),
            (r#"{"endpoint":"https://push.example/send/SECRET","keys":{}}"#, "push.example"),
            (r#"{"endpoint":"nothing"}"#, r#"{"endpoint":"nothing"}"#),
            ("{", "{"),
        ] {
            assert_eq!(target(of), shown);
        }
    }
}
