//! What Pacemaker's sentences tell of: resources, nodes, operations, transitions.

use orszem_model::Severity;

use super::super::Parsed;
use super::super::found::{at_least, between, cut, digits, entity, first_word, integer, text};

/// Adds what a message tells of.
pub(super) fn describe<'a>(message: &'a [u8], parsed: &mut Parsed<'a>) {
    // Behind a bar there are details for developers.
    let said = cut(message, b" | ").map_or(message, |(said, _)| said).trim_ascii_end();
    if let Some(rest) = said.strip_prefix(b"Result of ") {
        result(rest, parsed);
    } else if let Some(rest) = said.strip_prefix(b"Requesting local execution of ") {
        operation_for(rest, parsed);
    } else if let Some(rest) = said.strip_prefix(b"Initiating ") {
        initiated(rest, parsed);
    } else if let Some(rest) = said.strip_prefix(b"Unexpected result (") {
        unexpected(rest, parsed);
    } else if let Some(rest) = said.strip_prefix(b"Setting ") {
        attribute(rest, parsed);
    } else if let Some(rest) = said.strip_prefix(b"Actions: ") {
        planned(rest, parsed);
    } else if let Some(rest) = said.strip_prefix(b"State transition ") {
        from_to(rest, parsed);
    } else if let Some(rest) = said.strip_prefix(b"Operation '").or_else(|| said.strip_prefix(b"Operation ")) {
        fenced(rest, parsed);
    } else {
        sentence(said, parsed);
    }
}

/// `monitor operation for web on node1: not running`.
fn result<'a>(rest: &'a [u8], parsed: &mut Parsed<'a>) {
    let Some(outcome) = operation_for(rest, parsed).and_then(|rest| rest.strip_prefix(b": ")) else { return };
    // `error (could not bind port 80)`
    let (outcome, reason) = cut(outcome, b" (").unwrap_or((outcome, b""));
    text(parsed, "pacemaker.result", outcome);
    text(parsed, "pacemaker.reason", reason.strip_suffix(b")").unwrap_or(reason));
    let is_probe = rest.starts_with(b"probe ");
    let is_wanted = matches!(outcome, b"ok" | b"promoted" | b"master" | b"Cancelled");
    let is_absent = is_probe && outcome == b"not running";
    if !(is_wanted || is_absent) {
        at_least(parsed, Severity::WARN);
    }
}

/// `monitor operation for web on node1`; answers what follows.
fn operation_for<'a>(rest: &'a [u8], parsed: &mut Parsed<'a>) -> Option<&'a [u8]> {
    let (operation, rest) = cut(rest, b" operation for ")?;
    let (name, rest) = cut(rest, b" on ")?;
    let end = rest.iter().position(|b| matches!(b, b' ' | b':')).unwrap_or(rest.len());
    let (node, after) = rest.split_at_checked(end)?;
    text(parsed, "pacemaker.operation", operation);
    resource(name, parsed);
    text(parsed, "node", node);
    Some(after)
}

/// `monitor operation web_monitor_10000 locally on node1`.
fn initiated<'a>(rest: &'a [u8], parsed: &mut Parsed<'a>) {
    let Some((operation, rest)) = cut(rest, b" operation ") else { return };
    text(parsed, "pacemaker.operation", operation);
    resource(operation_key(first_word(rest)), parsed);
    on_node(rest, parsed);
}

/// `not running) was recorded for monitor of web on node1 at Nov 22 …`; a reason may follow the result.
fn unexpected<'a>(rest: &'a [u8], parsed: &mut Parsed<'a>) {
    let Some((outcome, rest)) = cut(rest, b") was recorded for ") else { return };
    let Some((operation, rest)) = cut(rest, b" of ") else { return };
    let (outcome, reason) = cut(outcome, b": ").unwrap_or((outcome, b""));
    text(parsed, "pacemaker.operation", operation);
    resource(first_word(rest), parsed);
    on_node(rest, parsed);
    text(parsed, "pacemaker.result", outcome);
    text(parsed, "pacemaker.reason", reason);
}

/// `fail-count-web#monitor_3000[node1]: (unset) -> 1`.
fn attribute<'a>(rest: &'a [u8], parsed: &mut Parsed<'a>) {
    let Some((name, node)) = super::indexed(rest) else { return };
    text(parsed, "pacemaker.attribute", name);
    text(parsed, "node", node);
    let failed = name.strip_prefix(b"fail-count-");
    if let Some(key) = failed.or_else(|| name.strip_prefix(b"last-failure-")) {
        resource(cut(key, b"#").map_or(key, |(resource, _)| resource), parsed);
    }
    if let Some((_, change)) = cut(rest, b"]: ") {
        from_to(change, parsed);
        let is_risen = failed.is_some() && !change.ends_with(b"(unset)");
        at_least(parsed, if is_risen { Severity::WARN } else { Severity::UNSET });
    }
}

/// `Move       vip             ( node1 -> node2 )  due to …`.
fn planned<'a>(rest: &'a [u8], parsed: &mut Parsed<'a>) {
    let (action, after) = (first_word(rest), rest.get(first_word(rest).len()..).unwrap_or_default());
    text(parsed, "pacemaker.action", action);
    let target = first_word(after.trim_ascii_start());
    if action == b"Fence" {
        let node = after.trim_ascii_start().strip_prefix(b"(").and_then(|rest| cut(rest, b") ")).map(|(_, rest)| rest);
        text(parsed, "node", node.map(first_word).unwrap_or_default());
        at_least(parsed, Severity::WARN);
        return;
    }
    resource(target, parsed);
    if let Some(change) = between(after, b"(", b")") {
        from_to(change.trim_ascii(), parsed);
    }
}

/// `'reboot' [123] targeting node1 using fence_node1 returned 0` and `'reboot' targeting node1 by node3 for …: OK`.
fn fenced<'a>(rest: &'a [u8], parsed: &mut Parsed<'a>) {
    let Some((action, after)) = cut(rest, b"'").or_else(|| cut(rest, b" ")) else { return };
    let Some((_, target)) = cut(after, b"targeting ").or_else(|| cut(after, b"of ")) else { return };
    text(parsed, "pacemaker.fencing", action);
    text(parsed, "node", first_word(target));
    if let Some((_, agent)) = cut(target, b" using ") {
        text(parsed, "pacemaker.device", first_word(agent));
    }
    let outcome = cut(target, b": ").or_else(|| cut(target, b" returned ")).map_or(&b""[..], |(_, outcome)| outcome);
    text(parsed, "pacemaker.result", outcome);
    let is_done = outcome.starts_with(b"OK") || outcome.starts_with(b"0");
    at_least(parsed, if is_done { Severity::NOTICE } else { Severity::ERROR });
}

/// Sentences that name a node, a resource or a transition somewhere inside.
fn sentence<'a>(said: &'a [u8], parsed: &mut Parsed<'a>) {
    for mark in [&b"Transition "[..], b"Calculated transition "] {
        if let Some((number, _)) = said.strip_prefix(mark).and_then(digits) {
            integer(parsed, "pacemaker.transition", number);
        }
    }
    if let Some((_, key)) = cut(said, b" action ").filter(|_| said.starts_with(b"Transition ")) {
        // `Transition 5 action 12 (web_monitor_3000 on node1): expected 'ok' but got 'not running'`
        if let Some(inside) = between(key, b"(", b")") {
            resource(operation_key(first_word(inside)), parsed);
            on_node(inside, parsed);
            at_least(parsed, Severity::WARN);
        }
    } else if let Some((node, state)) = said.strip_prefix(b"Node ").and_then(|rest| cut(rest, b" state is now ")) {
        text(parsed, "node", node);
        text(parsed, "pacemaker.state", first_word(state));
        at_least(parsed, if state.starts_with(b"lost") { Severity::WARN } else { Severity::UNSET });
    } else if let Some((name, node)) = cut(said, b" cannot run on ") {
        resource(name, parsed);
        text(parsed, "node", first_word(node));
    } else if let Some((key, node)) =
        cut(said, b" on ").filter(|(_, rest)| rest.ends_with(b" is unrunnable (node is offline)"))
    {
        resource(operation_key(key), parsed);
        text(parsed, "node", first_word(node));
    } else if let Some((node, _)) = cut(said, b" is unclean") {
        let node = node.strip_prefix(b"Cluster node ").or_else(|| node.strip_prefix(b"Node ")).unwrap_or(node);
        text(parsed, "node", if node.contains(&b' ') { b"" } else { node });
    } else if let Some(node) = said.strip_prefix(b"Requesting fencing (").and_then(|rest| cut(rest, b" of node ")) {
        text(parsed, "node", first_word(node.1));
        at_least(parsed, Severity::WARN);
    } else if let Some((node, _)) = said.strip_prefix(b"Cluster node ").and_then(|rest| cut(rest, b" will be fenced")) {
        text(parsed, "node", node);
    } else if let Some((node, _)) = said.strip_prefix(b"Scheduling node ").and_then(|rest| cut(rest, b" for fencing")) {
        text(parsed, "node", node);
    } else if let Some((node, rest)) = said.strip_prefix(b"Peer ").and_then(|rest| cut(rest, b" was ")) {
        let is_done = rest.starts_with(b"terminated (");
        if is_done || rest.starts_with(b"not terminated (") {
            text(parsed, "pacemaker.fencing", between(rest, b"(", b")").unwrap_or_default());
            text(parsed, "node", node);
            at_least(parsed, if is_done { Severity::WARN } else { Severity::ERROR });
        }
    } else if said.starts_with(b"Quorum lost") {
        at_least(parsed, Severity::WARN);
    }
}

/// `A -> B`.
fn from_to<'a>(change: &'a [u8], parsed: &mut Parsed<'a>) {
    if let Some((from, to)) = cut(change, b" -> ") {
        text(parsed, "pacemaker.from", from);
        text(parsed, "pacemaker.to", to);
    }
}

fn on_node<'a>(rest: &'a [u8], parsed: &mut Parsed<'a>) {
    if let Some((_, node)) = cut(rest, b" on ") {
        text(parsed, "node", first_word(node));
    }
}

/// `web_monitor_10000`'s resource: all but the operation and the interval; `_pre_notify_start_0` has two more.
fn operation_key(key: &[u8]) -> &[u8] {
    let shorter = |key| memchr::memrchr(b'_', key).and_then(|at| key.get(..at));
    let Some(name) = shorter(key).and_then(shorter) else { return key };
    name.strip_suffix(b"_pre_notify").or_else(|| name.strip_suffix(b"_post_notify")).unwrap_or(name)
}

/// Adds a resource; the number of a clone's instance, `:1`, is no part of its name.
fn resource<'a>(name: &'a [u8], parsed: &mut Parsed<'a>) {
    let name = match cut(name, b":") {
        Some((name, instance)) if instance.iter().all(u8::is_ascii_digit) => name,
        _ => name,
    };
    if name.is_empty() || name.contains(&b' ') {
        return;
    }
    text(parsed, "resource", name);
    entity(parsed, "resource", name);
}
