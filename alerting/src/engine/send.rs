//! Intents: written once, put together where they can be, held back where a limit says so, never lost.

use orszem_model::{Timestamp, time::format_duration};

use super::{Alerting, Delivery, Waiting};
use crate::alert::Level;
use crate::error::Refusal;
use crate::group::MessageGroup;
use crate::incident::{Incident, Thread};
use crate::limits::{INTENT_EXPIRES_AFTER, INTENTS_MAX, VIEWS_MAX};
use crate::notify::{AlertView, Body, DigestEntry, Intent, IntentKey, Kind, Message};
use crate::recipient::Recipient;
use crate::rows::{Of, TimerOf};

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It is an intent.
    Now,
    /// It is in a digest that will be an intent.
    InDigest,
    /// An edit that is not worth a message is left out until then.
    Later(Timestamp),
}

/// What is told to whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Telling<'a> {
    pub(super) policy: &'a str,
    pub(super) recipient: &'a Recipient,
    pub(super) kind: Kind,
    pub(super) is_loud: bool,
    pub(super) note: &'a str,
}

impl Alerting {
    /// The addresses of a contact that take this level.
    pub(super) fn addresses(&self, contact: &str, level: Level) -> Vec<Recipient> {
        let Some(contact) = self.plan.contact(contact) else { return Vec::new() };
        let addresses = contact.addresses.iter().filter(|address| address.level_min <= level);
        let recipient = |address: &crate::contact::Address| Recipient {
            contact: contact.name.clone(),
            channel: address.channel.clone(),
            target: address.target.clone(),
        };
        addresses.map(recipient).filter(|recipient| !self.gone.contains_key(recipient)).collect()
    }

    /// Sends nothing to an address any more, and tells others what only it was told.
    fn is_gone(&mut self, recipient: &Recipient, now: Timestamp) {
        self.gone.insert(recipient.clone(), now);
        self.dirty.insert(Of::Gone(recipient.clone()));
        self.mailboxes.remove(recipient);
        self.dirty.insert(Of::Mailbox(recipient.clone()));
        self.set_timer(TimerOf::Mailbox(recipient.clone()), None);
        let is_told = |incident: &Incident| incident.threads.values().any(|thread| thread.told.contains_key(recipient));
        let told: Vec<u64> =
            self.incidents.values().filter(|incident| is_told(incident)).map(|incident| incident.id).collect();
        for id in told {
            let Some(mut incident) = self.incidents.remove(&id) else { continue };
            for (policy, thread) in &mut incident.threads {
                if thread.told.remove(recipient).is_some() {
                    self.tell_next_soon(policy, thread, now);
                }
            }
            let Recipient { contact, channel, .. } = recipient;
            self.log(
                &mut incident,
                now,
                format!("{contact} is not reached over {channel} any more: the address is gone"),
            );
            self.incidents.insert(id, incident);
            self.review_soon(id, now);
        }
    }

    /// Where nobody heard of it, the next step comes at once.
    fn tell_next_soon(&self, policy: &str, thread: &mut Thread, now: Timestamp) {
        let is_told = thread.told.values().any(|told| told.is_delivered);
        let next = self.plan.policy(policy).and_then(|policy| policy.step(thread.next_step));
        if let Some((after, _)) = next.filter(|_| !is_told) {
            thread.counts_from = now.before(after);
        }
    }

    /// An address that does not stand in the plan any more is tried when it comes back.
    pub(super) fn forget_gone(&mut self) {
        let is_known = |recipient: &Recipient| {
            let Recipient { contact, channel, target } = recipient;
            let mut addresses = self.plan.contact(contact).into_iter().flat_map(|contact| &contact.addresses);
            addresses.any(|address| address.channel == *channel && address.target == *target)
        };
        let unknown: Vec<Recipient> = self.gone.keys().filter(|recipient| !is_known(recipient)).cloned().collect();
        for recipient in unknown {
            self.gone.remove(&recipient);
            self.dirty.insert(Of::Gone(recipient));
        }
    }

    /// Tells one recipient of an incident, at once or with the next digest.
    pub(super) fn tell(&mut self, incident: &mut Incident, telling: &Telling<'_>, now: Timestamp) -> Sent {
        let Telling { recipient, kind, is_loud, note, .. } = *telling;
        let ended = incident.members.values().map(|member| member.level).max();
        let level = incident.level().or(ended).unwrap_or(Level::Warning);
        let quiet_until = self.quiet_until(recipient, now);
        let is_quiet = quiet_until.is_some();
        let is_in_digest = (kind == Kind::Resolve || level < Level::Critical)
            && self.mailboxes.get(recipient).is_some_and(|mailbox| mailbox.tells_of(incident.id));
        let rate = self.rate(recipient);
        // An all-clear breaks no rest: it makes no sound then.
        let is_held = is_quiet && level < Level::Critical && kind != Kind::Resolve;
        if kind == Kind::Update && (is_held || is_in_digest) {
            // The digest will tell how it stands.
            return Sent::InDigest;
        }
        let is_full = self.outbox.len() >= INTENTS_MAX;
        let is_over = !is_held && !is_in_digest && !is_full && !self.spend(recipient, now);
        if kind == Kind::Update && is_over {
            let free = self.mailboxes.get(recipient).map_or(now, |mailbox| mailbox.free_at(rate));
            return Sent::Later(free.max(now.after(rate.spacing())));
        }
        if is_held || is_in_digest || is_full || is_over {
            let entry = DigestEntry { incident: incident.id, kind, level, title: self.title(incident), at: now };
            let flush = if is_held { quiet_until } else { None };
            self.add_to_digest(recipient, entry, flush, now);
            return Sent::InDigest;
        }
        incident.step += 1;
        let mut message = self.message(incident, kind, level, now);
        message.is_loud = is_loud && !(is_quiet && kind == Kind::Resolve);
        note.clone_into(&mut message.note);
        self.emit(incident.id, incident.step, telling, message, now);
        self.dirty.insert(Of::Incident(incident.id));
        Sent::Now
    }

    /// Writes an intent, and takes back those that wait and say less.
    fn emit(&mut self, incident: u64, step: u64, telling: &Telling<'_>, message: Message, now: Timestamp) {
        self.emit_with(incident, step, telling, message, None, now);
    }

    /// As [`Self::emit`], with a body.
    pub(super) fn emit_with(
        &mut self,
        incident: u64,
        step: u64,
        telling: &Telling<'_>,
        mut message: Message,
        body: Option<Body>,
        now: Timestamp,
    ) {
        let Telling { policy, recipient, mut kind, .. } = *telling;
        let place = (incident, recipient.clone());
        let mut taken_back = Vec::new();
        if incident != 0 {
            let unsent = self.waiting.get(&place).into_iter().flatten();
            let unsent = unsent.filter_map(|key| Some((*key, self.outbox.get(key)?))).filter(|(_, old)| !old.is_leased);
            let unsent: Vec<(IntentKey, Kind)> = unsent.map(|(key, old)| (key, old.kind)).collect();
            let first = unsent.iter().map(|(_, kind)| *kind).find(|kind| matches!(kind, Kind::Open | Kind::Escalate));
            match (kind, first) {
                (Kind::Update | Kind::Remind, Some(first)) => {
                    kind = first;
                    message.is_loud = true;
                }
                (Kind::Resolve, Some(_)) if message.note.is_empty() => {
                    let lasted = now.0.saturating_sub(message.started_at.0).max(0).unsigned_abs();
                    let lasted = format_duration(std::time::Duration::from_nanos(lasted));
                    message.note = format!("it was open for {lasted} before it could be told");
                }
                _ => {}
            }
            taken_back = unsent;
        }
        let key = IntentKey::of(incident, step, recipient, kind);
        for (old, _) in taken_back {
            self.remove_waiting(old);
            self.effects.superseded.push((old, key));
        }
        self.meta.intents += 1;
        self.dirty.insert(Of::Meta);
        let order = self.meta.intents;
        let waiting = Waiting {
            incident,
            recipient: recipient.clone(),
            kind,
            is_leased: false,
            policy: policy.to_owned(),
            order,
        };
        self.outbox.insert(key, waiting);
        self.dirty.insert(Of::Outbox(key));
        self.waiting.entry(place).or_default().push(key);
        let (recipient, expires_at) = (recipient.clone(), now.after(INTENT_EXPIRES_AFTER));
        self.effects.intents.push(Intent {
            key,
            incident,
            step,
            kind,
            recipient,
            message,
            not_before: now,
            expires_at,
            body,
        });
    }

    /// Whether a recipient is yet to be told that an incident is over.
    pub(super) fn is_all_clear_waiting(&self, incident: u64, recipient: &Recipient) -> bool {
        let keys = self.waiting.get(&(incident, recipient.clone()));
        let mut waiting = keys.into_iter().flatten().filter_map(|key| self.outbox.get(key));
        waiting.any(|waiting| waiting.kind == Kind::Resolve)
    }

    fn remove_waiting(&mut self, key: IntentKey) -> Option<Waiting> {
        let waiting = self.outbox.remove(&key)?;
        self.dirty.insert(Of::Outbox(key));
        let place = (waiting.incident, waiting.recipient.clone());
        if let Some(keys) = self.waiting.get_mut(&place) {
            keys.retain(|other| *other != key);
            if keys.is_empty() {
                self.waiting.remove(&place);
            }
        }
        Some(waiting)
    }

    pub(super) fn lease(&mut self, key: IntentKey) -> Result<(), Refusal> {
        let waiting = self.outbox.get_mut(&key).ok_or_else(|| Refusal::UnknownIntent(key.to_string()))?;
        waiting.is_leased = true;
        self.dirty.insert(Of::Outbox(key));
        Ok(())
    }

    pub(super) fn delivered(&mut self, key: IntentKey, outcome: &Delivery, now: Timestamp) -> Result<(), Refusal> {
        let waiting = self.remove_waiting(key).ok_or_else(|| Refusal::UnknownIntent(key.to_string()))?;
        if *outcome == Delivery::Gone {
            self.is_gone(&waiting.recipient, now);
            return Ok(());
        }
        if waiting.incident == 0 || !waiting.kind.tells_open() {
            return Ok(());
        }
        let Some(mut incident) = self.incidents.remove(&waiting.incident) else { return Ok(()) };
        let recipient = &waiting.recipient;
        let is_waiting = self.waiting.contains_key(&(waiting.incident, recipient.clone()));
        if let Some(thread) = incident.threads.get_mut(&waiting.policy)
            && let Some(told) = thread.told.get_mut(recipient)
        {
            match outcome {
                Delivery::Sent => told.is_delivered = true,
                // It surely never heard of it: nothing is owed, and somebody else has to be told.
                Delivery::Refused if !told.is_delivered && !is_waiting => {
                    thread.told.remove(recipient);
                    self.tell_next_soon(&waiting.policy, thread, now);
                    let text = format!("{} can't be told over {}", recipient.contact, recipient.channel);
                    self.log(&mut incident, now, text);
                    self.review_soon(waiting.incident, now);
                }
                Delivery::Refused | Delivery::Gone | Delivery::Expired => {}
            }
            self.dirty.insert(Of::Incident(waiting.incident));
        }
        self.incidents.insert(waiting.incident, incident);
        Ok(())
    }

    fn message(&self, incident: &Incident, kind: Kind, level: Level, now: Timestamp) -> Message {
        let mut message = Message::titled(self.title(incident), level, incident.started_at);
        message.ended_at = incident.ended_at;
        message.root = self.root(incident);
        message.group = MessageGroup(incident.group.clone());
        message.acknowledged_by = incident.ack.as_ref().map(|ack| ack.by.clone()).unwrap_or_default();
        let mut members: Vec<_> = incident.members.iter().collect();
        members.sort_by_key(|(_, member)| (!member.is_firing, member.joined_at));
        for (key, member) in members {
            message.firing += u64::from(member.is_firing);
            message.ended += u64::from(!member.is_firing);
            if message.alerts.len() == VIEWS_MAX {
                message.alerts_left_out += 1;
                continue;
            }
            let Some(alert) = self.alerts.get(key) else { continue };
            let labels = with_severity(self.labels_of(alert), member.level);
            let suppressed = if member.is_firing { self.suppressions(alert, &labels, now) } else { Vec::new() };
            message.suppressed += u64::from(!suppressed.is_empty());
            message.alerts.push(AlertView {
                key: key.clone(),
                labels,
                annotations: alert.annotations.clone(),
                state: alert.state,
                value: alert.value,
                from: alert.fired_at.unwrap_or(alert.since),
                until: alert.ended_at,
                generator: alert.generator.clone(),
                is_flapping: alert.is_flapping(),
                suppressed: suppressed.iter().map(ToString::to_string).collect(),
            });
        }
        if kind == Kind::Resolve {
            message.events.clone_from(&incident.events);
            // What the cluster did is known some seconds later.
            message.events.sort_by_key(|event| event.at);
            message.events_left_out = incident.events_left_out;
        }
        message
    }

    fn rate(&self, recipient: &Recipient) -> crate::contact::Rate {
        self.plan.contact(&recipient.contact).map_or_else(Default::default, |contact| contact.rate)
    }

    fn spend(&mut self, recipient: &Recipient, now: Timestamp) -> bool {
        let rate = self.rate(recipient);
        self.dirty.insert(Of::Mailbox(recipient.clone()));
        self.mailboxes.entry(recipient.clone()).or_default().spend(rate, now)
    }

    /// Until when a recipient wants its rest.
    fn quiet_until(&self, recipient: &Recipient, now: Timestamp) -> Option<Timestamp> {
        let contact = self.plan.contact(&recipient.contact)?;
        let calendars = contact.quiet.iter().filter_map(|name| self.plan.time(name));
        calendars.filter(|calendar| calendar.covers(now)).map(|calendar| calendar.boundary(now)).max()
    }

    fn add_to_digest(&mut self, recipient: &Recipient, entry: DigestEntry, flush: Option<Timestamp>, now: Timestamp) {
        let rate = self.rate(recipient);
        let mailbox = self.mailboxes.entry(recipient.clone()).or_default();
        mailbox.add(entry);
        // At once would be once for each of a burst.
        let soon = mailbox.free_at(rate).max(now.after(crate::limits::EDGES_AFTER));
        self.dirty.insert(Of::Mailbox(recipient.clone()));
        self.set_timer_earlier(TimerOf::Mailbox(recipient.clone()), flush.unwrap_or(soon));
    }

    /// Sends a recipient what waits for it, unless it has to wait longer.
    pub(super) fn flush_digest(&mut self, recipient: &Recipient, now: Timestamp) {
        let quiet_until = self.quiet_until(recipient, now);
        let rate = self.rate(recipient);
        let is_full = self.outbox.len() >= INTENTS_MAX;
        let Some(mailbox) = self.mailboxes.get(recipient).filter(|mailbox| !mailbox.digest.is_empty()) else { return };
        let level = mailbox.digest.iter().map(|entry| entry.level).max().unwrap_or(Level::Warning);
        let wait = match quiet_until {
            Some(until) if level < Level::Critical => Some(until),
            _ if is_full => Some(now.after(rate.spacing())),
            _ => Some(mailbox.free_at(rate)).filter(|at| *at > now),
        };
        let of = TimerOf::Mailbox(recipient.clone());
        if let Some(at) = wait {
            self.set_timer(of, Some(at.max(Timestamp(now.0 + 1))));
            return;
        }
        self.spend(recipient, now);
        let Some(mailbox) = self.mailboxes.get_mut(recipient) else { return };
        let entries = std::mem::take(&mut mailbox.digest);
        let left_out = std::mem::take(&mut mailbox.left_out);
        mailbox.digests += 1;
        let step = mailbox.digests;
        let count = entries.len() as u64 + left_out;
        let first = entries.first().map_or(now, |entry| entry.at);
        let mut message = Message::titled(format!("digest: {count} happenings"), level, first);
        (message.entries, message.entries_left_out) = (entries, left_out);
        let telling = Telling { policy: "", recipient, kind: Kind::Digest, is_loud: true, note: "" };
        self.emit(0, step, &telling, message, now);
    }

    /// Puts a line about history into the digests of those whom a policy tells first.
    pub(super) fn digest_history(&mut self, policy: &str, level: Level, title: &str, at: Timestamp, now: Timestamp) {
        let Some(contacts) =
            self.plan.policy(policy).and_then(|policy| policy.steps.first()).map(|s| s.contacts.clone())
        else {
            return;
        };
        for contact in contacts {
            for recipient in self.addresses(&contact, level) {
                let (kind, title) = (Kind::Digest, title.to_owned());
                self.add_to_digest(&recipient, DigestEntry { incident: 0, kind, level, title, at }, None, now);
            }
        }
    }

    pub(super) fn test(&mut self, contact: &str, by: &str, now: Timestamp) -> Result<(), Refusal> {
        let known = self.plan.contact(contact).ok_or_else(|| Refusal::UnknownContact(contact.to_owned()))?;
        let name = known.name.clone();
        let recipients = self.addresses(&name, Level::Critical);
        if recipients.is_empty() {
            return Err(Refusal::NoAddress(name));
        }
        for recipient in recipients {
            self.meta.tests += 1;
            let message = Message::titled(format!("test by {by}"), Level::Warning, now);
            let telling = Telling { policy: "", recipient: &recipient, kind: Kind::Test, is_loud: true, note: "" };
            self.emit(0, self.meta.tests, &telling, message, now);
        }
        Ok(())
    }
}

/// The labels of an alert that ended show the level that it had.
pub(super) fn with_severity(labels: orszem_model::Labels, level: Level) -> orszem_model::Labels {
    if labels.get("severity").is_some() { labels } else { labels.with("severity", level.name()) }
}
