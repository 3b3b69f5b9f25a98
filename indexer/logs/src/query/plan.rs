//! What a query means for one segment: for each leaf of its tree which groups, streams and blocks can match.
//!
//! A leaf is decided for a whole group wherever the skeleton tells: a word without digits is in every line of the
//! group or in none. What it does not tell is left as *maybe*, narrowed to the blocks that the term index names, and
//! verified record by record.

use orszem_search::Query;

use super::planner::{Planner, add_slot_terms};
use super::rows::WholeRows;
use crate::error::Result;
use crate::segment::group::{BodyForm, SlotRole};
use crate::segment::read::{Run, Segment};

/// Whether records match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tri {
    Never,
    Maybe,
    Always,
}

impl Tri {
    pub(super) fn from_bool(decided: bool) -> Self {
        if decided { Self::Always } else { Self::Never }
    }

    fn not(self) -> Self {
        match self {
            Self::Never => Self::Always,
            Self::Maybe => Self::Maybe,
            Self::Always => Self::Never,
        }
    }
}

/// A set of blocks.
#[derive(Clone, Debug)]
pub(super) struct Blocks(Vec<u64>);

impl Blocks {
    pub(super) fn of(members: &[u32], count: usize) -> Self {
        let mut words = vec![0u64; count.div_ceil(64)];
        for &block in members {
            if let Some(word) = words.get_mut(block as usize / 64) {
                *word |= 1 << (block % 64);
            }
        }
        Self(words)
    }

    pub(super) fn contains(&self, block: usize) -> bool {
        self.0.get(block / 64).is_some_and(|word| word >> (block % 64) & 1 == 1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(super) fn intersect(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a &= b);
    }

    pub(super) fn unite(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
    }
}

/// Narrows `to` by one more condition; `None` stands for all blocks.
pub(super) fn narrow(to: &mut Option<Blocks>, by: Blocks) {
    match to {
        Some(blocks) => blocks.intersect(&by),
        None => *to = Some(by),
    }
}

#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) by_group: Vec<Tri>,
    /// Streams whose labels decide for a match, whatever the group.
    pub(super) by_stream: Option<Vec<bool>>,
    pub(super) any_stream: bool,
    /// Where a maybe can be; of a text leaf, where a maybe of a template group can be.
    pub(super) blocks: Option<Blocks>,
    /// What a text leaf means for the rows whose bodies are kept whole.
    pub(super) whole_rows: Option<WholeRows>,
}

#[derive(Debug)]
pub(super) enum Node {
    All,
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Leaf(usize),
}

/// The plan of one query for one segment.
#[derive(Debug)]
pub(crate) struct Plan<'s> {
    pub(crate) segment: &'s Segment,
    root: Node,
    leaves: Vec<Leaf>,
    kinds: u8,
    pub(crate) needs_stream: bool,
    pub(crate) by_group: Vec<Tri>,
    /// What is known of the rows from [`Self::whole_start`] on, numbered from there.
    pub(crate) whole: WholeRows,
    pub(crate) whole_start: u32,
    /// What each matching record of a template group has in a slot; lets most others be passed over unread.
    pub(crate) slot_terms: Vec<SlotTerm>,
}

/// A condition that a record's slots must meet for the record to match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SlotTerm {
    /// One of the variable tokens is this one, which is ASCII, but for case.
    Variable(Vec<u8>),
    /// The slot of this role holds these bytes.
    Id(SlotRole, Vec<u8>),
}

impl<'s> Plan<'s> {
    /// Plans `query` for `segment`.
    pub(crate) fn new(query: &Query, segment: &'s Segment) -> Result<Self> {
        let mut planner = Planner::new(segment);
        let root = planner.node(&query.expr)?;
        let leaves = planner.leaves;
        let needs_stream = leaves.iter().any(|leaf| leaf.by_stream.is_some());
        let mut plan = Self {
            segment,
            root,
            leaves,
            kinds: query.kinds,
            needs_stream,
            by_group: Vec::new(),
            whole: WholeRows::none(0),
            whole_start: segment.first_whole_row(),
            slot_terms: Vec::new(),
        };
        if plan.is_ruled_out(&plan.root) {
            plan.by_group = vec![Tri::Never; segment.groups.len()];
            plan.whole = WholeRows::none(segment.rows - plan.whole_start);
            return Ok(plan);
        }
        add_slot_terms(&query.expr, &mut plan.slot_terms);
        plan.by_group = (0..segment.groups.len()).map(|group| plan.eval(group, None, None)).collect();
        plan.whole = plan.whole_rows();
        Ok(plan)
    }

    /// Whether a condition that every match meets is met nowhere in the segment: the common case for rare words.
    fn is_ruled_out(&self, node: &Node) -> bool {
        match node {
            Node::All | Node::Not(_) => false,
            Node::And(nodes) => nodes.iter().any(|node| self.is_ruled_out(node)),
            Node::Or(nodes) => nodes.iter().all(|node| self.is_ruled_out(node)),
            Node::Leaf(leaf) => {
                let leaf = &self.leaves[*leaf];
                let templates = self.segment.groups.partition_point(|group| group.key.form == BodyForm::Template);
                let decided = leaf.whole_rows.as_ref().map_or(leaf.by_group.len(), |_| templates);
                let count = self.segment.rows - self.whole_start;
                !leaf.any_stream
                    && leaf.by_group.iter().take(decided).all(|tri| *tri == Tri::Never)
                    && leaf.whole_rows.as_ref().is_none_or(|rows| rows.possible.is_empty_in(0, count))
            }
        }
    }

    /// Works out which rows with whole bodies can match.
    fn whole_rows(&self) -> WholeRows {
        let count = self.segment.rows - self.whole_start;
        let mut rows = self.whole_node(&self.root, count);
        for run in self.whole_runs() {
            let key = &self.segment.groups[run.group as usize].key;
            let (start, end) = (run.row_start - self.whole_start, run.row_end - self.whole_start);
            if key.form == BodyForm::Record {
                rows.certain.remove_range(start, end);
            } else if self.kinds >> (key.shape.kind as u8) & 1 == 0 {
                rows.certain.remove_range(start, end);
                rows.possible.remove_range(start, end);
            }
        }
        rows
    }

    fn whole_runs(&self) -> impl Iterator<Item = &Run> {
        self.segment.runs.iter().skip(self.segment.run_of(self.whole_start))
    }

    fn whole_node(&self, node: &Node, count: u32) -> WholeRows {
        match node {
            Node::All => WholeRows::all(count),
            Node::And(nodes) => nodes.iter().fold(WholeRows::all(count), |mut rows, node| {
                rows.and(&self.whole_node(node, count));
                rows
            }),
            Node::Or(nodes) => nodes.iter().fold(WholeRows::none(count), |mut rows, node| {
                rows.or(&self.whole_node(node, count));
                rows
            }),
            Node::Not(node) => self.whole_node(node, count).not(count),
            Node::Leaf(leaf) => {
                let leaf = &self.leaves[*leaf];
                leaf.whole_rows.clone().unwrap_or_else(|| self.whole_by_run(leaf, count))
            }
        }
    }

    /// A leaf that streams, groups and blocks decide.
    fn whole_by_run(&self, leaf: &Leaf, count: u32) -> WholeRows {
        let mut rows = WholeRows::none(count);
        for run in self.whole_runs() {
            let (start, end) = (run.row_start - self.whole_start, run.row_end - self.whole_start);
            let by_stream = leaf.by_stream.as_ref().is_some_and(|streams| streams[run.stream as usize]);
            match if by_stream { Tri::Always } else { leaf.by_group[run.group as usize] } {
                Tri::Never => {}
                Tri::Always => {
                    rows.possible.insert_range(start, end);
                    rows.certain.insert_range(start, end);
                }
                Tri::Maybe => {
                    let first = self.segment.block_of(run.row_start);
                    for (index, block) in self.segment.blocks.iter().enumerate().skip(first) {
                        if block.row_start >= run.row_end {
                            break;
                        }
                        if leaf.blocks.as_ref().is_none_or(|blocks| blocks.contains(index)) {
                            let from = block.row_start.max(run.row_start) - self.whole_start;
                            rows.possible.insert_range(from, block.row_end.min(run.row_end) - self.whole_start);
                        }
                    }
                }
            }
        }
        rows
    }

    /// Whether nothing in the segment can match.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_group.iter().all(|tri| *tri == Tri::Never)
            || self.template_groups_never() && self.whole.possible.is_empty_in(0, self.segment.rows - self.whole_start)
    }

    fn template_groups_never(&self) -> bool {
        let templates = self.segment.groups.partition_point(|group| group.key.form == BodyForm::Template);
        self.by_group.iter().take(templates).all(|tri| *tri == Tri::Never)
    }

    /// What is known of records of `group`, and of `stream` and `block` if they are given.
    pub(crate) fn eval(&self, group: usize, stream: Option<u32>, block: Option<usize>) -> Tri {
        let key = &self.segment.groups[group].key;
        let whole = self.eval_node(&self.root, group, stream, block);
        if key.form == BodyForm::Record {
            return if whole == Tri::Never { Tri::Never } else { Tri::Maybe };
        }
        if self.kinds >> (key.shape.kind as u8) & 1 == 0 { Tri::Never } else { whole }
    }

    fn eval_node(&self, node: &Node, group: usize, stream: Option<u32>, block: Option<usize>) -> Tri {
        match node {
            Node::All => Tri::Always,
            Node::And(nodes) => {
                let mut all = Tri::Always;
                for node in nodes {
                    all = all.min(self.eval_node(node, group, stream, block));
                    if all == Tri::Never {
                        break;
                    }
                }
                all
            }
            Node::Or(nodes) => {
                let mut any = Tri::Never;
                for node in nodes {
                    any = any.max(self.eval_node(node, group, stream, block));
                    if any == Tri::Always {
                        break;
                    }
                }
                any
            }
            Node::Not(node) => self.eval_node(node, group, stream, block).not(),
            Node::Leaf(leaf) => self.eval_leaf(&self.leaves[*leaf], group, stream, block),
        }
    }

    fn eval_leaf(&self, leaf: &Leaf, group: usize, stream: Option<u32>, block: Option<usize>) -> Tri {
        let mut tri = leaf.by_group[group];
        if tri == Tri::Maybe
            && (leaf.whole_rows.is_none() || self.segment.groups[group].key.form == BodyForm::Template)
            && let Some(block) = block
            && leaf.blocks.as_ref().is_some_and(|blocks| !blocks.contains(block))
        {
            tri = Tri::Never;
        }
        match (&leaf.by_stream, stream) {
            (Some(streams), Some(stream)) if streams[stream as usize] => Tri::Always,
            (Some(_), None) if leaf.any_stream => tri.max(Tri::Maybe),
            _ => tri,
        }
    }
}
