//! What a query means for one segment: for each leaf of its tree which groups, streams and blocks can match.
//!
//! A leaf is decided for a whole group wherever the skeleton tells: a word without digits is in every line of the
//! group or in none. What it does not tell is left as *maybe*, narrowed to the blocks that the term index names, and
//! verified record by record.

use orszem_model::wire::{AttributesView, EntitiesView, RecordView};
use orszem_model::{Kind, Stream, Timestamp};
use orszem_search::{
    Expr, FieldMatcher, FieldName, FieldPattern, Query, Required, TextPattern, Verify, required_tokens,
};

use super::rows::{RowSet, WholeRows};
use crate::error::Result;
use crate::segment::group::{BodyForm, Group, Shape, SlotRole};
use crate::segment::read::{Run, Segment};
use crate::segment::words::Part;
use crate::tokens::{Space, TermHasher};

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
    /// Where a maybe can be; of a text leaf, where a maybe of a template group can be.
    blocks: Option<Blocks>,
    /// What a text leaf means for the rows whose bodies are kept whole.
    whole_rows: Option<WholeRows>,
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
        let mut planner = Planner { segment, hasher: TermHasher::default(), leaves: Vec::new() };
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
        if leaf.blocks.as_ref().is_some_and(Blocks::is_empty) {
            for (tri, group) in leaf.by_group.iter_mut().zip(&self.segment.groups) {
                let narrowed = leaf.whole_rows.is_none() || group.key.form == BodyForm::Template;
                if narrowed && *tri == Tri::Maybe {
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
            blocks: None,
            whole_rows: None,
        }
    }

    fn blocks_with(&mut self, space: Space<'_>, text: &[u8]) -> Result<Blocks> {
        let hash = self.hasher.hash(space, text);
        Ok(Blocks::of(&self.segment.blocks_with(hash)?, self.segment.blocks.len()))
    }

    fn text(&mut self, pattern: &TextPattern) -> Result<Leaf> {
        let segment = self.segment;
        let mut leaf = self.constant(|_| Tri::Always);
        let mut whole = WholeRows::all(segment.rows - segment.first_whole_row());
        for required in &pattern.required {
            self.require(required, &mut leaf, &mut whole)?;
        }
        let exact = matches!(pattern.verify, Verify::Exact) && !pattern.required.is_empty();
        if !exact {
            whole.certain = RowSet::none(segment.rows - segment.first_whole_row());
        }
        for (tri, group) in leaf.by_group.iter_mut().zip(&segment.groups) {
            let undecided = !exact || group.key.form != BodyForm::Template;
            if *tri == Tri::Always && undecided {
                *tri = Tri::Maybe;
            }
        }
        leaf.whole_rows = Some(whole);
        Ok(leaf)
    }

    /// Narrows `leaf` by a literal that must occur in the body.
    fn require(&mut self, required: &Required, leaf: &mut Leaf, whole: &mut WholeRows) -> Result<()> {
        let segment = self.segment;
        let tokens: Vec<Token<'_>> = required_tokens(required)
            .map(|(text, complete)| Token { text, complete, digits: text.bytes().any(|b| b.is_ascii_digit()) })
            .collect();
        let static_words: Vec<u64> = tokens
            .iter()
            .filter(|token| token.complete && !token.digits)
            .map(|token| self.hasher.hash(Space::Body, token.text.as_bytes()))
            .collect();
        for token in tokens.iter().filter(|token| token.complete && token.digits) {
            let blocks = self.blocks_with(Space::Body, token.text.as_bytes())?;
            narrow(&mut leaf.blocks, blocks);
        }
        if leaf.blocks.as_ref().is_some_and(Blocks::is_empty) {
            let templates = segment.groups.partition_point(|group| group.key.form == BodyForm::Template);
            leaf.by_group.iter_mut().take(templates).for_each(|tri| *tri = Tri::Never);
            return self.require_whole(required, &tokens, whole);
        }
        let text = segment.static_text();
        let digits = tokens.iter().any(|token| token.digits);
        let literal = TextPattern::literal(&required.folded, required.left_boundary, required.right_boundary);
        // Ascending: the groups that can have the literal because they have its complete words, and those that do have it.
        let with_words = (!static_words.is_empty()).then(|| text.groups_with_all(&static_words));
        let with_literal: Vec<u32> = match (&with_words, digits) {
            (_, true) => Vec::new(),
            (Some(groups), false) => groups.iter().copied().filter(|group| text.has(*group, &literal)).collect(),
            (None, false) => text.groups_with_literal(&literal),
        };
        for (index, (tri, group)) in (0u32..).zip(leaf.by_group.iter_mut().zip(&segment.groups)) {
            if group.key.form != BodyForm::Template || *tri == Tri::Never {
                continue;
            }
            let mut open = tokens.iter().filter(|token| if digits { token.digits } else { !token.complete });
            let found = if with_words.as_ref().is_some_and(|groups| groups.binary_search(&index).is_err()) {
                Tri::Never
            } else if with_literal.binary_search(&index).is_ok() {
                Tri::Always
            } else if digits && open.all(|token| group.charset.may_contain(token.text.as_bytes()))
                || !digits && open.any(|token| group.charset.may_contain(token.text.as_bytes()))
            {
                Tri::Maybe
            } else {
                Tri::Never
            };
            *tri = (*tri).min(found);
        }
        self.require_whole(required, &tokens, whole)
    }

    /// Narrows the rows with whole bodies by the literal's words. A literal that is one word and nothing else is decided.
    fn require_whole(&mut self, required: &Required, tokens: &[Token<'_>], whole: &mut WholeRows) -> Result<()> {
        let segment = self.segment;
        let count = segment.rows - segment.first_whole_row();
        if count == 0 {
            return Ok(());
        }
        for (index, token) in tokens.iter().enumerate() {
            let part = token.text.as_bytes();
            let open_left = index == 0 && required.folded.starts_with(token.text) && !required.left_boundary;
            let mut rows = WholeRows::none(count);
            let words = segment.words()?;
            let decoded = if token.complete {
                words.look_up(self.hasher.hash(Space::Body, part), part, |row| rows.certain.insert(row))
            } else {
                let ends_literal = index + 1 == tokens.len() && required.folded.ends_with(token.text);
                let place = match (open_left, ends_literal && !required.right_boundary) {
                    (false, _) => Part::Prefix,
                    (true, false) => Part::Suffix,
                    (true, true) => Part::Anywhere,
                };
                words.for_each_with(part, place, |row, certain| {
                    if certain { rows.certain.insert(row) } else { rows.possible.insert(row) }
                })
            };
            decoded.ok_or_else(|| segment.corrupt("the words do not decode"))?;
            rows.possible.unite(&rows.certain);
            if token.text != required.folded {
                rows.certain = RowSet::none(count);
            }
            whole.and(&rows);
        }
        if tokens.is_empty() {
            whole.certain = RowSet::none(count);
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
            FieldName::TraceId | FieldName::SpanId | FieldName::Entity
                if matches!(field.matcher, FieldMatcher::Exists) =>
            {
                Ok(self.exists(&field.field))
            }
            FieldName::TraceId => self.by_id(field, Space::Trace, |shape| shape.has_trace),
            FieldName::SpanId => self.by_id(field, Space::Span, |shape| shape.has_span),
            FieldName::Entity => {
                let mut leaf = self.by_shape(field, |shape| shape.has_entities);
                if let FieldMatcher::Equals(text) = &field.matcher {
                    let blocks = self.blocks_with(Space::Entity, text.as_bytes())?;
                    leaf.blocks = Some(blocks);
                }
                Ok(leaf)
            }
            FieldName::Named(names) => self.named(field, names),
        }
    }

    fn exists(&self, field: &FieldName) -> Leaf {
        self.constant(|group| match (group.key.form, field) {
            (BodyForm::Record, _) => Tri::Maybe,
            (_, FieldName::TraceId) => Tri::from_bool(group.key.shape.has_trace),
            (_, FieldName::SpanId) => Tri::from_bool(group.key.shape.has_span),
            _ => Tri::from_bool(group.key.shape.has_entities),
        })
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
            leaf.blocks = Some(blocks);
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
            leaf.blocks = Some(blocks);
        }
        let streams: Vec<bool> =
            self.segment.streams.iter().map(|stream| field.matches_labels(&stream.labels)).collect();
        leaf.any_stream = streams.contains(&true);
        leaf.by_stream = Some(streams);
        Ok(leaf)
    }
}

/// The terms that every match of `expr` has in its slots.
fn add_slot_terms(expr: &Expr, terms: &mut Vec<SlotTerm>) {
    match expr {
        Expr::And(parts) => parts.iter().for_each(|part| add_slot_terms(part, terms)),
        Expr::Text(pattern) => {
            for required in &pattern.required {
                let words = required_tokens(required).filter(|(text, complete)| *complete && text.is_ascii());
                let variable = words.filter(|(text, _)| text.bytes().any(|byte| byte.is_ascii_digit()));
                terms.extend(variable.map(|(text, _)| SlotTerm::Variable(text.as_bytes().to_vec())));
            }
        }
        Expr::Field(FieldPattern { field, matcher: FieldMatcher::Equals(text) }) => {
            let role = match field {
                FieldName::TraceId => SlotRole::Trace,
                FieldName::SpanId => SlotRole::Span,
                _ => return,
            };
            terms.extend(hex(text).map(|id| SlotTerm::Id(role, id)));
        }
        Expr::All | Expr::Or(_) | Expr::Not(_) | Expr::Field(_) => {}
    }
}

struct Token<'a> {
    text: &'a str,
    complete: bool,
    digits: bool,
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().map(|b| (b as char).to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// A record that has nothing but what its shape says.
fn bare_record(shape: &Shape) -> RecordView<'_> {
    static NO_STREAM: std::sync::OnceLock<Stream> = std::sync::OnceLock::new();
    let stream =
        NO_STREAM.get_or_init(|| Stream { tenant: 0, class: String::new(), labels: orszem_model::Labels::default() });
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
