//! The status out of its XML.

use std::collections::BTreeSet;

use orszem_model::observation::INFINITY;
use roxmltree::Node as Element;

use super::{
    Attribute, Ban, Failure, FenceEvent, FenceStatus, History, Node, Place, Resource, Run, Status, StatusError,
    Summary, Ticket,
};
use crate::words::{milliseconds, time, without_instance};
use crate::xml::{self, child, children, is, number, owned, text};

/// What the tool says when there is no cluster to ask.
const NOT_CONNECTED: [&str; 4] =
    ["not connected", "connection refused", "connection to cluster failed", "cluster is not available"];
/// `CRM_EX_DISCONNECT`
const DISCONNECTED: i32 = 102;

pub(super) fn status(text: &str, offset_s: i32) -> Result<Status, StatusError> {
    let document = match xml::parse(text) {
        Ok(document) => document,
        Err(_) if !text.contains('<') && is_not_connected(text) => {
            return Err(StatusError::NotConnected { message: shortened(text) });
        }
        Err(error) => return Err(error.into()),
    };
    let root = document.root_element();
    if !root.has_tag_name("pacemaker-result") && !root.has_tag_name("crm_mon") {
        return Err(StatusError::NotStatus { root: shortened(root.tag_name().name()) });
    }
    refused(root)?;
    let mut status = Status { summary: summary(root, offset_s), ..Status::default() };
    for section in root.children().filter(Element::is_element) {
        match section.tag_name().name() {
            "nodes" => status.nodes = children(section, "node").map(node).collect(),
            "resources" => resources(section, &Within::default(), &mut status.resources),
            "node_attributes" => status.attributes = attributes(section),
            "node_history" => status.history = history(section, offset_s),
            "failures" => status.failures = children(section, "failure").map(|f| failure(f, offset_s)).collect(),
            "fence_history" => {
                status.fencing = children(section, "fence_event").map(|e| fence_event(e, offset_s)).collect();
            }
            "bans" => status.bans = children(section, "ban").map(ban).collect(),
            "tickets" => status.tickets = children(section, "ticket").map(ticket).collect(),
            _ => {}
        }
    }
    by_node(root, &mut status.resources);
    if status.summary == Summary::default() && status.nodes.is_empty() && status.resources.is_empty() {
        return Err(StatusError::NotStatus { root: shortened(text_of_request(root)) });
    }
    Ok(status)
}

/// What another command than `crm_mon` was asked.
fn text_of_request<'a>(root: Element<'a, '_>) -> &'a str {
    root.attribute("request").unwrap_or_else(|| root.tag_name().name())
}

/// An error in the answer, which may come with a code that says success.
fn refused(root: Element<'_, '_>) -> Result<(), StatusError> {
    if let Some(away) = child(root, "crm-mon-disconnected") {
        let parts = [text(away, "description"), text(away, "pacemakerd-state")];
        return Err(StatusError::NotConnected { message: shortened(parts.join(" ").trim()) });
    }
    let Some(status) = child(root, "status") else { return Ok(()) };
    let code = number(status, "code").unwrap_or(0);
    let errors = child(status, "errors").or_else(|| child(root, "errors"));
    let errors: Vec<&str> =
        errors.iter().flat_map(|e| children(*e, "error")).filter_map(|e| e.text()).map(str::trim).collect();
    if code == 0 && errors.is_empty() {
        return Ok(());
    }
    let message = if errors.is_empty() { text(status, "message").to_owned() } else { errors.join("; ") };
    let message = shortened(&message);
    if code == DISCONNECTED || is_not_connected(&message) {
        return Err(StatusError::NotConnected { message });
    }
    Err(StatusError::Refused { code, message })
}

fn is_not_connected(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    NOT_CONNECTED.iter().any(|words| text.contains(words))
}

/// At most 200 characters.
fn shortened(text: &str) -> String {
    text.trim().chars().take(200).collect()
}

fn summary(root: Element<'_, '_>, offset_s: i32) -> Summary {
    let daemon_state = child(root, "pacemakerd").map(|daemon| owned(daemon, "state")).unwrap_or_default();
    let Some(summary) = child(root, "summary") else { return Summary { daemon_state, ..Summary::default() } };
    let mut found = Summary { daemon_state, ..Summary::default() };
    if let Some(dc) = child(summary, "current_dc").filter(|dc| is(*dc, "present")) {
        found.dc = owned(dc, "name");
        found.version = owned(dc, "version");
        found.has_quorum = is(dc, "with_quorum");
        found.is_mixed = is(dc, "mixed_version");
    }
    found.updated = child(summary, "last_update").and_then(|update| time(text(update, "time"), offset_s));
    if let Some(change) = child(summary, "last_change") {
        found.changed_text = owned(change, "time");
        found.changed = time(&found.changed_text, offset_s);
        found.changed_by = author(change);
    }
    let configured = |element, name| child(summary, element).and_then(|count| number(count, name)).unwrap_or(0);
    found.nodes_configured = configured("nodes_configured", "number");
    found.resources_configured = configured("resources_configured", "number");
    found.resources_disabled = configured("resources_configured", "disabled");
    found.resources_blocked = configured("resources_configured", "blocked");
    if let Some(options) = child(summary, "cluster_options") {
        let is_new = options.has_attribute("fencing-enabled");
        found.is_fencing_enabled = is(options, if is_new { "fencing-enabled" } else { "stonith-enabled" });
        found.is_maintenance = is(options, "maintenance-mode");
        found.no_quorum_policy = owned(options, "no-quorum-policy");
    }
    found
}

/// `root via cibadmin on node1`, as `crm_mon` says it in text.
fn author(change: Element<'_, '_>) -> String {
    let parts = [("", text(change, "user")), ("via ", text(change, "client")), ("on ", text(change, "origin"))];
    let words: Vec<String> =
        parts.iter().filter(|(_, name)| !name.is_empty()).map(|(word, name)| format!("{word}{name}")).collect();
    words.join(" ")
}

fn node(element: Element<'_, '_>) -> Node {
    Node {
        name: owned(element, "name"),
        id: owned(element, "id"),
        is_online: is(element, "online"),
        is_standby: is(element, "standby"),
        is_standby_on_fail: is(element, "standby_onfail"),
        is_maintenance: is(element, "maintenance"),
        is_pending: is(element, "pending"),
        is_unclean: is(element, "unclean"),
        is_shutdown: is(element, "shutdown"),
        is_expected_up: is(element, "expected_up"),
        is_dc: is(element, "is_dc"),
        health: owned(element, "health"),
        resources_running: number(element, "resources_running").unwrap_or(0),
        kind: owned(element, "type"),
    }
}

/// What the resources below belong to.
#[derive(Clone, Default)]
struct Within {
    group: String,
    clone: String,
    bundle: String,
    is_disabled: bool,
    target_role: String,
}

/// The depth is that of the document, which is bounded.
fn resources(element: Element<'_, '_>, within: &Within, found: &mut Vec<Resource>) {
    for inner in element.children().filter(Element::is_element) {
        let mut below = within.clone();
        below.is_disabled |= is(inner, "disabled");
        if below.target_role.is_empty() {
            below.target_role = owned(inner, "target_role");
        }
        match inner.tag_name().name() {
            "resource" => found.push(resource(inner, within)),
            "group" => {
                below.group = without_instance(text(inner, "id")).to_owned();
                resources(inner, &below, found);
            }
            "clone" => {
                below.clone = owned(inner, "id");
                resources(inner, &below, found);
            }
            "bundle" => {
                below.bundle = owned(inner, "id");
                resources(inner, &below, found);
            }
            "replica" => resources(inner, within, found),
            _ => {}
        }
    }
}

fn resource(element: Element<'_, '_>, within: &Within) -> Resource {
    let own = text(element, "target_role");
    let place = |node| Place { node: owned(node, "name"), is_online: is(node, "cached") };
    Resource {
        id: without_instance(text(element, "id")).to_owned(),
        agent: owned(element, "resource_agent"),
        role: owned(element, "role"),
        target_role: if own.is_empty() { within.target_role.clone() } else { own.to_owned() },
        is_active: is(element, "active"),
        is_orphaned: is(element, "orphaned") || is(element, "removed"),
        is_blocked: is(element, "blocked"),
        is_managed: is(element, "managed"),
        is_failed: is(element, "failed"),
        is_failure_ignored: is(element, "failure_ignored"),
        pending: owned(element, "pending"),
        nodes: children(element, "node").map(place).collect(),
        group: within.group.clone(),
        clone: within.clone.clone(),
        bundle: within.bundle.clone(),
        is_parent_disabled: within.is_disabled,
    }
}

/// Adds what is listed only below its node, as `--group-by-node` does.
fn by_node(root: Element<'_, '_>, found: &mut Vec<Resource>) {
    let Some(nodes) = child(root, "nodes") else { return };
    let places = found.iter().flat_map(|resource| resource.nodes.iter().map(|p| (resource.id.clone(), p.node.clone())));
    let known: BTreeSet<(String, String)> = places.collect();
    for node in children(nodes, "node") {
        let name = text(node, "name");
        let mut below = Vec::new();
        resources(node, &Within::default(), &mut below);
        for mut resource in below {
            if !known.contains(&(resource.id.clone(), name.to_owned())) {
                if resource.nodes.is_empty() {
                    resource.nodes.push(Place { node: name.to_owned(), is_online: is(node, "online") });
                }
                found.push(resource);
            }
        }
    }
}

fn attributes(section: Element<'_, '_>) -> Vec<Attribute> {
    let of = |node| {
        children(node, "attribute").map(move |attribute| Attribute {
            node: owned(node, "name"),
            name: owned(attribute, "name"),
            value: owned(attribute, "value"),
        })
    };
    children(section, "node").flat_map(of).collect()
}

fn history(section: Element<'_, '_>, offset_s: i32) -> Vec<History> {
    let of = |node| {
        children(node, "resource_history").map(move |history| History {
            node: owned(node, "name"),
            resource: without_instance(text(history, "id")).to_owned(),
            fail_count: score(text(history, "fail-count")).unwrap_or(0),
            migration_threshold: score(text(history, "migration-threshold")).unwrap_or(INFINITY),
            last_failure: time(text(history, "last-failure"), offset_s),
            operations: children(history, "operation_history").map(|run| operation(run, offset_s)).collect(),
        })
    };
    children(section, "node").flat_map(of).collect()
}

/// A count that may be infinite.
fn score(text: &str) -> Option<u32> {
    match text.trim_start_matches('+') {
        "INFINITY" => Some(INFINITY),
        number => number.parse::<u64>().ok().map(|n| u32::try_from(n).unwrap_or(INFINITY).min(INFINITY)),
    }
}

fn operation(run: Element<'_, '_>, offset_s: i32) -> Run {
    Run {
        call: number(run, "call").unwrap_or(-1),
        task: owned(run, "task"),
        interval_ms: milliseconds(text(run, "interval")).unwrap_or(0),
        rc: number(run, "rc").unwrap_or(0),
        rc_text: owned(run, "rc_text"),
        changed: time(text(run, "last-rc-change"), offset_s),
        duration_ms: milliseconds(text(run, "exec-time")),
        queue_ms: milliseconds(text(run, "queue-time")),
    }
}

fn failure(failure: Element<'_, '_>, offset_s: i32) -> Failure {
    let key = failure.attribute("op_key").or_else(|| failure.attribute("id")).unwrap_or_default();
    let (resource, task, interval) = key_parts(key);
    let told = text(failure, "task");
    let status_text = text(failure, "status");
    Failure {
        node: owned(failure, "node"),
        resource: without_instance(resource).to_owned(),
        task: if told.is_empty() { task.to_owned() } else { told.to_owned() },
        interval_ms: milliseconds(text(failure, "interval")).or_else(|| milliseconds(interval)).unwrap_or(0),
        call: number(failure, "call").unwrap_or(-1),
        rc: number(failure, "exitcode").unwrap_or(1),
        rc_text: owned(failure, "exitstatus"),
        status: execution_status(status_text),
        status_text: status_text.to_owned(),
        reason: owned(failure, "exitreason"),
        changed: time(text(failure, "last-rc-change"), offset_s),
        duration_ms: milliseconds(text(failure, "exec")),
    }
}

/// Resource, task and interval of `db_monitor_3000`, `db_migrate_to_0`.
fn key_parts(key: &str) -> (&str, &str, &str) {
    let Some((front, interval)) = key.rsplit_once('_') else { return (key, "", "") };
    for task in ["migrate_to", "migrate_from", "notified"] {
        if let Some(resource) = front.strip_suffix(task).and_then(|front| front.strip_suffix('_')) {
            return (resource, task, interval);
        }
    }
    let (resource, task) = front.rsplit_once('_').unwrap_or((front, ""));
    (resource, task, interval)
}

/// The number of what `pcmk_exec_status_str` says, in the words of all versions; -2 for none of them.
fn execution_status(text: &str) -> i32 {
    let statuses = [
        (-1, &["pending"][..]),
        (0, &["complete", "done", "ok", ""]),
        (1, &["cancelled"]),
        (2, &["timed out", "timeout"]),
        (3, &["unsupported", "not supported"]),
        (4, &["error"]),
        (5, &["hard error"]),
        (6, &["fatal error"]),
        (7, &["not installed"]),
        (8, &["internal communication failure", "not connected"]),
        (9, &["cannot execute now", "invalid"]),
        (10, &["no fence device"]),
        (11, &["cib secrets unavailable", "no secrets"]),
    ];
    let text = text.trim().to_ascii_lowercase();
    statuses.iter().find(|(_, words)| words.contains(&text.as_str())).map_or(-2, |(status, _)| *status)
}

fn fence_event(event: Element<'_, '_>, offset_s: i32) -> FenceEvent {
    FenceEvent {
        action: owned(event, "action"),
        target: owned(event, "target"),
        client: owned(event, "client"),
        origin: owned(event, "origin"),
        delegate: owned(event, "delegate"),
        status: match text(event, "status") {
            "success" => FenceStatus::Success,
            "failed" => FenceStatus::Failed,
            _ => FenceStatus::Pending,
        },
        reason: owned(event, "exit-reason"),
        completed: time(text(event, "completed"), offset_s),
    }
}

fn ban(ban: Element<'_, '_>) -> Ban {
    Ban {
        id: owned(ban, "id"),
        resource: owned(ban, "resource"),
        node: owned(ban, "node"),
        weight: number(ban, "weight").unwrap_or(0),
        is_promoted_only: is(ban, "promoted-only") || is(ban, "master_only"),
    }
}

fn ticket(ticket: Element<'_, '_>) -> Ticket {
    Ticket {
        id: owned(ticket, "id"),
        is_granted: matches!(text(ticket, "status"), "granted") || is(ticket, "granted"),
        is_standby: is(ticket, "standby"),
    }
}
