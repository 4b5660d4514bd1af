//! What a gateway says while the log is away.

use std::time::{Duration, Instant};

use e2e::client::batch;
use e2e::clock::now;
use e2e::sample::{event, protobuf};
use e2e::system::DEADLINE;
use serde_json::json;
use tonic::Code;
use tonic_types::StatusExt;

use crate::ground::Ground;

/// An answer may take no longer.
const QUICK: Duration = Duration::from_secs(2);
/// Numbers of events that no load uses.
const FIRST_NUMBER: u64 = 1 << 40;

/// Every call is refused within two seconds with a hint when to come back, and the gateway is not ready.
pub(crate) async fn is_told_quickly(ground: &Ground, tries: u64) {
    let client = ground.client().await;
    for number in 0..tries {
        let mut event = event(FIRST_NUMBER + number, now());
        // Never acknowledged, but it may be in the log: not one that the audit counts.
        event["service"] = json!("outage");
        let begin = Instant::now();
        let answer = client.post_json("/api/v1/ingestion/events", &event).await;
        let took = begin.elapsed();
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(took < QUICK, "HTTP took {took:?}");
        let hint: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..60).contains(&hint), "{answer:?}");

        let begin = Instant::now();
        let refused = client.ingestion().ingest_batch(batch([protobuf(&event)])).await;
        let took = begin.elapsed();
        assert!(took < QUICK, "gRPC took {took:?}");
        match refused {
            Err(status) => {
                assert_eq!(status.code(), Code::Unavailable, "{status:?}");
                let hint = status
                    .get_error_details()
                    .retry_info()
                    .and_then(|info| info.retry_delay);
                assert!(hint.is_some_and(|delay| !delay.is_zero()), "{status:?}");
            }
            Ok(answer) => {
                let result = &answer.get_ref().results[0];
                assert_eq!(
                    result.status,
                    proto::v1::VerdictStatus::Unavailable as i32,
                    "{answer:?}"
                );
                assert!(result.retry_after_ms > 0, "{answer:?}");
            }
        }
    }
    let begin = Instant::now();
    while ground.system.gateway().is_ready().await {
        assert!(
            begin.elapsed() < Duration::from_secs(10),
            "the gateway says that it is ready"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The same processes are ready again, without anybody's help.
pub(crate) async fn is_over(ground: &Ground) {
    let begin = Instant::now();
    for process in ground.system.processes() {
        while !process.is_ready().await {
            assert!(
                begin.elapsed() < DEADLINE,
                "{} is not ready again\n{}",
                process.name(),
                process.log()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
