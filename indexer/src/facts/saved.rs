//! `facts.state` in the data directory, version 1: the engines, up to where they have read, and what goes out next.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use orszem_durable::{Format, Quarantine};
use orszem_facts::{Facts, Settings};
use orszem_model::{Timestamp, varint};

use super::stage::{Cluster, ClusterKey};
use crate::error::Error;

/// The file's name in the data directory.
pub(crate) const FILE_NAME: &str = "facts.state";
const FORMAT: Format = Format { magic: *b"ORSZFACT", version: 1 };

/// All that the stage knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// Where to read on.
    pub(super) position: u64,
    /// Under which facts are submitted; another one whenever a state begins from nothing.
    pub(super) epoch: u64,
    /// The next number by tenant.
    pub(super) next: BTreeMap<u32, u64>,
    pub(super) clusters: BTreeMap<ClusterKey, Cluster>,
    /// What was concluded and may not have been submitted yet, oldest first.
    pub(super) pending: Vec<Pending>,
}

/// Facts of one tenant that go out together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) tenant: u32,
    pub(super) seq: u64,
    /// Encoded records.
    pub(super) batch: Vec<u8>,
}

/// How an engine of this cluster is set.
pub(super) fn settings(label: &str, listening_since: Timestamp) -> Settings {
    let default = Settings { listening_since, ..Settings::default() };
    if label.is_empty() { default } else { Settings { cluster: label.to_owned(), ..default } }
}

/// What was saved in `data_dir`; `None` if nothing was, or if it is damaged and now set aside, which is logged.
pub(super) fn load(data_dir: &Path, listening_since: Timestamp) -> Result<Option<State>, Error> {
    let path = data_dir.join(FILE_NAME);
    let failed = |source| Error::ReadFacts { path: path.clone(), source };
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes.map_err(failed)?,
    };
    let state = FORMAT.unseal(&bytes).ok().and_then(|body| decode(body, listening_since));
    if state.is_none() {
        let kept = Quarantine::of(data_dir).move_in(&path).map_err(failed)?;
        tracing::error!(path = %kept.display(), "the state of facts is damaged or of another version; they begin anew");
    }
    Ok(state)
}

/// Replaces the file durably.
pub(super) fn save(data_dir: &Path, state: &State) -> Result<(), Error> {
    let path = data_dir.join(FILE_NAME);
    orszem_durable::replace(&path, &FORMAT.seal(&encode(state))).map_err(|source| Error::SaveFacts { path, source })
}

fn encode(state: &State) -> Vec<u8> {
    let State { position, epoch, next, clusters, pending } = state;
    let mut out = Vec::new();
    varint::put(&mut out, *position);
    varint::put(&mut out, *epoch);
    varint::put(&mut out, next.len() as u64);
    for (tenant, seq) in next {
        varint::put(&mut out, u64::from(*tenant));
        varint::put(&mut out, *seq);
    }
    varint::put(&mut out, clusters.len() as u64);
    for (ClusterKey { tenant, label, is_simulated }, Cluster { engine, hosts, ticked, newest, is_fed: _ }) in clusters {
        varint::put(&mut out, u64::from(*tenant));
        varint::put_bytes(&mut out, label.as_bytes());
        varint::put(&mut out, u64::from(*is_simulated));
        varint::put(&mut out, hosts.len() as u64);
        for host in hosts {
            varint::put_bytes(&mut out, host.as_bytes());
        }
        varint::put_signed(&mut out, ticked.0);
        varint::put_signed(&mut out, newest.0);
        varint::put_bytes(&mut out, &engine.encode());
    }
    varint::put(&mut out, pending.len() as u64);
    for Pending { tenant, seq, batch } in pending {
        varint::put(&mut out, u64::from(*tenant));
        varint::put(&mut out, *seq);
        varint::put_bytes(&mut out, batch);
    }
    out
}

fn decode(mut input: &[u8], listening_since: Timestamp) -> Option<State> {
    let input = &mut input;
    let mut state = State {
        position: varint::take(input)?,
        epoch: varint::take(input)?,
        next: BTreeMap::new(),
        clusters: BTreeMap::new(),
        pending: Vec::new(),
    };
    for _ in 0..varint::take(input)? {
        state.next.insert(tenant(input)?, varint::take(input)?);
    }
    for _ in 0..varint::take(input)? {
        let key = ClusterKey { tenant: tenant(input)?, label: text(input)?, is_simulated: flag(input)? };
        let mut hosts = BTreeSet::new();
        for _ in 0..varint::take(input)? {
            hosts.insert(text(input)?);
        }
        let ticked = Timestamp(varint::take_signed(input)?);
        let newest = Timestamp(varint::take_signed(input)?);
        let engine = Facts::decode(settings(&key.label, listening_since), varint::take_bytes(input)?)?;
        state.clusters.insert(key, Cluster { engine, hosts, ticked, newest, is_fed: true });
    }
    for _ in 0..varint::take(input)? {
        let (tenant, seq) = (tenant(input)?, varint::take(input)?);
        state.pending.push(Pending { tenant, seq, batch: varint::take_bytes(input)?.to_vec() });
    }
    input.is_empty().then_some(state)
}

fn tenant(input: &mut &[u8]) -> Option<u32> {
    u32::try_from(varint::take(input)?).ok()
}

fn flag(input: &mut &[u8]) -> Option<bool> {
    match varint::take(input)? {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

fn text(input: &mut &[u8]) -> Option<String> {
    str::from_utf8(varint::take_bytes(input)?).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        let cluster = |label: &str| {
            let engine = Facts::new(settings(label, Timestamp(5)));
            let hosts = BTreeSet::from(["n1".to_owned(), "n2".to_owned()]);
            Cluster { engine, hosts, ticked: Timestamp(-3), newest: Timestamp(9), is_fed: true }
        };
        let key = |tenant, label: &str| ClusterKey { tenant, label: label.to_owned(), is_simulated: tenant == 3 };
        State {
            position: 1 << 40,
            epoch: u64::MAX,
            next: BTreeMap::from([(0, 7), (3, 1)]),
            clusters: BTreeMap::from([(key(0, ""), cluster("")), (key(3, "lab"), cluster("lab"))]),
            pending: vec![Pending { tenant: 3, seq: 0, batch: vec![1, 2, 3] }],
        }
    }

    /// What version 1 looks like on disk but for the engines, which have a version of their own.
    #[test]
    fn version_1_is_frozen() {
        let pending = vec![Pending { tenant: 3, seq: 8, batch: vec![1, 2] }];
        let (next, clusters) = (BTreeMap::from([(3, 9)]), BTreeMap::new());
        let state = State { position: 5, epoch: 7, next, clusters, pending };
        let bytes = [5, 7, 1, 3, 9, 0, 1, 3, 8, 2, 1, 2];
        assert_eq!(encode(&state), bytes);
        assert_eq!(decode(&bytes, Timestamp(0)), Some(state));
    }

    #[test]
    fn a_state_comes_back_and_a_damaged_one_is_set_aside() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(FILE_NAME);
        let load = || load(directory.path(), Timestamp(5)).expect("looks");
        assert_eq!(load(), None);
        save(directory.path(), &state()).expect("saves");
        assert_eq!(load(), Some(state()));
        let good = fs::read(&path).expect("reads");
        for cut in [0, 15, good.len() / 2, good.len() - 1] {
            fs::write(&path, &good[..cut]).expect("writes");
            assert_eq!(load(), None, "cut to {cut}");
            assert!(!path.try_exists().expect("looks"), "it is set aside");
        }
        let longer = FORMAT.seal(&[encode(&state()), vec![0]].concat());
        fs::write(&path, longer).expect("writes");
        assert_eq!(load(), None);
        let kept = directory.path().join("quarantine").join("facts.state.4");
        assert!(kept.try_exists().expect("looks"));
    }
}
