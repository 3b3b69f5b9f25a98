//! Sets of rows among those whose bodies are kept whole: which can match, and which do for certain.

/// A set of row numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowSet(Vec<u64>);

impl RowSet {
    /// None of `rows` rows.
    pub(crate) fn none(rows: u32) -> Self {
        Self(vec![0; (rows as usize).div_ceil(64)])
    }

    /// All of `rows` rows.
    pub(crate) fn all(rows: u32) -> Self {
        let mut set = Self::none(rows);
        set.insert_range(0, rows);
        set
    }

    pub(crate) fn insert(&mut self, row: u32) {
        if let Some(word) = self.0.get_mut(row as usize / 64) {
            *word |= 1 << (row % 64);
        }
    }

    /// Adds the rows of `[start, end)`.
    pub(crate) fn insert_range(&mut self, start: u32, end: u32) {
        for (index, mask) in masks(start, end) {
            if let Some(word) = self.0.get_mut(index) {
                *word |= mask;
            }
        }
    }

    /// Takes out the rows of `[start, end)`.
    pub(crate) fn remove_range(&mut self, start: u32, end: u32) {
        for (index, mask) in masks(start, end) {
            if let Some(word) = self.0.get_mut(index) {
                *word &= !mask;
            }
        }
    }

    pub(crate) fn contains(&self, row: u32) -> bool {
        self.0.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Whether none of `[start, end)` is in it.
    pub(crate) fn is_empty_in(&self, start: u32, end: u32) -> bool {
        masks(start, end).all(|(index, mask)| self.0.get(index).is_none_or(|word| word & mask == 0))
    }

    /// Calls `found` with each row of `[start, end)` that is in it, ascending.
    pub(crate) fn for_each_in(&self, start: u32, end: u32, mut found: impl FnMut(u32)) {
        for (index, mask) in masks(start, end) {
            let mut word = self.0.get(index).map_or(0, |word| word & mask);
            while word != 0 {
                found(index as u32 * 64 + word.trailing_zeros());
                word &= word - 1;
            }
        }
    }

    /// Adds the rows of `other`.
    pub(crate) fn unite(&mut self, other: &Self) {
        self.combine(other, |a, b| a | b);
    }

    fn combine(&mut self, other: &Self, with: impl Fn(u64, u64) -> u64) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a = with(*a, *b));
    }
}

/// The words that `[start, end)` touches, with the bits of each that lie in it.
fn masks(start: u32, end: u32) -> impl Iterator<Item = (usize, u64)> {
    let (start, end) = (start as usize, end as usize);
    (start / 64..end.div_ceil(64)).filter(move |_| start < end).map(move |index| {
        let low = start.saturating_sub(index * 64);
        let high = (end - index * 64).min(64);
        (index, (u64::MAX << low) & (u64::MAX >> (64 - high)))
    })
}

/// What is known of rows: `certain` is within `possible`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WholeRows {
    pub(crate) possible: RowSet,
    pub(crate) certain: RowSet,
}

impl WholeRows {
    /// All match, for certain.
    pub(crate) fn all(rows: u32) -> Self {
        Self { possible: RowSet::all(rows), certain: RowSet::all(rows) }
    }

    /// None can match.
    pub(crate) fn none(rows: u32) -> Self {
        Self { possible: RowSet::none(rows), certain: RowSet::none(rows) }
    }

    pub(crate) fn and(&mut self, other: &Self) {
        self.possible.combine(&other.possible, |a, b| a & b);
        self.certain.combine(&other.certain, |a, b| a & b);
    }

    pub(crate) fn or(&mut self, other: &Self) {
        self.possible.combine(&other.possible, |a, b| a | b);
        self.certain.combine(&other.certain, |a, b| a | b);
    }

    /// The opposite, among `rows` rows.
    pub(crate) fn not(self, rows: u32) -> Self {
        let Self { mut possible, mut certain } = self;
        let all = RowSet::all(rows);
        possible.combine(&all, |a, b| b & !a);
        certain.combine(&all, |a, b| b & !a);
        Self { possible: certain, certain: possible }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(set: &RowSet) -> Vec<u32> {
        let mut out = Vec::new();
        set.for_each_in(0, 300, |row| out.push(row));
        out
    }

    #[test]
    fn ranges_and_members_agree() {
        for (start, end) in [(0, 0), (0, 64), (3, 4), (60, 70), (0, 200), (128, 129), (199, 200)] {
            let mut set = RowSet::none(200);
            set.insert_range(start, end);
            assert_eq!(members(&set), (start..end).collect::<Vec<_>>());
            assert_eq!(set.is_empty_in(start, end), start == end);
            let mut rest = RowSet::all(200);
            rest.remove_range(start, end);
            assert_eq!(members(&rest), (0..200).filter(|row| !(start..end).contains(row)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn negation_swaps_what_is_possible_and_certain() {
        let mut some = WholeRows::none(100);
        some.possible.insert_range(10, 20);
        some.certain.insert(15);
        let not = some.clone().not(100);
        assert!(
            !not.possible.contains(15)
                && not.possible.contains(12)
                && !not.certain.contains(12)
                && not.certain.contains(99)
        );
        assert_eq!(not.not(100), some);
    }
}
