//! Changes of what is there: one of two admins wins, keys rotate, limits bring partitions, closed tenants stay closed.

use std::sync::Arc;
use std::time::Duration;

use control::{Error, KeyChange, LimitsChange, ServiceChange};
use domain::control::{ANNOUNCE_MS, Denied, Rates, Slo};
use domain::limits::Limits;
use tempfile::TempDir;

use crate::process::{NOW, Process, by, new_key, open, tenant};

fn rate(events_per_second: u64) -> LimitsChange {
    LimitsChange {
        rates: Rates {
            events_per_second: Some(events_per_second),
            ..Rates::default()
        },
        ..LimitsChange::default()
    }
}

#[tokio::test]
async fn of_two_admins_who_saw_the_same_one_wins_and_the_other_is_told() {
    let dir = TempDir::new().unwrap();
    let log = open(dir.path(), 1);
    let (one, other) = (
        Process::start(Arc::clone(&log), 1).await,
        Process::start(log, 2).await,
    );
    let demo = tenant("demo");
    one.writer
        .create_tenant(&by(), demo.clone(), "Demo".into())
        .await
        .unwrap();
    let (sizes, by) = (Limits::default(), by());
    for round in 0..20_u64 {
        let (first, second) = tokio::join!(
            one.writer
                .set_limits(&by, &demo, rate(10 + round), &sizes, Some(round)),
            other
                .writer
                .set_limits(&by, &demo, rate(1_000 + round), &sizes, Some(round)),
        );
        let (won, lost) = if first.is_ok() {
            (first, second)
        } else {
            (second, first)
        };
        assert_eq!(won.unwrap().version, round + 1);
        let Err(Error::VersionMismatch {
            expected, current, ..
        }) = lost
        else {
            panic!("{lost:?}")
        };
        assert_eq!((expected, current), (round, round + 1));
    }
    one.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn each_change_has_the_next_version_and_a_stale_one_is_refused() {
    let dir = TempDir::new().unwrap();
    let process = Process::start(open(dir.path(), 1), 1).await;
    let (writer, demo) = (&process.writer, tenant("demo"));
    writer
        .create_tenant(&by(), demo.clone(), "Demo".into())
        .await
        .unwrap();
    let renamed = writer
        .rename_tenant(&by(), &demo, "Better".into(), Some(1))
        .await
        .unwrap();
    assert_eq!((renamed.version, &*renamed.name), (2, "Better"));
    let stale = |error: Error| matches!(error, Error::VersionMismatch { .. });
    assert!(stale(
        writer
            .rename_tenant(&by(), &demo, "Worse".into(), Some(1))
            .await
            .unwrap_err()
    ));

    let slo = Some(Slo {
        latency_ms: 300,
        target_ppm: 999_000,
    });
    let service = ServiceChange {
        slo,
        ..ServiceChange::default()
    };
    assert!(stale(
        writer
            .set_service(&by(), &demo, "pay", service.clone(), Some(1))
            .await
            .unwrap_err()
    ));
    writer
        .set_service(&by(), &demo, "pay", service.clone(), Some(0))
        .await
        .unwrap();
    assert!(stale(
        writer
            .set_service(&by(), &demo, "pay", service, Some(0))
            .await
            .unwrap_err()
    ));
    assert!(stale(
        writer
            .remove_service(&by(), &demo, "pay", Some(7))
            .await
            .unwrap_err()
    ));
    writer.remove_service(&by(), &demo, "pay", Some(1)).await.unwrap();
    assert_eq!(process.view.state().services(&demo).count(), 0);

    let (key, record) = writer.create_key(&by(), new_key()).await.unwrap();
    let change = KeyChange {
        expires_at: Some(Some(NOW.plus_ms(5))),
        ..KeyChange::default()
    };
    assert!(stale(
        writer
            .change_key(&by(), key.id(), change.clone(), Some(9))
            .await
            .unwrap_err()
    ));
    let changed = writer
        .change_key(&by(), key.id(), change, Some(record.version))
        .await
        .unwrap();
    assert_eq!((changed.version, changed.expires_at), (2, Some(NOW.plus_ms(5))));
    process.stop().await;
}

#[tokio::test]
async fn a_rotated_key_works_beside_the_new_one_for_as_long_as_said() {
    let dir = TempDir::new().unwrap();
    let process = Process::start(open(dir.path(), 1), 1).await;
    let writer = &process.writer;
    writer
        .create_tenant(&by(), tenant("demo"), "Demo".into())
        .await
        .unwrap();
    let (old, before) = writer.create_key(&by(), new_key()).await.unwrap();
    let overlap = Duration::from_hours(1);
    let (new, record) = writer.rotate_key(&by(), old.id(), overlap, None).await.unwrap();
    assert_eq!(
        (record.replaces, record.scopes, record.expires_at),
        (Some(*old.id()), before.scopes, None)
    );
    let at = |key: &domain::key::ApiKey, ms: i64| {
        let state = process.view.state();
        state
            .authenticate(key.reveal(), &crate::process::peppers(), NOW.plus_ms(ms))
            .map(drop)
    };
    assert_eq!((at(&old, 3_599_999), at(&new, 3_599_999)), (Ok(()), Ok(())));
    assert_eq!(
        (at(&old, 3_600_000), at(&new, 3_600_000)),
        (Err(Denied::Expired), Ok(()))
    );
    process.clock.set(NOW.as_ms() + 3_600_000);
    let again = writer.rotate_key(&by(), old.id(), overlap, None).await;
    assert!(
        matches!(again, Err(Error::Invalid { field: "id", .. })),
        "{again:?}"
    );
    process.stop().await;
}

#[tokio::test]
async fn a_higher_rate_announces_more_partitions_and_a_lower_one_takes_none_away() {
    let dir = TempDir::new().unwrap();
    let process = Process::start(open(dir.path(), 1), 1).await;
    let (writer, demo, sizes) = (&process.writer, tenant("demo"), Limits::default());
    writer
        .create_tenant(&by(), demo.clone(), "Demo".into())
        .await
        .unwrap();
    writer
        .set_limits(&by(), &demo, rate(40_000), &sizes, None)
        .await
        .unwrap();
    let spread = process.view.state().spread(&demo).cloned().unwrap();
    assert_eq!(spread.at(NOW.plus_ms(ANNOUNCE_MS - 1)), 4);
    assert_eq!(spread.last(), 8);
    for events in [100, 40_000] {
        writer
            .set_limits(&by(), &demo, rate(events), &sizes, None)
            .await
            .unwrap();
        assert_eq!(process.view.state().spread(&demo), Some(&spread));
    }
    writer
        .set_limits(&by(), &demo, rate(80_000), &sizes, None)
        .await
        .unwrap();
    assert_eq!(process.view.state().spread(&demo).unwrap().last(), 16);
    process.stop().await;
}

#[tokio::test]
async fn a_closed_tenant_stays_closed() {
    let dir = TempDir::new().unwrap();
    let process = Process::start(open(dir.path(), 1), 1).await;
    let (writer, demo) = (&process.writer, tenant("demo"));
    writer
        .create_tenant(&by(), demo.clone(), "Demo".into())
        .await
        .unwrap();
    let (key, _) = writer.create_key(&by(), new_key()).await.unwrap();
    let closed = writer.close_tenant(&by(), &demo, Some(1)).await.unwrap();
    assert_eq!(closed.closed_at, Some(NOW));
    assert_eq!(writer.close_tenant(&by(), &demo, None).await.unwrap(), closed);
    assert_eq!(process.authenticate(&key), Err(Denied::Closed));
    let again = writer.create_tenant(&by(), demo.clone(), "Demo".into()).await;
    assert!(matches!(again, Err(Error::Conflict { .. })), "{again:?}");
    let denied = writer.create_key(&by(), new_key()).await;
    assert!(
        matches!(denied, Err(Error::NotFound { entity: "tenant", .. })),
        "{denied:?}"
    );
    let limits = writer
        .set_limits(&by(), &demo, rate(1), &Limits::default(), None)
        .await;
    assert!(
        matches!(limits, Err(Error::NotFound { entity: "tenant", .. })),
        "{limits:?}"
    );
    process.stop().await;
}

#[tokio::test]
async fn limits_that_can_not_be_meant_are_refused_by_field() {
    let dir = TempDir::new().unwrap();
    let process = Process::start(open(dir.path(), 1), 1).await;
    let (writer, demo) = (&process.writer, tenant("demo"));
    writer
        .create_tenant(&by(), demo.clone(), "Demo".into())
        .await
        .unwrap();
    for events in [0, u64::MAX] {
        let refused = writer
            .set_limits(&by(), &demo, rate(events), &Limits::default(), None)
            .await;
        assert!(
            matches!(
                refused,
                Err(Error::Invalid {
                    field: "events_per_second",
                    ..
                })
            ),
            "{refused:?}"
        );
    }
    assert_eq!(process.view.state().limits(&demo), None);
    process.stop().await;
}
