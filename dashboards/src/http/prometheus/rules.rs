//! `/api/v1/rules` and `/api/v1/alerts`: the rule groups of rule files, as they were last evaluated.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use orszem_indexer::alerting::{GroupView, RuleAlertView, RuleHealth, RuleKindView, RuleView};
use orszem_model::{Labels, Matcher};
use serde_json::{Map, Value, json};

use super::api::PrometheusApi;
use super::error::QueryError;
use super::params::Params;
use super::status::{answered, rfc3339};
use crate::http::access::Reader;

/// Which rules are asked for.
struct Asked {
    is_alerting: bool,
    is_recording: bool,
    names: BTreeSet<String>,
    groups: BTreeSet<String>,
    files: BTreeSet<String>,
    sets: Vec<Vec<Matcher>>,
    has_alerts: bool,
    limit: usize,
    token: String,
}

impl Asked {
    fn of(params: &Params) -> Result<Self, QueryError> {
        let (is_alerting, is_recording) = match params.get("type").to_ascii_lowercase().as_str() {
            "" => (true, true),
            "alert" => (true, false),
            "record" => (false, true),
            other => {
                return Err(QueryError::Parameter { name: "type", reason: format!("not supported value {other:?}") });
            }
        };
        let all = |name: &str| params.all(name).map(str::to_owned).collect::<BTreeSet<String>>();
        let wrong = |name: &'static str, reason: &str| QueryError::Parameter { name, reason: reason.to_owned() };
        let limit = match params.get("group_limit") {
            "" => 0,
            text => match text.parse::<usize>() {
                Ok(0) => return Err(wrong("group_limit", "group_limit needs to be greater than 0")),
                Ok(limit) => limit,
                Err(_) => return Err(wrong("group_limit", "group_limit needs to be a valid number")),
            },
        };
        let token = params.get("group_next_token").to_owned();
        if limit == 0 && !token.is_empty() {
            let reason = "group_limit needs to be present in order to paginate over the groups";
            return Err(wrong("group_limit", reason));
        }
        Ok(Self {
            is_alerting,
            is_recording,
            names: all("rule_name[]"),
            groups: all("rule_group[]"),
            files: all("file[]"),
            sets: params.matcher_sets()?,
            has_alerts: !params.flag("exclude_alerts")?,
            limit,
            token,
        })
    }

    fn takes_group(&self, group: &GroupView) -> bool {
        (self.groups.is_empty() || self.groups.contains(&group.name))
            && (self.files.is_empty() || self.files.contains(&group.file))
    }

    fn takes(&self, rule: &RuleView) -> bool {
        let is_of_kind = match rule.kind {
            RuleKindView::Alerting { .. } => self.is_alerting,
            RuleKindView::Recording => self.is_recording,
        };
        let matches = |set: &Vec<Matcher>| {
            set.iter().all(|matcher| matcher.matches(rule.labels.get(&matcher.name).unwrap_or("")))
        };
        is_of_kind
            && (self.names.is_empty() || self.names.contains(&rule.name))
            && (self.sets.is_empty() || self.sets.iter().any(matches))
    }
}

pub(super) async fn rules(
    State(api): State<PrometheusApi>,
    _reader: Reader,
    params: Params,
) -> Result<Response, QueryError> {
    let asked = Asked::of(&params)?;
    let is_wide = asked.names.is_empty() && asked.sets.is_empty() && asked.is_alerting && asked.is_recording;
    let mut groups = Vec::new();
    let mut next = String::new();
    let mut is_begun = asked.token.is_empty();
    for group in groups_of(&api).iter().filter(|group| asked.takes_group(group)) {
        let token = token(group);
        is_begun |= token == asked.token;
        if !is_begun {
            continue;
        }
        let rules: Vec<Value> = group
            .rules
            .iter()
            .filter(|rule| asked.takes(rule))
            .map(|rule| shown(rule, group, asked.has_alerts))
            .collect();
        if !is_wide && rules.is_empty() {
            continue;
        }
        if asked.limit > 0 && groups.len() == asked.limit {
            next = token;
            break;
        }
        groups.push(json!({
            "name": group.name,
            "file": group.file,
            "rules": rules,
            "interval": seconds(group.interval_ms),
            "limit": group.limit,
            "evaluationTime": group.took.as_secs_f64(),
            "lastEvaluation": evaluated(group),
        }));
    }
    if !is_begun {
        let reason = "invalid group_next_token: the group is not there any more".to_owned();
        return Err(QueryError::BadRequest(reason));
    }
    let mut data = json!({ "groups": groups });
    if !next.is_empty() {
        data["groupNextToken"] = json!(next);
    }
    Ok(answered(&data))
}

pub(super) async fn alerts(State(api): State<PrometheusApi>, _reader: Reader) -> Response {
    let groups = groups_of(&api);
    let rules = groups.iter().flat_map(|group| &group.rules);
    let alerts: Vec<Value> = rules.flat_map(active).map(alert).collect();
    answered(&json!({ "alerts": alerts }))
}

fn groups_of(api: &PrometheusApi) -> Arc<Vec<GroupView>> {
    api.alerting.as_ref().map(orszem_indexer::alerting::AlertingHandle::groups).unwrap_or_default()
}

/// What names a group in a list of pages.
fn token(group: &GroupView) -> String {
    format!("{:032x}", xxhash_rust::xxh3::xxh3_128(format!("{};{}", group.file, group.name).as_bytes()))
}

fn shown(rule: &RuleView, group: &GroupView, has_alerts: bool) -> Value {
    let health = match rule.health {
        RuleHealth::Unknown => "unknown",
        RuleHealth::Ok => "ok",
        RuleHealth::Err => "err",
    };
    let mut value = json!({
        "name": rule.name,
        "query": rule.query,
        "health": health,
        "evaluationTime": group.took.as_secs_f64() / group.rules.len().max(1) as f64,
        "lastEvaluation": evaluated(group),
    });
    if !rule.last_error.is_empty() {
        value["lastError"] = json!(rule.last_error);
    }
    match &rule.kind {
        RuleKindView::Recording => {
            value["type"] = json!("recording");
            if !rule.labels.is_empty() {
                value["labels"] = object(&rule.labels);
            }
        }
        RuleKindView::Alerting { for_ms, keep_firing_for_ms, annotations, alerts } => {
            let state = match alerts.iter().map(|alert| alert.is_firing).max() {
                None => "inactive",
                Some(false) => "pending",
                Some(true) => "firing",
            };
            value["type"] = json!("alerting");
            value["state"] = json!(state);
            value["duration"] = seconds(*for_ms);
            value["keepFiringFor"] = seconds(*keep_firing_for_ms);
            value["labels"] = object(&rule.labels);
            value["annotations"] =
                Value::Object(annotations.iter().map(|(name, text)| (name.clone(), json!(text))).collect());
            value["alerts"] = Value::Array(if has_alerts { alerts.iter().map(alert).collect() } else { Vec::new() });
        }
    }
    value
}

fn active(rule: &RuleView) -> &[RuleAlertView] {
    match &rule.kind {
        RuleKindView::Alerting { alerts, .. } => alerts,
        RuleKindView::Recording => &[],
    }
}

fn alert(alert: &RuleAlertView) -> Value {
    let mut value = json!({
        "labels": object(&alert.labels),
        "annotations": object(&alert.annotations),
        "state": if alert.is_firing { "firing" } else { "pending" },
        "activeAt": rfc3339(alert.active_at),
        "value": go_float(alert.value),
    });
    if let Some(since) = alert.keep_firing_since {
        value["keepFiringSince"] = json!(rfc3339(since));
    }
    value
}

/// A number as Go's `%e` writes it.
fn go_float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let text = format!("{value:e}");
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

fn evaluated(group: &GroupView) -> String {
    group.evaluated_at.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), rfc3339)
}

/// Seconds, as a whole number where they are.
fn seconds(ms: i64) -> Value {
    if ms % 1000 == 0 { json!(ms / 1000) } else { json!(ms as f64 / 1000.0) }
}

fn object(labels: &Labels) -> Value {
    Value::Object(labels.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect::<Map<String, Value>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_go_does() {
        let values = [0.0, 1.0, 1234.5, -0.00012, 1e100, f64::INFINITY, f64::NAN];
        assert_eq!(values.map(go_float), ["0e+00", "1e+00", "1.2345e+03", "-1.2e-04", "1e+100", "+Inf", "NaN"]);
    }
}
