//! Label sets and the streams they identify.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use crate::varint;

/// The label with a series' metric name.
pub const METRIC_NAME: &str = "__name__";

/// A label set, sorted by name, each name once. Clones share one allocation.
///
/// Names may be any UTF-8; limits on names and values are the ingest surfaces' business.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
// Number of labels, then each name and value behind its length. Lengths are written in ASCII, see `put_length`, so that
// all of it is one string.
pub struct Labels(Arc<str>);

impl Labels {
    /// Sorts `pairs` by name; of two pairs with one name the later stays.
    pub fn new<N: AsRef<str>, V: AsRef<str>>(mut pairs: Vec<(N, V)>) -> Self {
        pairs.sort_by(|a, b| a.0.as_ref().cmp(b.0.as_ref()));
        let mut kept: Vec<(N, V)> = Vec::with_capacity(pairs.len());
        for pair in pairs {
            match kept.last_mut() {
                Some(last) if last.0.as_ref() == pair.0.as_ref() => *last = pair,
                _ => kept.push(pair),
            }
        }
        Self::from_sorted(kept.iter().map(|(name, value)| (name.as_ref(), value.as_ref())))
    }

    /// Takes pairs that are sorted by name already, each name once; others make lookups wrong.
    pub fn from_sorted<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut content = String::with_capacity(256);
        let mut count = 0;
        for (name, value) in pairs {
            for text in [name, value] {
                put_length(&mut content, text.len());
                content.push_str(text);
            }
            count += 1;
        }
        if count == 0 {
            return Self::default();
        }
        if count < 0x40 {
            content.insert(0, char::from(count as u8));
        } else {
            let mut prefix = String::new();
            put_length(&mut prefix, count);
            content.insert_str(0, &prefix);
        }
        Self(content.into())
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|pair| pair.0 == name).map(|pair| pair.1)
    }

    /// Name and value, in the order of names.
    pub fn iter(&self) -> Iter<'_> {
        let mut rest: &str = &self.0;
        let left = take_length(&mut rest).unwrap_or(0);
        Iter { rest, left }
    }

    /// The number of labels.
    pub fn len(&self) -> usize {
        self.iter().left
    }

    /// Whether there is no label.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// These labels but those with a name that `drops` says yes to.
    #[must_use]
    pub fn without(&self, drops: impl Fn(&str) -> bool) -> Self {
        Self::from_sorted(self.iter().filter(|(name, _)| !drops(name)))
    }

    /// These labels with `name` set to `value`.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut pairs: Vec<(&str, &str)> = self.iter().collect();
        match pairs.binary_search_by(|pair| pair.0.cmp(name)) {
            Ok(at) => pairs[at].1 = value,
            Err(at) => pairs.insert(at, (name, value)),
        }
        Self::from_sorted(pairs.into_iter())
    }

    /// The bytes that identify the set: equal sets have equal ones. For hashing; of no fixed format.
    pub fn identity(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// What Prometheus' libraries call the fingerprint: FNV-1a over names and values, each with 0xff behind.
    pub fn fingerprint(&self) -> u64 {
        let bytes = self.iter().flat_map(|(name, value)| name.bytes().chain([0xff]).chain(value.bytes()).chain([0xff]));
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}

/// The labels of a [`Labels`].
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    rest: &'a str,
    left: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let name = take_text(&mut self.rest)?;
        Some((name, take_text(&mut self.rest)?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'a> IntoIterator for &'a Labels {
    type Item = (&'a str, &'a str);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        self.iter().cmp(other.iter())
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Appends `length` in groups of 6 bits, low ones first; 0x40 marks that another follows.
fn put_length(out: &mut String, mut length: usize) {
    while length >= 0x40 {
        out.push(char::from((length as u8 & 0x3f) | 0x40));
        length >>= 6;
    }
    out.push(char::from(length as u8));
}

#[inline]
fn take_length(rest: &mut &str) -> Option<usize> {
    let mut length = 0;
    let mut shift = 0;
    for (at, &byte) in rest.as_bytes().iter().enumerate() {
        length |= usize::from(byte & 0x3f) << shift;
        if byte < 0x40 {
            *rest = rest.get(at + 1..)?;
            return Some(length);
        }
        shift += 6;
    }
    None
}

#[inline]
fn take_text<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let length = take_length(rest)?;
    let (text, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(text)
}

impl<const N: usize> From<[(&str, &str); N]> for Labels {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Self::new(pairs.to_vec())
    }
}

/// What identifies a source of records: its tenant, its retention class and its label set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stream {
    /// The tenant; a mandatory filter of every query.
    pub tenant: u32,
    /// The retention class, by name; decided when the record is taken in.
    pub class: String,
    /// The labels, as the sender gave them.
    pub labels: Labels,
}

impl Stream {
    /// Appends the encoding that batches and segments use; equal streams give equal bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        varint::put(out, u64::from(self.tenant));
        varint::put_bytes(out, self.class.as_bytes());
        varint::put(out, self.labels.len() as u64);
        for (name, value) in self.labels.iter() {
            varint::put_bytes(out, name.as_bytes());
            varint::put_bytes(out, value.as_bytes());
        }
    }

    /// Reads one stream and moves `input` past it; `None` when the bytes are no stream.
    pub fn decode(input: &mut &[u8]) -> Option<Self> {
        let tenant = u32::try_from(varint::take(input)?).ok()?;
        let class = text(varint::take_bytes(input)?)?;
        let count = varint::take(input)?;
        let mut pairs = Vec::with_capacity(count.min(256) as usize);
        for _ in 0..count {
            let name = text(varint::take_bytes(input)?)?;
            let value = text(varint::take_bytes(input)?)?;
            pairs.push((name, value));
        }
        Some(Self { tenant, class, labels: Labels::new(pairs) })
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_those_of_prometheus() {
        // FNV-1a of nothing.
        assert_eq!(Labels::default().fingerprint(), 0xcbf2_9ce4_8422_2325);
        assert_ne!(Labels::from([("a", "bc")]).fingerprint(), Labels::from([("ab", "c")]).fingerprint());
    }

    #[test]
    fn sorts_and_keeps_the_last_of_a_name() {
        let labels = Labels::from([("service", "a"), ("host", "db1"), ("service", "b")]);
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("host", "db1"), ("service", "b")]);
        assert_eq!((labels.get("service"), labels.get("unit")), (Some("b"), None));
    }

    #[test]
    fn long_and_many_labels_read_back_and_sets_compare_by_their_pairs() {
        let long = "ő".repeat(5_000);
        let names: Vec<String> = (0..200).map(|at| format!("n{at:03}")).collect();
        let labels = Labels::new(names.iter().map(|name| (name, &long)).collect());
        assert_eq!((labels.len(), labels.get("n199")), (200, Some(long.as_str())));
        assert_eq!(labels.without(|name| name != "n007"), Labels::from([("n007", long.as_str())]));
        let of = |pairs: &[(&str, &str)]| Labels::new(pairs.to_vec());
        assert!(of(&[("a", "2")]) > of(&[("a", "10")]) && of(&[("a", "1")]) < of(&[("a", "1"), ("b", "")]));
        assert_eq!(of(&[]), Labels::default());
        assert_eq!(of(&[("a", "1")]).with("a", "2").with("0", ""), of(&[("0", ""), ("a", "2")]));
    }

    #[test]
    fn a_stream_round_trips_and_a_cut_one_is_refused() {
        let stream = Stream { tenant: 7, class: "audit".into(), labels: Labels::from([("host", "ő")]) };
        let mut out = Vec::new();
        stream.encode(&mut out);
        assert_eq!(Stream::decode(&mut out.as_slice()), Some(stream));
        assert_eq!(Stream::decode(&mut &out[..out.len() - 1]), None);
    }
}
