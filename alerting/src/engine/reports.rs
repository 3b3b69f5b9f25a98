//! Reports: one intent a recipient and due time, written together with the time, so that none comes twice.

use std::collections::BTreeSet;

use orszem_model::Timestamp;

use super::Alerting;
use super::send::Telling;
use crate::alert::Level;
use crate::error::Refusal;
use crate::limits::{INTENTS_MAX, REPORTS_MAX};
use crate::notify::{Kind, Message};
use crate::recipient::Recipient;
use crate::report::{DueReport, ReportContent};
use crate::rows::Of;

impl Alerting {
    /// Quiet times and rates do not hold it back: its time was chosen.
    pub(super) fn take_report(&mut self, report: DueReport, now: Timestamp) -> Result<(), Refusal> {
        let DueReport { name, due, content } = report;
        if self.reports.get(&name).is_some_and(|last| *last >= due) {
            return Ok(());
        }
        if let Some(ReportContent { title, from, until, contacts, addresses, body }) = content {
            if self.outbox.len() >= INTENTS_MAX {
                return Err(Refusal::TooMany { what: "messages that wait", max: INTENTS_MAX });
            }
            let mut reached: BTreeSet<(String, String)> = BTreeSet::new();
            let of_contacts = contacts.iter().flat_map(|contact| self.addresses(contact, Level::Warning));
            let given = addresses.into_iter().filter(|recipient| !self.gone.contains_key(recipient));
            let recipients: Vec<Recipient> = of_contacts
                .chain(given)
                .filter(|recipient| reached.insert((recipient.channel.clone(), recipient.target.clone())))
                .collect();
            for recipient in recipients {
                let mut message = Message::titled(title.clone(), Level::Warning, from);
                message.ended_at = Some(until);
                let telling =
                    Telling { policy: "", recipient: &recipient, kind: Kind::Report, is_loud: true, note: "" };
                self.emit_with(0, step(&name, due), &telling, message, Some(body.clone()), now);
            }
        }
        self.reports.insert(name.clone(), due);
        self.dirty.insert(Of::Report(name));
        if self.reports.len() > REPORTS_MAX {
            let oldest = self.reports.iter().min_by_key(|(_, due)| **due).map(|(name, _)| name.clone());
            if let Some(oldest) = oldest {
                self.reports.remove(&oldest);
                self.dirty.insert(Of::Report(oldest));
            }
        }
        Ok(())
    }
}

/// The due time is what makes a report's intents the ones that they are.
fn step(name: &str, due: Timestamp) -> u64 {
    let mut bytes = due.0.to_le_bytes().to_vec();
    bytes.extend_from_slice(name.as_bytes());
    let hash = blake3::hash(&bytes);
    hash.as_bytes().iter().take(8).fold(0, |step, byte| step << 8 | u64::from(*byte))
}
