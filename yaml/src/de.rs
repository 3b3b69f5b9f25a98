//! Reads what serde asks for from the tree.

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::error::{Problem, Step};
use super::node::{Content, Key, Node};

/// The integer of a plain scalar: decimal, `0x`, `0o`, with `_` between digits.
fn integer(text: &str) -> Option<i128> {
    let digits = text.replace('_', "");
    let (sign, rest) = match digits.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, digits.strip_prefix('+').unwrap_or(&digits)),
    };
    let radixes = [("0x", 16), ("0o", 8), ("0b", 2)];
    let prefixed = radixes.iter().find_map(|(prefix, radix)| Some((rest.strip_prefix(prefix)?, *radix)));
    let (rest, radix) = prefixed.unwrap_or((rest, 10));
    let starts_fine = rest.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let number = if starts_fine { i128::from_str_radix(rest, radix).ok()? } else { return None };
    Some(sign * number)
}

fn float(text: &str) -> Option<f64> {
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" => Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Some(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => Some(f64::NAN),
        _ if text.bytes().any(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

/// As YAML 1.1, which Prometheus reads, has it.
fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Some(true),
        "false" | "no" | "off" | "n" => Some(false),
        _ => None,
    }
}

impl Node {
    fn unexpected(&self, expected: &dyn de::Expected) -> Problem {
        let found = match &self.content {
            Content::Null => Unexpected::Unit,
            Content::Scalar { text, .. } => Unexpected::Str(text),
            Content::Sequence(_) => Unexpected::Seq,
            Content::Mapping(_) => Unexpected::Map,
        };
        Problem::invalid_type(found, expected)
    }

    fn plain(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar { text, is_plain: true } => Some(text),
            Content::Null | Content::Scalar { .. } | Content::Sequence(_) | Content::Mapping(_) => None,
        }
    }
}

macro_rules! integers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
            match self.plain().and_then(integer) {
                Some(number) => match (u64::try_from(number), i64::try_from(number)) {
                    (Ok(number), _) => visitor.visit_u64(number),
                    (Err(_), Ok(number)) => visitor.visit_i64(number),
                    (Err(_), Err(_)) => Err(self.unexpected(&visitor)),
                },
                None => Err(self.unexpected(&visitor)),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.content {
            Content::Null => visitor.visit_unit(),
            Content::Sequence(_) => self.deserialize_seq(visitor),
            Content::Mapping(_) => self.deserialize_map(visitor),
            Content::Scalar { text, is_plain } => match text.as_str() {
                text if !is_plain => visitor.visit_borrowed_str(text),
                "true" | "True" | "TRUE" => visitor.visit_bool(true),
                "false" | "False" | "FALSE" => visitor.visit_bool(false),
                text if integer(text).is_some() => self.deserialize_i64(visitor),
                text => match float(text) {
                    Some(number) => visitor.visit_f64(number),
                    None => visitor.visit_borrowed_str(text),
                },
            },
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.plain().and_then(boolean) {
            Some(value) => visitor.visit_bool(value),
            None => Err(self.unexpected(&visitor)),
        }
    }

    integers! { deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16
    deserialize_u32 deserialize_u64 }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.plain().and_then(float) {
            Some(number) => visitor.visit_f64(number),
            None => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.content {
            Content::Scalar { text, .. } => visitor.visit_borrowed_str(text),
            Content::Null => visitor.visit_borrowed_str(""),
            Content::Sequence(_) | Content::Mapping(_) => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.content {
            Content::Null => visitor.visit_none(),
            Content::Scalar { .. } | Content::Sequence(_) | Content::Mapping(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.content {
            Content::Sequence(items) => visitor.visit_seq(Items { items, next: 0 }),
            Content::Null => visitor.visit_seq(Items { items: &[], next: 0 }),
            Content::Scalar { .. } | Content::Mapping(_) => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.content {
            Content::Mapping(pairs) => visitor.visit_map(Pairs { pairs, next: 0 }),
            Content::Null => visitor.visit_map(Pairs { pairs: &[], next: 0 }),
            Content::Scalar { .. } | Content::Sequence(_) => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match &self.content {
            Content::Scalar { text, .. } => {
                let variant: StrDeserializer<'_, Problem> = text.as_str().into_deserializer();
                visitor.visit_enum(variant)
            }
            Content::Null | Content::Sequence(_) | Content::Mapping(_) => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { char bytes byte_buf unit unit_struct tuple tuple_struct identifier i128 u128 }
}

struct Items<'de> {
    items: &'de [Node],
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Problem> {
        let Some(item) = self.items.get(self.next) else { return Ok(None) };
        let at = self.next;
        self.next += 1;
        seed.deserialize(item).map(Some).map_err(|problem| problem.within(Step::Index(at)))
    }
}

struct Pairs<'de> {
    pairs: &'de [(Key, Node)],
    next: usize,
}

impl<'de> MapAccess<'de> for Pairs<'de> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Problem> {
        let Some((key, _)) = self.pairs.get(self.next) else { return Ok(None) };
        let key: StrDeserializer<'_, Problem> = key.text.as_str().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        let Some((key, value)) = self.pairs.get(self.next) else {
            return Err(Problem::custom("a value is missing"));
        };
        self.next += 1;
        seed.deserialize(value).map_err(|problem| problem.within(Step::Key(key.text.clone())))
    }
}
