//! `alerting/rules.state` in the data directory, version 1: what the evaluators have come to, and up to where they read.

use std::fs;
use std::io;
use std::path::Path;

use orszem_durable::{Format, Quarantine};
use orszem_model::{Timestamp, varint};

use super::super::store::directory;
use crate::error::Error;

const FILE_NAME: &str = "rules.state";
const FORMAT: Format = Format { magic: *b"ORSZRULE", version: 1 };

/// What is saved. The evaluators have forms of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// Where to read on in the journal of logs.
    pub(super) position: u64,
    pub(super) at: Timestamp,
    pub(super) thresholds: Vec<u8>,
    pub(super) logs: Vec<u8>,
    pub(super) events: Vec<u8>,
}

/// What was saved in `data_dir`; `None` if nothing was, or if it is damaged and now set aside, which is logged.
pub(super) fn load(data_dir: &Path) -> Result<Option<State>, Error> {
    let path = directory(data_dir).join(FILE_NAME);
    let failed = |source| Error::ReadRules { path: path.clone(), source };
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes.map_err(failed)?,
    };
    let state = FORMAT.unseal(&bytes).ok().and_then(decode);
    if state.is_none() {
        let kept = Quarantine::of(data_dir).move_in(&path).map_err(failed)?;
        tracing::error!(path = %kept.display(), "the state of own rules is damaged or of another version; it begins anew");
    }
    Ok(state)
}

/// Replaces the file durably.
pub(super) fn save(data_dir: &Path, state: &State) -> Result<(), Error> {
    let path = directory(data_dir).join(FILE_NAME);
    orszem_durable::replace(&path, &FORMAT.seal(&encode(state))).map_err(|source| Error::SaveRules { path, source })
}

fn encode(state: &State) -> Vec<u8> {
    let State { position, at, thresholds, logs, events } = state;
    let mut out = Vec::new();
    varint::put(&mut out, *position);
    varint::put_signed(&mut out, at.0);
    for part in [thresholds, logs, events] {
        varint::put_bytes(&mut out, part);
    }
    out
}

fn decode(mut input: &[u8]) -> Option<State> {
    let input = &mut input;
    let state = State {
        position: varint::take(input)?,
        at: Timestamp(varint::take_signed(input)?),
        thresholds: varint::take_bytes(input)?.to_vec(),
        logs: varint::take_bytes(input)?.to_vec(),
        events: varint::take_bytes(input)?.to_vec(),
    };
    input.is_empty().then_some(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        State { position: 5, at: Timestamp(-3), thresholds: vec![1, 0], logs: vec![1], events: Vec::new() }
    }

    #[test]
    fn version_1_is_frozen() {
        let bytes = [5, 5, 2, 1, 0, 1, 1, 0];
        assert_eq!(encode(&state()), bytes);
        assert_eq!(decode(&bytes), Some(state()));
        assert_eq!(decode(&bytes[..7]), None);
    }

    #[test]
    fn a_state_comes_back_and_a_damaged_one_is_set_aside() {
        let data_dir = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(directory(data_dir.path())).expect("a directory");
        let load = || load(data_dir.path()).expect("looks");
        assert_eq!(load(), None);
        save(data_dir.path(), &state()).expect("saves");
        assert_eq!(load(), Some(state()));
        let path = directory(data_dir.path()).join(FILE_NAME);
        let good = fs::read(&path).expect("reads");
        fs::write(&path, &good[..good.len() - 1]).expect("writes");
        assert_eq!(load(), None);
        assert!(!path.try_exists().expect("looks"), "it is set aside");
    }
}
