//! A store and a log that do not answer.

use std::future::pending;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::http::StatusCode;
use bytes::Bytes;
use domain::rollup::{Grain, Rollup, Window};
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use eventlog::{Appended, Bounds, Consumer, Fenced, Log, NewRecord, Read, Sequence, TopicPartition};
use serde_json::json;
use store::rollups::RollupRow;
use store::{Error, Rollups};

use super::super::counted::count;
use super::super::harness::{Harness, NOW, PARTITIONS, event};
use super::{STATS, SUMMARY, TIMESERIES, TOP, told};

/// How a store fails.
#[derive(Clone, Copy)]
enum Trouble {
    /// It says so.
    Down,
    /// It says nothing.
    Silent,
}

impl Trouble {
    async fn meet<T>(self) -> Result<T, Error> {
        match self {
            Self::Down => Err(Error::Unavailable {
                reason: "host secret-host is down".into(),
            }),
            Self::Silent => pending().await,
        }
    }
}

#[async_trait]
impl Rollups for Trouble {
    async fn put_rollups(&self, _: &[RollupRow], _: Millis) -> Result<(), Error> {
        self.meet().await
    }

    async fn rollups_of(&self, _: &TenantId, _: Window, _: Source) -> Result<Vec<(Rollup, Bytes)>, Error> {
        self.meet().await
    }

    async fn rollups_in(
        &self,
        _: &TenantId,
        _: Rollup,
        _: Grain,
        _: Range<i64>,
    ) -> Result<Vec<(Window, Source, Bytes)>, Error> {
        self.meet().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_not_an_empty_answer() {
    for (trouble, part) in [
        (Trouble::Down, "can't answer now"),
        (Trouble::Silent, "within 8 s"),
    ] {
        let harness = Harness::with_rollups(move |_| Arc::new(trouble));
        for uri in [STATS, TIMESERIES, SUMMARY, &format!("{TOP}?of=users")] {
            let answer = harness.get(uri, "alpha").await;
            assert_eq!(
                (answer.status, answer.code()),
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            );
            assert!(answer.headers.contains_key("retry-after"));
            let detail = answer.body["detail"].as_str().unwrap();
            assert!(
                detail.contains(part) && !detail.contains("secret-host"),
                "{detail}"
            );
        }
    }
}

/// A log that fails the same way, but for how many partitions it has.
struct Away(Trouble);

impl Away {
    async fn meet<T>(&self) -> Result<T, eventlog::Error> {
        let failed = self.0.meet().await;
        failed.map_err(|_| eventlog::Error::Unavailable {
            reason: "away".into(),
        })
    }
}

#[async_trait]
impl Log for Away {
    async fn append(&self, _: Vec<NewRecord>) -> Vec<Result<Appended, eventlog::Error>> {
        panic!("query appends nothing")
    }

    async fn sequence(&self) -> Result<Arc<dyn Sequence>, eventlog::Error> {
        self.meet().await
    }

    async fn fence(&self, _: &str) -> Result<Box<dyn Fenced>, eventlog::Error> {
        panic!("query appends nothing")
    }

    async fn partitions(&self, _: &str) -> Result<u32, eventlog::Error> {
        Ok(PARTITIONS)
    }

    async fn bounds(&self, _: &TopicPartition) -> Result<Bounds, eventlog::Error> {
        self.meet().await
    }

    async fn read(&self, _: &TopicPartition, _: u64, _: usize, _: Duration) -> Result<Read, eventlog::Error> {
        self.meet().await
    }

    async fn consumer(&self, _: &str, _: &[&str]) -> Result<Box<dyn Consumer>, eventlog::Error> {
        self.meet().await
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_log_counts_are_told_and_how_fresh_they_are_is_not_known() {
    for trouble in [Trouble::Down, Trouble::Silent] {
        let harness = Harness::with_log(move |_| Arc::new(Away(trouble)));
        count(&harness.store, &[event("alpha", NOW, 1)]).await;
        let stats = told(&harness, STATS).await;
        assert_eq!(
            (&stats["total"], &stats["fresh_until"]),
            (&json!(1), &json!(null))
        );
    }
}
