//! Addresses as they are told: how much each takes, and what waits for its next digest.

use orszem_model::{Timestamp, coded};

use crate::contact::Rate;
use crate::limits::DIGEST_ENTRIES_MAX;
use crate::notify::DigestEntry;

/// Somebody on one channel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recipient {
    pub contact: String,
    pub channel: String,
    pub target: String,
}

/// What is known of a recipient.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Mailbox {
    /// Until when its messages are paid for (the theoretical arrival time of GCRA).
    paid_until: Timestamp,
    pub(crate) digest: Vec<DigestEntry>,
    /// Entries beyond the limit.
    pub(crate) left_out: u64,
    /// Digests so far.
    pub(crate) digests: u64,
}

impl Mailbox {
    /// Takes one message out of what is allowed; whether there was one left.
    pub(crate) fn spend(&mut self, rate: Rate, now: Timestamp) -> bool {
        if now < self.free_at(rate) {
            return false;
        }
        self.paid_until = self.paid_until.max(now).after(rate.spacing());
        true
    }

    /// When another message is allowed.
    pub(crate) fn free_at(&self, rate: Rate) -> Timestamp {
        self.paid_until.before(rate.per.saturating_sub(rate.spacing()))
    }

    pub(crate) fn add(&mut self, entry: DigestEntry) {
        if self.digest.len() < DIGEST_ENTRIES_MAX {
            self.digest.push(entry);
        } else {
            self.left_out += 1;
        }
    }

    /// Whether the digest that waits says something of the incident.
    pub(crate) fn tells_of(&self, incident: u64) -> bool {
        self.digest.iter().any(|entry| entry.incident == incident)
    }
}

coded! {
    Recipient { contact, channel, target }
    Mailbox { paid_until, digest, left_out, digests }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn as_many_as_are_allowed_and_then_one_at_a_time() {
        let rate = Rate { messages: 3, per: Duration::from_secs(30) };
        let second = |at: i64| Timestamp(at * 1_000_000_000);
        let mut mailbox = Mailbox::default();
        let spent: Vec<i64> = (100..140).filter(|at| mailbox.spend(rate, second(*at))).collect();
        assert_eq!(spent, [100, 101, 102, 110, 120, 130]);
        assert_eq!(mailbox.free_at(rate), second(140));
    }
}
