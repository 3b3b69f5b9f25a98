//! Label sets as they are sent, checked and sorted.

use orszem_exposition::quote;
use orszem_model::{Labels, METRIC_NAME};

use super::sink::LabelProblem;
use crate::ingest::limits::Limits;

/// The most bytes of all names and values of a series. Without it a request of a few bytes a series could make labels of
/// hundreds of kilobytes each out of shared strings.
const SET_BYTES_MAX: usize = 32 << 10;
/// Labels that an error shows.
const SHOWN_MAX: usize = 32;

/// Name and value of a label, not yet known to be text.
pub(super) type Pair<'a> = (&'a [u8], &'a [u8]);

/// The label set of `pairs`, in any order; those without a value are left out.
pub(in crate::ingest) fn build<'a>(mut pairs: Vec<Pair<'a>>, limits: &Limits) -> Result<Labels, LabelProblem> {
    check_sizes(&pairs, limits)?;
    let mut texts: Vec<(&str, &str)> = Vec::with_capacity(pairs.len());
    for &(name, value) in &pairs {
        match (std::str::from_utf8(name), std::str::from_utf8(value)) {
            (Ok(name), Ok(value)) if !name.is_empty() => texts.push((name, value)),
            _ => return Err(LabelProblem::Invalid(shown(&pairs))),
        }
    }
    if !texts.iter().any(|&(name, value)| name == METRIC_NAME && !value.is_empty()) {
        return Err(LabelProblem::Invalid(shown(&pairs)));
    }
    if !texts.is_sorted_by(|a, b| a.0 < b.0) {
        texts.sort_by(|a, b| a.0.cmp(b.0));
        if let Some(twice) = texts.windows(2).find(|two| two[0].0 == two[1].0) {
            pairs.sort_by(|a, b| a.0.cmp(b.0));
            return Err(LabelProblem::Duplicate { labels: shown(&pairs), name: twice[0].0.to_owned() });
        }
    }
    texts.retain(|pair| !pair.1.is_empty());
    Ok(Labels::from_sorted(texts.into_iter()))
}

fn check_sizes(pairs: &[Pair<'_>], limits: &Limits) -> Result<(), LabelProblem> {
    if pairs.len() > limits.labels_max {
        let (count, most) = (pairs.len(), limits.labels_max);
        return Err(LabelProblem::TooMany { count, most, labels: shown(pairs) });
    }
    let mut total = 0;
    for (name, value) in pairs {
        if name.len() > limits.name_bytes_max {
            let (length, most) = (name.len(), limits.name_bytes_max);
            return Err(LabelProblem::NameTooLong { length, most, labels: shown(pairs) });
        }
        if value.len() > limits.label_value_bytes_max {
            let (length, most) = (value.len(), limits.label_value_bytes_max);
            return Err(LabelProblem::ValueTooLong { length, most, labels: shown(pairs) });
        }
        total += name.len() + value.len();
    }
    if total > SET_BYTES_MAX {
        return Err(LabelProblem::SetTooLong { length: total, most: SET_BYTES_MAX, labels: shown(pairs) });
    }
    Ok(())
}

/// The labels as Prometheus prints them; of many only some.
pub(super) fn shown<N: AsRef<[u8]>, V: AsRef<[u8]>>(pairs: &[(N, V)]) -> String {
    let mut out = String::from("{");
    for (at, (name, value)) in pairs.iter().take(SHOWN_MAX).enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        let name = head(name.as_ref());
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        match std::str::from_utf8(name) {
            Ok(text) if name.iter().all(is_plain) && !name.first().is_none_or(u8::is_ascii_digit) => out.push_str(text),
            _ => out.push_str(&quote(name)),
        }
        out.push('=');
        out.push_str(&quote(head(value.as_ref())));
    }
    out.push_str(if pairs.len() > SHOWN_MAX { ", …}" } else { "}" });
    out
}

/// What is shown of a name or value.
fn head(bytes: &[u8]) -> &[u8] {
    bytes.get(..128).unwrap_or(bytes)
}
