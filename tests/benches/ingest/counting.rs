//! Analytics catching up with what was enriched while it was stopped, beside a loop that only consumes; and how far its
//! sketches are from exact values.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use domain::rollup::{Distinct, Quantiles};
use domain::source::{FIRST_GENERATION, Lane, Source};
use e2e::System;
use e2e::distributed::{Endpoints, Role};
use store::cql::{self, Cql};
use store::{COUNTING_SERVICE, Progress};

use crate::distributed::{Topics, count};

const SKETCHED: u64 = 1_000_000;
const PATIENCE: Duration = Duration::from_mins(2);

/// Counts what is in the enriched topic behind `from`.
pub(crate) async fn catching_up(system: &mut System, topics: &Topics, from: &[i64]) {
    let end = topics.end(&topics.enriched);
    let cpu_before = own_cpu();
    let begin = Instant::now();
    let consumed = topics.consume(&topics.enriched, from, &end);
    let bare_rate = count(consumed) / begin.elapsed().as_secs_f64();
    let bare_us = us_each(own_cpu().saturating_sub(cpu_before), consumed);

    system.start_role(Role::Analytics).await;
    let begin = Instant::now();
    until_counted(system, &end).await;
    let took = begin.elapsed();
    let process = system.distributed().of(Role::Analytics);
    let us = us_each(process.cpu(), consumed);
    let metrics = reqwest::get(format!("http://{}/metrics", process.listening().ops.unwrap()))
        .await
        .unwrap();
    let metrics = metrics.text().await.unwrap();
    println!(
        "analytics catching up with {consumed} events: {us:.2} us of CPU an event, its start among it, {:.0} events/s a \
         core, {:.2} of a bare consume loop ({bare_us:.2} us, {bare_rate:.0} records/s of one thread); took {:.1} s from \
         when it was ready, {:.4} rows and {:.0} B of them written an event, {:.4} windows read, {} MiB at the peak",
        1e6 / us,
        bare_us / us,
        took.as_secs_f64(),
        sum(&metrics, "sluice_analytics_written_rows_total") / count(consumed),
        sum(&metrics, "sluice_analytics_written_bytes_total") / count(consumed),
        sum(&metrics, "sluice_analytics_loaded_windows_total") / count(consumed),
        process.peak_bytes() >> 20,
    );
}

async fn until_counted(system: &System, end: &[i64]) {
    let config = cql::Config::new(vec![Endpoints::shared().cql], system.distributed().keyspace());
    let store = Cql::connect(config, std::sync::Arc::new(e2e::clock::now))
        .await
        .unwrap();
    let begin = Instant::now();
    for (partition, end) in (0..).zip(end) {
        let source = Source {
            lane: Lane::Standard,
            generation: FIRST_GENERATION,
            partition,
        };
        let end = u64::try_from(*end).unwrap();
        loop {
            let position = store.position(COUNTING_SERVICE, source).await.unwrap();
            if position.map_or(0, |position| position.next_offset) >= end {
                break;
            }
            assert!(begin.elapsed() < PATIENCE, "what is enriched is not counted");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// CPU of this process.
fn own_cpu() -> Duration {
    e2e::process::cpu_of(std::process::id())
}

fn us_each(cpu: Duration, events: usize) -> f64 {
    cpu.as_secs_f64() * 1e6 / count(events)
}

/// Sum of a metric over its labels.
fn sum(metrics: &str, name: &str) -> f64 {
    let lines = metrics.lines().filter(|line| line.starts_with(name));
    let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum()
}

/// How far quantiles and distinct counts are from exact values.
pub(crate) fn sketches() {
    let mut durations = Vec::new();
    let mut quantiles = Quantiles::default();
    let (mut distinct, mut exact) = (Distinct::default(), HashSet::new());
    for number in 0..SKETCHED {
        // A heavy tail between 1 ms and some minutes.
        let uniform = unit(number);
        let us = (1_000.0 * uniform.powf(-0.8)).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "below 2^53"
        )]
        let us = us as u64;
        durations.push(us);
        quantiles.add(us);
        let user = format!("user-{}", mixed(number) % 700_000);
        distinct.add(&user);
        exact.insert(user);
    }
    durations.sort_unstable();
    let errors = [0.5, 0.9, 0.95, 0.99].map(|q| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place in a list"
        )]
        let place = (q * durations.len() as f64).ceil() as usize - 1;
        #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
        let exact = durations[place] as f64;
        (quantiles.quantile(q).unwrap() - exact).abs() / exact
    });
    #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
    let off = (distinct.estimate() as f64 - exact.len() as f64).abs() / exact.len() as f64;
    println!(
        "sketches of {SKETCHED} events: p50, p90, p95, p99 are off by {:.2}, {:.2}, {:.2}, {:.2} %; {} distinct users by \
         {:.2} %",
        errors[0] * 100.0,
        errors[1] * 100.0,
        errors[2] * 100.0,
        errors[3] * 100.0,
        exact.len(),
        off * 100.0
    );
}

/// SplitMix64.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number in (0, 1].
#[expect(clippy::cast_precision_loss, reason = "53 bits")]
fn unit(number: u64) -> f64 {
    ((mixed(number) >> 11) + 1) as f64 / (1_u64 << 53) as f64
}
