//! How fast events come in: one `sluice standalone`, fsync on, beside the bare log writing the same bytes; or, with
//! the argument `distributed`, every role as a process of its own on real engines.
//!
//! Prints one table. Every figure is of this run and this machine; the ratios are what may be compared.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and fails by panicking"
)]

mod counting;
mod distributed;
mod load;
mod reference;
mod samples;

use std::time::Duration;

use e2e::{Stack, System};

use crate::load::Load;
use crate::samples::Samples;

/// Events of each measurement.
const EVENTS: usize = 400_000;

#[tokio::main]
async fn main() {
    let events = load::events();
    let bytes = events.iter().map(bytes::Bytes::len).sum::<usize>() / events.len();
    println!("events of {bytes} bytes on average\n");
    if std::env::args().any(|argument| argument == "distributed") {
        return distributed::run(events).await;
    }

    let reference = reference::bare_log(&events, EVENTS).await;
    println!("bare embedded log, batches of 500, 16 in flight    {reference:>9.0} events/s");

    let system = System::start_with(Stack::Standalone, load::MANY_PROBES).await;
    let load = Load::new(&system, events).await;
    let stream = load.stream(EVENTS, 500, 16).await;
    report(
        "gRPC IngestStream, batches of 500, 16 in flight",
        &stream,
        reference,
    );
    let visible = load.until_visible(&stream).await;
    println!(
        "    searchable {:.0} ms after the last acknowledgement",
        visible.as_secs_f64() * 1000.0
    );
    println!(
        "    to searchable, end to end                      {:>9.0} events/s",
        stream.rate_until(visible)
    );
    let single = load.stream(EVENTS, 500, 1).await;
    report(
        "gRPC IngestStream, batches of 500, 1 in flight",
        &single,
        reference,
    );
    load.until_visible(&single).await;
    let http = load.http(EVENTS / 2, 100, 8).await;
    report("HTTP JSON, batches of 100, 8 connections", &http, reference);
    load.until_visible(&http).await;

    let half = stream.rate().min(http.rate()) / 2.0;
    let paced = load.paced(half, Duration::from_secs(20)).await;
    println!(
        "\nat {:.0} events/s over {} s of gRPC batches of 100:",
        paced.rate, paced.seconds
    );
    println!(
        "    acknowledged       p50 {:>7.1} ms   p99 {:>7.1} ms",
        paced.acknowledged.ms(50),
        paced.acknowledged.ms(99)
    );
    println!(
        "    then searchable    p50 {:>7.1} ms   p99 {:>7.1} ms",
        paced.searchable.ms(50),
        paced.searchable.ms(99)
    );
    println!(
        "    then counted       p50 {:>7.1} ms   p99 {:>7.1} ms",
        paced.counted.ms(50),
        paced.counted.ms(99)
    );
    println!(
        "\nresident memory at the end {} MiB, at the peak {} MiB",
        system.resident_bytes() >> 20,
        system.peak_bytes() >> 20
    );
}

fn report(what: &str, run: &load::Run, reference: f64) {
    let latencies: &Samples = &run.latencies;
    println!(
        "{what:<51}{:>9.0} events/s   {:.2} of the bare log   acknowledged p50 {:.1} ms, p99 {:.1} ms",
        run.rate(),
        run.rate() / reference,
        latencies.ms(50),
        latencies.ms(99)
    );
}
