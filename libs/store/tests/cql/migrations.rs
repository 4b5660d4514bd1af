//! The schema: made once, whoever comes and however often, and checked before it is used.

use std::sync::Arc;
use std::time::Duration;

use store::Class;
use store::conformance::fixtures::NOW;
use store::cql::{Config, Cql, Engine, MigrateError, OpenError, migrate};

use crate::keyspace::{Raw, config, options};

fn own() -> Config {
    config(&engines::unique("m"))
}

async fn refusal(config: Config) -> OpenError {
    Cql::connect(config, Arc::new(|| NOW))
        .await
        .expect_err("it is refused")
}

#[tokio::test]
async fn a_schema_is_made_once() {
    let config = own();
    let first = migrate(&config, &options()).await.unwrap();
    let numbers: Vec<_> = first.applied.iter().map(|(number, _)| *number).collect();
    assert_eq!((numbers, first.version), (vec![1, 2, 3, 4, 5], 5));
    assert_eq!(first.engine, Engine::Cassandra);
    let second = migrate(&config, &options()).await.unwrap();
    assert_eq!((second.applied, second.version), (vec![], 5));
}

#[tokio::test]
async fn of_two_at_the_same_time_one_makes_it_and_the_other_waits() {
    let config = own();
    let options = options();
    let (one, other) = tokio::join!(migrate(&config, &options), migrate(&config, &options));
    let mut applied = [one.unwrap().applied, other.unwrap().applied].concat();
    applied.sort_unstable();
    assert_eq!(
        applied,
        [
            (1, "events"),
            (2, "deletions"),
            (3, "progress"),
            (4, "index"),
            (5, "rollups")
        ]
    );
}

#[tokio::test]
async fn what_was_cut_off_half_way_is_completed() {
    let config = own();
    let raw = Raw::of(&config.keyspace).await;
    migrate(&config, &options()).await.unwrap();
    // As after a kill behind the second table of the first file.
    raw.run("DROP TABLE KS.events_90d").await;
    raw.run("DROP TABLE KS.events_400d").await;
    raw.run("DELETE FROM KS.migrations WHERE number = 1").await;
    let refused = refusal(config.clone()).await;
    assert!(
        matches!(refused, OpenError::NotMigrated { number: 1, .. }),
        "{refused}"
    );
    let report = migrate(&config, &options()).await.unwrap();
    assert_eq!(report.applied, [(1, "events")]);
    Cql::connect(config, Arc::new(|| NOW)).await.unwrap();
}

#[tokio::test]
async fn a_lock_that_was_left_behind_expires() {
    let config = own();
    let raw = Raw::of(&config.keyspace).await;
    migrate(&config, &options()).await.unwrap();
    raw.run("DELETE FROM KS.migrations WHERE number = 3").await;
    raw.run("INSERT INTO KS.migration_lock (name, owner) VALUES ('schema', now()) IF NOT EXISTS USING TTL 3")
        .await;
    let mut impatient = options();
    impatient.lock_wait = Duration::from_millis(300);
    let refused = migrate(&config, &impatient).await.unwrap_err();
    assert!(matches!(refused, MigrateError::Locked { .. }), "{refused}");
    let report = migrate(&config, &options()).await.unwrap();
    assert_eq!(report.applied, [(3, "progress")]);
}

#[tokio::test]
async fn a_changed_file_is_refused_by_name() {
    let config = own();
    let raw = Raw::of(&config.keyspace).await;
    migrate(&config, &options()).await.unwrap();
    raw.run("UPDATE KS.migrations SET checksum = 'another' WHERE number = 2")
        .await;
    let refused = migrate(&config, &options()).await.unwrap_err();
    assert!(
        refused.to_string().contains("migration 2 (deletions)"),
        "{refused}"
    );
    let refused = refusal(config).await;
    assert!(
        matches!(refused, OpenError::Changed { number: 2, .. }),
        "{refused}"
    );
    assert_eq!(refused.class(), Class::Fatal);
}

#[tokio::test]
async fn one_version_more_is_taken_and_two_are_not() {
    let config = own();
    let raw = Raw::of(&config.keyspace).await;
    migrate(&config, &options()).await.unwrap();
    raw.run("INSERT INTO KS.migrations (number, name, checksum) VALUES (6, 'later', 'x')")
        .await;
    Cql::connect(config.clone(), Arc::new(|| NOW)).await.unwrap();
    assert_eq!(migrate(&config, &options()).await.unwrap().version, 6);
    raw.run("INSERT INTO KS.migrations (number, name, checksum) VALUES (7, 'later', 'x')")
        .await;
    let refused = refusal(config).await;
    assert!(
        matches!(
            refused,
            OpenError::TooNew {
                found: 7,
                accepted: 6,
                ..
            }
        ),
        "{refused}"
    );
}

#[tokio::test]
async fn a_missing_keyspace_is_said_to_be_missing() {
    let config = own();
    let refused = refusal(config.clone()).await;
    assert_eq!(refused.class(), Class::Fatal);
    let expected = format!("store has no keyspace {}: run `sluice migrate`", config.keyspace);
    assert_eq!(refused.to_string(), expected);
}

#[tokio::test]
async fn a_keyspace_without_a_schema_says_what_to_run() {
    let config = own();
    let raw = Raw::of(&config.keyspace).await;
    raw.run(&format!(
        "CREATE KEYSPACE {} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}",
        config.keyspace
    ))
    .await;
    let refused = refusal(config).await;
    assert!(
        matches!(refused, OpenError::NotMigrated { number: 1, .. }),
        "{refused}"
    );
    assert!(refused.to_string().ends_with("run `sluice migrate`"), "{refused}");
}

#[tokio::test]
async fn an_unknown_datacenter_is_refused_with_those_that_are_known() {
    let mut config = own();
    config.datacenter = Some("elsewhere".to_owned());
    let refused = refusal(config).await;
    assert!(matches!(refused, OpenError::Datacenter { .. }), "{refused}");
    assert!(refused.to_string().contains("datacenter1"), "{refused}");
}
