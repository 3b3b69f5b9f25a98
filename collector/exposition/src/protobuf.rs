//! The fields of protobuf messages, read one after the other without a schema.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>. Groups are refused.

use orszem_model::varint::{take, take_bytes, take_exact};

/// A message that breaks the encoding, or has a field of another type than its schema says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a field is cut short or of the wrong type")]
pub struct Malformed;

/// The content of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

impl<'a> Value<'a> {
    /// `uint64`, `uint32`, `int64`, an enum's code.
    #[inline]
    pub fn varint(self) -> Result<u64, Malformed> {
        match self {
            Self::Varint(value) => Ok(value),
            Self::Fixed64(_) | Self::Bytes(_) | Self::Fixed32(_) => Err(Malformed),
        }
    }

    /// `sint32`, `sint64`.
    #[inline]
    pub fn zigzag(self) -> Result<i64, Malformed> {
        self.varint().map(zigzag)
    }

    /// `double`.
    #[inline]
    pub fn double(self) -> Result<f64, Malformed> {
        match self {
            Self::Fixed64(bits) => Ok(f64::from_bits(bits)),
            Self::Varint(_) | Self::Bytes(_) | Self::Fixed32(_) => Err(Malformed),
        }
    }

    /// `string`, `bytes`, a message.
    #[inline]
    pub fn bytes(self) -> Result<&'a [u8], Malformed> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Varint(_) | Self::Fixed64(_) | Self::Fixed32(_) => Err(Malformed),
        }
    }

    /// Appends a repeated `double`, packed or not.
    pub fn doubles(self, out: &mut Vec<f64>) -> Result<(), Malformed> {
        let Self::Bytes(mut packed) = self else {
            out.push(self.double()?);
            return Ok(());
        };
        out.reserve(packed.len() / 8);
        while let Some((bits, rest)) = packed.split_first_chunk::<8>() {
            out.push(f64::from_le_bytes(*bits));
            packed = rest;
        }
        if packed.is_empty() { Ok(()) } else { Err(Malformed) }
    }

    /// Gives each number of a repeated varint, packed or not.
    #[inline]
    pub fn varints(self, mut each: impl FnMut(u64)) -> Result<(), Malformed> {
        let Self::Bytes(mut packed) = self else {
            each(self.varint()?);
            return Ok(());
        };
        while !packed.is_empty() {
            each(take(&mut packed).ok_or(Malformed)?);
        }
        Ok(())
    }
}

/// The number that a `sint32` or `sint64` stands for.
#[inline]
pub fn zigzag(raw: u64) -> i64 {
    ((raw >> 1) as i64) ^ -((raw & 1) as i64)
}

/// The fields of a message in their order: number and content.
#[derive(Clone, Debug, Default)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    #[inline]
    pub fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The bytes of the fields that are still to come.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    fn read(&mut self) -> Option<(u64, Value<'a>)> {
        let rest = &mut self.rest;
        let key = take(rest)?;
        let value = match key & 7 {
            0 => Value::Varint(take(rest)?),
            1 => Value::Fixed64(u64::from_le_bytes(take_exact(rest, 8)?.try_into().ok()?)),
            2 => Value::Bytes(take_bytes(rest)?),
            5 => Value::Fixed32(u32::from_le_bytes(take_exact(rest, 4)?.try_into().ok()?)),
            _ => return None,
        };
        (key >= 8).then_some((key >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.read().ok_or(Malformed);
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_types_are_read_and_cuts_and_groups_are_refused() {
        // 1: "a" · 2: 300 · 3: fixed32 · 4: fixed64
        let body = b"\x0a\x01a\x10\xac\x02\x1d\x01\0\0\0\x21\x02\0\0\0\0\0\0\0";
        let fields: Vec<_> = Fields::new(body).collect();
        let expected =
            [(1, Value::Bytes(b"a")), (2, Value::Varint(300)), (3, Value::Fixed32(1)), (4, Value::Fixed64(2))];
        assert_eq!(fields, expected.map(Ok));
        for bad in [&body[..body.len() - 1], b"\x0b", b"\x02\x00", b"\x80", b"\x0a\x05a", b"\x00\x00"] {
            assert_eq!(Fields::new(bad).last(), Some(Err(Malformed)), "{bad:?}");
        }
    }

    #[test]
    fn repeated_numbers_are_read_packed_or_not() {
        let mut doubles = Vec::new();
        let one = 1.0_f64.to_bits();
        assert_eq!(Value::Fixed64(one).doubles(&mut doubles), Ok(()));
        assert_eq!(Value::Bytes(&one.to_le_bytes()).doubles(&mut doubles), Ok(()));
        assert_eq!(doubles, [1.0, 1.0]);
        assert_eq!(Value::Bytes(&[0; 9]).doubles(&mut doubles), Err(Malformed));
        let mut numbers = Vec::new();
        assert_eq!(Value::Bytes(b"\x01\xac\x02").varints(|number| numbers.push(number)), Ok(()));
        assert_eq!(Value::Varint(3).varints(|number| numbers.push(number)), Ok(()));
        assert_eq!(numbers, [1, 300, 3]);
        assert_eq!(Value::Bytes(b"\x80").varints(|_| ()), Err(Malformed));
        assert_eq!([0, 1, 2, 3].map(zigzag), [0, -1, 1, -2]);
    }
}
