//! A store that is away, or does not answer, has not said that it holds nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fmt, slice};

use domain::cursor::Order;
use domain::index::manifest::Minute;
use domain::retention;
use domain::rollup::{Grain, Rollup, Window};
use engines::Cassandra;
use store::conformance::fixtures::{
    KEEP_UNTIL, NOW, SOURCE, all_times, entry, ids_of, rollup, rows, segment, tenant, unit,
};
use store::cql::{Config, Cql, OpenError, Options, Replication, migrate};
use store::index::Mark;
use store::rollups::RollupKey;
use store::{Class, Error, Events, Index, Position, Progress, Rollups};

const POSITION: Position = Position {
    next_offset: 8,
    origin: 7,
    appended_at_ms: 0,
    checksum: 0,
};

fn config(engine: &Cassandra) -> Config {
    let mut config = Config::new(vec![engine.address()], "faults");
    config.request_timeout = Duration::from_millis(700);
    config.connect_timeout = Duration::from_secs(2);
    config
}

async fn connect(config: Config) -> Result<Cql, OpenError> {
    Cql::connect(config, Arc::new(|| NOW)).await
}

/// A call of the port, and what it said that is no failure.
type Call = (&'static str, Result<String, Error>);

fn said<T: fmt::Debug>(call: &'static str, outcome: Result<T, Error>) -> Call {
    (call, outcome.map(|answer| format!("{answer:?}")))
}

async fn calls(store: &Cql) -> Vec<Call> {
    let mut calls = calls_of_events(store).await;
    calls.extend(calls_of_index(store).await);
    calls.extend(calls_of_rollups(store).await);
    calls
}

async fn calls_of_events(store: &Cql) -> Vec<Call> {
    let demo = tenant("demo");
    let rows = rows(&demo, 3);
    let (ids, deleted) = (ids_of(&rows), rows[0].event.id);
    vec![
        said("put", store.put(&rows, NOW).await),
        said("fetch", store.fetch(&demo, &ids, NOW).await),
        said("ids", store.ids(&demo, all_times(), Order::NewestFirst, 10).await),
        said("delete", store.delete(&demo, deleted, KEEP_UNTIL).await),
        said("position", store.position("retention", SOURCE).await),
        said("advance", store.advance("retention", SOURCE, POSITION).await),
        said("ping", store.ping().await),
    ]
}

async fn calls_of_index(store: &Cql) -> Vec<Call> {
    let (demo, unit, minute) = (tenant("demo"), unit(retention::Class::Days7, 1), Minute::of(NOW));
    let (entry, segment) = (entry(SOURCE, unit, 7), segment(&demo, 7, 1));
    let pages = vec![(vec![1], vec![2].into())];
    let mark = Mark {
        position: POSITION,
        minute,
    };
    vec![
        said(
            "mark_fresh",
            store
                .mark_fresh(slice::from_ref(&demo), SOURCE, minute, NOW)
                .await,
        ),
        said("fresh_places", store.fresh_places(&demo).await),
        said(
            "put_fresh",
            store.put_fresh(SOURCE, minute, &[segment], NOW).await,
        ),
        said("fresh", store.fresh(&demo, SOURCE, minute, None).await),
        said("put_pages", store.put_pages(unit, pages, KEEP_UNTIL, NOW).await),
        said("page", store.page(unit, &[1]).await),
        said("pages", store.pages(unit, &[1], &[2], 1).await),
        said("remove_unit", store.remove_unit(unit).await),
        said("list", store.list(&demo, &entry, NOW).await),
        said("manifest", store.manifest(&demo, entry.period()).await),
        said("unlist", store.unlist(&demo, &entry).await),
        said("advance_mark", store.advance_mark(SOURCE, mark).await),
        said("mark", store.mark(SOURCE).await),
    ]
}

async fn calls_of_rollups(store: &Cql) -> Vec<Call> {
    let (demo, grain, kind) = (tenant("demo"), Grain::Minute, Rollup::Events);
    let window = Window::of(grain, NOW);
    let key = RollupKey {
        tenant: demo.clone(),
        window,
        rollup: kind,
        source: SOURCE,
    };
    let numbers = window.number..window.number + 1;
    vec![
        said("put_rollups", store.put_rollups(&[rollup(key, 7)], NOW).await),
        said("rollups_of", store.rollups_of(&demo, window, SOURCE).await),
        said("rollups_in", store.rollups_in(&demo, kind, grain, numbers).await),
    ]
}

async fn assert_unavailable(store: &Cql) {
    for (call, outcome) in calls(store).await {
        match outcome {
            Err(error @ Error::Unavailable { .. }) => assert_eq!(error.class(), Class::Transient),
            other => panic!("{call} of a store that is away gave {other:?}"),
        }
    }
}

async fn assert_comes_back(store: &Cql) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while let Err(error) = store.ping().await {
        assert!(Instant::now() < deadline, "it does not come back: {error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for (call, outcome) in calls(store).await {
        assert!(outcome.is_ok(), "{call}: {outcome:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_paused_or_stopped_is_unavailable_and_comes_back() {
    let mut engine = Cassandra::start();
    let mut patient = config(&engine);
    patient.request_timeout = Duration::from_secs(10);
    migrate(&patient, &Options::new(Replication::Simple(1)))
        .await
        .unwrap();
    let store = connect(config(&engine)).await.unwrap();
    assert_comes_back(&store).await;

    engine.pause();
    assert_unavailable(&store).await;
    engine.resume();
    assert_comes_back(&store).await;

    engine.kill();
    assert_unavailable(&store).await;
    let refused = connect(config(&engine)).await.unwrap_err();
    assert!(matches!(refused, OpenError::Unreachable { .. }), "{refused}");
    assert_eq!(refused.class(), Class::Transient);
    assert!(refused.to_string().contains(&engine.address()), "{refused}");

    engine.restart();
    assert_comes_back(&store).await;
    // What was answered before the kill is there: one of the rows was deleted.
    let demo = tenant("demo");
    let rows = rows(&demo, 3);
    assert_eq!(store.fetch(&demo, &ids_of(&rows), NOW).await.unwrap(), rows[1..]);
    let position = store.position("retention", SOURCE).await.unwrap();
    assert_eq!(position, Some(POSITION));
}
