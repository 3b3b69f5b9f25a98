//! What is held at most, and what happens beyond it.

use std::time::Duration;

/// Alerts that are not quiet; an observation that would bring another is refused as [`crate::Refusal::TooMany`].
pub const ALERTS_MAX: usize = 100_000;
/// Incidents that are open or ended less than [`JOIN_WINDOW`] ago; an alert beyond them has none and notifies nobody
/// until there is room, which is refused aloud.
pub const INCIDENTS_MAX: usize = 10_000;
/// Alerts of an incident; the next one begins an incident of its own.
pub const MEMBERS_MAX: usize = 1_000;
/// Happenings that a live incident keeps for its messages; older ones are only in the rows.
pub const EVENTS_KEPT: usize = 64;
/// Alerts that a message shows; the others are counted in it.
pub const VIEWS_MAX: usize = 50;
/// Intents that wait for delivery; what is beyond goes into a digest of its recipient.
pub const INTENTS_MAX: usize = 50_000;
/// Entries of a digest; what is beyond is counted in it.
pub const DIGEST_ENTRIES_MAX: usize = 500;
/// Reports of which it is known when they were due; the one that was not due for longest is forgotten for another.
pub const REPORTS_MAX: usize = 1_000;
/// Silences, and maintenance windows; another is refused.
pub const SILENCES_MAX: usize = 10_000;
/// Rules of which history is told in one digest; others are told as `others`.
pub const LATE_RULES_MAX: usize = 1_000;
/// Entities that are looked at for what an entity depends on.
pub const UPSTREAM_MAX: usize = 1_000;
/// How far up dependencies go.
pub const UPSTREAM_DEPTH_MAX: usize = 8;
/// Entities that an alert is bound to.
pub const ENTITIES_MAX: usize = 16;
/// Texts of an alert's annotations together, in bytes; longer annotations are left out.
pub const ANNOTATIONS_BYTES_MAX: usize = 16 << 10;

/// An alert joins an incident in which something happened at most this long ago.
pub const JOIN_WINDOW: Duration = Duration::from_secs(120);
/// What the cluster itself began to be worked on is taken for worked on this long after it says that this is over: what
/// was moved away comes back, and what failed meanwhile is recovered.
pub const SETTLES_AFTER_WORK: Duration = Duration::from_secs(30);
/// Edges between an alert's entity and those of an incident that it joins.
pub const JOIN_DISTANCE_MAX: usize = 2;
/// Changes of an incident are looked at together, this long after the first.
pub const REVIEW_AFTER: Duration = Duration::from_millis(500);
/// Changes of what suppresses are looked at together, this long after the first.
pub const EDGES_AFTER: Duration = Duration::from_secs(1);
/// History is told this long after the last of it came in …
pub const LATE_SETTLE: Duration = Duration::from_secs(10);
/// … and at the latest this long after the first.
pub const LATE_SETTLE_MAX: Duration = Duration::from_secs(120);
/// An intent that was not delivered by then is given up by its sender, with an attempt that says so.
pub const INTENT_EXPIRES_AFTER: Duration = Duration::from_secs(86_400);
/// How long ended silences and maintenance windows are kept to be looked at.
pub const SILENCES_KEPT: Duration = Duration::from_secs(5 * 86_400);
/// Samples further apart than this, and than half of the longest delay of their rule, begin a pending time anew.
pub const SAMPLE_GAP_MAX: Duration = Duration::from_secs(300);
/// A rule that can't be evaluated for this long is an alert itself.
pub const RULE_ERROR_FOR: Duration = Duration::from_secs(300);
