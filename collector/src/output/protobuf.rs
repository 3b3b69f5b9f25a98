//! Protocol Buffers' wire format, field by field.

use orszem_model::varint::{put_bytes, take, take_bytes, take_exact};

/// A field's value; fixed-size ones only matter as part of [`Field::whole`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Fixed,
}

/// One field of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) number: u64,
    pub(super) value: Wire<'a>,
    /// Tag and value, as they stand.
    pub(super) whole: &'a [u8],
}

/// The fields of a message; `None` where they do not decode, and then the end.
pub(super) fn fields(message: &[u8]) -> impl Iterator<Item = Option<Field<'_>>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = field(&mut rest);
        if field.is_none() {
            rest = &[];
        }
        Some(field)
    })
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<Field<'a>> {
    let before = *rest;
    let tag = take(rest)?;
    let value = match tag & 7 {
        0 => Wire::Varint(take(rest)?),
        1 => take_exact(rest, 8).map(|_| Wire::Fixed)?,
        2 => Wire::Bytes(take_bytes(rest)?),
        5 => take_exact(rest, 4).map(|_| Wire::Fixed)?,
        _ => return None,
    };
    Some(Field { number: tag >> 3, value, whole: before.get(..before.len() - rest.len())? })
}

/// Appends a length-delimited field with a number below 16.
pub(super) fn put_message(out: &mut Vec<u8>, number: u8, message: &[u8]) {
    out.push(number << 3 | 2);
    put_bytes(out, message);
}
