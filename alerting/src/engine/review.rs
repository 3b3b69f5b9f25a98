//! What is due to whom: an incident as it is, against what everyone was told of it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use orszem_model::Timestamp;

use super::Alerting;
use super::membership::name;
use super::send::{Sent, Telling, with_severity};
use crate::alert::{AlertKey, Level};
use crate::escalation::Policy;
use crate::incident::{Incident, Member, Shown, Thread, ToldState};
use crate::limits::JOIN_WINDOW;
use crate::notify::Kind;
use crate::recipient::Recipient;
use crate::route::Timing;

/// What one policy has to tell.
struct Wanted {
    timing: Timing,
    /// The highest level that is not suppressed.
    level: Level,
    /// When the first of its alerts has waited for long enough.
    due: Timestamp,
}

/// What an incident's alerts want to be told, policy by policy.
#[derive(Default)]
struct Sight {
    wanted: BTreeMap<String, Wanted>,
    /// Policies with an alert that fires, suppressed or not.
    open: BTreeSet<String>,
    suppressed: BTreeSet<AlertKey>,
}

impl Alerting {
    /// Looks at an incident, tells what is due, and sets the time of the next look.
    pub(super) fn review(&mut self, id: u64, now: Timestamp) {
        let Some(mut incident) = self.incidents.remove(&id) else { return };
        let before = incident.clone();
        self.expire(&mut incident, now);
        let sight = self.look(&incident, now);
        for (policy, wanted) in &sight.wanted {
            incident.threads.entry(policy.clone()).or_insert_with(|| Thread::new(wanted.timing, now)).timing =
                wanted.timing;
        }
        let mut threads = std::mem::take(&mut incident.threads);
        let mut next: Option<Timestamp> = None;
        for (policy, thread) in &mut threads {
            let due = self.review_thread(&mut incident, policy, thread, &sight, now);
            next = [next, due].into_iter().flatten().min();
        }
        incident.threads = threads;
        let ends = [incident.ack.as_ref().map(|ack| ack.until), incident.snooze.as_ref().map(|snooze| snooze.until)];
        next = ends.into_iter().chain([next]).flatten().min();
        if let Some(ended_at) = incident.ended_at {
            let end = ended_at.after(JOIN_WINDOW);
            if end <= now && !incident.owes() {
                self.forget(&incident, now);
                return;
            }
            next = [next, Some(if end <= now { now.after(JOIN_WINDOW) } else { end })].into_iter().flatten().min();
        }
        if incident != before {
            self.dirty.insert(crate::rows::Of::Incident(id));
        }
        self.incidents.insert(id, incident);
        if let Some(next) = next {
            self.set_timer_earlier(crate::rows::TimerOf::Incident(id), next);
        }
    }

    fn expire(&mut self, incident: &mut Incident, now: Timestamp) {
        if incident.ack.as_ref().is_some_and(|ack| ack.until <= now) {
            self.end_ack(incident, "its time is over", now);
        }
        if incident.snooze.as_ref().is_some_and(|snooze| snooze.until <= now) {
            incident.snooze = None;
            self.log(incident, now, "the snooze is over".to_owned());
        }
    }

    fn look(&self, incident: &Incident, now: Timestamp) -> Sight {
        let mut sight = Sight::default();
        for (key, member) in incident.members.iter().filter(|(_, member)| member.is_firing) {
            let Some(alert) = self.alerts.get(key) else { continue };
            let labels = with_severity(self.labels_of(alert), member.level);
            let is_suppressed = !self.suppressions(alert, &labels, now).is_empty();
            let mut is_muted = true;
            for routed in self.plan.config.route.find(&labels) {
                sight.open.insert(routed.policy.clone());
                if is_suppressed || !self.route_suppressions(&routed, now).is_empty() {
                    continue;
                }
                is_muted = false;
                let due = member.joined_at.after(routed.timing.wait(member.level));
                let wanted = sight.wanted.entry(routed.policy).or_insert(Wanted {
                    timing: routed.timing,
                    level: member.level,
                    due,
                });
                wanted.level = wanted.level.max(member.level);
                wanted.due = wanted.due.min(due);
            }
            if is_muted {
                sight.suppressed.insert(key.clone());
            }
        }
        sight
    }

    /// Tells what is due under one policy; when it is to be looked at next.
    fn review_thread(
        &mut self,
        incident: &mut Incident,
        name: &str,
        thread: &mut Thread,
        sight: &Sight,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let wanted = sight.wanted.get(name);
        let is_open = sight.open.contains(name);
        if thread.opened_at.is_none() {
            let start = self.opens_at(incident, thread, wanted?, now);
            if start > now {
                return Some(start);
            }
            thread.opened_at = Some(now);
            (thread.counts_from, thread.next_step, thread.level) = (now, 0, None);
        }
        if !is_open {
            return self.close_thread(incident, name, thread, now);
        }
        // What is suppressed or snoozed now is not told, but those who were told are owed the end of it.
        let wanted = wanted.filter(|_| incident.snooze.is_none())?;
        let shown = self.shown(incident, wanted.level);
        let policy = self.plan.policy(name).cloned()?;
        let is_rise = thread.level.is_none_or(|level| wanted.level > level);
        thread.level = Some(wanted.level);
        let mut next = self.escalate(incident, &policy, thread, &shown, now);
        if is_rise {
            self.tell_newly_concerned(incident, &policy, thread, &shown, now);
        }
        let update = self.update(incident, name, thread, &shown, is_rise, now);
        let remind = self.remind(incident, name, thread, &shown, now);
        next = [next, update, remind].into_iter().flatten().min();
        next
    }

    /// When a thread that is not open is to open.
    fn opens_at(&self, incident: &Incident, thread: &Thread, wanted: &Wanted, now: Timestamp) -> Timestamp {
        let hold = match wanted.level {
            Level::Warning => self.meta.hold_until,
            Level::Critical => self.meta.hold_critical_until,
        };
        let mut start = wanted.due.max(hold);
        if thread.level.is_none_or(|level| wanted.level <= level) {
            start = start.max(thread.next_at);
        }
        match &incident.snooze {
            Some(snooze) if snooze.until > now => start.max(snooze.until),
            _ => start,
        }
    }

    fn close_thread(
        &mut self,
        incident: &mut Incident,
        name: &str,
        thread: &mut Thread,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if thread.next_at > now && !thread.told.is_empty() {
            return Some(thread.next_at);
        }
        for recipient in std::mem::take(&mut thread.told).into_keys() {
            let telling = Telling { policy: name, recipient: &recipient, kind: Kind::Resolve, is_loud: true, note: "" };
            self.tell(incident, &telling, now);
            thread.next_at = now.after(thread.timing.interval);
        }
        thread.opened_at = None;
        None
    }

    /// The steps of the policy that are due, one at a time; when the next one is.
    fn escalate(
        &mut self,
        incident: &mut Incident,
        policy: &Policy,
        thread: &mut Thread,
        shown: &Shown,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let is_first = |thread: &Thread| thread.next_step == 0;
        while incident.ack.is_none() || is_first(thread) {
            let (after, step) = policy.step(thread.next_step)?;
            let due = thread.counts_from.after(after);
            if due > now {
                return Some(due);
            }
            // What was held back goes on from now, and not all at once.
            let held_back = now.0.saturating_sub(due.0).max(0).unsigned_abs();
            thread.counts_from = thread.counts_from.after(std::time::Duration::from_nanos(held_back));
            let kind = if is_first(thread) { Kind::Open } else { Kind::Escalate };
            let mut names = Vec::new();
            for contact in &step.contacts {
                for recipient in self.addresses(contact, shown.level) {
                    self.tell_open(incident, thread, &opening(&policy.name, &recipient, kind), shown, now);
                    names.push(format!("{} ({})", recipient.contact, recipient.channel));
                }
            }
            let number = thread.next_step + 1;
            let whom = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
            self.log(incident, now, format!("step {number} of {}: {whom} is told", policy.name));
            thread.next_step += 1;
        }
        None
    }

    /// Addresses of the steps so far that only take the level that it rose to.
    fn tell_newly_concerned(
        &mut self,
        incident: &mut Incident,
        policy: &Policy,
        thread: &mut Thread,
        shown: &Shown,
        now: Timestamp,
    ) {
        for number in 0..thread.next_step {
            let Some((_, step)) = policy.step(number) else { return };
            for contact in &step.contacts {
                for recipient in self.addresses(contact, shown.level) {
                    if !thread.told.contains_key(&recipient) {
                        let telling = opening(&policy.name, &recipient, Kind::Open);
                        self.tell_open(incident, thread, &telling, shown, now);
                    }
                }
            }
        }
    }

    fn tell_open(
        &mut self,
        incident: &mut Incident,
        thread: &mut Thread,
        telling: &Telling<'_>,
        shown: &Shown,
        now: Timestamp,
    ) {
        let recipient = telling.recipient;
        // Who is owed an all-clear heard of it, and stays owed one when this takes the place of that.
        let is_owed = self.is_all_clear_waiting(incident.id, recipient);
        let is_told = thread.told.get(recipient).is_some_and(|told| told.is_delivered);
        let is_in_digest = self.tell(incident, telling, now) == Sent::InDigest;
        let is_delivered = is_owed || is_told || is_in_digest;
        thread.told.insert(recipient.clone(), ToldState { at: now, shown: shown.clone(), is_delivered });
        thread.loud_at = now;
        thread.next_at = now.after(thread.timing.interval);
    }

    /// Tells what is different from what was told; when it may be told if that is later.
    fn update(
        &mut self,
        incident: &mut Incident,
        policy: &str,
        thread: &mut Thread,
        shown: &Shown,
        is_rise: bool,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let stale: Vec<Recipient> = thread
            .told
            .iter()
            .filter(|(_, told)| told.shown != *shown)
            .map(|(recipient, _)| recipient.clone())
            .collect();
        if stale.is_empty() {
            return None;
        }
        let begins_to_flap = thread.told.values().any(|told| told.shown.flapping < shown.flapping);
        let is_loud = is_rise || begins_to_flap;
        if !is_loud && thread.next_at > now {
            return Some(thread.next_at);
        }
        let mut next = None;
        for recipient in stale {
            let telling = Telling { policy, recipient: &recipient, kind: Kind::Update, is_loud, note: "" };
            match self.tell(incident, &telling, now) {
                Sent::Now | Sent::InDigest => {
                    if let Some(told) = thread.told.get_mut(&recipient) {
                        (told.at, told.shown) = (now, shown.clone());
                    }
                }
                Sent::Later(at) => next = [next, Some(at)].into_iter().flatten().min(),
            }
        }
        thread.next_at = now.after(thread.timing.interval);
        if is_loud {
            thread.loud_at = now;
        }
        next
    }

    fn remind(
        &mut self,
        incident: &mut Incident,
        policy: &str,
        thread: &mut Thread,
        shown: &Shown,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let remind = thread.timing.remind.filter(|_| incident.ack.is_none() && !thread.told.is_empty())?;
        let due = thread.loud_at.after(remind);
        if due > now {
            return Some(due);
        }
        let recipients: Vec<Recipient> = thread.told.keys().cloned().collect();
        for recipient in recipients {
            self.tell_open(incident, thread, &opening(policy, &recipient, Kind::Remind), shown, now);
        }
        Some(now.after(remind))
    }

    fn shown(&self, incident: &Incident, level: Level) -> Shown {
        let members = incident.members.values();
        Shown {
            level,
            firing: members.clone().filter(|member| member.is_firing).count() as u64,
            members: incident.members.len() as u64,
            flapping: members.filter(|member| member.is_flapping).count() as u64,
            acknowledged_by: incident.ack.as_ref().map(|ack| ack.by.clone()).unwrap_or_default(),
            root: self.root(incident),
        }
    }

    /// The entity that the others depend on, of the alerts that fire; of several the one whose alert began first.
    pub(crate) fn root(&self, incident: &Incident) -> String {
        let mut best: Option<(usize, Timestamp, &AlertKey, &str)> = None;
        let entities: BTreeSet<&str> =
            incident.members.values().flat_map(|member| &member.entities).map(String::as_str).collect();
        for (key, member) in &incident.members {
            let Some(entity) = member.entities.first().filter(|_| member.is_firing || !incident.is_open()) else {
                continue;
            };
            let ups = member.entities.iter().flat_map(|entity| self.graph.upstream_lately(entity));
            let ups: BTreeSet<&str> = ups.filter(|up| entities.contains(up)).collect();
            let above = ups.iter().filter(|up| !member.entities.iter().any(|own| own == *up)).count();
            let place = (above, member.joined_at, key, entity.as_str());
            if best.as_ref().is_none_or(|best| place < *best) {
                best = Some(place);
            }
        }
        best.map(|(_, _, _, entity)| entity.to_owned()).unwrap_or_default()
    }

    /// What a message is called.
    pub(super) fn title(&self, incident: &Incident) -> String {
        let root = self.root(incident);
        let place = |(key, member): &(&AlertKey, &Member)| {
            let is_elsewhere = member.entities.first() != Some(&root);
            (!member.is_firing, is_elsewhere, Reverse(member.level), member.joined_at, (*key).clone())
        };
        let Some((first, _)) = incident.members.iter().min_by_key(place) else {
            return format!("incident {}", incident.id);
        };
        let firing = incident.members.values().filter(|member| member.is_firing).count();
        let others = if firing > 0 { firing - 1 } else { incident.members.len() - 1 };
        let first = name(first);
        let first = if root.is_empty() || first.contains(&root) { first } else { format!("{root}: {first}") };
        if others == 0 { first } else { format!("{first} and {others} more") }
    }
}

fn opening<'a>(policy: &'a str, recipient: &'a Recipient, kind: Kind) -> Telling<'a> {
    Telling { policy, recipient, kind, is_loud: true, note: "" }
}
