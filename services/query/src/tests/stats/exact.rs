//! Statistics beside what a naive count of the same events gives.

use std::collections::BTreeMap;

use domain::record::Enriched;
use domain::time::Millis;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use super::super::counted::{action, count, error, request};
use super::super::harness::{Harness, NOW, event};
use super::{HOUR_MS, MINUTE_MS, STATS, TIMESERIES, TOP, told};

/// Events of two days, of every kind.
fn events(seed: &[(u32, u8)]) -> Vec<Enriched> {
    let one = |(place, (age_s, number)): (usize, &(u32, u8))| {
        let time = NOW.minus_ms(i64::from(*age_s) * 1_000 + i64::try_from(place).unwrap());
        let user = format!("u{}", number % 7);
        match number % 4 {
            0 => event("alpha", time, *number),
            1 => request(
                "alpha",
                time,
                *number,
                ["GET /a", "PUT /a", "GET /b"][usize::from(number % 3)],
                200 + u16::from(number % 4) * 100,
                f64::from(*number),
            ),
            2 => error(
                "alpha",
                time,
                *number,
                ["E1", "E2"][usize::from(number / 4 % 2)],
                &user,
            ),
            _ => action(
                "alpha",
                time,
                *number,
                ["pay", "look"][usize::from(number / 8 % 2)],
                &user,
            ),
        }
    };
    seed.iter().enumerate().map(one).collect()
}

fn between<'a>(events: &'a [Enriched], answer: &Value) -> impl Iterator<Item = &'a Enriched> {
    let time = |name: &str| -> Millis { answer[name].as_str().unwrap().parse().unwrap() };
    let (from, to) = (time("from"), time("to"));
    events
        .iter()
        .filter(move |event| (from..to).contains(&event.event.time()))
}

fn counted<'a>(
    events: impl Iterator<Item = &'a Enriched>,
    by: impl Fn(&Enriched) -> String,
) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for event in events {
        *counts.entry(by(event)).or_default() += 1;
    }
    counts
}

fn service(event: &Enriched) -> String {
    event.event.service.clone().unwrap_or_default()
}

/// Compares each answer about a range with the events themselves.
async fn compare(events: &[Enriched], age_ms: i64, length_ms: i64) {
    let harness = Harness::new();
    count(&harness.store, events).await;
    let range = format!(
        "from={}&to={}",
        NOW.minus_ms(age_ms),
        NOW.minus_ms(age_ms).plus_ms(length_ms)
    );

    let stats = told(&harness, &format!("{STATS}?{range}")).await;
    let services: BTreeMap<String, u64> = serde_json::from_value(stats["by_service"].clone()).unwrap();
    assert_eq!(services, counted(between(events, &stats), service));
    let kinds: BTreeMap<String, u64> = serde_json::from_value(stats["by_kind"].clone()).unwrap();
    assert_eq!(
        kinds,
        counted(between(events, &stats), |event| event
            .event
            .kind()
            .as_str()
            .to_owned())
    );

    let series = told(&harness, &format!("{TIMESERIES}?{range}&by=service&limit=2")).await;
    let times: Vec<Millis> = serde_json::from_value(series["times"].clone()).unwrap();
    let naive = counted(between(events, &series), |event| {
        let point = times.partition_point(|time| *time <= event.event.time()) - 1;
        point.to_string()
    });
    let mut points = BTreeMap::<String, u64>::new();
    for series in series["series"].as_array().unwrap() {
        for (number, value) in series["values"].as_array().unwrap().iter().enumerate() {
            *points.entry(number.to_string()).or_default() += value["count"].as_u64().unwrap();
        }
    }
    points.retain(|_, count| *count > 0);
    assert_eq!(points, naive);

    let top = told(&harness, &format!("{TOP}?of=users&{range}&limit=100")).await;
    let with_user = between(events, &top).filter(|event| event.event.user_id.is_some());
    let naive = counted(with_user, |event| event.event.user_id.clone().unwrap());
    let found = top["groups"].as_array().unwrap().iter().map(|group| {
        (
            group["group"]["user_id"].as_str().unwrap().to_owned(),
            group["count"].as_u64().unwrap(),
        )
    });
    assert_eq!(found.collect::<BTreeMap<_, _>>(), naive);
}

#[test]
fn statistics_are_those_of_the_events_themselves() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let seeds = prop::collection::vec((0..48 * 3_600_u32, any::<u8>()), 1..150);
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(24)
    };
    let ranges = (0..48 * HOUR_MS, prop_oneof![1..90 * MINUTE_MS, 1..48 * HOUR_MS]);
    let run = TestRunner::new(config).run(&(seeds, ranges), |(seed, (age_ms, length_ms))| {
        runtime.block_on(compare(&events(&seed), age_ms, length_ms));
        Ok(())
    });
    run.unwrap();
}
