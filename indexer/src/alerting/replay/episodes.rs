//! Changes put together for people: from when to when each alert fired, and what comes of it for each rule.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use orszem_alerting::{AlertKey, Level, State};
use orszem_model::{Labels, Timestamp};

use super::{Change, ReplayAsk, Replayed};

/// An alert that fired, or only pended.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    pub key: AlertKey,
    /// The highest at which it fired; `None` where it only pended.
    pub level: Option<Level>,
    /// When it began to fire, or to pend where it never fired; may be before the range.
    pub from: Timestamp,
    /// `None` where it goes on at the end of the range.
    pub to: Option<Timestamp>,
    /// What it said when it was at its highest.
    pub annotations: Labels,
}

/// What a rule did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleSummary {
    pub rule: String,
    /// `alert`, `threshold`, `log`, `event`.
    pub kind: &'static str,
    pub file: String,
    /// Times that alerts fired, and those that got to each level.
    pub fired: u64,
    pub warning: u64,
    pub critical: u64,
    /// Times that one pended and never fired.
    pub pended: u64,
    /// Alerts with labels of their own that fired.
    pub alerts: u64,
    /// Of all times, and of the longest, within the range.
    pub total: Duration,
    pub longest: Duration,
    /// When one fired first, and last.
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
}

/// What happened within the range, by when it began.
pub fn episodes(ask: &ReplayAsk, replayed: &Replayed) -> Vec<Episode> {
    let mut under_way: HashMap<&AlertKey, Episode> = HashMap::new();
    let mut done = Vec::new();
    for change in &replayed.changes {
        let known = under_way.remove(&change.key);
        match (known, change.state) {
            (None, State::Ok) => {}
            (None, _) => {
                under_way.insert(&change.key, begun(change));
            }
            (Some(episode), State::Ok) => done.push(Episode { to: Some(change.at), ..episode }),
            // What pended and fires began when it fires; what fired and pends again has ended.
            (Some(episode), State::Pending(_)) if episode.level.is_some() => {
                done.push(Episode { to: Some(change.at), ..episode });
                under_way.insert(&change.key, begun(change));
            }
            (Some(episode), State::Pending(_)) => {
                under_way.insert(&change.key, episode);
            }
            (Some(episode), state) => {
                let level = state.level();
                let episode = match episode.level {
                    None => begun(change),
                    Some(_) if level > episode.level => {
                        Episode { level, annotations: change.annotations.clone(), ..episode }
                    }
                    Some(_) => episode,
                };
                under_way.insert(&change.key, episode);
            }
        }
    }
    done.extend(under_way.into_values());
    done.retain(|episode| episode.to.is_none_or(|to| to > ask.from) && episode.from <= ask.to);
    done.sort_by(|one, other| (one.from, &one.key).cmp(&(other.from, &other.key)));
    done
}

fn begun(change: &Change) -> Episode {
    Episode {
        key: change.key.clone(),
        level: change.state.level(),
        from: change.at,
        to: None,
        annotations: change.annotations.clone(),
    }
}

/// A line for each rule of the files, in their order, whether it fired or not.
pub fn summaries(ask: &ReplayAsk, episodes: &[Episode]) -> Vec<RuleSummary> {
    let mut by_rule: BTreeMap<&str, Vec<&Episode>> = BTreeMap::new();
    for episode in episodes {
        by_rule.entry(&episode.key.rule).or_default().push(episode);
    }
    let mut told = BTreeSet::new();
    let mut all = Vec::new();
    for (file, rules) in &ask.rules.files {
        let theirs = rules.rules().filter(|rule| rule.alert().is_some()).map(|rule| (rule.name(), "alert"));
        let thresholds = rules.own.thresholds.iter().map(|rule| (rule.about.name.as_str(), "threshold"));
        let logs = rules.own.logs.iter().map(|rule| (rule.about.name.as_str(), "log"));
        let events = rules.own.events.iter().map(|rule| (rule.about.name.as_str(), "event"));
        for (name, kind) in theirs.chain(thresholds).chain(logs).chain(events) {
            // Rules with one name are one to whoever is told.
            if told.insert(name) {
                let of_rule = by_rule.get(name).map_or(&[][..], Vec::as_slice);
                all.push(summary(
                    ask,
                    RuleSummary { rule: name.to_owned(), kind, file: file.clone(), ..RuleSummary::default() },
                    of_rule,
                ));
            }
        }
    }
    all
}

fn summary(ask: &ReplayAsk, mut summary: RuleSummary, episodes: &[&Episode]) -> RuleSummary {
    let mut alerts = BTreeSet::new();
    for episode in episodes {
        let Some(level) = episode.level else {
            summary.pended += 1;
            continue;
        };
        match level {
            Level::Warning => summary.warning += 1,
            Level::Critical => summary.critical += 1,
        }
        summary.fired += 1;
        alerts.insert(&episode.key.labels);
        let lasted = lasted(ask, episode);
        summary.total += lasted;
        summary.longest = summary.longest.max(lasted);
        summary.first = Some(summary.first.map_or(episode.from, |first| first.min(episode.from)));
        summary.last = Some(summary.last.map_or(episode.from, |last| last.max(episode.from)));
    }
    summary.alerts = alerts.len() as u64;
    summary
}

/// How long it lasted within the range.
fn lasted(ask: &ReplayAsk, episode: &Episode) -> Duration {
    let (from, to) = (episode.from.max(ask.from), episode.to.unwrap_or(ask.to).min(ask.to));
    Duration::from_nanos(u64::try_from(to.0.saturating_sub(from.0)).unwrap_or(0))
}
