//! The log store as the page and its API ask it: their questions put to the indexer's snapshots.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use orszem_dashboards::http::engine::{
    Answer, Ask, Bucket, Budget, Context, ContextAsk, Cursor, Engine, EngineError, FieldSummary, HistogramAsk, Numbers,
    NumbersAsk, Order, Partial, Pattern, PatternsAsk, Row, RowPage, Scope, SearchAsk, Stats, TailFeed, TimeRange, Top,
    TopAsk,
};
use orszem_indexer::{Indexer, TailItem};
use orszem_logs as logs;
use tokio::sync::mpsc;

/// Rows a live tail may have waiting for its client; more are dropped and counted.
const TAIL_ROWS: usize = 10_000;
/// Fields that are named at most.
const FIELDS_MAX: usize = 1_000;

/// Puts every question of the API to `indexer`. Called within a tokio runtime.
pub(crate) fn engine(indexer: &Indexer) -> Engine {
    Engine {
        search: ask(indexer, search),
        count: ask(indexer, |indexer, scope: &Scope, budget| {
            let answer = indexer.snapshot().count(&scope.query, scope.tenant, range(scope.range), &budget_of(budget));
            answered(answer, |count| count)
        }),
        histogram: ask(indexer, histogram),
        top: ask(indexer, top),
        numbers: ask(indexer, numbers),
        fields: ask(indexer, fields),
        context: ask(indexer, context),
        patterns: ask(indexer, patterns),
        explain: ask(indexer, explain),
        delete: ask(indexer, |indexer, scope: &Scope, _| {
            let deleting = indexer.delete(&scope.query, scope.tenant, range(scope.range));
            tokio::runtime::Handle::current().block_on(deleting).map_err(store_error)
        }),
        tail: Box::new({
            let indexer = indexer.clone();
            move |scope| tail(&indexer, scope)
        }),
    }
}

fn ask<A: 'static, T: 'static>(
    indexer: &Indexer,
    answer: impl Fn(&Indexer, &A, &Budget) -> Result<T, EngineError> + Send + Sync + 'static,
) -> Ask<A, T> {
    let indexer = indexer.clone();
    Box::new(move |question, budget| answer(&indexer, question, budget))
}

fn search(indexer: &Indexer, ask: &SearchAsk, budget: &Budget) -> Result<Answer<RowPage>, EngineError> {
    let page = logs::Page {
        range: range(ask.scope.range),
        order: match ask.order {
            Order::NewestFirst => logs::Order::NewestFirst,
            Order::OldestFirst => logs::Order::OldestFirst,
        },
        limit: ask.limit,
        after: ask.after.map(cursor),
        stream: None,
    };
    let found = indexer.snapshot().search(&ask.scope.query, ask.scope.tenant, &page, &budget_of(budget));
    let logs::SearchResult { rows, next, stats, partial } = found.map_err(store_error)?;
    let next = next.map(|at| Cursor { ts: at.timestamp, seq: at.seq });
    let value = RowPage { rows: rows.into_iter().map(row).collect(), next };
    Ok(Answer { value, stats: stats_of(&stats), partial: partial.map(partial_of) })
}

fn histogram(indexer: &Indexer, ask: &HistogramAsk, budget: &Budget) -> Result<Answer<Vec<Bucket>>, EngineError> {
    let Scope { query, tenant, range: span } = &ask.scope;
    let answer = indexer.snapshot().histogram(query, *tenant, range(*span), ask.step, &budget_of(budget));
    answered(answer, |buckets| buckets.into_iter().collect())
}

fn top(indexer: &Indexer, ask: &TopAsk, budget: &Budget) -> Result<Answer<Top>, EngineError> {
    let Scope { query, tenant, range: span } = &ask.scope;
    let answer = indexer.snapshot().top(query, *tenant, range(*span), &ask.field, ask.limit, &budget_of(budget));
    answered(answer, |top| {
        let named: u64 = top.values.iter().map(|value| value.count).sum();
        let values = top.values.into_iter().map(|value| (value.value, value.count)).collect();
        Top { values, distinct: top.distinct, other: top.present - named, missing: top.missing }
    })
}

fn numbers(indexer: &Indexer, ask: &NumbersAsk, budget: &Budget) -> Result<Answer<Numbers>, EngineError> {
    let Scope { query, tenant, range: span } = &ask.scope;
    let snapshot = indexer.snapshot();
    let answer = snapshot.numbers(query, *tenant, range(*span), &ask.field, &ask.quantiles, &budget_of(budget));
    answered(answer, |logs::NumberSummary { count, min, max, mean, quantiles }| Numbers {
        count,
        min,
        max,
        mean,
        quantiles,
    })
}

fn fields(indexer: &Indexer, scope: &Scope, budget: &Budget) -> Result<Answer<Vec<FieldSummary>>, EngineError> {
    let snapshot = indexer.snapshot();
    let answer = snapshot.fields(&scope.query, scope.tenant, range(scope.range), FIELDS_MAX, &budget_of(budget));
    answered(answer, |fields| {
        fields.into_iter().map(|field| FieldSummary { name: field.name, count: field.count }).collect()
    })
}

fn context(indexer: &Indexer, ask: &ContextAsk, budget: &Budget) -> Result<Option<Context>, EngineError> {
    let sides = (ask.before, ask.after);
    let snapshot = indexer.snapshot();
    let found = snapshot.context(cursor(ask.at), ask.tenant, sides, ask.filter.as_ref(), &budget_of(budget));
    Ok(found.map_err(store_error)?.and_then(|(around, place)| {
        let mut rows: Vec<Row> = around.rows.into_iter().map(row).collect();
        let mut rest = rows.split_off(place).into_iter();
        rest.next().map(|this| Context { before: rows, row: this, after: rest.collect() })
    }))
}

fn patterns(indexer: &Indexer, ask: &PatternsAsk, budget: &Budget) -> Result<Answer<Vec<Pattern>>, EngineError> {
    let Scope { query, tenant, range: span } = &ask.scope;
    let answer = indexer.snapshot().patterns(query, *tenant, range(*span), ask.limit, &budget_of(budget));
    answered(answer, |patterns| {
        patterns.into_iter().map(|found| Pattern { skeleton: found.pattern, count: found.count }).collect()
    })
}

/// Runs the count, so that what it cost can be told beside the plan.
fn explain(indexer: &Indexer, scope: &Scope, budget: &Budget) -> Result<Answer<Vec<String>>, EngineError> {
    let snapshot = indexer.snapshot();
    let span = range(scope.range);
    let plan = snapshot.explain(&scope.query, scope.tenant, span, &budget_of(budget)).map_err(store_error)?;
    let counted = snapshot.count(&scope.query, scope.tenant, span, &budget_of(budget)).map_err(store_error)?;
    let mut lines: Vec<String> = scope.query.to_string().lines().map(str::to_owned).collect();
    lines.extend([
        format!("memtable: {} records, {} bytes, compared one by one", plan.memtable_records, plan.memtable_bytes),
        format!("segments: {} in all, {} ruled out by time or index", plan.segments, plan.segments_skipped),
        format!(
            "skeletons: {} accepted, {} rejected, {} undecided",
            plan.groups_accepted, plan.groups_rejected, plan.groups_verified
        ),
        format!("records decided by their skeleton: {}", plan.records_decided),
        format!(
            "records to look at: {} in {} blocks of {} bytes compressed",
            plan.records_to_verify, plan.blocks_to_read, plan.bytes_to_read
        ),
        format!(
            "ran: {} matched, {} records compared, {} bytes scanned",
            counted.value, counted.stats.records_verified, counted.stats.bytes_scanned
        ),
    ]);
    Ok(Answer { value: lines, stats: stats_of(&counted.stats), partial: counted.partial.map(partial_of) })
}

fn tail(indexer: &Indexer, scope: Scope) -> TailFeed {
    let (sender, rows) = mpsc::channel(TAIL_ROWS);
    let dropped = Arc::new(AtomicU64::new(0));
    let missed = Arc::clone(&dropped);
    let mut client = indexer.tail(scope.query, scope.tenant);
    tokio::spawn(async move {
        loop {
            let item = tokio::select! {
                item = client.next() => item,
                () = sender.closed() => return,
            };
            match item {
                None => return,
                Some(TailItem::Dropped(records)) => {
                    missed.fetch_add(records, Ordering::Relaxed);
                }
                Some(TailItem::Records(records)) => {
                    for record in records {
                        if let Err(mpsc::error::TrySendError::Full(_)) = sender.try_send(row(record)) {
                            missed.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            }
        }
    });
    TailFeed { rows, dropped }
}

fn range(TimeRange { from, to }: TimeRange) -> logs::Range {
    logs::Range { from, to }
}

fn cursor(Cursor { ts, seq }: Cursor) -> logs::Cursor {
    logs::Cursor { timestamp: ts, seq }
}

fn row(logs::Row { record, seq }: logs::Row) -> Row {
    Row { seq, record }
}

fn budget_of(Budget { deadline, memory_bytes, cancel }: &Budget) -> logs::Budget {
    logs::Budget { deadline: *deadline, memory_bytes: *memory_bytes, cancel: Arc::clone(cancel) }
}

fn stats_of(stats: &logs::Stats) -> Stats {
    Stats { bytes_scanned: stats.bytes_scanned, records_scanned: stats.records_verified }
}

fn partial_of(partial: logs::Partial) -> Partial {
    match partial {
        logs::Partial::Deadline => Partial::Deadline,
        logs::Partial::Memory => Partial::Memory,
        logs::Partial::Damage => Partial::Damage,
    }
}

fn answered<T, U>(answer: logs::Result<logs::Answer<T>>, with: impl FnOnce(T) -> U) -> Result<Answer<U>, EngineError> {
    let logs::Answer { value, stats, partial } = answer.map_err(store_error)?;
    Ok(Answer { value: with(value), stats: stats_of(&stats), partial: partial.map(partial_of) })
}

fn store_error(error: impl Into<StoreError>) -> EngineError {
    match error.into() {
        StoreError::Logs(logs::Error::Cancelled) => EngineError::Cancelled,
        StoreError::Logs(error) => EngineError::Store(Box::new(error)),
        StoreError::Indexer(error) => EngineError::Store(Box::new(error)),
    }
}

/// What a question can fail with.
enum StoreError {
    Logs(logs::Error),
    Indexer(orszem_indexer::Error),
}

impl From<logs::Error> for StoreError {
    fn from(error: logs::Error) -> Self {
        Self::Logs(error)
    }
}

impl From<orszem_indexer::Error> for StoreError {
    fn from(error: orszem_indexer::Error) -> Self {
        Self::Indexer(error)
    }
}
