//! Label sets and the streams they identify.

use crate::varint;

/// A label set, sorted by name, each name once.
///
/// Names may be any UTF-8; limits on names and values are the ingest surfaces' business.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Vec<(String, String)>);

impl Labels {
    /// Sorts `pairs` by name; of two pairs with one name the later stays.
    pub fn new(mut pairs: Vec<(String, String)>) -> Self {
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        let mut kept: Vec<(String, String)> = Vec::with_capacity(pairs.len());
        for pair in pairs {
            match kept.last_mut() {
                Some(last) if last.0 == pair.0 => *last = pair,
                _ => kept.push(pair),
            }
        }
        Self(kept)
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|pair| pair.0.as_str().cmp(name)).ok()?;
        self.0.get(at).map(|pair| pair.1.as_str())
    }

    /// Name and value, in the order of names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The number of labels.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no label.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Labels {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Self::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
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
    fn sorts_and_keeps_the_last_of_a_name() {
        let labels = Labels::from([("service", "a"), ("host", "db1"), ("service", "b")]);
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("host", "db1"), ("service", "b")]);
        assert_eq!((labels.get("service"), labels.get("unit")), (Some("b"), None));
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
