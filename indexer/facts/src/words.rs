//! How a fact is put together and said.

use orszem_model::fact::{Fact, FactKind};
use orszem_model::{RecordId, Timestamp};

const NANOS_PER_MS: i64 = 1_000_000;

pub(crate) fn host(node: &str) -> String {
    format!("host/{node}")
}

pub(crate) fn resource(name: &str) -> String {
    format!("resource/{name}")
}

pub(crate) fn later(at: Timestamp, ms: u64) -> Timestamp {
    Timestamp(at.0.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(NANOS_PER_MS)))
}

pub(crate) fn earlier(at: Timestamp, ms: u64) -> Timestamp {
    Timestamp(at.0.saturating_sub(i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(NANOS_PER_MS)))
}

/// Milliseconds from one moment to a later one; 0 if it is none.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.0.saturating_sub(from.0) / NANOS_PER_MS).unwrap_or(0)
}

/// `0.3 s`, `17.6 s`, `4 min 10 s`, `2 h 5 min`.
pub(crate) fn span(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0..=99 => format!("{}.{} s", seconds, ms % 1_000 / 100),
        100..=3_599 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// `first`, `second`, …, `14th`.
pub(crate) fn ordinal(number: u32) -> String {
    match number {
        1 => "first".to_owned(),
        2 => "second".to_owned(),
        3 => "third".to_owned(),
        4 => "fourth".to_owned(),
        5 => "fifth".to_owned(),
        _ => {
            let ending = match (number % 10, number % 100) {
                (1, tens) if tens != 11 => "st",
                (2, tens) if tens != 12 => "nd",
                (3, tens) if tens != 13 => "rd",
                _ => "th",
            };
            format!("{number}{ending}")
        }
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list<S: AsRef<str>>(words: &[S]) -> String {
    match words {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [before @ .., last] => {
            let before: Vec<&str> = before.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", before.join(", "), last.as_ref())
        }
    }
}

/// A fact in the making.
#[derive(Clone, Debug)]
pub(crate) struct Draft(pub(crate) Fact);

impl Draft {
    pub(crate) fn new(kind: FactKind, at: Timestamp, entity: String, text: String) -> Self {
        Self(Fact {
            at,
            kind,
            entity,
            others: Vec::new(),
            from: String::new(),
            to: String::new(),
            cause: String::new(),
            duration_ms: None,
            details: Vec::new(),
            text,
            records: Vec::new(),
        })
    }

    pub(crate) fn other(mut self, entity: String) -> Self {
        // DRBD 8.4 has no name for the other node.
        if !self.0.others.contains(&entity) && self.0.entity != entity && entity != "host/peer" {
            self.0.others.push(entity);
        }
        self
    }

    pub(crate) fn change(mut self, from: &str, to: &str) -> Self {
        from.clone_into(&mut self.0.from);
        to.clone_into(&mut self.0.to);
        self
    }

    pub(crate) fn cause(mut self, cause: String) -> Self {
        self.0.cause = cause;
        self
    }

    pub(crate) fn lasting(mut self, ms: u64) -> Self {
        self.0.duration_ms = Some(ms);
        self
    }

    #[expect(clippy::needless_pass_by_value, reason = "numbers and words alike are handed over as they are")]
    pub(crate) fn detail(mut self, name: &str, value: impl ToString) -> Self {
        self.0.details.push((name.to_owned(), value.to_string()));
        self
    }

    pub(crate) fn record(mut self, id: RecordId) -> Self {
        if self.0.records.len() < orszem_model::fact::RECORDS_MAX && !self.0.records.contains(&id) {
            self.0.records.push(id);
        }
        self
    }

    pub(crate) fn records(self, ids: &[RecordId]) -> Self {
        ids.iter().fold(self, |draft, id| draft.record(*id))
    }

    /// It was so already when looking began.
    pub(crate) fn holding(mut self, is_holding: bool) -> Self {
        if is_holding {
            self.0.text.push_str(" (already so when looking began)");
            self = self.detail("holding", true);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_as_people_say_them() {
        let said: Vec<String> = [1, 3, 6, 11, 21, 112].map(ordinal).to_vec();
        assert_eq!(said, ["first", "third", "6th", "11th", "21st", "112th"]);
        assert_eq!([340, 17_620, 250_000, 7_500_000].map(span), ["0.3 s", "17.6 s", "4 min 10 s", "2 h 5 min"]);
        assert_eq!([list::<&str>(&[]), list(&["a"]), list(&["a", "b", "c"])], ["", "a", "a, b and c"]);
        assert_eq!(between(Timestamp(5_000_000), Timestamp(1_000_000)), 0);
    }
}
