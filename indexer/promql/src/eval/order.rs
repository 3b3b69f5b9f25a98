//! Putting series in the order of their labels.

use orszem_model::Labels;

use super::engine::same_labels;
use crate::EvalError;

/// Sorts `items` by labels.
pub(super) fn by_labels<T>(items: Vec<T>, labels: impl Fn(&T) -> &Labels) -> Vec<T> {
    let is_sorted = items.is_sorted_by(|a, b| labels(a) <= labels(b));
    if is_sorted {
        return items;
    }
    // Comparing bytes is cheaper than comparing labels. No name or value has a NUL, so that it ends both.
    let mut bytes: Vec<u8> = Vec::with_capacity(items.len() * 64);
    let mut keyed: Vec<(usize, usize, T)> = Vec::with_capacity(items.len());
    for item in items {
        let start = bytes.len();
        for text in labels(&item).iter().flat_map(|(name, value)| [name, value]) {
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(0);
        }
        keyed.push((start, bytes.len(), item));
    }
    keyed.sort_by(|a, b| bytes[a.0..a.1].cmp(&bytes[b.0..b.1]));
    keyed.into_iter().map(|(_, _, item)| item).collect()
}

/// # Errors
/// When two of `sorted` have the same labels.
pub(super) fn check_unique<T>(sorted: &[T], labels: impl Fn(&T) -> &Labels) -> Result<(), EvalError> {
    if sorted.windows(2).any(|pair| labels(&pair[0]) == labels(&pair[1])) { same_labels() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_sort_as_labels_do() {
        let of = |pairs: &[(&str, &str)]| Labels::new(pairs.to_vec());
        let sorted = vec![
            of(&[]),
            of(&[("a", "")]),
            of(&[("a", "1")]),
            of(&[("a", "1"), ("b", "1")]),
            of(&[("a", "10")]),
            of(&[("a", "2")]),
            of(&[("ab", "1")]),
            of(&[("é", "1")]),
        ];
        let mut reversed = sorted.clone();
        reversed.reverse();
        let found = by_labels(reversed, |labels| labels);
        assert_eq!(found, sorted);
        assert!(sorted.is_sorted() && check_unique(&sorted, |labels| labels).is_ok());
        assert!(check_unique(&[of(&[("a", "1")]), of(&[("a", "1")])], |labels| labels).is_err());
    }
}
