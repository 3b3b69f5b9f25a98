//! What a query means for one segment: for each leaf of its tree which groups, streams and blocks can match.
//!
//! A leaf is decided for a whole group wherever the skeleton tells: a word without digits is in every line of the
//! group or in none. What it does not tell is left as *maybe*, narrowed to the blocks that the term index names, and
//! verified record by record.

use orszem_model::wire::{AttributesView, EntitiesView, RecordView};
use orszem_model::{Kind, Stream, Timestamp};
use orszem_search::{Expr, FieldMatcher, FieldName, FieldPattern, Query, Required, TextPattern, Verify, required_tokens};

use crate::error::Result;
use crate::segment::group::{BodyForm, Group, Shape};
use crate::segment::read::Segment;
use crate::tokens::{Space, TermHasher};

/// Words of the dictionary that a prefix or infix may stand for before it is not worth looking all of them up.
const EXPANSION_MAX: usize = 512;

/// Whether records match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tri {
    Never,
    Maybe,
    Always,
}

impl Tri {
    fn from_bool(decided: bool) -> Self {
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
struct Blocks(Vec<u64>);

impl Blocks {
    fn of(members: &[u32], count: usize) -> Self {
        let mut words = vec![0u64; count.div_ceil(64)];
        for &block in members {
            if let Some(word) = words.get_mut(block as usize / 64) {
                *word |= 1 << (block % 64);
            }
        }
        Self(words)
    }

    fn contains(&self, block: usize) -> bool {
        self.0.get(block / 64).is_some_and(|word| word >> (block % 64) & 1 == 1)
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    fn intersect(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a &= b);
    }

    fn unite(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
    }
}

/// Narrows `to` by one more condition; `None` stands for all blocks.
fn narrow(to: &mut Option<Blocks>, by: Blocks) {
    match to {
        Some(blocks) => blocks.intersect(&by),
        None => *to = Some(by),
    }
}

#[derive(Debug)]
struct Leaf {
    by_group: Vec<Tri>,
    /// Streams whose labels decide for a match, whatever the group.
    by_stream: Option<Vec<bool>>,
    any_stream: bool,
    /// Where a maybe of a template group can be.
    slot_blocks: Option<Blocks>,
    /// Where a maybe of a group with whole bodies can be.
    whole_blocks: Option<Blocks>,
}

#[derive(Debug)]
enum Node {
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
}

impl<'s> Plan<'s> {
    /// Plans `query` for `segment`.
    pub(crate) fn new(query: &Query, segment: &'s Segment) -> Result<Self> {
        let mut planner = Planner { segment, hasher: TermHasher::default(), leaves: Vec::new() };
        let root = planner.node(&query.expr)?;
        let leaves = planner.leaves;
        let needs_stream = leaves.iter().any(|leaf| leaf.by_stream.is_some());
        let mut plan = Self { segment, root, leaves, kinds: query.kinds, needs_stream, by_group: Vec::new() };
        plan.by_group = (0..segment.groups.len()).map(|group| plan.eval(group, None, None)).collect();
        Ok(plan)
    }

    /// Whether nothing in the segment can match.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_group.iter().all(|tri| *tri == Tri::Never)
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
            && let Some(block) = block
        {
            let template = self.segment.groups[group].key.form == BodyForm::Template;
            let blocks = if template { &leaf.slot_blocks } else { &leaf.whole_blocks };
            if blocks.as_ref().is_some_and(|blocks| !blocks.contains(block)) {
                tri = Tri::Never;
            }
        }
        match (&leaf.by_stream, stream) {
            (Some(streams), Some(stream)) if streams[stream as usize] => Tri::Always,
            (Some(_), None) if leaf.any_stream => tri.max(Tri::Maybe),
            _ => tri,
        }
    }
}

struct Planner<'s> {
    segment: &'s Segment,
    hasher: TermHasher,
    leaves: Vec<Leaf>,
}

impl Planner<'_> {
    fn node(&mut self, expr: &Expr) -> Result<Node> {
        Ok(match expr {
            Expr::All => Node::All,
            Expr::And(parts) => Node::And(parts.iter().map(|part| self.node(part)).collect::<Result<_>>()?),
            Expr::Or(parts) => Node::Or(parts.iter().map(|part| self.node(part)).collect::<Result<_>>()?),
            Expr::Not(part) => Node::Not(Box::new(self.node(part)?)),
            Expr::Text(pattern) => {
                let leaf = self.text(pattern)?;
                self.leaf(leaf)
            }
            Expr::Field(field) => {
                let leaf = self.field(field)?;
                self.leaf(leaf)
            }
        })
    }

    fn leaf(&mut self, mut leaf: Leaf) -> Node {
        let none = |blocks: &Option<Blocks>| blocks.as_ref().is_some_and(Blocks::is_empty);
        let (no_slot, no_whole) = (none(&leaf.slot_blocks), none(&leaf.whole_blocks));
        if no_slot || no_whole {
            for (tri, group) in leaf.by_group.iter_mut().zip(&self.segment.groups) {
                let gone = if group.key.form == BodyForm::Template { no_slot } else { no_whole };
                if gone && *tri == Tri::Maybe {
                    *tri = Tri::Never;
                }
            }
        }
        self.leaves.push(leaf);
        Node::Leaf(self.leaves.len() - 1)
    }

    fn constant(&self, of: impl Fn(&Group) -> Tri) -> Leaf {
        Leaf {
            by_group: self.segment.groups.iter().map(of).collect(),
            by_stream: None,
            any_stream: false,
            slot_blocks: None,
            whole_blocks: None,
        }
    }

    fn blocks_with(&mut self, space: Space<'_>, text: &[u8]) -> Result<Blocks> {
        let hash = self.hasher.hash(space, text);
        Ok(Blocks::of(&self.segment.blocks_with(hash)?, self.segment.blocks.len()))
    }

    fn text(&mut self, pattern: &TextPattern) -> Result<Leaf> {
        let mut leaf = self.constant(|_| Tri::Always);
        for required in &pattern.required {
            self.require(required, &mut leaf)?;
        }
        let exact = matches!(pattern.verify, Verify::Exact) && !pattern.required.is_empty();
        for (tri, group) in leaf.by_group.iter_mut().zip(&self.segment.groups) {
            let undecided = !exact || group.key.form != BodyForm::Template;
            if *tri == Tri::Always && undecided {
                *tri = Tri::Maybe;
            }
        }
        Ok(leaf)
    }

    /// Narrows `leaf` by a literal that must occur in the body.
    fn require(&mut self, required: &Required, leaf: &mut Leaf) -> Result<()> {
        let segment = self.segment;
        let tokens: Vec<Token<'_>> = required_tokens(required)
            .map(|(text, complete)| Token { text, complete, digits: text.bytes().any(|b| b.is_ascii_digit()) })
            .collect();
        let static_words: Vec<u64> = tokens
            .iter()
            .filter(|token| token.complete && !token.digits)
            .map(|token| self.hasher.hash(Space::Body, token.text.as_bytes()))
            .collect();
        let with_words = (!static_words.is_empty()).then(|| groups_with_all(segment, &static_words));
        let digits = tokens.iter().any(|token| token.digits);
        let literal = TextPattern::literal(&required.folded, required.left_boundary, required.right_boundary);
        for (index, (tri, group)) in leaf.by_group.iter_mut().zip(&segment.groups).enumerate() {
            if group.key.form != BodyForm::Template || *tri == Tri::Never {
                continue;
            }
            let has_words = with_words.as_ref().is_none_or(|groups| groups.binary_search(&(index as u32)).is_ok());
            let found = if !has_words {
                Tri::Never
            } else if digits {
                let may = tokens.iter().filter(|token| token.digits).all(|token| group.charset.may_contain(token.text.as_bytes()));
                if may { Tri::Maybe } else { Tri::Never }
            } else if group.key.pieces.iter().any(|piece| literal.is_match(piece)) {
                Tri::Always
            } else {
                let mut partial = tokens.iter().filter(|token| !token.complete);
                if partial.any(|token| group.charset.may_contain(token.text.as_bytes())) { Tri::Maybe } else { Tri::Never }
            };
            *tri = (*tri).min(found);
        }
        for token in &tokens {
            if token.complete {
                let blocks = self.blocks_with(Space::Body, token.text.as_bytes())?;
                if token.digits {
                    narrow(&mut leaf.slot_blocks, blocks.clone());
                }
                narrow(&mut leaf.whole_blocks, blocks);
            }
        }
        if segment.groups.iter().any(|group| group.key.form != BodyForm::Template) {
            self.narrow_by_dictionary(required, &tokens, leaf)?;
        }
        Ok(())
    }

    /// Narrows the blocks of whole bodies by the words that the literal's incomplete ends may belong to.
    fn narrow_by_dictionary(&mut self, required: &Required, tokens: &[Token<'_>], leaf: &mut Leaf) -> Result<()> {
        for (index, token) in tokens.iter().enumerate() {
            if token.complete || leaf.whole_blocks.as_ref().is_some_and(Blocks::is_empty) {
                continue;
            }
            let starts_literal = index == 0 && required.folded.starts_with(token.text);
            let ends_literal = index + 1 == tokens.len() && required.folded.ends_with(token.text);
            let open_left = starts_literal && !required.left_boundary;
            let open_right = ends_literal && !required.right_boundary;
            let part = token.text.as_bytes();
            let mut hashes = Some(Vec::new());
            let hasher = &mut self.hasher;
            let complete = self.segment.for_each_word(|word| {
                let fits = match (open_left, open_right) {
                    (false, _) => word.starts_with(part),
                    (true, false) => word.ends_with(part),
                    (true, true) => memchr::memmem::find(word, part).is_some(),
                };
                if fits && let Some(found) = &mut hashes {
                    found.push(hasher.hash(Space::Body, word));
                    if found.len() > EXPANSION_MAX {
                        hashes = None;
                    }
                }
            })?;
            if let (true, Some(hashes)) = (complete, hashes) {
                let count = self.segment.blocks.len();
                let mut blocks = Blocks::of(&[], count);
                for hash in hashes {
                    blocks.unite(&Blocks::of(&self.segment.blocks_with(hash)?, count));
                }
                narrow(&mut leaf.whole_blocks, blocks);
            }
        }
        Ok(())
    }

    fn field(&mut self, field: &FieldPattern) -> Result<Leaf> {
        match &field.field {
            FieldName::Body => match &field.matcher {
                FieldMatcher::Pattern(pattern) => self.text(pattern),
                _ => Ok(self.constant(|_| Tri::Maybe)),
            },
            FieldName::Severity | FieldName::Kind => Ok(self.by_shape(field, |_| false)),
            FieldName::TraceId => self.by_id(field, Space::Trace, |shape| shape.has_trace),
            FieldName::SpanId => self.by_id(field, Space::Span, |shape| shape.has_span),
            FieldName::Entity => {
                let mut leaf = self.by_shape(field, |shape| shape.has_entities);
                if let FieldMatcher::Equals(text) = &field.matcher {
                    let blocks = self.blocks_with(Space::Entity, text.as_bytes())?;
                    leaf.slot_blocks = Some(blocks.clone());
                    leaf.whole_blocks = Some(blocks);
                }
                Ok(leaf)
            }
            FieldName::Named(names) => self.named(field, names),
        }
    }

    /// A field that the shape decides, unless `varies` says that each record has its own value.
    fn by_shape(&self, field: &FieldPattern, varies: impl Fn(&Shape) -> bool) -> Leaf {
        self.constant(|group| match group.key.form {
            BodyForm::Record => Tri::Maybe,
            _ if varies(&group.key.shape) => Tri::Maybe,
            _ => Tri::from_bool(field.matches(&bare_record(&group.key.shape))),
        })
    }

    fn by_id(&mut self, field: &FieldPattern, space: Space<'_>, has: fn(&Shape) -> bool) -> Result<Leaf> {
        let mut leaf = self.by_shape(field, has);
        if let FieldMatcher::Equals(text) = &field.matcher
            && let Some(id) = hex(text)
        {
            let hash = self.hasher.hash_exact(space, &id);
            let blocks = Blocks::of(&self.segment.blocks_with(hash)?, self.segment.blocks.len());
            leaf.slot_blocks = Some(blocks.clone());
            leaf.whole_blocks = Some(blocks);
        }
        Ok(leaf)
    }

    fn named(&mut self, field: &FieldPattern, names: &[String]) -> Result<Leaf> {
        let mut leaf = self.constant(|group| match group.key.form {
            BodyForm::Record => Tri::Maybe,
            _ if group.key.shape.attributes.iter().any(|(key, _)| names.contains(key)) => Tri::Maybe,
            _ => Tri::Never,
        });
        if let FieldMatcher::Equals(text) = &field.matcher {
            let mut blocks = Blocks::of(&[], self.segment.blocks.len());
            for name in names {
                blocks.unite(&self.blocks_with(Space::Attribute(name), text.as_bytes())?);
            }
            leaf.slot_blocks = Some(blocks.clone());
            leaf.whole_blocks = Some(blocks);
        }
        let streams: Vec<bool> = self.segment.streams.iter().map(|stream| field.matches_labels(&stream.labels)).collect();
        leaf.any_stream = streams.contains(&true);
        leaf.by_stream = Some(streams);
        Ok(leaf)
    }
}

struct Token<'a> {
    text: &'a str,
    complete: bool,
    digits: bool,
}

fn groups_with_all(segment: &Segment, words: &[u64]) -> Vec<u32> {
    let index = segment.static_words();
    let Some((first, rest)) = words.split_first() else { return Vec::new() };
    let mut groups = index.groups_with(*first).to_vec();
    for word in rest {
        let others = index.groups_with(*word);
        groups.retain(|group| others.binary_search(group).is_ok());
    }
    groups
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().map(|b| (b as char).to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// A record that has nothing but what its shape says.
fn bare_record(shape: &Shape) -> RecordView<'_> {
    static NO_STREAM: std::sync::OnceLock<Stream> = std::sync::OnceLock::new();
    let stream = NO_STREAM.get_or_init(|| Stream { tenant: 0, class: String::new(), labels: orszem_model::Labels::default() });
    RecordView {
        timestamp: Timestamp(0),
        observed: Timestamp(0),
        seq: 0,
        stream,
        severity: shape.severity,
        severity_text: shape.severity_text.as_deref(),
        trace_id: None,
        span_id: None,
        kind: Kind::from_code(shape.kind as u8).unwrap_or_default(),
        attributes: AttributesView(&[]),
        entities: EntitiesView(&[]),
        body: &[],
    }
}
