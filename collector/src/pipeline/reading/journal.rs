//! The systemd journal, read in its turn: how far, and what it says besides entries.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use orszem_model::{Kind, Severity, Timestamp};
use orszem_parse::{Parsed, refine_message};

use super::super::notice::{Notice, number, text};
use super::super::stage::{Facts, LastStamp, Stage};
use super::super::streams::Origin;
use super::{SLOT_JOURNAL, failed};
use crate::counters::{Counters, add, count};
use crate::source::journald::{self, Entry, Item, Journal};
use crate::{CollectorError, FileStatus, StartAt};

/// The journal, if it is followed.
#[derive(Debug, Default)]
pub(super) struct JournalReading {
    journal: Option<Journal>,
    config: Option<(Option<PathBuf>, StartAt)>,
    /// Why it can't be read.
    pub(super) problem: Option<FileStatus>,
    held: Option<Item>,
    cursor: String,
    is_cursor_changed: bool,
}

impl JournalReading {
    /// Not followed yet; it will be from the `cursor` on that the queue has.
    pub(super) fn new(cursor: Option<&[u8]>, problem: Option<FileStatus>) -> Self {
        let cursor = cursor.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
        Self { problem, cursor, ..Self::default() }
    }

    /// Follows the journal of a directory, from where it is begun, or none; one that is the same is followed on.
    pub(super) fn follow(
        &mut self,
        config: Option<(Option<PathBuf>, StartAt)>,
        counters: &Arc<Counters>,
    ) -> Result<(), CollectorError> {
        if config == self.config {
            return Ok(());
        }
        self.journal = None;
        if let Some((directory, from)) = &config {
            let options = journald::Options { directory: directory.clone(), cursor: self.cursor.clone(), from: *from };
            let follow = Journal::follow(options, Arc::clone(counters));
            self.journal = Some(follow.map_err(|source| failed("the systemd journal", source))?);
        }
        self.config = config;
        Ok(())
    }

    /// Reads until the batch is full (`true`) or there is no more for now.
    pub(super) fn read(
        &mut self,
        now: Timestamp,
        stage: &mut Stage,
        notices: &mut Vec<Notice>,
        counters: &Counters,
    ) -> bool {
        let Some(journal) = &mut self.journal else { return false };
        while let Some(item) = self.held.take().or_else(|| journal.items.try_recv().ok()) {
            let entry = match item {
                Item::Entry(entry) => entry,
                Item::Shortened => {
                    notices.push(journal_notice("the journal was shortened; entries may be missing", now));
                    continue;
                }
                Item::Damaged => {
                    notices.push(journal_notice("the journal is damaged; a part of it is left out", now));
                    continue;
                }
            };
            if !stage.fits(entry.message.len()) {
                self.held = Some(Item::Entry(entry));
                return true;
            }
            count(&counters.lines_read);
            add(&counters.bytes_read, entry.message.len() as u64);
            if let Some(messages) = entry.suppressed() {
                notices.push(suppressed_notice(&entry, messages));
            }
            take_entry(&entry, now, stage, counters);
            self.cursor = entry.cursor;
            self.is_cursor_changed = true;
        }
        false
    }

    /// The cursor, if it is not in the queue yet.
    pub(super) fn change(&mut self) -> Option<Vec<u8>> {
        std::mem::take(&mut self.is_cursor_changed).then(|| self.cursor.clone().into_bytes())
    }
}

fn take_entry(entry: &Entry, now: Timestamp, stage: &mut Stage, counters: &Counters) {
    if entry.message.is_empty() {
        count(&counters.lines_empty);
        return;
    }
    let mut parsed = Parsed {
        timestamp: Some(entry.timestamp),
        severity: entry.severity,
        host: entry.host.as_deref().map(Into::into),
        service: Some(entry.service.as_str().into()),
        attributes: entry.attributes.clone(),
        ..Parsed::default()
    };
    refine_message(&entry.service, &entry.message, &mut parsed);
    let none = BTreeMap::new();
    let origin = Origin {
        slot: SLOT_JOURNAL,
        service: &entry.service,
        layer: None,
        file: None,
        unit: entry.unit.as_deref(),
        labels: &none,
    };
    let facts = Facts { now, backlog: None, is_split: false, kind: Kind::Log };
    stage.take(&origin, &entry.message, parsed, facts, &mut LastStamp::default(), counters);
}

fn journal_notice(what: &str, now: Timestamp) -> Notice {
    let fields =
        vec![text("gap.file", "journal"), text("gap.reason", "journal"), number("gap.to", now.0.unsigned_abs())];
    Notice { name: "collector.gap", severity: Severity::WARN, text: what.to_owned(), fields }
}

fn suppressed_notice(entry: &Entry, messages: u64) -> Notice {
    Notice {
        name: "collector.gap",
        severity: Severity::WARN,
        text: format!("journald left out {messages} messages: {}", String::from_utf8_lossy(&entry.message)),
        fields: vec![text("gap.file", "journal"), text("gap.reason", "suppressed"), number("gap.messages", messages)],
    }
}
