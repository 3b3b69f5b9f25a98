//! The largest and the smallest: `topk` and `bottomk`.

use std::cmp::Ordering;

/// What comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rank {
    Largest,
    Smallest,
}

/// Keeps the first `k` of `candidates` by rank, and sorts them by it. NaN ranks last; of equal values the earlier stays.
pub fn keep(rank: Rank, k: usize, candidates: &mut Vec<(f64, usize)>) {
    let order = |a: &(f64, usize), b: &(f64, usize)| {
        let by_value = match (a.0.is_nan(), b.0.is_nan()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => match rank {
                Rank::Largest => b.0.partial_cmp(&a.0).unwrap_or(Ordering::Equal),
                Rank::Smallest => a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal),
            },
        };
        by_value.then(a.1.cmp(&b.1))
    };
    if k == 0 {
        candidates.clear();
    }
    if k < candidates.len() {
        candidates.select_nth_unstable_by(k - 1, order);
        candidates.truncate(k);
    }
    candidates.sort_unstable_by(order);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_ranks_last_and_the_earlier_of_equals_stays() {
        let of = |rank, k| {
            let mut candidates = vec![(2.0, 0), (f64::NAN, 1), (3.0, 2), (3.0, 3), (1.0, 4)];
            keep(rank, k, &mut candidates);
            candidates.iter().map(|candidate| candidate.1).collect::<Vec<_>>()
        };
        assert_eq!(of(Rank::Largest, 1), [2]);
        assert_eq!(of(Rank::Largest, 3), [2, 3, 0]);
        assert_eq!(of(Rank::Smallest, 2), [4, 0]);
        assert_eq!(of(Rank::Smallest, 9), [4, 0, 2, 3, 1]);
        assert_eq!(of(Rank::Largest, 0), [0; 0]);
    }
}
