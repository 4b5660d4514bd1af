//! A sequence that breaks is replaced, and nothing is skipped over it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use eventlog::Log;
use tempfile::TempDir;

use super::{Fault, Faulty, append, flush_until_done, generics, log, origins, small_appends, worker};

/// Enriches seven records, two to a call; how many sequences that took, and the origins in the order of the log.
async fn enriched_with(faults: &[Fault]) -> (u32, Vec<u64>) {
    let dir = TempDir::new().unwrap();
    let log = log(&dir);
    append(&*log, 0, generics(0..7)).await;
    let log_with_faults = Arc::new(Faulty {
        log: log.clone(),
        faults: Arc::new(Mutex::new(VecDeque::from(faults.to_vec()))),
        opened: AtomicU32::new(0),
        reads: AtomicU32::new(0),
    });
    let seen: Arc<dyn Log> = log_with_faults.clone();
    let (mut worker, records) = worker(&seen, &small_appends(), None).await;
    worker.process(&records).await.unwrap();
    flush_until_done(&mut *worker).await.unwrap();
    (
        log_with_faults.opened.load(Ordering::Relaxed),
        origins(&*log, 0).await,
    )
}

#[tokio::test]
async fn one_that_does_not_break_takes_all() {
    let all = (1, (0..7).collect::<Vec<_>>());
    assert_eq!(enriched_with(&[]).await, all);
}

#[tokio::test]
async fn the_next_one_goes_on_with_the_first_fate_that_was_not_acknowledged() {
    // Nothing of 2 and 3 came in.
    let lost = enriched_with(&[Fault::None, Fault::Before]).await;
    assert_eq!(lost, (2, vec![0, 1, 2, 3, 4, 5, 6]));
    // Both came in, and nobody heard of it.
    let unheard = enriched_with(&[Fault::None, Fault::After]).await;
    assert_eq!(unheard, (2, vec![0, 1, 2, 3, 2, 3, 4, 5, 6]));
    // Both came in, and 2 was heard of: from there the pairs are others.
    let half = enriched_with(&[Fault::None, Fault::AfterTheFirst]).await;
    assert_eq!(half, (2, vec![0, 1, 2, 3, 3, 4, 5, 6]));
}

#[tokio::test]
async fn each_break_is_followed_by_a_sequence_of_its_own() {
    let faults = [Fault::Before, Fault::AfterTheFirst, Fault::None, Fault::After];
    let (opened, origins) = enriched_with(&faults).await;
    assert_eq!(opened, 4);
    assert_eq!(origins, [0, 1, 1, 2, 3, 4, 3, 4, 5, 6]);
}
