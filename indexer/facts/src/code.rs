//! The engine's state as bytes and back, in one version.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use orszem_model::fact::FactKind;
use orszem_model::observation::Origin;
use orszem_model::{AttributeValue, Fact, RecordId, Seen, Timestamp, varint};

/// What has a form in bytes.
pub(crate) trait Code: Sized {
    fn put(&self, out: &mut Vec<u8>);
    /// Reads it from the front of `input`; `None` if that is not what [`Code::put`] wrote.
    fn take(input: &mut &[u8]) -> Option<Self>;
}

/// A structure's fields, one behind the other.
macro_rules! coded {
    ($($name:ident { $($field:ident),* $(,)? })*) => {$(
        impl crate::code::Code for $name {
            fn put(&self, out: &mut Vec<u8>) {
                let Self { $($field),* } = self;
                $(crate::code::Code::put($field, out);)*
            }

            fn take(input: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: crate::code::Code::take(input)?),* })
            }
        }
    )*};
}
pub(crate) use coded;

/// Variants with a number each and at most named or single fields.
macro_rules! coded_enum {
    ($name:ident { $($number:literal = $variant:ident $(($($field:ident),*))?),* $(,)? }) => {
        impl crate::code::Code for $name {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $(($($field),*))? => {
                        orszem_model::varint::put(out, $number);
                        $($(crate::code::Code::put($field, out);)*)?
                    })*
                }
            }

            fn take(input: &mut &[u8]) -> Option<Self> {
                match orszem_model::varint::take(input)? {
                    $($number => Some(Self::$variant $(($({
                        let $field = crate::code::Code::take(input)?;
                        $field
                    }),*))?),)*
                    _ => None,
                }
            }
        }
    };
}
pub(crate) use coded_enum;

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
