//! Random lives of a queue with crashes, against a list of what was done.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;

use proptest::prelude::*;

use super::*;

const SECTOR: u64 = 512;

#[derive(Debug, Clone)]
enum Action {
    Append {
        bytes: usize,
    },
    Checkpoint,
    Sync,
    /// Reads that many and releases so many fewer.
    Send {
        read: usize,
        behind: u64,
    },
    Rewind {
        back: u64,
    },
    Reopen,
    /// Cuts what was not synced at a part of 256, and zeroes each sector of the rest where the bit is set.
    Crash {
        kept: u64,
        zeroed: u64,
    },
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => (0usize..1500).prop_map(|bytes| Action::Append { bytes }),
        2 => Just(Action::Checkpoint),
        3 => Just(Action::Sync),
        2 => (0usize..12, 0u64..6).prop_map(|(read, behind)| Action::Send { read, behind }),
        1 => (0u64..8).prop_map(|back| Action::Rewind { back }),
        1 => Just(Action::Reopen),
        2 => (0u64..=256, any::<u64>()).prop_map(|(kept, zeroed)| Action::Crash { kept, zeroed }),
    ]
}

/// What a batch or a checkpoint did.
#[derive(Debug, Clone)]
struct Done {
    /// Its number and payload; `None` for a checkpoint.
    batch: Option<(u64, Vec<u8>)>,
    positions: Positions,
}

#[derive(Debug, Default)]
struct Model {
    done: Vec<Done>,
    /// How many of them are durable.
    synced: usize,
    released: u64,
    count: u64,
}

impl Model {
    fn positions(&self) -> Positions {
        self.done.last().map(|done| done.positions.clone()).unwrap_or_default()
    }

    fn add(&mut self, batch: Option<(u64, Vec<u8>)>, changes: &Changes) {
        let mut positions = self.positions();
        record::apply(&mut positions, changes);
        self.done.push(Done { batch, positions });
    }

    /// The batches that must come, and whether they may end there.
    fn batches(&self, count: usize) -> Vec<(u64, Vec<u8>)> {
        let batches = self.done.iter().take(count).filter_map(|done| done.batch.clone());
        batches.filter(|(seq, _)| *seq > self.released).collect()
    }

    /// Takes over what a crash has left: everything durable, and of the rest a part from its beginning.
    fn crashed(&mut self, recovered: &Recovered, read: &[(u64, Vec<u8>)]) -> Result<(), TestCaseError> {
        let survives = |count: usize| {
            let positions = count.checked_sub(1).map(|last| self.done[last].positions.clone()).unwrap_or_default();
            positions == recovered.positions && self.batches(count) == read
        };
        let found = (self.synced..=self.done.len()).rev().find(|count| survives(*count));
        prop_assert!(found.is_some(), "{:?} {:?} is no part of {:?} from {}", recovered, read, self.done, self.synced);
        self.done.truncate(found.unwrap_or_default());
        self.synced = self.done.len();
        Ok(())
    }
}

fn crash(directory: &Path, tail: (u64, u64, u64), kept: u64, zeroed: u64) {
    let (first_seq, durable, bytes) = tail;
    let file = OpenOptions::new().write(true).open(paths::segment(directory, first_seq)).expect("opens");
    let length = durable + (bytes - durable) * kept / 256;
    file.set_len(length).expect("cuts");
    for sector in durable / SECTOR..length.div_ceil(SECTOR) {
        let (from, to) = ((sector * SECTOR).max(durable), ((sector + 1) * SECTOR).min(length));
        if zeroed >> (sector % 64) & 1 == 1 && from < to {
            file.write_all_at(&vec![0; (to - from) as usize], from).expect("zeroes");
        }
    }
}

fn live(actions: Vec<Action>) -> Result<(), TestCaseError> {
    let directory = directory();
    let (mut writer, mut reader, _) = open(directory.path());
    let mut model = Model::default();
    for action in actions {
        match action {
            Action::Append { bytes } => {
                model.count += 1;
                let number = model.count;
                let content: Vec<u8> = (0..bytes).map(|index| (number * 7 + index as u64) as u8 | 1).collect();
                let Ok(Appended::Queued { seq }) = append_payload(&mut writer, number, &content) else {
                    return Err(TestCaseError::fail("not appended"));
                };
                model.add(Some((seq, content)), &changes(number));
            }
            Action::Checkpoint => {
                model.count += 1;
                let mut changes = changes(model.count);
                changes.insert(key(model.count + 1), None);
                writer.checkpoint(&changes).expect("checkpoint");
                model.add(None, &changes);
            }
            Action::Sync => {
                writer.sync().expect("syncs");
            }
            Action::Send { read, behind } => {
                let mut last = 0;
                for _ in 0..read {
                    let Some(batch) = reader.next().expect("reads") else { break };
                    let found = model.done.iter().any(|done| done.batch == Some((batch.seq, batch.payload.clone())));
                    prop_assert!(found, "batch {} is wrong", batch.seq);
                    last = batch.seq;
                }
                let horizon = last.saturating_sub(behind);
                reader.release(horizon).expect("releases");
                model.released = model.released.max(horizon);
            }
            Action::Rewind { back } => {
                reader.rewind(model.released.saturating_sub(2) + back).expect("rewinds");
            }
            Action::Reopen | Action::Crash { .. } => {
                let tail = (writer.tail.first_seq, writer.tail.durable_bytes, writer.tail.bytes);
                let durable_next = writer.shared.lock().durable_next;
                drop((writer, reader));
                if let Action::Crash { kept, zeroed } = action {
                    crash(directory.path(), tail, kept, zeroed);
                } else {
                    model.synced = model.done.len();
                }
                let durable =
                    model.done.iter().rposition(|done| done.batch.as_ref().is_some_and(|(seq, _)| *seq < durable_next));
                model.synced = model.synced.max(durable.map_or(0, |index| index + 1));
                let recovered;
                (writer, reader, recovered) = open(directory.path());
                let batches = drain(&mut reader);
                let mut expected = model.released + 1;
                for batch in &batches {
                    prop_assert_eq!(batch.seq, expected + batch.skipped);
                    expected = batch.seq + 1;
                }
                let read: Vec<_> = batches.into_iter().map(|batch| (batch.seq, batch.payload)).collect();
                model.crashed(&recovered, &read)?;
                prop_assert_eq!(recovered.damage.len(), 0);
                prop_assert!(recovered.next_seq >= durable_next);
                reader.rewind(0).expect("rewinds");
            }
        }
        if let Some(last) = model.done.last()
            && writer.tail.durable_bytes == writer.tail.bytes
        {
            prop_assert_eq!(&last.positions, writer.positions());
            model.synced = model.done.len();
        }
        assert_balance(writer.usage());
    }
    let report = inspect::check(directory.path()).expect("checks");
    prop_assert_eq!(report.damage.len(), 0);
    fs::remove_dir_all(directory.path()).expect("removes");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_synced_batch_survives_every_crash_once_and_in_order(actions in prop::collection::vec(action(), 1..80)) {
        live(actions)?;
    }
}
