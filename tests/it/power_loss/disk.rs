//! A disk that forgets: what is on it when the power fails after some calls.
//!
//! A file's content and a directory's names are on the disk once they were synced, each by itself; a new file is there
//! only when its directory was synced. Beyond that the disk may have kept any 512-byte sectors of unsynced writes, and
//! any first part of what was done to a directory since its last sync.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::trace::{Call, Event};
use crate::torture::random::Random;

const SECTOR_BYTES: usize = 512;

/// What the disk kept of what was not synced.
pub(crate) enum Kept<'r> {
    Nothing,
    Everything,
    Some(&'r mut Random),
}

type Id = usize;

#[derive(Debug)]
enum Change {
    Write { offset: usize, data: Vec<u8> },
    Truncate { length: usize },
    Enter { name: OsString, id: Id },
    Leave { name: OsString },
    Move { from: OsString, to: OsString, id: Id },
}

#[derive(Debug)]
enum Content {
    File(Vec<u8>),
    Directory(BTreeMap<OsString, Id>),
}

/// A file or directory as the disk has it, and what was done to it since.
#[derive(Debug)]
struct Node {
    durable: Content,
    /// With the number of the event.
    pending: Vec<(usize, Change)>,
}

/// The disk, and the names as the process sees them.
#[derive(Debug)]
pub(crate) struct Disk {
    nodes: Vec<Node>,
    inodes: BTreeMap<u64, Id>,
    paths: BTreeMap<PathBuf, Id>,
}

const ROOT: Id = 0;

impl Disk {
    /// The state after `events` over the empty directory `root`.
    pub(crate) fn after(events: &[Event], root: &Path, root_inode: u64) -> Self {
        let nodes = vec![Node { durable: Content::Directory(BTreeMap::new()), pending: Vec::new() }];
        let (inodes, paths) = (BTreeMap::from([(root_inode, ROOT)]), BTreeMap::from([(root.to_owned(), ROOT)]));
        let mut disk = Self { nodes, inodes, paths };
        for (at, event) in events.iter().enumerate() {
            disk.call(at, &event.call);
        }
        disk
    }

    fn call(&mut self, at: usize, call: &Call) {
        match call {
            Call::Create { path, inode } => self.add(at, path, *inode, Content::File(Vec::new())),
            Call::MakeDirectory { path, inode } => {
                self.add(at, path, *inode, Content::Directory(BTreeMap::new()));
            }
            Call::Write { inode, offset, data } => {
                self.change(at, self.inodes[inode], Change::Write { offset: *offset, data: data.clone() });
            }
            Call::Truncate { inode, length } => {
                self.change(at, self.inodes[inode], Change::Truncate { length: *length });
            }
            Call::Sync { inode, begun } => self.nodes[self.inodes[inode]].sync(*begun),
            Call::Rename { from, to } => self.rename(at, from, to),
            Call::Remove { path } => {
                self.paths.remove(path);
                let (parent, name) = self.place(path);
                self.change(at, parent, Change::Leave { name });
            }
            Call::Link { from, to } => self.enter(at, to, self.paths[from]),
        }
    }

    fn add(&mut self, at: usize, path: &Path, inode: u64, durable: Content) {
        let id = self.nodes.len();
        self.nodes.push(Node { durable, pending: Vec::new() });
        self.inodes.insert(inode, id);
        self.enter(at, path, id);
    }

    fn enter(&mut self, at: usize, path: &Path, id: Id) {
        self.paths.insert(path.to_owned(), id);
        let (parent, name) = self.place(path);
        self.change(at, parent, Change::Enter { name, id });
    }

    fn rename(&mut self, at: usize, from: &Path, to: &Path) {
        let moved: Vec<PathBuf> = self.paths.keys().filter(|path| path.starts_with(from)).cloned().collect();
        let id = self.paths[from];
        for path in moved {
            let id = self.paths.remove(&path).expect("is there");
            let below = path.strip_prefix(from).expect("is below");
            self.paths.insert(if below.as_os_str().is_empty() { to.to_owned() } else { to.join(below) }, id);
        }
        let ((from_parent, from), (to_parent, to)) = (self.place(from), self.place(to));
        if from_parent == to_parent {
            return self.change(at, to_parent, Change::Move { from, to, id });
        }
        self.change(at, to_parent, Change::Enter { name: to, id });
        self.change(at, from_parent, Change::Leave { name: from });
    }

    fn place(&self, path: &Path) -> (Id, OsString) {
        let parent = self.paths[path.parent().expect("has a parent")];
        (parent, path.file_name().expect("has a name").to_owned())
    }

    fn change(&mut self, at: usize, id: Id, change: Change) {
        self.nodes[id].pending.push((at, change));
    }

    /// Writes what the disk has after the power failed to the empty directory `target`.
    pub(crate) fn write_to(mut self, target: &Path, mut kept: Kept<'_>) {
        for node in &mut self.nodes {
            node.settle(&mut kept);
        }
        self.write(ROOT, target);
    }

    fn write(&self, id: Id, target: &Path) {
        match &self.nodes[id].durable {
            Content::File(bytes) => fs::write(target, bytes).expect("writes"),
            Content::Directory(names) => {
                fs::create_dir_all(target).expect("a directory");
                for (name, id) in names {
                    self.write(*id, &target.join(name));
                }
            }
        }
    }
}

impl Node {
    fn sync(&mut self, begun: usize) {
        let synced = self.pending.partition_point(|(at, _)| *at < begun);
        for (_, change) in self.pending.drain(..synced) {
            self.durable.apply(&change, |_| true);
        }
    }

    /// Decides about everything that was not synced.
    fn settle(&mut self, kept: &mut Kept<'_>) {
        let mut pending = std::mem::take(&mut self.pending);
        match kept {
            Kept::Nothing => {}
            Kept::Everything => pending.iter().for_each(|(_, change)| self.durable.apply(change, |_| true)),
            Kept::Some(random) => {
                if matches!(self.durable, Content::Directory(_)) {
                    pending.truncate(random.below(pending.len() as u64 + 1) as usize);
                }
                for (_, change) in &pending {
                    // Most often whole writes, so that not every write is torn.
                    match random.below(4) {
                        0 => self.durable.apply(change, |_| random.below(2) == 0),
                        1 if matches!(self.durable, Content::File(_)) => {}
                        _ => self.durable.apply(change, |_| true),
                    }
                }
            }
        }
    }
}

impl Content {
    /// `is_kept` is asked for each sector of a write.
    fn apply(&mut self, change: &Change, mut is_kept: impl FnMut(usize) -> bool) {
        match (self, change) {
            (Self::File(bytes), Change::Write { offset, data }) => {
                for (at, byte) in data.chunk_by_sector(*offset) {
                    if is_kept(at / SECTOR_BYTES) {
                        bytes.resize(bytes.len().max(at + byte.len()), 0);
                        bytes[at..at + byte.len()].copy_from_slice(byte);
                    }
                }
            }
            (Self::File(bytes), Change::Truncate { length }) => bytes.resize(*length, 0),
            (Self::Directory(names), Change::Enter { name, id }) => drop(names.insert(name.clone(), *id)),
            (Self::Directory(names), Change::Leave { name }) => drop(names.remove(name)),
            (Self::Directory(names), Change::Move { from, to, id }) => {
                names.remove(from);
                names.insert(to.clone(), *id);
            }
            (content, change) => panic!("{change:?} of {content:?}"),
        }
    }
}

trait BySector {
    /// Pieces that don't cross a sector's border, with where they go.
    fn chunk_by_sector(&self, offset: usize) -> impl Iterator<Item = (usize, &[u8])>;
}

impl BySector for Vec<u8> {
    fn chunk_by_sector(&self, offset: usize) -> impl Iterator<Item = (usize, &[u8])> {
        let first = self.len().min(SECTOR_BYTES - offset % SECTOR_BYTES);
        let (front, rest) = self.split_at(first);
        let aligned = rest.chunks(SECTOR_BYTES).enumerate();
        std::iter::once((offset, front))
            .chain(aligned.map(move |(at, piece)| (offset + first + at * SECTOR_BYTES, piece)))
    }
}

#[test]
fn a_disk_keeps_what_was_synced_and_what_it_likes_of_the_rest() {
    let root = Path::new("/r");
    let calls = vec![
        Call::MakeDirectory { path: "/r/d".into(), inode: 2 },
        Call::Create { path: "/r/d/new".into(), inode: 3 },
        Call::Write { inode: 3, offset: 0, data: vec![1; 600] },
        Call::Sync { inode: 3, begun: 3 },
        Call::Write { inode: 3, offset: 600, data: vec![2; 600] },
        Call::Sync { inode: 1, begun: 5 },
        Call::Rename { from: "/r/d/new".into(), to: "/r/d/old".into() },
        Call::Create { path: "/r/d/late".into(), inode: 4 },
        Call::Sync { inode: 2, begun: 7 },
        Call::Sync { inode: 3, begun: 4 },
        Call::Remove { path: "/r/d/old".into() },
    ];
    let events: Vec<Event> = calls.into_iter().map(|call| Event { call, end: 0 }).collect();
    let found = |events: &[Event], kept: Kept<'_>| {
        let target = tempfile::tempdir().expect("a directory");
        Disk::after(events, root, 1).write_to(target.path(), kept);
        let names = fs::read_dir(target.path().join("d")).ok().into_iter().flatten();
        let mut files: Vec<(String, Vec<u8>)> = names
            .map(|entry| entry.expect("reads"))
            .map(|entry| (entry.file_name().into_string().expect("text"), fs::read(entry.path()).expect("reads")))
            .collect();
        files.sort();
        files
    };
    let file = |name: &str, ones: usize, twos: usize| (name.to_owned(), [vec![1; ones], vec![2; twos]].concat());
    assert_eq!(found(&events[..5], Kept::Nothing), []);
    assert_eq!(found(&events[..5], Kept::Everything), [file("new", 600, 600)]);
    assert_eq!(found(&events[..8], Kept::Nothing), [], "the directory was not synced, only the one above");
    assert_eq!(found(&events, Kept::Nothing), [file("old", 600, 0)]);
    assert_eq!(found(&events, Kept::Everything), [file("late", 0, 0)]);
    let mut random = Random::new(1);
    let torn: std::collections::BTreeSet<_> = (0..100).map(|_| found(&events[..10], Kept::Some(&mut random))).collect();
    let whole = [vec![file("old", 600, 0)], vec![file("old", 600, 600)]];
    assert!(whole.iter().all(|state| torn.contains(&[vec![], state.clone()].concat())), "{}", torn.len());
    assert!(torn.len() > whole.len() * 2, "sectors are torn as well");
}
