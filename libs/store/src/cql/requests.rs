//! How a statement is run: within the bound on requests under way, within its time, measured, and with an error
//! that is never to be taken for an empty answer.

use std::fmt;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::pin;
use std::time::Instant;

use futures::stream::{FuturesUnordered, StreamExt};
use scylla::client::session::Session;
use scylla::errors::ExecutionError;
use scylla::response::PagingState;
use scylla::response::query_result::QueryRowsResult;
use scylla::serialize::row::SerializeRow;
use scylla::statement::batch::{Batch, BatchStatement, BatchType};
use scylla::value::CqlValue;
use tokio::sync::Semaphore;

use super::statements::Query;
use crate::metric_definitions as definitions;
use crate::port::Error;

/// The way to the cluster.
pub(super) struct Requests {
    pub(super) session: Session,
    permits: Semaphore,
}

impl Requests {
    pub(super) fn new(session: Session, max_in_flight: usize) -> Self {
        let permits = Semaphore::new(max_in_flight);
        Self { session, permits }
    }

    /// Runs a statement that answers nothing.
    pub(super) async fn run(&self, query: &Query, values: impl SerializeRow) -> Result<(), Error> {
        let work = Box::pin(self.session.execute_unpaged(&query.prepared, values));
        self.measured(query.name, work).await.map(drop)
    }

    /// Writes rows of one partition with the same statement, all or none. `name` is that of the batch in metrics.
    pub(super) async fn run_batch<R: SerializeRow>(
        &self,
        name: &'static str,
        query: &Query,
        rows: &[R],
    ) -> Result<(), Error> {
        if let [row] = rows {
            return self.run(query, row).await;
        }
        let statement = || BatchStatement::PreparedStatement(query.prepared.clone());
        let statements = rows.iter().map(|_| statement()).collect();
        let mut batch = Batch::new_with_statements(BatchType::Unlogged, statements);
        batch.set_is_idempotent(true);
        let work = Box::pin(self.session.batch(&batch, rows));
        self.measured(name, work).await.map(drop)
    }

    /// Writes to one partition with several statements, all or none. `name` is that of the batch in metrics.
    pub(super) async fn run_together(
        &self,
        name: &'static str,
        writes: Vec<(&Query, Vec<CqlValue>)>,
    ) -> Result<(), Error> {
        let (queries, rows): (Vec<_>, Vec<_>) = writes.into_iter().unzip();
        let statements = queries
            .iter()
            .map(|query| BatchStatement::PreparedStatement(query.prepared.clone()));
        let mut batch = Batch::new_with_statements(BatchType::Unlogged, statements.collect());
        batch.set_is_idempotent(true);
        let work = Box::pin(self.session.batch(&batch, rows));
        self.measured(name, work).await.map(drop)
    }

    /// Runs a statement and hands over its answer page by page.
    pub(super) async fn read<V: SerializeRow>(
        &self,
        query: &Query,
        values: V,
        mut take: impl FnMut(QueryRowsResult) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut state = PagingState::start();
        loop {
            let work = self.session.execute_single_page(&query.prepared, &values, state);
            let work = Box::pin(work);
            let (page, next) = self.measured(query.name, work).await?;
            take(
                page.into_rows_result()
                    .map_err(|error| unexpected(query, &error))?,
            )?;
            match next.into_paging_control_flow() {
                ControlFlow::Break(()) => return Ok(()),
                ControlFlow::Continue(next) => state = next,
            }
        }
    }

    /// `work` is boxed by the caller: the futures of the driver have 16 KiB, and a call holds many.
    async fn measured<T>(
        &self,
        statement: &'static str,
        work: impl Future<Output = Result<T, ExecutionError>>,
    ) -> Result<T, Error> {
        let _permit = self.permits.acquire().await.map_err(|_| Error::Closed)?;
        let started = Instant::now();
        let result = work.await;
        metrics::histogram!(definitions::REQUEST_SECONDS, "statement" => statement).record(started.elapsed());
        result.map_err(|error| {
            metrics::counter!(definitions::FAILED_REQUESTS, "statement" => statement).increment(1);
            unavailable(statement, &error)
        })
    }
}

/// The cluster did not do it, or did not say so in time.
pub(super) fn unavailable(what: &str, error: &dyn fmt::Display) -> Error {
    Error::Unavailable {
        reason: format!("{what}: {error}"),
    }
}

/// The answer is not of the shape that the schema says.
pub(super) fn unexpected(query: &Query, error: &dyn fmt::Display) -> Error {
    Error::Corrupt {
        what: format!("answer to {} ({error})", query.name),
    }
}

/// Runs all, at most `concurrency` at once. After a failure no further one is begun; those that are under way
/// are awaited, so that nothing of a failed call goes on behind its back.
pub(super) async fn run_all<F>(work: impl IntoIterator<Item = F>, concurrency: usize) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>>,
{
    let mut running = FuturesUnordered::new();
    let mut result = Ok(());
    for future in work {
        if running.len() >= concurrency {
            result = running.next().await.unwrap_or(Ok(()));
        }
        if result.is_err() {
            break;
        }
        running.push(future);
    }
    let mut rest = pin!(running);
    while let Some(done) = rest.next().await {
        result = result.and(done);
    }
    result
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn no_more_run_at_once_than_may() {
        let (running, most) = (Cell::new(0), Cell::new(0));
        let work = (0..10).map(|_| async {
            running.set(running.get() + 1);
            most.set(running.get().max(most.get()));
            yield_now().await;
            running.set(running.get() - 1);
            Ok(())
        });
        run_all(work, 3).await.unwrap();
        assert_eq!((running.get(), most.get()), (0, 3));
    }

    #[tokio::test]
    async fn after_a_failure_nothing_is_begun_and_all_that_was_is_awaited() {
        let (begun, ended) = (Cell::new(0), Cell::new(0));
        let (begun, ended) = (&begun, &ended);
        let work = (0..10).map(|n| async move {
            begun.set(begun.get() + 1);
            for _ in 0..=n {
                yield_now().await;
            }
            ended.set(ended.get() + 1);
            if n == 0 { Err(Error::Closed) } else { Ok(()) }
        });
        let error = run_all(work, 3).await.unwrap_err();
        assert!(matches!(error, Error::Closed), "{error}");
        assert_eq!((begun.get(), ended.get()), (3, 3));
    }
}
