//! What was sent and what was acknowledged, and how a store's content compares with it.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::random::Random;

/// 86,400 s.
const DAY_NS: i64 = 86_400_000_000_000;
/// Records lie in this many days, of which the last is today.
const DAYS: u64 = 4;

/// A batch by its writer and its number among that writer's batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Batch {
    pub(crate) writer: u64,
    pub(crate) number: u64,
}

impl Batch {
    /// The text of one of its records; its first word is in no other record.
    pub(crate) fn text(self, record: u64) -> String {
        let Self { writer, number } = self;
        let mut random = Random::new(writer << 48 | number << 16 | record);
        let mut text = format!("w{writer}b{number}r{record} block {} of", random.below(1000));
        for _ in 0..random.below(24) {
            write!(text, " {:x}", random.next() >> random.below(60)).expect("writes to memory");
        }
        text
    }

    /// The batch as it is sent: a JSON object a line.
    pub(crate) fn body(self, records: u64, today: i64) -> String {
        let mut body = String::new();
        for record in 0..records {
            let mut random = Random::new(self.number ^ record << 32);
            let ts = today - random.below(DAYS).cast_signed() * DAY_NS + random.below(1_000_000_000).cast_signed();
            let (host, text) = (random.below(3), self.text(record));
            writeln!(body, r#"{{"ts":{ts},"host":"db{host}","msg":"{text}","n":{record}}}"#).expect("writes to memory");
        }
        body
    }

    /// Batch and record that a text claims to be.
    fn of(text: &str) -> Option<(Self, u64)> {
        let (writer, rest) = text.split(' ').next()?.strip_prefix('w')?.split_once('b')?;
        let (number, record) = rest.split_once('r')?;
        Some((Self { writer: writer.parse().ok()?, number: number.parse().ok()? }, record.parse().ok()?))
    }
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    records: u64,
    /// The mark that the writer gave with the acknowledgement.
    acknowledged: Option<u64>,
}

/// All batches that were sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    sent: BTreeMap<Batch, Sent>,
}

/// How a store's content differs from the ledger.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Differences {
    /// Found, but never sent, sent otherwise, or found before.
    pub(crate) strange: Vec<String>,
    /// Acknowledged and not found.
    pub(crate) missing: Vec<String>,
    /// Not acknowledged, and neither whole nor absent.
    pub(crate) torn: Vec<Batch>,
}

impl Ledger {
    /// Notes that a batch is about to be sent.
    pub(crate) fn send(&mut self, batch: Batch, records: u64) {
        self.sent.insert(batch, Sent { records, acknowledged: None });
    }

    /// Notes that it was acknowledged, at the moment `mark`.
    pub(crate) fn acknowledge(&mut self, batch: Batch, mark: u64) {
        self.sent.get_mut(&batch).expect("was sent").acknowledged = Some(mark);
    }

    /// The records of all acknowledged batches.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.sent.values().filter(|sent| sent.acknowledged.is_some()).map(|sent| sent.records).sum()
    }

    /// The marks of all acknowledgements, the earliest first.
    pub(crate) fn marks(&self) -> Vec<u64> {
        let mut marks: Vec<u64> = self.sent.values().filter_map(|sent| sent.acknowledged).collect();
        marks.sort_unstable();
        marks
    }

    /// Compares `found` with what was acknowledged up to and with the mark `until`.
    pub(crate) fn compare<'t>(&self, found: impl IntoIterator<Item = &'t str>, until: u64) -> Differences {
        let mut differences = Differences::default();
        let mut seen: BTreeMap<Batch, BTreeMap<u64, u64>> = BTreeMap::new();
        for text in found {
            let claimed = Batch::of(text).filter(|(batch, record)| {
                let is_sent = self.sent.get(batch).is_some_and(|sent| *record < sent.records);
                is_sent && batch.text(*record) == text
            });
            let Some((batch, record)) = claimed else {
                differences.strange.push(format!("never sent: {text:?}"));
                continue;
            };
            let times = seen.entry(batch).or_default().entry(record).or_default();
            *times += 1;
            if *times > 1 {
                differences.strange.push(format!("found {times} times: {text:?}"));
            }
        }
        for (batch, sent) in &self.sent {
            let records = seen.remove(batch).unwrap_or_default();
            if sent.acknowledged.is_some_and(|mark| mark <= until) {
                let missing = (0..sent.records).filter(|record| !records.contains_key(record));
                differences.missing.extend(missing.map(|record| batch.text(record)));
            } else if !records.is_empty() && (records.len() as u64) < sent.records {
                differences.torn.push(*batch);
            }
        }
        differences
    }
}

#[test]
fn a_ledger_tells_what_is_strange_missing_and_torn() {
    let [told, lost, untold] = [1, 2, 3].map(|number| Batch { writer: 0, number });
    let mut ledger = Ledger::default();
    for batch in [told, lost, untold] {
        ledger.send(batch, 2);
    }
    ledger.acknowledge(told, 10);
    ledger.acknowledge(lost, 20);
    let texts = [told.text(0), told.text(1)];
    let all = || texts.iter().map(String::as_str);
    assert_eq!(ledger.compare(all(), 19), Differences::default());
    let missing = vec![lost.text(0), lost.text(1)];
    assert_eq!(ledger.compare(all(), 20), Differences { missing, ..Differences::default() });
    let changed = told.text(1).replace("block", "blocc");
    let foreign = Batch { writer: 7, ..told }.text(0);
    let half = untold.text(1);
    let found = [&texts[0], &texts[0], &texts[1], &changed, &foreign, &half].map(String::as_str);
    let strange = vec![
        format!("found 2 times: {:?}", texts[0]),
        format!("never sent: {changed:?}"),
        format!("never sent: {foreign:?}"),
    ];
    assert_eq!(ledger.compare(found, 10), Differences { strange, missing: vec![], torn: vec![untold] });
}
