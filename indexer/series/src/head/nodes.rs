//! Chains of samples: each node is one cache line.

/// Samples in a node.
const NODE_SAMPLES: usize = 5;
const BLOCK_BITS: u32 = 12;
/// Nodes that are allocated together.
const BLOCK: usize = 1 << BLOCK_BITS;
/// Bytes of a node.
pub(crate) const NODE_BYTES: usize = size_of::<Node>();

/// Up to [`NODE_SAMPLES`] samples; all nodes of a chain but the last are full.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Node {
    next: u32,
    /// Milliseconds after the generation's base.
    times: [i32; NODE_SAMPLES],
    values: [f64; NODE_SAMPLES],
}

const EMPTY: Node = Node { next: 0, times: [0; NODE_SAMPLES], values: [0.0; NODE_SAMPLES] };

/// The chain of one series.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Chain {
    first: u32,
    last: u32,
    /// Samples; bit 31 says that their times do not ascend.
    count: u32,
    /// The time of the last sample.
    last_time: i32,
}

const UNSORTED: u32 = 1 << 31;

/// What became of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    Added,
    /// There is one of this time and value.
    Same,
    /// In the place of another one of this time.
    Replaced,
}

impl Chain {
    pub(crate) fn count(self) -> u32 {
        self.count & !UNSORTED
    }

    pub(crate) fn is_sorted(self) -> bool {
        self.count & UNSORTED == 0
    }

    /// The greatest time of a sorted chain.
    pub(crate) fn last_time(self) -> i32 {
        self.last_time
    }
}

/// The nodes of a generation.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    blocks: Vec<Box<[Node]>>,
    used: u32,
}

impl Nodes {
    pub(crate) fn used(&self) -> usize {
        self.used as usize
    }

    #[inline]
    fn node(&self, at: u32) -> &Node {
        &self.blocks[(at >> BLOCK_BITS) as usize][at as usize & (BLOCK - 1)]
    }

    #[inline]
    fn node_mut(&mut self, at: u32) -> &mut Node {
        &mut self.blocks[(at >> BLOCK_BITS) as usize][at as usize & (BLOCK - 1)]
    }

    fn allocate(&mut self) -> u32 {
        if self.used as usize == self.blocks.len() * BLOCK {
            self.blocks.push(vec![EMPTY; BLOCK].into_boxed_slice());
        }
        self.used += 1;
        self.used - 1
    }

    /// Appends a sample. Of two with one time the later counts; only neighbours are compared here, [`Self::read`] does
    /// the rest.
    #[inline]
    pub(crate) fn push(&mut self, chain: &mut Chain, time: i32, value: f64) -> Pushed {
        let count = chain.count();
        let place = count as usize % NODE_SAMPLES;
        if count == 0 {
            chain.first = self.allocate();
            chain.last = chain.first;
        } else if time <= chain.last_time && chain.is_sorted() {
            if time == chain.last_time {
                let place = (count as usize - 1) % NODE_SAMPLES;
                let old = &mut self.node_mut(chain.last).values[place];
                let pushed = if old.to_bits() == value.to_bits() { Pushed::Same } else { Pushed::Replaced };
                *old = value;
                return pushed;
            }
            chain.count |= UNSORTED;
        }
        if count > 0 && place == 0 {
            let next = self.allocate();
            self.node_mut(chain.last).next = next;
            chain.last = next;
        }
        let node = self.node_mut(chain.last);
        node.times[place] = time;
        node.values[place] = value;
        chain.last_time = time;
        chain.count += 1;
        Pushed::Added
    }

    /// Calls `visit` with time and value of each sample, in the order of their coming.
    #[inline]
    pub(crate) fn visit(&self, chain: Chain, mut visit: impl FnMut(i32, f64)) {
        let (mut at, mut left) = (chain.first, chain.count() as usize);
        while left > 0 {
            let node = self.node(at);
            let here = left.min(NODE_SAMPLES);
            for place in 0..here {
                visit(node.times[place], node.values[place]);
            }
            left -= here;
            at = node.next;
        }
    }

    /// The first sample's time.
    pub(crate) fn first_time(&self, chain: Chain) -> Option<i32> {
        (chain.count() > 0).then(|| self.node(chain.first).times[0])
    }
}
