//! Groups: the records of a segment that share a skeleton, and what of them is kept once.
//!
//! A group's key is its *shape* (severity, kind, which optional fields it has, attribute keys and types) and, for
//! [`BodyForm::Template`], the static pieces between the body's variable tokens. What differs from record to record
//! goes into slots. Key:
//! ```text
//! u8 body form: 0 template, 1 whole body, 2 whole record (then nothing follows)
//! u8 severity · u8 flags · [bytes severity text] · n · n × { bytes attribute key · u8 type } · pieces: bytes*
//! ```

use orszem_model::varint::{put, put_bytes, take, take_bytes, take_exact};
use orszem_model::wire::{AttributesView, RecordParts, ValueType};
use orszem_model::{Kind, Severity};

use crate::tokens::{Charset, Token};

/// How much of a body the group's template carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyForm {
    /// Static pieces with a slot for each variable token between two of them.
    Template,
    /// The body is one slot.
    Whole,
    /// The record, all but stream, time and sequence, is one slot.
    Record,
}

/// The variable tokens a template may have; a line with more is kept whole.
pub(crate) const SLOTS_MAX: usize = 48;
/// The bytes of a body that may become a template; a longer line is kept whole.
pub(crate) const TEMPLATE_BYTES_MAX: usize = 2048;
/// The attributes a shape may have; a record with more is kept whole.
pub(crate) const SHAPE_ATTRIBUTES_MAX: usize = 64;

const FLAG_SEVERITY_TEXT: u8 = 1;
const FLAG_TRACE: u8 = 2;
const FLAG_SPAN: u8 = 4;
const FLAG_OBSERVED: u8 = 8;
const FLAG_ENTITIES: u8 = 16;
const KIND_SHIFT: u8 = 6;

/// What all records of a group have in common beside the body's static pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) severity: Severity,
    pub(crate) kind: Kind,
    pub(crate) severity_text: Option<String>,
    pub(crate) has_trace: bool,
    pub(crate) has_span: bool,
    pub(crate) has_observed: bool,
    pub(crate) has_entities: bool,
    pub(crate) attributes: Vec<(String, ValueType)>,
}

/// What a slot of a group holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotRole {
    /// A variable token of the body.
    Variable,
    /// The whole body.
    Body,
    /// The whole record, as [`put_record`] writes it.
    Record,
    Trace,
    Span,
    /// Observed minus timestamp, a signed varint.
    Observed,
    Entities,
    /// The value of the shape's attribute with this index.
    Attribute(u16),
}

/// A decoded group key.
#[derive(Clone, Debug)]
pub(crate) struct GroupKey {
    pub(crate) form: BodyForm,
    pub(crate) shape: Shape,
    /// The static pieces; one more than there are variable slots. Empty unless the form is `Template`.
    pub(crate) pieces: Vec<Box<[u8]>>,
    pub(crate) roles: Vec<SlotRole>,
}

impl GroupKey {
    /// Reads a key; `None` when the bytes are none.
    pub(crate) fn decode(mut input: &[u8]) -> Option<Self> {
        let form = match take_exact(&mut input, 1)?[0] {
            0 => BodyForm::Template,
            1 => BodyForm::Whole,
            2 => {
                return Some(Self {
                    form: BodyForm::Record,
                    shape: Shape::default(),
                    pieces: Vec::new(),
                    roles: vec![SlotRole::Record],
                });
            }
            _ => return None,
        };
        let shape = Shape::decode(&mut input)?;
        let mut pieces = Vec::new();
        while form == BodyForm::Template && !input.is_empty() {
            pieces.push(take_bytes(&mut input)?.into());
        }
        let mut roles = match form {
            BodyForm::Template => vec![SlotRole::Variable; pieces.len().checked_sub(1)?],
            BodyForm::Whole | BodyForm::Record => vec![SlotRole::Body],
        };
        shape.add_roles(&mut roles);
        Some(Self { form, shape, pieces, roles })
    }

    /// The variable slots in front of all others.
    pub(crate) fn variable_slots(&self) -> usize {
        self.pieces.len().saturating_sub(1)
    }

    /// The body's skeleton for people: variable tokens as `<*>`.
    pub(crate) fn pattern(&self) -> Option<String> {
        (self.form == BodyForm::Template).then(|| {
            let pieces: Vec<_> = self.pieces.iter().map(|piece| String::from_utf8_lossy(piece)).collect();
            pieces.join("<*>")
        })
    }
}

impl Shape {
    fn decode(input: &mut &[u8]) -> Option<Self> {
        let head = take_exact(input, 2)?;
        let flags = head[1];
        let severity_text = match flags & FLAG_SEVERITY_TEXT {
            0 => None,
            _ => Some(std::str::from_utf8(take_bytes(input)?).ok()?.to_owned()),
        };
        let count = take(input)?;
        let mut attributes = Vec::with_capacity(count.min(SHAPE_ATTRIBUTES_MAX as u64) as usize);
        for _ in 0..count {
            let key = std::str::from_utf8(take_bytes(input)?).ok()?.to_owned();
            attributes.push((key, ValueType::from_code(take_exact(input, 1)?[0])?));
        }
        Some(Self {
            severity: Severity::from_number(head[0])?,
            kind: Kind::from_code(flags >> KIND_SHIFT)?,
            severity_text,
            has_trace: flags & FLAG_TRACE != 0,
            has_span: flags & FLAG_SPAN != 0,
            has_observed: flags & FLAG_OBSERVED != 0,
            has_entities: flags & FLAG_ENTITIES != 0,
            attributes,
        })
    }

    fn add_roles(&self, roles: &mut Vec<SlotRole>) {
        let optional = [
            (self.has_trace, SlotRole::Trace),
            (self.has_span, SlotRole::Span),
            (self.has_observed, SlotRole::Observed),
            (self.has_entities, SlotRole::Entities),
        ];
        roles.extend(optional.iter().filter(|(present, _)| *present).map(|(_, role)| *role));
        roles.extend((0..self.attributes.len()).map(|index| SlotRole::Attribute(index as u16)));
    }
}

/// The key of the group that keeps records whole.
pub(crate) const RECORD_KEY: [u8; 1] = [2];

/// Writes the key of `parts` kept in `form`; `tokens` are the body's. Returns whether the shape fits a group at all;
/// if not, only [`RECORD_KEY`] does.
pub(crate) fn put_key(parts: &RecordParts<'_>, form: BodyForm, tokens: &[Token], out: &mut Vec<u8>) -> bool {
    out.push(if form == BodyForm::Template { 0 } else { 1 });
    out.push(parts.severity.number());
    let mut flags = (parts.kind as u8) << KIND_SHIFT;
    flags |= if parts.severity_text.is_some() { FLAG_SEVERITY_TEXT } else { 0 };
    flags |= if parts.trace_id.is_some() { FLAG_TRACE } else { 0 };
    flags |= if parts.span_id.is_some() { FLAG_SPAN } else { 0 };
    flags |= if parts.observed.is_some() { FLAG_OBSERVED } else { 0 };
    flags |= if parts.entities.is_empty() { 0 } else { FLAG_ENTITIES };
    out.push(flags);
    if let Some(text) = parts.severity_text {
        put_bytes(out, text.as_bytes());
    }
    if parts.attributes.is_empty() {
        out.push(0);
    } else {
        let count = AttributesView(parts.attributes).count();
        if count > SHAPE_ATTRIBUTES_MAX {
            return false;
        }
        put(out, count as u64);
        for attribute in AttributesView(parts.attributes) {
            put_bytes(out, attribute.key.as_bytes());
            out.push(attribute.kind as u8);
        }
    }
    if form == BodyForm::Template {
        let mut from = 0;
        for token in tokens.iter().filter(|token| token.variable) {
            put_bytes(out, &parts.body[from..token.start]);
            from = token.end;
        }
        put_bytes(out, &parts.body[from..]);
    }
    true
}

/// Appends all of a record but its stream, timestamp and sequence: the slot of a [`BodyForm::Record`] group.
pub(crate) fn put_record(parts: &RecordParts<'_>, out: &mut Vec<u8>) {
    let mut head = Vec::with_capacity(16);
    put_key(&RecordParts { attributes: &[], ..*parts }, BodyForm::Whole, &[], &mut head);
    put_bytes(out, &head);
    if let Some(id) = parts.trace_id {
        out.extend_from_slice(&id);
    }
    if let Some(id) = parts.span_id {
        out.extend_from_slice(&id);
    }
    if let Some(observed) = parts.observed {
        orszem_model::varint::put_signed(out, observed.0.wrapping_sub(parts.timestamp.0));
    }
    put_bytes(out, parts.entities);
    put_bytes(out, parts.attributes);
    out.extend_from_slice(parts.body);
}

/// What [`put_record`] wrote.
#[derive(Debug)]
pub(crate) struct WholeRecord<'a> {
    pub(crate) shape: Shape,
    pub(crate) trace_id: Option<[u8; 16]>,
    pub(crate) span_id: Option<[u8; 8]>,
    pub(crate) observed_delta: Option<i64>,
    pub(crate) entities: &'a [u8],
    pub(crate) attributes: &'a [u8],
    pub(crate) body: &'a [u8],
}

/// Reads what [`put_record`] wrote.
pub(crate) fn take_record(mut input: &[u8]) -> Option<WholeRecord<'_>> {
    let shape = GroupKey::decode(take_bytes(&mut input)?)?.shape;
    let trace_id = if shape.has_trace { Some(take_exact(&mut input, 16)?.try_into().ok()?) } else { None };
    let span_id = if shape.has_span { Some(take_exact(&mut input, 8)?.try_into().ok()?) } else { None };
    let observed_delta = if shape.has_observed { Some(orszem_model::varint::take_signed(&mut input)?) } else { None };
    let entities = take_bytes(&mut input)?;
    let attributes = take_bytes(&mut input)?;
    Some(WholeRecord { shape, trace_id, span_id, observed_delta, entities, attributes, body: input })
}

/// The table of a segment's groups, in the order of their rows.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) key: GroupKey,
    pub(crate) row_start: u32,
    pub(crate) row_end: u32,
    /// What its variable tokens are made of.
    pub(crate) charset: Charset,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::for_each_token;
    use orszem_model::Timestamp;
    use orszem_model::wire::put_attribute;

    fn parts<'a>(body: &'a [u8], attributes: &'a [u8]) -> RecordParts<'a> {
        RecordParts {
            timestamp: Timestamp(5),
            observed: Some(Timestamp(9)),
            severity: Severity::WARN,
            severity_text: Some("W"),
            trace_id: Some([3; 16]),
            span_id: None,
            kind: Kind::Event,
            attributes,
            entities: &[],
            body,
        }
    }

    #[test]
    fn a_key_keeps_the_shape_and_the_static_pieces() {
        let mut attributes = Vec::new();
        put_attribute(&mut attributes, "status", ValueType::Integer, b"500");
        let body = b"took 15ms on node3.";
        let mut tokens = Vec::new();
        for_each_token(body, |token| tokens.push(token));
        let mut key = Vec::new();
        assert!(put_key(&parts(body, &attributes), BodyForm::Template, &tokens, &mut key));
        let group = GroupKey::decode(&key).expect("decodes");
        assert_eq!(group.pattern().as_deref(), Some("took <*> on <*>."));
        assert_eq!(
            group.roles,
            [SlotRole::Variable, SlotRole::Variable, SlotRole::Trace, SlotRole::Observed, SlotRole::Attribute(0)]
        );
        assert_eq!(group.shape.attributes, [("status".to_owned(), ValueType::Integer)]);
        assert_eq!((group.shape.severity, group.shape.kind), (Severity::WARN, Kind::Event));
        assert!(GroupKey::decode(&key[..key.len() - 1]).is_none());
    }

    #[test]
    fn a_whole_record_round_trips() {
        let mut attributes = Vec::new();
        put_attribute(&mut attributes, "a", ValueType::String, b"b");
        let mut out = Vec::new();
        put_record(&parts(b"text", &attributes), &mut out);
        let back = take_record(&out).expect("decodes");
        assert_eq!((back.body, back.attributes, back.observed_delta), (&b"text"[..], attributes.as_slice(), Some(4)));
        assert_eq!((back.trace_id, back.shape.severity_text.as_deref()), (Some([3; 16]), Some("W")));
        assert!(take_record(&out[..3]).is_none());
    }
}
