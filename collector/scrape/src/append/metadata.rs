//! Type, help and unit of a target's metric families.

use std::collections::BTreeMap;
use std::sync::Arc;

use orszem_exposition::MetricType;

use crate::output::Metadata;

/// A family is forgotten after this many good scrapes without it.
const TURNS_MAX: u64 = 10;

#[derive(Debug, Default)]
pub(super) struct FamilyCache {
    families: BTreeMap<Arc<str>, Family>,
    turn: u64,
    /// Whether the list is another one than [`FamilyCache::take_changed`] gave.
    is_changed: bool,
}

#[derive(Debug)]
struct Family {
    metadata: Metadata,
    seen: u64,
    /// Whether it is to be handed on.
    is_new: bool,
}

impl FamilyCache {
    pub(super) fn set_kind(&mut self, family: &str, kind: MetricType) {
        self.update(family, |family| {
            family.is_new |= family.metadata.kind != kind;
            family.metadata.kind = kind;
        });
    }

    pub(super) fn set_help(&mut self, family: &str, help: &str) {
        self.update(family, |family| family.is_new |= replace(&mut family.metadata.help, help));
    }

    pub(super) fn set_unit(&mut self, family: &str, unit: &str) {
        self.update(family, |family| family.is_new |= replace(&mut family.metadata.unit, unit));
    }

    /// Ends a good scrape: appends what is new.
    pub(super) fn end(&mut self, out: &mut Vec<Metadata>) {
        let turn = self.turn;
        let before = self.families.len();
        self.families.retain(|_, family| family.seen + TURNS_MAX >= turn);
        self.is_changed |= self.families.len() != before;
        for family in self.families.values_mut().filter(|family| family.is_new) {
            family.is_new = false;
            self.is_changed = true;
            out.push(family.metadata.clone());
        }
        self.turn += 1;
    }

    pub(super) fn take_changed(&mut self) -> Option<Arc<[Metadata]>> {
        std::mem::take(&mut self.is_changed)
            .then(|| self.families.values().map(|family| family.metadata.clone()).collect())
    }

    fn update(&mut self, name: &str, change: impl FnOnce(&mut Family)) {
        if let Some(family) = self.families.get_mut(name) {
            family.seen = self.turn;
            change(family);
            return;
        }
        let metadata = Metadata { family: name.into(), ..Metadata::default() };
        let mut family = Family { metadata, seen: self.turn, is_new: true };
        change(&mut family);
        self.families.insert(name.into(), family);
    }
}

/// Puts `text` there; whether it was another one.
fn replace(old: &mut Arc<str>, text: &str) -> bool {
    let is_other = **old != *text;
    if is_other {
        *old = text.into();
    }
    is_other
}
