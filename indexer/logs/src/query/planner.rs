//! Works out for one segment what each leaf of a query's tree means.

use orszem_model::wire::{AttributesView, EntitiesView, RecordView};
use orszem_model::{Kind, Stream, Timestamp};
use orszem_search::{Expr, FieldMatcher, FieldName, FieldPattern, Required, TextPattern, Verify, required_tokens};

use super::plan::{Blocks, Leaf, Node, SlotTerm, Tri, narrow};
use super::rows::{RowSet, WholeRows};
use crate::error::Result;
use crate::segment::group::{BodyForm, Group, Shape, SlotRole};
use crate::segment::read::Segment;
use crate::segment::words::Part;
use crate::tokens::{Space, TermHasher};

/// Works out the leaves of a plan.
pub(super) struct Planner<'s> {
    segment: &'s Segment,
    hasher: TermHasher,
    pub(super) leaves: Vec<Leaf>,
}

impl<'s> Planner<'s> {
    pub(super) fn new(segment: &'s Segment) -> Self {
        Self { segment, hasher: TermHasher::default(), leaves: Vec::new() }
    }

    /// The tree of `expr`, its leaves added to [`Self::leaves`].
    pub(super) fn node(&mut self, expr: &Expr) -> Result<Node> {
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
pub(super) fn add_slot_terms(expr: &Expr, terms: &mut Vec<SlotTerm>) {
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
