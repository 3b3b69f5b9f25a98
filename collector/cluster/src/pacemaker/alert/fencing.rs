//! The sentence in which Pacemaker tells of a fencing.
//!
//! From 1.1.15 on: `Operation reboot of node1 by node3 for pacemaker-controld.86@node2: OK (ref=UUID)`, from 2.1 on with a
//! reason, `: Error (No data available) (ref=UUID)`. ClusterMon up to 2.0:
//! `Operation st_notify_fence requested by node2 for peer node1: OK (ref=UUID)`.

use orszem_model::observation::{Fencing, FencingState};

/// What stands where a part is not known.
const UNKNOWN: [&str; 8] =
    ["<no-one>", "the cluster", "a client", "a node", "no node", "(none)", "(unknown)", "(null)"];

/// Reads the sentence; `None` for one about something else, such as a new fence device. `rc` is 0 for success. One that is
/// cut short tells what there is of it.
pub(super) fn read(text: &str, rc: Option<i64>) -> Option<Fencing> {
    let rest = text.strip_prefix("Operation ")?;
    let (rest, reference) = match rest.rsplit_once(" (ref=") {
        Some((rest, reference)) => (rest, reference.strip_suffix(')').unwrap_or(reference)),
        None => (rest, ""),
    };
    let (who, result) = rest.split_once(": ").unwrap_or((rest, ""));
    let parts = targeted(who).or_else(|| requested(who)).unwrap_or_else(|| cut(who));
    let (status, reason) = match result.strip_suffix(')').and_then(|result| result.split_once(" (")) {
        Some((status, reason)) => (status, reason),
        None => (result, ""),
    };
    let state = match rc {
        Some(0) => FencingState::Done,
        Some(_) => FencingState::Failed,
        None if status.is_empty() => FencingState::Pending,
        None if status.eq_ignore_ascii_case("ok") => FencingState::Done,
        None => FencingState::Failed,
    };
    let reason = if reason.is_empty() && state == FencingState::Failed { status } else { reason };
    Some(Fencing {
        reference: known(reference),
        target: known(parts.target),
        action: known(parts.action).trim_matches('\'').to_owned(),
        delegate: known(parts.delegate),
        client: known(parts.client),
        origin: known(parts.origin),
        state,
        reason: reason.to_owned(),
    })
}

struct Parts<'t> {
    action: &'t str,
    target: &'t str,
    delegate: &'t str,
    client: &'t str,
    origin: &'t str,
}

/// `reboot of node1 by node3 for pacemaker-controld.86@node2`
fn targeted(who: &str) -> Option<Parts<'_>> {
    let (action, rest) = who.split_once(" of ")?;
    let (target, rest) = rest.split_once(" by ")?;
    let (delegate, rest) = rest.split_once(" for ")?;
    let (client, origin) = rest.rsplit_once('@').unwrap_or((rest, ""));
    Some(Parts { action, target, delegate, client, origin })
}

/// `st_notify_fence requested by node2 for peer node1`: the action is not told.
fn requested(who: &str) -> Option<Parts<'_>> {
    let (operation, rest) = who.split_once(" requested by ")?;
    let (origin, target) = rest.split_once(" for peer ")?;
    let action = if operation.starts_with(super::FENCER) { "" } else { operation };
    Some(Parts { action, target, delegate: "", client: "", origin })
}

/// `reboot of node1 by no`
fn cut(who: &str) -> Parts<'_> {
    let action = who.split_once(" of ").map_or("", |(action, _)| action);
    Parts { action, target: "", delegate: "", client: "", origin: "" }
}

fn known(word: &str) -> String {
    if UNKNOWN.contains(&word) { String::new() } else { word.to_owned() }
}
