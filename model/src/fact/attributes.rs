//! Facts as event records, and back.

use super::{Fact, FactKind, RecordId};
use crate::observation::EVENT_NAME;
use crate::{Attribute, AttributeValue, Timestamp};

/// What stands before the name of every attribute of a fact but its kind.
const PREFIX: &str = "fact.";
/// What stands before the name of a detail that is called as one of [`OWN`].
const DETAIL: &str = "detail.";
const FROM: &str = "from";
const TO: &str = "to";
const CAUSE: &str = "cause";
const DURATION_MS: &str = "duration_ms";
const RECORDS: &str = "records";
/// The names that are a fact's own.
const OWN: [&str; 5] = [FROM, TO, CAUSE, DURATION_MS, RECORDS];

impl FactKind {
    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

impl Fact {
    /// All attributes of the event record: `event.name`, and `fact.NAME` for what else is known. Whole numbers are
    /// numbers; `fact.records` has `TIMESTAMP:SEQ` for each record, with a blank between. The time is the record's,
    /// the text its body, and the entities are its own.
    pub fn attributes(&self) -> Vec<Attribute> {
        let Self { at: _, kind, entity: _, others: _, from, to, cause, duration_ms, details, text: _, records } = self;
        let mut all = vec![attribute(EVENT_NAME.to_owned(), AttributeValue::String(kind.name().to_owned()))];
        for (name, word) in [(FROM, from), (TO, to), (CAUSE, cause)] {
            if !word.is_empty() {
                all.push(attribute(format!("{PREFIX}{name}"), AttributeValue::String(word.clone())));
            }
        }
        if let Some(ms) = duration_ms {
            all.push(attribute(format!("{PREFIX}{DURATION_MS}"), AttributeValue::Integer(ms.to_string())));
        }
        for (name, value) in details {
            let is_clear = !OWN.contains(&name.as_str()) && !name.starts_with(DETAIL);
            let between = if is_clear { "" } else { DETAIL };
            let value = if is_number(value) {
                AttributeValue::Integer(value.clone())
            } else {
                AttributeValue::String(value.clone())
            };
            all.push(attribute(format!("{PREFIX}{between}{name}"), value));
        }
        if !records.is_empty() {
            let words: Vec<String> = records.iter().map(|id| format!("{}:{}", id.timestamp.0, id.seq)).collect();
            all.push(attribute(format!("{PREFIX}{RECORDS}"), AttributeValue::String(words.join(" "))));
        }
        all
    }

    /// The entities of the event record: the fact's, then the others.
    pub fn entities(&self) -> Vec<String> {
        std::iter::once(&self.entity).chain(&self.others).cloned().collect()
    }

    /// The fact that an event record tells; `None` for every other record, and for one that lacks something.
    pub fn of(at: Timestamp, body: &str, entities: &[String], attributes: &[Attribute]) -> Option<Self> {
        let name = attributes.iter().find(|attribute| attribute.key == EVENT_NAME)?;
        let (entity, others) = entities.split_first()?;
        let mut fact = Self {
            at,
            kind: FactKind::from_name(text(&name.value)?)?,
            entity: entity.clone(),
            others: others.to_vec(),
            from: String::new(),
            to: String::new(),
            cause: String::new(),
            duration_ms: None,
            details: Vec::new(),
            text: body.to_owned(),
            records: Vec::new(),
        };
        for Attribute { key, value } in attributes {
            let Some(name) = key.strip_prefix(PREFIX) else { continue };
            let value = text(value)?;
            match name {
                FROM => value.clone_into(&mut fact.from),
                TO => value.clone_into(&mut fact.to),
                CAUSE => value.clone_into(&mut fact.cause),
                DURATION_MS => fact.duration_ms = Some(value.parse().ok()?),
                RECORDS => fact.records = value.split(' ').map(record).collect::<Option<_>>()?,
                name => {
                    let name = name.strip_prefix(DETAIL).unwrap_or(name);
                    fact.details.push((name.to_owned(), value.to_owned()));
                }
            }
        }
        Some(fact)
    }
}

fn attribute(key: String, value: AttributeValue) -> Attribute {
    Attribute { key, value }
}

/// A number that is written in the one way in which it is printed.
fn is_number(text: &str) -> bool {
    text.parse::<i64>().is_ok_and(|number| number.to_string() == text)
}

fn text(value: &AttributeValue) -> Option<&str> {
    match value {
        AttributeValue::String(text) | AttributeValue::Integer(text) => Some(text),
        AttributeValue::Float(_)
        | AttributeValue::Bool(_)
        | AttributeValue::Null
        | AttributeValue::Json(_)
        | AttributeValue::Bytes(_) => None,
    }
}

fn record(word: &str) -> Option<RecordId> {
    let (timestamp, seq) = word.split_once(':')?;
    Some(RecordId { timestamp: Timestamp(timestamp.parse().ok()?), seq: seq.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(kind: FactKind) -> Fact {
        let word = String::from;
        let id = |timestamp, seq| RecordId { timestamp: Timestamp(timestamp), seq };
        Fact {
            at: Timestamp(7),
            kind,
            entity: word("resource/vip"),
            others: vec![word("host/n1"), word("host/n2")],
            from: word("n1"),
            to: word("n2"),
            cause: word("n1 was lost"),
            duration_ms: Some(12_400),
            details: [("count", "3"), ("peer", "n2"), ("code", "007"), ("from", "there"), ("detail.x", "true")]
                .map(|(name, value)| (word(name), word(value)))
                .to_vec(),
            text: word("vip is on n2"),
            records: vec![id(-5, 1), id(6, 1 << 40)],
        }
    }

    fn bare(kind: FactKind) -> Fact {
        let empty = String::new;
        let (others, details, records) = (Vec::new(), Vec::new(), Vec::new());
        let (from, to, cause, duration_ms) = (empty(), empty(), empty(), None);
        Fact { others, from, to, cause, duration_ms, details, records, ..fact(kind) }
    }

    fn back(fact: &Fact) -> Option<Fact> {
        Fact::of(fact.at, &fact.text, &fact.entities(), &fact.attributes())
    }

    #[test]
    fn what_is_told_is_understood() {
        for kind in FactKind::ALL {
            assert_eq!(back(&fact(*kind)), Some(fact(*kind)));
            assert_eq!(back(&bare(*kind)), Some(bare(*kind)));
        }
    }

    #[test]
    fn attributes_are_those_that_people_search_for() {
        let told: Vec<(String, String)> = fact(FactKind::Failover)
            .attributes()
            .into_iter()
            .map(|attribute| {
                let kind = if matches!(attribute.value, AttributeValue::Integer(_)) { "#" } else { "" };
                (attribute.key, format!("{kind}{}", text(&attribute.value).expect("a word")))
            })
            .collect();
        let expected = [
            ("event.name", "service.failover"),
            ("fact.from", "n1"),
            ("fact.to", "n2"),
            ("fact.cause", "n1 was lost"),
            ("fact.duration_ms", "#12400"),
            ("fact.count", "#3"),
            ("fact.peer", "n2"),
            ("fact.code", "007"),
            ("fact.detail.from", "there"),
            ("fact.detail.detail.x", "true"),
            ("fact.records", "-5:1 6:1099511627776"),
        ];
        assert_eq!(told, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn other_records_are_none() {
        let fact = fact(FactKind::NodeLost);
        let of = |attributes: &[Attribute]| Fact::of(fact.at, &fact.text, &fact.entities(), attributes);
        let good = fact.attributes();
        assert_eq!(of(&[]), None);
        assert_eq!(Fact::of(fact.at, &fact.text, &[], &good), None, "it is about something");
        for (key, wrong) in [
            ("event.name", AttributeValue::String("pacemaker.member".into())),
            ("event.name", AttributeValue::Null),
            ("fact.from", AttributeValue::Bool(true)),
            ("fact.duration_ms", AttributeValue::String("long".into())),
            ("fact.records", AttributeValue::String("5".into())),
        ] {
            let change = |attribute: &Attribute| {
                let is_it = attribute.key == key;
                Attribute {
                    key: attribute.key.clone(),
                    value: if is_it { wrong.clone() } else { attribute.value.clone() },
                }
            };
            assert_eq!(of(&good.iter().map(change).collect::<Vec<_>>()), None, "{key}: {wrong:?}");
        }
    }
}
