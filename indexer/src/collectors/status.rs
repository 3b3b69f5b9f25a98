//! How a collector is doing, as a word and a sentence.

use std::collections::BTreeMap;
use std::time::Duration;

use orszem_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::track::Track;

/// The oldest collectors that this server takes: major and minor version.
pub const SUPPORTED_FROM: (u64, u64) = (0, 1);
/// Without a canary for this long, six of them, a collector is late.
const LATE_AFTER: Duration = Duration::from_secs(60);
/// Without a canary for this long a collector is lost.
const LOST_AFTER: Duration = Duration::from_secs(600);
/// Clocks that differ by more than this are told.
const SKEW_MAX: Duration = Duration::from_secs(2);
/// How long a loss is told.
const LOSS_SHOWN: Duration = Duration::from_secs(600);

/// How a collector is doing; the first that fits, from the worst on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CollectorStatus {
    /// No canary for 10 min.
    Lost,
    /// No canary for 60 s.
    Late,
    /// Older than the oldest that is supported, or of a newer major version.
    Unsupported,
    /// Canaries or records were missing within 10 min.
    Losing,
    /// Its clock differs by more than 2 s.
    Skewed,
    Ok,
}

impl CollectorStatus {
    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Late => "late",
            Self::Unsupported => "unsupported",
            Self::Losing => "losing",
            Self::Skewed => "skewed",
            Self::Ok => "ok",
        }
    }
}

/// What the server knows of one collector, as it is answered. Times are nanoseconds since 1970, spans are seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CollectorReport {
    pub host: String,
    pub status: CollectorStatus,
    /// Why it has this status, in one sentence.
    pub sentence: String,
    /// When its last canary was taken in.
    pub last_seen_ns: Option<i64>,
    /// When its last request came, accepted or not.
    pub last_request_ns: Option<i64>,
    pub version: String,
    pub config_hash: String,
    pub os: String,
    pub user: String,
    pub started_ns: i64,
    /// From making a canary to its being searchable.
    pub latency_last_s: Option<f64>,
    pub latency_p50_s: Option<f64>,
    pub latency_max_s: Option<f64>,
    /// The server's clock less the collector's.
    pub clock_skew_s: Option<f64>,
    pub lag_bytes: u64,
    pub queue_bytes: u64,
    pub queue_batches: u64,
    pub files: u64,
    pub files_unreadable: u64,
    /// Canaries that never came.
    pub canary_gaps: u64,
    /// Canaries that were stored twice.
    pub canary_duplicates: u64,
    pub epoch: Option<u64>,
    pub epoch_changes: u64,
    /// Records that the collector's own policy dropped.
    pub dropped: u64,
    /// Gaps that the collector found in its sources.
    pub gaps: u64,
    /// Records that the collector was told would never be taken.
    pub rejected: u64,
    /// What this server rejected of its requests, by reason.
    pub rejected_by_reason: BTreeMap<String, u64>,
    pub last_rejected_ns: Option<i64>,
    /// What the collector complains of, each with its fix.
    pub problems: Vec<String>,
}

impl CollectorReport {
    pub(super) fn new(host: &str, track: &Track, now: Timestamp) -> Self {
        let told = track.told.clone();
        let latency = track.latency();
        let (status, sentence) = judge(track, now);
        Self {
            host: host.to_owned(),
            status,
            sentence,
            last_seen_ns: track.last_canary.map(|at| at.0),
            last_request_ns: track.last_request.map(|at| at.0),
            version: told.version,
            config_hash: told.config_hash,
            os: told.os,
            user: told.user,
            started_ns: told.started.0,
            latency_last_s: latency.map(|latency| seconds(latency.last)),
            latency_p50_s: latency.map(|latency| seconds(latency.median)),
            latency_max_s: latency.map(|latency| seconds(latency.max)),
            clock_skew_s: track.skew(now).map(seconds),
            lag_bytes: told.lag_bytes,
            queue_bytes: told.queue_bytes,
            queue_batches: told.queue_batches,
            files: told.files,
            files_unreadable: told.files_unreadable,
            canary_gaps: track.gaps,
            canary_duplicates: track.duplicates,
            epoch: track.epochs.last().map(|(epoch, _)| *epoch),
            epoch_changes: track.epoch_changes,
            dropped: told.dropped,
            gaps: told.gaps,
            rejected: told.rejected,
            rejected_by_reason: track.rejected.clone(),
            last_rejected_ns: track.rejected_at.map(|at| at.0),
            problems: told.problems,
        }
    }
}

/// Nanoseconds as seconds.
pub(super) fn seconds(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / 1e9
}

fn judge(track: &Track, now: Timestamp) -> (CollectorStatus, String) {
    let is_within = |at: Timestamp, span| at >= now.before(span);
    let Some(seen) = track.last_canary else {
        let (status, since) = match track.last_request {
            Some(at) if is_within(at, LOST_AFTER) => (CollectorStatus::Late, age(at, now)),
            Some(at) => (CollectorStatus::Lost, age(at, now)),
            None => (CollectorStatus::Lost, "never".to_owned()),
        };
        let sentence = format!("no canary of it was ever taken in; its last request came {since}{}", refusal(track));
        return (status, sentence);
    };
    if !is_within(seen, LATE_AFTER) {
        let status = if is_within(seen, LOST_AFTER) { CollectorStatus::Late } else { CollectorStatus::Lost };
        let asks = match track.last_request {
            Some(at) if is_within(at, LATE_AFTER) => {
                format!(", though a request came {}{}", age(at, now), refusal(track))
            }
            Some(_) | None => String::new(),
        };
        return (status, format!("its last canary came {}{asks}; run `orszem doctor` on the host", age(seen, now)));
    }
    if let Some(sentence) = unsupported(&track.told.version) {
        return (CollectorStatus::Unsupported, sentence);
    }
    if track.lost_at.is_some_and(|at| is_within(at, LOSS_SHOWN)) {
        let sentence = format!(
            "something was lost of late: {} canaries missing, {} records dropped, {} gaps in its sources so far",
            track.gaps, track.told.dropped, track.told.gaps
        );
        return (CollectorStatus::Losing, sentence);
    }
    match track.skew(now) {
        Some(skew) if Duration::from_nanos(skew.unsigned_abs()) > SKEW_MAX => {
            let side = if skew > 0 { "behind" } else { "ahead of" };
            let by = seconds(skew).abs();
            (CollectorStatus::Skewed, format!("its clock is {by:.1} s {side} the server's; set both by NTP"))
        }
        Some(_) | None => (CollectorStatus::Ok, format!("its last canary came {}", age(seen, now))),
    }
}

fn refusal(track: &Track) -> String {
    let Some((reason, count)) = track.rejected.iter().max_by_key(|(_, count)| **count) else { return String::new() };
    format!(" (most often rejected: {reason}, {count} times)")
}

fn age(at: Timestamp, now: Timestamp) -> String {
    let s = now.0.saturating_sub(at.0).max(0) / 1_000_000_000;
    match s {
        0..120 => format!("{s} s ago"),
        120..7_200 => format!("{} min ago", s / 60),
        7_200..172_800 => format!("{} h ago", s / 3_600),
        _ => format!("{} days ago", s / 86_400),
    }
}

/// Why a collector of this version should not be used with this server.
fn unsupported(version: &str) -> Option<String> {
    let own = major_minor(env!("CARGO_PKG_VERSION"))?;
    let (oldest_major, oldest_minor) = SUPPORTED_FROM;
    match major_minor(version) {
        None => Some(format!("its version `{version}` can't be read; install orszem {}", env!("CARGO_PKG_VERSION"))),
        Some(its) if its < SUPPORTED_FROM => Some(format!(
            "its version {version} is older than {oldest_major}.{oldest_minor}, the oldest that this server supports; upgrade it"
        )),
        Some((major, _)) if major > own.0 => {
            Some(format!("its version {version} is newer than this server's; upgrade the server first"))
        }
        Some(_) => None,
    }
}

fn major_minor(version: &str) -> Option<(u64, u64)> {
    let mut numbers = version.split(['.', '-', '+']).map(|part| part.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}
