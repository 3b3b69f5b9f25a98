//! The sequence numbers of a segment, kept as ranks.

use orszem_model::varint::{put, take};

/// The sequence numbers of a segment as runs of consecutive ones, so that a row keeps its rank among them.
#[derive(Debug, Default)]
pub(crate) struct Sequences {
    /// First sequence number of each run, ascending.
    starts: Vec<u64>,
    /// The rank of each run's first, and the number of all as the last entry.
    ranks: Vec<u32>,
}

impl Sequences {
    pub(super) fn of(seqs: &[u64]) -> Self {
        let mut sorted = seqs.to_vec();
        sorted.sort_unstable();
        let (mut starts, mut ranks) = (Vec::new(), Vec::new());
        let mut previous = None;
        for (rank, &seq) in sorted.iter().enumerate() {
            if previous.is_none_or(|p: u64| p + 1 != seq) {
                starts.push(seq);
                ranks.push(rank as u32);
            }
            previous = Some(seq);
        }
        ranks.push(sorted.len() as u32);
        Self { starts, ranks }
    }

    pub(super) fn rank(&self, seq: u64) -> u32 {
        let run = self.starts.partition_point(|start| *start <= seq).saturating_sub(1);
        self.ranks[run] + (seq - self.starts[run]) as u32
    }

    /// The sequence number with this rank.
    pub(crate) fn seq(&self, rank: u32) -> Option<u64> {
        let run = self.ranks.partition_point(|first| *first <= rank).checked_sub(1)?;
        Some(self.starts.get(run)? + u64::from(rank - self.ranks.get(run)?))
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, self.starts.len() as u64);
        let mut next = 0;
        for (at, start) in self.starts.iter().enumerate() {
            let count = u64::from(self.ranks[at + 1] - self.ranks[at]);
            put(&mut out, start - next);
            put(&mut out, count);
            next = start + count;
        }
        out
    }

    /// Reads what `encode` wrote.
    pub(crate) fn decode(mut input: &[u8]) -> Option<Self> {
        let runs = take(&mut input)?;
        let (mut starts, mut ranks) = (Vec::new(), vec![0u32]);
        let (mut next, mut rank) = (0u64, 0u32);
        for _ in 0..runs {
            let start = next.checked_add(take(&mut input)?)?;
            let count = take(&mut input)?;
            rank = rank.checked_add(u32::try_from(count).ok()?)?;
            next = start.checked_add(count)?;
            starts.push(start);
            ranks.push(rank);
        }
        Some(Self { starts, ranks })
    }

    /// The distinct journal positions, ascending.
    pub(crate) fn positions(&self) -> Vec<u64> {
        let mut positions = Vec::new();
        for (at, start) in self.starts.iter().enumerate() {
            let last = start + u64::from(self.ranks[at + 1] - self.ranks[at]) - 1;
            for position in [start >> 20, last >> 20] {
                if positions.last() != Some(&position) {
                    positions.push(position);
                }
            }
        }
        positions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_rank_and_come_back() {
        let seqs = [5 << 20, (5 << 20) + 1, (9 << 20) + 7, (9 << 20) + 3, (9 << 20) + 4];
        let sequences = Sequences::decode(&Sequences::of(&seqs).encode()).expect("decodes");
        for seq in seqs {
            assert_eq!(sequences.seq(sequences.rank(seq)), Some(seq));
        }
        assert_eq!(sequences.seq(5), None);
        assert_eq!(sequences.positions(), [5, 9]);
    }
}
