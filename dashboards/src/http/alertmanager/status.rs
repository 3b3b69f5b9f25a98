//! `/api/v2/status` and `/api/v2/receivers`.

use std::collections::BTreeSet;
use std::fmt::Write;

use axum::extract::State;
use axum::response::Response;
use orszem_alerting::{GroupBy, Route};
use orszem_model::Matcher;
use serde_json::{Value, json};

use super::AlertmanagerApi;
use super::alerts::{answer, time};
use super::problem::{Ours, Problem};

/// The receiver of what no policy is told of.
const NOBODY: &str = "nobody";

pub(super) async fn receivers(State(api): State<AlertmanagerApi>, _: Ours) -> Result<Response, Problem> {
    let names = api.alerting.read(|engine, _| policies(engine.plan().route())).await?;
    Ok(answer(&Value::Array(names.into_iter().map(|name| json!({ "name": name })).collect())))
}

pub(super) async fn status(State(api): State<AlertmanagerApi>, _: Ours) -> Result<Response, Problem> {
    let config = api.alerting.read(|engine, _| configuration(engine.plan().route())).await?;
    let version = &api.server.version;
    Ok(answer(&json!({
        "cluster": { "peers": [], "status": "disabled" },
        "config": { "original": config },
        "uptime": time(api.server.started),
        "versionInfo": {
            "branch": "",
            "buildDate": "",
            "buildUser": "",
            "goVersion": "",
            "revision": "",
            "version": version,
        },
    })))
}

fn policies(route: &Route) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = route.policy.clone().into_iter().collect();
    if names.is_empty() {
        names.insert(NOBODY.to_owned());
    }
    for below in &route.routes {
        let mut of_below = policies(below);
        if below.policy.is_none() {
            of_below.remove(NOBODY);
        }
        names.append(&mut of_below);
    }
    names
}

/// The routes as Alertmanager's configuration has them, so that its tools can show and test them.
fn configuration(route: &Route) -> String {
    let mut out = String::from("route:\n");
    write_route(&mut out, route, 1, true);
    out.push_str("receivers:\n");
    for name in policies(route) {
        line(&mut out, 0, &format!("- name: {}", quoted(&name)));
    }
    out
}

fn write_route(out: &mut String, route: &Route, depth: usize, is_root: bool) {
    match &route.policy {
        Some(policy) => line(out, depth, &format!("receiver: {}", quoted(policy))),
        None if is_root => line(out, depth, &format!("receiver: {}", quoted(NOBODY))),
        None => {}
    }
    match &route.group_by {
        Some(GroupBy::Labels(names)) => {
            let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
            line(out, depth, &format!("group_by: [{}]", names.join(", ")));
        }
        Some(GroupBy::Alert) => line(out, depth, "group_by: ['...']"),
        Some(GroupBy::Topology) | None => {}
    }
    if !is_root {
        line(out, depth, &format!("continue: {}", route.continues));
        let matchers: Vec<String> = route.matchers.iter().map(written).collect();
        if !matchers.is_empty() {
            line(out, depth, "matchers:");
            matchers.iter().for_each(|matcher| line(out, depth, &format!("- {}", quoted(matcher))));
        }
    }
    if !route.routes.is_empty() {
        line(out, depth, "routes:");
        for below in &route.routes {
            line(out, depth, "-");
            write_route(out, below, depth + 1, false);
        }
    }
}

fn written(matcher: &Matcher) -> String {
    format!("{}{}{}", matcher.name, matcher.op.symbol(), quoted(&matcher.value))
}

fn line(out: &mut String, depth: usize, text: &str) {
    let width = depth * 2;
    // Writing to a string does not fail.
    writeln!(out, "{:width$}{text}", "").unwrap_or_default();
}

/// A text in double quotes, as YAML and matchers read it.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}
