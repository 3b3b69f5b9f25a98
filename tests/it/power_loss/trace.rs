//! The events that `tests/powerloss/trace.c` recorded.

use std::path::{Path, PathBuf};

/// The front of an event, before its two texts.
const HEAD_BYTES: usize = 40;

/// What the process did to the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Create {
        path: PathBuf,
        inode: u64,
    },
    MakeDirectory {
        path: PathBuf,
        inode: u64,
    },
    Write {
        inode: u64,
        offset: usize,
        data: Vec<u8>,
    },
    Truncate {
        inode: u64,
        length: usize,
    },
    /// Makes durable what the events before `begun` did to the inode.
    Sync {
        inode: u64,
        begun: usize,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
    Link {
        from: PathBuf,
        to: PathBuf,
    },
}

/// A call and where its record ends in the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) call: Call,
    pub(crate) end: u64,
}

/// The whole events of a trace; what is cut off at its end is left out.
pub(crate) fn read(trace: &[u8]) -> Vec<Event> {
    let (mut events, mut rest) = (Vec::new(), trace);
    while let Some((head, behind)) = rest.split_at_checked(HEAD_BYTES) {
        let u32_at = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes")) as usize;
        let u64_at = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"));
        let Some((a, behind)) = behind.split_at_checked(u32_at(4)) else { break };
        let Some((b, behind)) = behind.split_at_checked(u32_at(8)) else { break };
        let (inode, offset, begun) = (u64_at(16), u64_at(24) as usize, u64_at(32) as usize);
        let call = match u32_at(0) {
            1 => Call::Create { path: path(a), inode },
            2 => Call::MakeDirectory { path: path(a), inode },
            3 => Call::Write { inode, offset, data: a.to_vec() },
            4 => Call::Truncate { inode, length: offset },
            5 => Call::Sync { inode, begun },
            6 => Call::Rename { from: path(a), to: path(b) },
            7 => Call::Remove { path: path(a) },
            8 => Call::Link { from: path(a), to: path(b) },
            kind => panic!("event {kind}: the program called {:?}, which the replay does not know", path(a)),
        };
        rest = behind;
        events.push(Event { call, end: (trace.len() - rest.len()) as u64 });
    }
    events
}

fn path(bytes: &[u8]) -> PathBuf {
    Path::new(str::from_utf8(bytes).expect("a path in UTF-8")).to_owned()
}
