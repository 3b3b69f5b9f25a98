//! The state of an engine as bytes and back, in one version: fields one behind the other. Whoever keeps such bytes puts
//! a version in front of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::fact::FactKind;
use crate::observation::Origin;
use crate::{AttributeValue, Fact, Labels, MatchOp, Matcher, RecordId, Seen, Timestamp, varint};

pub use crate::{coded, coded_enum};

/// What has a form in bytes.
pub trait Code: Sized {
    /// Appends it.
    fn put(&self, out: &mut Vec<u8>);
    /// Reads it from the front of `input`; `None` if that is not what [`Code::put`] wrote.
    fn take(input: &mut &[u8]) -> Option<Self>;
}

/// A structure's fields, one behind the other.
#[macro_export]
macro_rules! coded {
    ($($name:ident { $($field:ident),* $(,)? })*) => {$(
        impl $crate::code::Code for $name {
            fn put(&self, out: &mut Vec<u8>) {
                let Self { $($field),* } = self;
                $($crate::code::Code::put($field, out);)*
            }

            fn take(input: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: $crate::code::Code::take(input)?),* })
            }
        }
    )*};
}
/// Variants with a number each and at most named or single fields.
#[macro_export]
macro_rules! coded_enum {
    ($name:ident { $($number:literal = $variant:ident $(($($field:ident),*))?),* $(,)? }) => {
        impl $crate::code::Code for $name {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $(($($field),*))? => {
                        $crate::varint::put(out, $number);
                        $($($crate::code::Code::put($field, out);)*)?
                    })*
                }
            }

            fn take(input: &mut &[u8]) -> Option<Self> {
                match $crate::varint::take(input)? {
                    $($number => Some(Self::$variant $(($({
                        let $field = $crate::code::Code::take(input)?;
                        $field
                    }),*))?),)*
                    _ => None,
                }
            }
        }
    };
}
impl Code for u64 {
    fn put(&self, out: &mut Vec<u8>) {
        varint::put(out, *self);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        varint::take(input)
    }
}

impl Code for u32 {
    fn put(&self, out: &mut Vec<u8>) {
        varint::put(out, u64::from(*self));
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        varint::take(input)?.try_into().ok()
    }
}

impl Code for u8 {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        varint::take_exact(input, 1)?.first().copied()
    }
}

impl Code for i64 {
    fn put(&self, out: &mut Vec<u8>) {
        varint::put_signed(out, *self);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        varint::take_signed(input)
    }
}

/// All its bits, so that every NaN stays what it is.
impl Code for f64 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_bits().to_le_bytes());
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        let bytes = varint::take_exact(input, 8)?.try_into().ok()?;
        Some(Self::from_bits(u64::from_le_bytes(bytes)))
    }
}

impl Code for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        match varint::take_exact(input, 1)? {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }
}

impl Code for String {
    fn put(&self, out: &mut Vec<u8>) {
        varint::put_bytes(out, self.as_bytes());
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        Some(std::str::from_utf8(varint::take_bytes(input)?).ok()?.to_owned())
    }
}

impl Code for Timestamp {
    fn put(&self, out: &mut Vec<u8>) {
        varint::put_signed(out, self.0);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        varint::take_signed(input).map(Self)
    }
}

/// In nanoseconds; longer than 584 years is cut to that.
impl Code for Duration {
    fn put(&self, out: &mut Vec<u8>) {
        varint::put(out, u64::try_from(self.as_nanos()).unwrap_or(u64::MAX));
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        varint::take(input).map(Self::from_nanos)
    }
}

impl Code for Labels {
    fn put(&self, out: &mut Vec<u8>) {
        varint::put(out, self.len() as u64);
        for (name, value) in self.iter() {
            varint::put_bytes(out, name.as_bytes());
            varint::put_bytes(out, value.as_bytes());
        }
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        let pairs: Vec<(String, String)> = Vec::take(input)?;
        Some(Self::new(pairs))
    }
}

impl Code for Matcher {
    fn put(&self, out: &mut Vec<u8>) {
        self.name.put(out);
        let op = match self.op {
            MatchOp::Equal => 0,
            MatchOp::NotEqual => 1,
            MatchOp::Regex => 2,
            MatchOp::NotRegex => 3,
        };
        varint::put(out, op);
        self.value.put(out);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        let name = String::take(input)?;
        let op = match varint::take(input)? {
            0 => MatchOp::Equal,
            1 => MatchOp::NotEqual,
            2 => MatchOp::Regex,
            3 => MatchOp::NotRegex,
            _ => return None,
        };
        Self::new(name, op, String::take(input)?).ok()
    }
}

impl<T: Code> Code for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(inner) = self {
            inner.put(out);
        }
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        if bool::take(input)? { T::take(input).map(Some) } else { Some(None) }
    }
}

macro_rules! tuples {
    ($(($($part:ident $index:tt),*))*) => {$(
        impl<$($part: Code),*> Code for ($($part),*) {
            fn put(&self, out: &mut Vec<u8>) {
                $(self.$index.put(out);)*
            }

            fn take(input: &mut &[u8]) -> Option<Self> {
                Some(($($part::take(input)?),*))
            }
        }
    )*};
}

tuples! {
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
}

/// A count, and as many items. Each is at least a byte, so a false count ends where the input does.
macro_rules! many {
    ($($name:ident<$($part:ident $(: $more:ident)?),*> of $item:ty;)*) => {$(
        impl<$($part: Code $(+ $more)?),*> Code for $name<$($part),*> {
            fn put(&self, out: &mut Vec<u8>) {
                varint::put(out, self.len() as u64);
                for item in self {
                    put_item(&item, out);
                }
            }

            fn take(input: &mut &[u8]) -> Option<Self> {
                let count = varint::take(input)?;
                (0..count).map(|_| <$item>::take(input)).collect()
            }
        }
    )*};
}

trait Item {
    fn put_as_item(&self, out: &mut Vec<u8>);
}

impl<T: Code> Item for &T {
    fn put_as_item(&self, out: &mut Vec<u8>) {
        self.put(out);
    }
}

impl<K: Code, V: Code> Item for (&K, &V) {
    fn put_as_item(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }
}

fn put_item(item: &impl Item, out: &mut Vec<u8>) {
    item.put_as_item(out);
}

many! {
    Vec<T> of T;
    VecDeque<T> of T;
    BTreeSet<T: Ord> of T;
    BTreeMap<K: Ord, V> of (K, V);
}

coded! {
    RecordId { timestamp, seq }
    Fact { at, kind, entity, others, from, to, cause, duration_ms, details, text, records }
}

impl Code for FactKind {
    fn put(&self, out: &mut Vec<u8>) {
        varint::put_bytes(out, self.name().as_bytes());
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        let name = varint::take_bytes(input)?;
        Self::ALL.iter().copied().find(|kind| kind.name().as_bytes() == name)
    }
}

impl Code for Origin {
    fn put(&self, out: &mut Vec<u8>) {
        varint::put_bytes(out, self.name().as_bytes());
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        Self::from_name(std::str::from_utf8(varint::take_bytes(input)?).ok()?)
    }
}

/// As the attributes of its event record.
impl Code for Seen {
    fn put(&self, out: &mut Vec<u8>) {
        self.at.put(out);
        self.reporter.put(out);
        let attributes = self.attributes();
        varint::put(out, attributes.len() as u64);
        for attribute in attributes {
            attribute.key.put(out);
            let (number, text) = match attribute.value {
                AttributeValue::Bool(is) => (0, is.to_string()),
                AttributeValue::Integer(text) => (1, text),
                AttributeValue::String(text) => (2, text),
                // Observations have no others.
                _ => (3, String::new()),
            };
            varint::put(out, number);
            text.put(out);
        }
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        let at = Timestamp::take(input)?;
        let reporter = String::take(input)?;
        let mut attributes = BTreeMap::new();
        for _ in 0..varint::take(input)? {
            let key = String::take(input)?;
            let value = match (varint::take(input)?, String::take(input)?) {
                (0, text) => AttributeValue::Bool(text == "true"),
                (1, text) => AttributeValue::Integer(text),
                (2, text) => AttributeValue::String(text),
                _ => return None,
            };
            attributes.insert(key, value);
        }
        Self::of(at, &reporter, &|key| attributes.get(key).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Code + PartialEq + std::fmt::Debug>(value: &T) {
        let mut out = Vec::new();
        value.put(&mut out);
        let mut input = out.as_slice();
        assert_eq!((T::take(&mut input).as_ref(), input), (Some(value), [].as_slice()));
        assert_eq!(T::take(&mut &out[..out.len() - 1]), None, "what is cut is refused");
    }

    #[test]
    fn values_round_trip_and_cut_ones_are_refused() {
        check(&7_u8);
        check(&-300_i64);
        check(&f64::NEG_INFINITY);
        check(&Duration::from_millis(1_500));
        check(&Labels::from([("a", "1"), ("b", "")]));
        check(&Matcher::new("a", MatchOp::NotRegex, "x|y").expect("a good matcher"));
        check(&BTreeMap::from([(1_u64, Some("x".to_owned())), (2, None)]));
        let bytes = vec![7_u8, 0, 255];
        check(&bytes);
        let (mut one, mut other) = (Vec::new(), Vec::new());
        bytes.put(&mut one);
        varint::put_bytes(&mut other, &bytes);
        assert_eq!(one, other, "bytes stand behind their length");
        let mut nan = Vec::new();
        crate::STALE.put(&mut nan);
        assert_eq!(f64::take(&mut nan.as_slice()).map(f64::to_bits), Some(crate::STALE_BITS));
    }
}
