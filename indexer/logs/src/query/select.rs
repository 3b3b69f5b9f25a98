//! The first N records of a query in time order, and the records around one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use orszem_model::Stream;
use orszem_model::wire::RecordView;
use orszem_search::{Expr, Query};

use super::plan::Plan;
use super::visit::{Piece, RowWalker, memtable, pieces, visible_streams};
use super::{Budget, Cursor, Order, Page, Partial, Range, Row, SearchResult, Watch};
use crate::error::Result;
use crate::segment::chunk::{BlockReader, RowBuffer};
use crate::store::{LiveSegment, Snapshot};

/// A place in the order asked for: the larger key comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key(i64, u64);

impl Key {
    fn new(order: Order, timestamp: i64, seq: u64) -> Self {
        match order {
            Order::NewestFirst => Self(timestamp, seq),
            Order::OldestFirst => Self(!timestamp, !seq),
        }
    }

    /// The place it was made of.
    fn cursor(self, order: Order) -> Cursor {
        match order {
            Order::NewestFirst => Cursor { timestamp: self.0, seq: self.1 },
            Order::OldestFirst => Cursor { timestamp: !self.0, seq: !self.1 },
        }
    }
}

/// Where a candidate lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Memtable { index: usize },
    Segment { segment: usize, block: usize, group: u32, stream: u32, row: u32 },
}

/// The best `limit` candidates so far.
struct Best {
    order: Order,
    limit: usize,
    after: Option<Key>,
    heap: BinaryHeap<Reverse<(Key, Place)>>,
}

impl Best {
    /// Whether a record at `timestamp` could still get in.
    fn has_room_at(&self, timestamp: i64) -> bool {
        let first = Key::new(self.order, timestamp, 0).0;
        self.after.is_none_or(|after| first <= after.0)
            && (self.heap.len() < self.limit || self.heap.peek().is_some_and(|Reverse((worst, _))| first >= worst.0))
    }

    /// Whether anything between the two times could still get in.
    fn has_room(&self, min_ts: i64, max_ts: i64) -> bool {
        let (best, worst) = match self.order {
            Order::NewestFirst => (max_ts, min_ts),
            Order::OldestFirst => (min_ts, max_ts),
        };
        let behind_cursor = self.after.is_none_or(|after| Key::new(self.order, worst, 0).0 <= after.0);
        let full = self.heap.len() >= self.limit;
        let beats = self.heap.peek().is_some_and(|Reverse((last, _))| Key::new(self.order, best, 0).0 >= last.0);
        behind_cursor && self.limit > 0 && (!full || beats)
    }

    /// Takes the candidate in if it is among the best; answers whether it is.
    fn offer(&mut self, timestamp: i64, seq: u64, place: Place) -> bool {
        let key = Key::new(self.order, timestamp, seq);
        if self.limit == 0 || self.after.is_some_and(|after| key >= after) {
            return false;
        }
        if self.heap.len() < self.limit {
            self.heap.push(Reverse((key, place)));
            return true;
        }
        match self.heap.peek_mut() {
            Some(mut worst) if worst.0.0 < key => {
                *worst = Reverse((key, place));
                true
            }
            _ => false,
        }
    }
}

impl Snapshot {
    /// The first records of the page's order that match.
    pub fn search(&self, query: &Query, tenant: u32, page: &Page<'_>, budget: &Budget) -> Result<SearchResult> {
        let mut watch = Watch::new(budget);
        let mut best = Best {
            order: page.order,
            limit: page.limit,
            after: page.after.map(|cursor| Key::new(page.order, cursor.timestamp, cursor.seq)),
            heap: BinaryHeap::new(),
        };
        let mut from_memtable: Vec<Option<Row>> = Vec::new();
        for view in &self.views {
            memtable(view, query, tenant, page.range, &mut watch, |record| {
                if page.stream.is_none_or(|stream| stream == record.stream)
                    && best.offer(record.timestamp.0, record.seq, Place::Memtable { index: from_memtable.len() })
                {
                    from_memtable.push(Some(to_row(record)));
                    if from_memtable.len() >= page.limit.saturating_mul(4).max(10_000) {
                        compact(&mut from_memtable, &mut best);
                    }
                }
            })?;
        }
        self.select_segments(query, tenant, page, &mut best, &mut watch)?;
        let mut found: Vec<(Key, Place)> = best.heap.into_iter().map(|Reverse(entry)| entry).collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        let found_all = found.len() < page.limit;
        let rows = self.fetch(page.order, &found, from_memtable, &mut watch)?;
        let next = rows.last().filter(|_| !found_all || watch.partial == Some(Partial::Memory)).map(Row::cursor);
        watch.stats.matched = rows.len() as u64;
        Ok(SearchResult { rows, next, stats: watch.stats, partial: watch.partial })
    }

    fn select_segments(
        &self,
        query: &Query,
        tenant: u32,
        page: &Page<'_>,
        best: &mut Best,
        watch: &mut Watch<'_>,
    ) -> Result<()> {
        let mut order: Vec<usize> = (0..self.segments.len()).collect();
        order.sort_by_key(|index| {
            let segment = &self.segments[*index].segment;
            match page.order {
                Order::NewestFirst => Reverse(segment.max_ts),
                Order::OldestFirst => Reverse(!segment.min_ts),
            }
        });
        for index in order {
            let segment = &self.segments[index].segment;
            watch.stats.segments += 1;
            if !page.range.meets(segment.min_ts, segment.max_ts) || !best.has_room(segment.min_ts, segment.max_ts) {
                watch.stats.segments_skipped += 1;
                continue;
            }
            let result = select_segment(query, tenant, page, index, &self.segments[index], best, watch);
            watch.survive(result)?;
        }
        Ok(())
    }

    fn fetch(
        &self,
        order: Order,
        found: &[(Key, Place)],
        mut from_memtable: Vec<Option<Row>>,
        watch: &mut Watch<'_>,
    ) -> Result<Vec<Row>> {
        let mut rows: BTreeMap<usize, Row> = BTreeMap::new();
        let mut wanted = Vec::new();
        let mut cut = usize::MAX;
        for (rank, (key, place)) in found.iter().enumerate() {
            match *place {
                Place::Memtable { index } => {
                    if let Some(row) = from_memtable.get_mut(index).and_then(Option::take) {
                        rows.insert(rank, row);
                    }
                }
                Place::Segment { segment, block, group, stream, row } => {
                    wanted.push(((segment, block, group, row), stream, key.cursor(order), rank));
                }
            }
        }
        wanted.sort_unstable_by_key(|(place, ..)| *place);
        let mut buffer = RowBuffer::default();
        for same in wanted.chunk_by(|(a, ..), (b, ..)| a.0 == b.0) {
            let segment = &self.segments[same[0].0.0].segment;
            let mut reader = BlockReader::new(segment)?;
            for ((_, block, group, row), stream, at, rank) in same {
                watch.check_cancelled()?;
                let Some(chunk) = watch.survive(reader.chunk(*block, *group))? else { continue };
                let stream = &segment.streams[*stream as usize];
                let record = chunk.record(*row, stream, at.timestamp, at.seq, &mut buffer);
                match record.as_ref().map(to_row) {
                    Some(row) if watch.hold(row.record.body.len() + 256) => drop(rows.insert(*rank, row)),
                    // Of the rows behind it none is kept either, so that the next page starts with it.
                    Some(_) => cut = cut.min(*rank),
                    None => drop(watch.survive::<()>(Err(segment.corrupt("a record does not decode")))?),
                }
            }
            watch.stats.bytes_scanned += reader.bytes_read;
        }
        Ok(rows.into_iter().take_while(|(rank, _)| *rank < cut).map(|(_, row)| row).collect())
    }

    /// The records of the same stream right before and right after the one at `cursor`, oldest first, and that one's
    /// place among them. With `query`, only those that match.
    pub fn context(
        &self,
        cursor: Cursor,
        tenant: u32,
        (before, after): (usize, usize),
        query: Option<&Query>,
        budget: &Budget,
    ) -> Result<Option<(SearchResult, usize)>> {
        let everything = Query { expr: Expr::All, kinds: u8::MAX, source: String::new() };
        let instant = Range { from: cursor.timestamp, to: cursor.timestamp.saturating_add(1) };
        let at = Page {
            range: instant,
            order: Order::OldestFirst,
            limit: 1,
            after: cursor.seq.checked_sub(1).map(|seq| Cursor { seq, ..cursor }),
            stream: None,
        };
        let here = self.search(&everything, tenant, &at, budget)?;
        let Some(this) = here.rows.into_iter().next().filter(|row| row.cursor() == cursor) else { return Ok(None) };
        let filter = query.unwrap_or(&everything);
        let stream = this.record.stream.clone();
        let side = |order, limit, range| {
            let page = Page { range, order, limit, after: Some(cursor), stream: Some(&stream) };
            self.search(filter, tenant, &page, budget)
        };
        let mut earlier = side(Order::NewestFirst, before, Range { to: instant.to, ..Range::ALL })?;
        let later = side(Order::OldestFirst, after, Range { from: cursor.timestamp, ..Range::ALL })?;
        earlier.rows.reverse();
        let place = earlier.rows.len();
        let mut rows = earlier.rows;
        rows.push(this);
        rows.extend(later.rows);
        let mut stats = earlier.stats;
        stats.bytes_scanned += later.stats.bytes_scanned;
        stats.records_verified += later.stats.records_verified;
        stats.matched = rows.len() as u64;
        Ok(Some((SearchResult { rows, next: None, stats, partial: earlier.partial.or(later.partial) }, place)))
    }
}

fn to_row(record: &RecordView<'_>) -> Row {
    Row { record: record.to_record(), seq: record.seq }
}

/// Drops memtable rows that are no longer among the best.
fn compact(rows: &mut Vec<Option<Row>>, best: &mut Best) {
    let mut kept = Vec::with_capacity(best.limit);
    best.heap = std::mem::take(&mut best.heap)
        .into_iter()
        .map(|Reverse((key, place))| match place {
            Place::Memtable { index } => {
                kept.push(rows.get_mut(index).and_then(Option::take));
                Reverse((key, Place::Memtable { index: kept.len() - 1 }))
            }
            segment @ Place::Segment { .. } => Reverse((key, segment)),
        })
        .collect();
    *rows = kept;
}

fn select_segment(
    query: &Query,
    tenant: u32,
    page: &Page<'_>,
    index: usize,
    live: &LiveSegment,
    best: &mut Best,
    watch: &mut Watch<'_>,
) -> Result<()> {
    let segment = &live.segment;
    let plan = Plan::new(query, segment)?;
    if plan.is_empty() {
        watch.stats.segments_skipped += 1;
        return Ok(());
    }
    let visible = visible_streams(segment, tenant, page.stream);
    let mut walker = RowWalker::new(segment, &plan)?;
    let mut matched: Vec<(u32, i64)> = Vec::new();
    pieces(&plan, &visible, page.range, watch, |piece, watch| {
        let block = &segment.blocks[piece.block];
        if !best.has_room(block.min_ts, block.max_ts) {
            return Ok(true);
        }
        matched.clear();
        let times = walker.times(&piece)?;
        let (Some(&oldest), Some(&newest)) = (times.first(), times.last()) else { return Ok(true) };
        if !best.has_room(oldest, newest) {
            return Ok(true);
        }
        let mut narrowed = piece.clone();
        narrow(&mut narrowed, times, best);
        let read = walker.matching(&narrowed, query, page.range, watch, |row, time| matched.push((row, time)));
        if watch.survive(read)?.is_none() {
            return Ok(true);
        }
        let in_order: &mut dyn Iterator<Item = &(u32, i64)> = match page.order {
            Order::NewestFirst => &mut matched.iter().rev(),
            Order::OldestFirst => &mut matched.iter(),
        };
        for &(row, time) in in_order {
            if !best.has_room_at(time) {
                if best.heap.len() >= best.limit && best.after.is_none() {
                    break;
                }
                continue;
            }
            let seq = walker.reader.seq(piece.block, row)?;
            let place =
                Place::Segment { segment: index, block: piece.block, group: piece.group, stream: piece.stream, row };
            best.offer(time, seq, place);
        }
        Ok(true)
    })?;
    watch.stats.bytes_scanned += walker.reader.bytes_read;
    Ok(())
}

/// Cuts off the rows of a piece, which are in time order, that come too late to be among the best.
fn narrow(piece: &mut Piece, times: &[i64], best: &Best) {
    let start = piece.rows.start;
    match best.order {
        Order::NewestFirst => {
            let skip = if best.heap.len() < best.limit {
                0
            } else {
                times.partition_point(|time| !best.has_room_at(*time) && !behind(best, *time))
            };
            let keep = times.partition_point(|time| best.after.is_none_or(|after| *time <= after.0));
            piece.rows = start + skip.min(keep) as u32..start + keep as u32;
        }
        Order::OldestFirst => {
            let skip = times.partition_point(|time| best.after.is_some_and(|after| !*time > after.0));
            let keep = if best.heap.len() < best.limit {
                times.len()
            } else {
                times.partition_point(|time| best.has_room_at(*time) || behind(best, *time))
            };
            piece.rows = start + skip.min(keep) as u32..start + keep as u32;
        }
    }
}

/// Whether a time lies before the cursor in the order, so that `has_room_at` refuses it for that alone.
fn behind(best: &Best, timestamp: i64) -> bool {
    best.after.is_some_and(|after| Key::new(best.order, timestamp, 0).0 > after.0)
}

/// The stream of a row, for callers that hold one.
impl Row {
    /// The stream it belongs to.
    pub fn stream(&self) -> &Stream {
        &self.record.stream
    }
}
