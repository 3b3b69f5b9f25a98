//! Who is told of which alert: a tree of routes as Alertmanager has it.

use std::time::Duration;

use orszem_model::{Labels, Matcher, coded};

use crate::alert::Level;
use crate::group::Group;
use crate::silence::all_match;

/// Routes are nested at most this deep.
pub(crate) const ROUTE_DEPTH_MAX: usize = 32;

/// What belongs to one incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// What is near in time and topology.
    Topology,
    /// What has the same values of these labels, as Alertmanager groups.
    Labels(Vec<String>),
    /// Every alert by itself: `['...']`.
    Alert,
}

/// When messages go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long an incident waits for more before it first notifies, for each level.
    pub wait_warning: Duration,
    pub wait_critical: Duration,
    /// What changes afterwards waits until this long after the message before. A rise of the level does not wait.
    pub interval: Duration,
    /// A reminder while nobody has acknowledged; `None` for none.
    pub remind: Option<Duration>,
}

impl Default for Timing {
    /// Notify first, edit afterwards.
    fn default() -> Self {
        let second = Duration::from_secs(1);
        let interval = Duration::from_secs(30);
        Self { wait_warning: second, wait_critical: second, interval, remind: Some(Duration::from_secs(4 * 3600)) }
    }
}

impl Timing {
    pub(crate) fn wait(&self, level: Level) -> Duration {
        match level {
            Level::Warning => self.wait_warning,
            Level::Critical => self.wait_critical,
        }
    }
}

/// A node of the tree. What is `None` is as in the node above.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// All must match.
    pub matchers: Vec<Matcher>,
    pub policy: Option<String>,
    /// Whether the routes behind it are tried, too.
    pub continues: bool,
    pub group_by: Option<GroupBy>,
    pub timing: Option<Timing>,
    /// Names of times in which it notifies nobody.
    pub mute_times: Vec<String>,
    /// Names of times outside of which it notifies nobody; none: always.
    pub active_times: Vec<String>,
    pub routes: Vec<Self>,
}

/// Where an alert leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routed {
    pub policy: String,
    /// The places among the siblings, from the root: `/0/2`.
    pub path: String,
    pub group_by: GroupBy,
    pub timing: Timing,
    pub mute_times: Vec<String>,
    pub active_times: Vec<String>,
}

impl Route {
    /// One route for everything.
    pub fn to(policy: impl Into<String>) -> Self {
        Self { policy: Some(policy.into()), ..Self::default() }
    }

    /// All routes that an alert of these labels takes, in order; none where no route has a policy.
    pub fn find(&self, labels: &Labels) -> Vec<Routed> {
        let start = Routed {
            policy: String::new(),
            path: String::new(),
            group_by: GroupBy::Topology,
            timing: Timing::default(),
            mute_times: Vec::new(),
            active_times: Vec::new(),
        };
        let mut found = Vec::new();
        self.collect(labels, &start, &mut found);
        found.retain(|routed| !routed.policy.is_empty());
        found
    }

    fn collect(&self, labels: &Labels, above: &Routed, found: &mut Vec<Routed>) {
        let mut here = above.clone();
        if let Some(policy) = &self.policy {
            here.policy.clone_from(policy);
        }
        if let Some(group_by) = &self.group_by {
            here.group_by = group_by.clone();
        }
        here.timing = self.timing.unwrap_or(here.timing);
        // Times are a node's own, as Alertmanager has it.
        here.mute_times.clone_from(&self.mute_times);
        here.active_times.clone_from(&self.active_times);
        let mut is_taken = false;
        for (at, route) in self.routes.iter().enumerate().filter(|(_, route)| all_match(&route.matchers, labels)) {
            let below = Routed { path: format!("{}/{at}", here.path), ..here.clone() };
            route.collect(labels, &below, found);
            is_taken = true;
            if !route.continues {
                break;
            }
        }
        if !is_taken {
            found.push(here);
        }
    }

    /// How deep it is, and every node with its path.
    pub(crate) fn walk<'a>(&'a self, path: &str, found: &mut Vec<(String, &'a Self)>) -> usize {
        found.push((if path.is_empty() { "/".to_owned() } else { path.to_owned() }, self));
        let below = self.routes.iter().enumerate();
        1 + below.map(|(at, route)| route.walk(&format!("{path}/{at}"), found)).max().unwrap_or(0)
    }
}

/// What makes alerts of one incident where labels say so: the route's path and the values.
pub(crate) fn group(routed: &Routed, labels: &Labels, rule: &str) -> Option<Group> {
    let path = routed.path.clone();
    match &routed.group_by {
        GroupBy::Topology => None,
        GroupBy::Labels(names) => {
            let chosen = names.iter().map(|name| (name.as_str(), labels.get(name).unwrap_or("")));
            Some(Group { path, rule: String::new(), labels: Labels::new(chosen.collect()) })
        }
        GroupBy::Alert => Some(Group { path, rule: rule.to_owned(), labels: labels.clone() }),
    }
}

coded! { Timing { wait_warning, wait_critical, interval, remind } }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_matching_route_counts_and_continue_goes_on() {
        let child = |policy: &str, label: &str, continues| Route {
            matchers: vec![Matcher::equal("team", label)],
            policy: Some(policy.to_owned()),
            continues,
            ..Route::default()
        };
        let mut db = child("db", "db", true);
        db.group_by = Some(GroupBy::Labels(vec!["host".to_owned()]));
        db.routes.push(Route { matchers: vec![Matcher::equal("severity", "critical")], ..Route::default() });
        let root =
            Route { routes: vec![db, child("audit", "db", false), child("late", "db", false)], ..Route::to("all") };
        let find = |pairs: &[(&str, &str)]| {
            let found = root.find(&Labels::new(pairs.to_vec()));
            found.into_iter().map(|routed| format!("{} {}", routed.policy, routed.path)).collect::<Vec<_>>()
        };
        assert_eq!(find(&[("team", "web")]), ["all "]);
        assert_eq!(find(&[("team", "db")]), ["db /0", "audit /1"]);
        assert_eq!(find(&[("team", "db"), ("severity", "critical")]), ["db /0/0", "audit /1"]);
        let labels = Labels::from([("team", "db"), ("host", "a"), ("x", "1")]);
        let routed = root.find(&labels);
        let of_host = Group { path: "/0".to_owned(), rule: String::new(), labels: Labels::from([("host", "a")]) };
        assert_eq!(group(&routed[0], &labels, "r"), Some(of_host));
        assert_eq!(group(&routed[1], &labels, "r"), None);
        assert_eq!(Route::default().find(&labels), []);
    }
}
