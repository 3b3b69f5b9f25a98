//! The series that matchers select.

use fst::{IntoStreamer, Streamer};
use orszem_model::{MatchOp, Matcher};
use roaring::RoaringBitmap;

use super::literals::{Candidates, candidates};
use super::postings::{Union, or_damaged};
use super::reader::{Index, Name};
use crate::error::Result;

/// So many values are tried against a matcher in the time that it takes to read the labels of one series.
const VALUES_PER_SERIES: u64 = 16;

impl Index {
    /// The series that all of `matchers` hold for; all series without matchers.
    ///
    /// # Errors
    /// When the bytes read are damaged.
    pub fn select(&self, matchers: &[Matcher]) -> Result<RoaringBitmap> {
        let is_exact = |matcher: &&Matcher| matcher.op == MatchOp::Equal && !matcher.value.is_empty();
        let (exact, others): (Vec<&Matcher>, Vec<&Matcher>) = matchers.iter().partition(is_exact);
        let mut among = self.select_exact(&exact)?;
        let mut others: Vec<(u64, &Matcher)> =
            others.into_iter().map(|matcher| (self.cost(matcher), matcher)).collect();
        others.sort_by_key(|(cost, _)| *cost);
        for (_, matcher) in others {
            if among.as_ref().is_some_and(RoaringBitmap::is_empty) {
                break;
            }
            among = Some(self.narrow(among, matcher)?);
        }
        Ok(among.unwrap_or_else(|| self.all()))
    }

    /// `None` without matchers.
    fn select_exact(&self, matchers: &[&Matcher]) -> Result<Option<RoaringBitmap>> {
        let mut postings = Vec::with_capacity(matchers.len());
        for matcher in matchers {
            let Some(name) = self.name(&matcher.name) else { return Ok(Some(RoaringBitmap::new())) };
            let Some(rank) = self.rank(name, &matcher.value)? else { return Ok(Some(RoaringBitmap::new())) };
            postings.push(self.postings(name, rank)?);
        }
        postings.sort_unstable_by_key(|postings| postings.count);
        let mut among: Option<RoaringBitmap> = None;
        for postings in postings {
            let bitmap = or_damaged(&self.file, postings.bitmap())?;
            match &mut among {
                None => among = Some(bitmap),
                Some(among) => *among &= &bitmap,
            }
        }
        Ok(among)
    }

    /// What it takes to evaluate a matcher, roughly.
    fn cost(&self, matcher: &Matcher) -> u64 {
        let values = self.name(&matcher.name).map_or(0, |name| u64::from(name.values));
        match matcher.op {
            MatchOp::Equal | MatchOp::NotEqual => 1,
            MatchOp::Regex | MatchOp::NotRegex => values,
        }
    }

    fn narrow(&self, among: Option<RoaringBitmap>, matcher: &Matcher) -> Result<RoaringBitmap> {
        let Some(name) = self.name(&matcher.name) else {
            return Ok(if matcher.matches_absent() {
                among.unwrap_or_else(|| self.all())
            } else {
                RoaringBitmap::new()
            });
        };
        if let Some(among) = &among
            && matches!(matcher.op, MatchOp::Regex | MatchOp::NotRegex)
            && among.len() * VALUES_PER_SERIES < u64::from(name.values)
        {
            return self.filter(among, name, matcher);
        }
        let is_negative = matches!(matcher.op, MatchOp::NotEqual | MatchOp::NotRegex);
        // A series without the name has the empty value.
        let matches_empty = matcher.matches_absent();
        let among = among.unwrap_or_else(|| self.all());
        let with = self.with_values(name, matcher, is_negative)?;
        Ok(match (is_negative, matches_empty) {
            (false, false) => among & with,
            (true, true) => among - with,
            (false, true) => among - (self.present(name)? - with),
            (true, false) => among & (self.present(name)? - with),
        })
    }

    /// Those of `among` that the matcher holds for.
    fn filter(&self, among: &RoaringBitmap, name: &Name, matcher: &Matcher) -> Result<RoaringBitmap> {
        let mut reader = self.labels_reader();
        let mut kept = RoaringBitmap::new();
        // Neighbours often have the same value.
        let mut before: Option<(Option<u32>, bool)> = None;
        for ordinal in among {
            let rank = reader.rank(ordinal, name)?;
            let is_kept = match before {
                Some((of, is_kept)) if of == rank => is_kept,
                _ => match rank {
                    None => matcher.matches_absent(),
                    Some(rank) => matcher.matches(&self.value(name, rank)?),
                },
            };
            before = Some((rank, is_kept));
            if is_kept {
                kept.insert(ordinal);
            }
        }
        Ok(kept)
    }

    /// The series with a value that the pattern matches, whether the matcher wants them or not.
    fn with_values(&self, name: &Name, matcher: &Matcher, is_negative: bool) -> Result<RoaringBitmap> {
        let ranks = match matcher.op {
            MatchOp::Equal | MatchOp::NotEqual => self.rank(name, &matcher.value)?.into_iter().collect(),
            MatchOp::Regex | MatchOp::NotRegex if matcher.value == ".*" => return self.present(name),
            MatchOp::Regex | MatchOp::NotRegex => self.matching(name, matcher, is_negative)?,
        };
        if ranks.len() as u64 * 2 > u64::from(name.values) {
            let mut others = Vec::with_capacity(name.values as usize - ranks.len());
            let mut ranks = ranks.into_iter().peekable();
            for rank in 0..name.values {
                if ranks.next_if_eq(&rank).is_none() {
                    others.push(rank);
                }
            }
            return Ok(self.present(name)? - self.union(name, &others)?);
        }
        self.union(name, &ranks)
    }

    fn union(&self, name: &Name, ranks: &[u32]) -> Result<RoaringBitmap> {
        if let [rank] = ranks {
            return or_damaged(&self.file, self.postings(name, *rank)?.bitmap());
        }
        let mut union = Union::new(self.series());
        for &rank in ranks {
            or_damaged(&self.file, union.add(&self.postings(name, rank)?))?;
        }
        or_damaged(&self.file, union.finish())
    }

    /// The ranks, ascending, of the values that the regex matches.
    fn matching(&self, name: &Name, matcher: &Matcher, is_negative: bool) -> Result<Vec<u32>> {
        let fst = self.fst(name)?;
        let matches = |value: &str| matcher.matches(value) != is_negative;
        let mut ranks = Vec::new();
        let prefixes = match candidates(&matcher.value) {
            Candidates::Exact(values) => {
                let found = values.iter().filter(|value| matches(value)).filter_map(|value| fst.get(value));
                return Ok(found.map(|rank| rank.value() as u32).collect());
            }
            Candidates::Prefixes(prefixes) => prefixes,
            Candidates::All => vec![Vec::new()],
        };
        for prefix in prefixes {
            let mut values = fst.range().ge(&prefix).into_stream();
            while let Some((value, rank)) = values.next() {
                if !value.starts_with(&prefix) {
                    break;
                }
                let value = std::str::from_utf8(value).map_err(|_| self.file.damaged("values"))?;
                if matches(value) {
                    ranks.push(rank.value() as u32);
                }
            }
        }
        Ok(ranks)
    }
}
