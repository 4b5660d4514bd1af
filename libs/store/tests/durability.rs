//! A process that is killed while it writes: what it was answered is there, progress is never ahead of the
//! rows or the rollups, nor a mark of the units, and what was deleted stays deleted.
//!
//! The test runs this binary again as the process that writes; it reports each answer on its standard output.

use std::collections::BTreeSet;
use std::env;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use domain::index::manifest::{Entry, Minute, UnitId, UnitRef};
use domain::record::Enriched;
use domain::retention::Class;
use domain::rollup::{Grain, Rollup, Window};
use domain::source::{Lane, Source};
use domain::time::Millis;
use store::conformance::fixtures::{KEEP_UNTIL, NOW, entry, id, ids_of, rollup, row, tenant};
use store::embedded::{Config, Embedded};
use store::index::{Mark, Page};
use store::rollups::{RollupKey, RollupRow};
use store::{Events, Index, Position, Progress, Rollups};

const ROUNDS: usize = 20;
/// Batches that a check reads again, beside those that are new.
const CHECKED_AGAIN: u64 = 10;
const DIR: &str = "STORE_DURABILITY_DIR";
const SOURCE: Source = Source {
    lane: Lane::Standard,
    generation: 0,
    partition: 0,
};
const SERVICE: &str = "retention";
const COUNTING_SERVICE: &str = "analytics";
const ROWS: u8 = 100;

fn open(dir: &Path) -> Embedded {
    let mut config = Config::new(Arc::new(|| Millis::EPOCH));
    // Small, so that memtables are written out all the time.
    config.memtable_bytes = 256 << 10;
    Embedded::open(dir, config).expect("the store opens")
}

/// The rows whose progress is `origin`.
fn batch(origin: u64) -> Vec<Enriched> {
    let ms = i64::try_from(origin).expect("a small number");
    (0..ROWS).map(|n| row(&tenant("demo"), id(ms, n), 0)).collect()
}

/// The rollup when the progress of who counts is `origin`: the same row, written again and again.
fn counted(origin: u64) -> RollupRow {
    let key = RollupKey {
        tenant: tenant("demo"),
        window: Window::of(Grain::Hour, NOW),
        rollup: Rollup::Events,
        source: SOURCE,
    };
    rollup(key, i64::try_from(origin).expect("a small number"))
}

/// The unit whose mark is `origin`, as it is listed, and its page.
fn sealed(origin: u64) -> (Entry, Page) {
    let id = UnitId(u128::from(origin).to_be_bytes());
    let unit = UnitRef {
        class: Class::Days7,
        id,
    };
    let page = (b"key".to_vec(), vec![7; 5_000].into());
    (entry(SOURCE, unit, origin), page)
}

fn position(origin: u64) -> Position {
    Position {
        next_offset: origin + 1,
        origin,
        appended_at_ms: 0,
        checksum: origin,
    }
}

async fn count(store: &Embedded, origin: u64) {
    let put = store.put_rollups(&[counted(origin)], NOW).await;
    put.expect("rollups are put");
    let advanced = store.advance(COUNTING_SERVICE, SOURCE, position(origin)).await;
    advanced.expect("progress is stored");
}

async fn seal(store: &Embedded, origin: u64) {
    let (entry, page) = sealed(origin);
    let put = store.put_pages(entry.unit, vec![page], KEEP_UNTIL, NOW).await;
    put.expect("pages are put");
    let listed = store.list(&tenant("demo"), &entry, NOW).await;
    listed.expect("the unit is listed");
    let mark = Mark {
        position: position(origin),
        minute: Minute::of(NOW),
    };
    let marked = store.advance_mark(SOURCE, mark).await;
    marked.expect("the mark is stored");
}

/// Every eighth batch loses its first row.
fn is_deleted(origin: u64) -> bool {
    origin.is_multiple_of(8)
}

/// What the process was answered before it was killed.
#[derive(Default)]
struct Answered {
    advanced: Option<u64>,
    counted: Option<u64>,
    sealed: Option<u64>,
    deleted: BTreeSet<u64>,
}

/// What the killed process does.
async fn write_for_ever(dir: &Path) {
    let store = open(dir);
    let report = |what: &str, origin: u64| {
        let mut out = io::stdout().lock();
        writeln!(out, "answered {what} {origin}").expect("a reader");
        out.flush().expect("a reader");
    };
    let stored = store.position(SERVICE, SOURCE).await.expect("progress is read");
    for origin in stored.map_or(0, |position| position.origin + 1).. {
        let rows = batch(origin);
        store.put(&rows, NOW).await.expect("rows are put");
        store
            .advance(SERVICE, SOURCE, position(origin))
            .await
            .expect("progress is stored");
        report("advanced", origin);
        count(&store, origin).await;
        report("counted", origin);
        seal(&store, origin).await;
        report("sealed", origin);
        if is_deleted(origin) {
            store
                .delete(&tenant("demo"), rows[0].event.id, KEEP_UNTIL)
                .await
                .expect("the event is deleted");
            report("deleted", origin);
        }
    }
}

/// Lets the process write until it was answered this often, and kills it in the middle of what comes next.
fn write_and_kill(dir: &Path, answers: u64, answered: &mut Answered) {
    let mut child = Command::new(env::current_exe().expect("this binary"))
        .args([
            "--exact",
            "a_killed_process_loses_nothing_that_was_answered",
            "--nocapture",
        ])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the process starts");
    let mut left = answers;
    // After the kill, what it had still reported is read to its end.
    for line in BufReader::new(child.stdout.take().expect("a pipe")).lines() {
        let line = line.expect("a line");
        let mut words = line.split(' ').skip_while(|word| *word != "answered").skip(1);
        let (Some(what), Some(origin)) = (words.next(), words.next()) else {
            continue;
        };
        let origin = origin.parse().expect("an origin");
        match what {
            "advanced" => answered.advanced = Some(origin),
            "counted" => answered.counted = Some(origin),
            "sealed" => answered.sealed = Some(origin),
            _ => drop(answered.deleted.insert(origin)),
        }
        left = left.saturating_sub(1);
        if left == 0 {
            thread::park_timeout(Duration::from_micros(random() % 2_000));
            child.kill().expect("the process is killed");
        }
    }
    assert!(
        !child.wait().expect("the process ends").success(),
        "it ended by itself"
    );
}

/// Checks the batches from `from` on; returns the last one.
async fn check(store: &Embedded, answered: &Answered, from: u64) -> u64 {
    let position = store.position(SERVICE, SOURCE).await.expect("progress is read");
    let stored = position.map(|position| position.origin);
    assert!(
        stored >= answered.advanced,
        "progress is at {stored:?}, {:?} was answered",
        answered.advanced
    );
    for origin in from..stored.map_or(0, |origin| origin + 1) {
        let rows = batch(origin);
        let found = fetch(store, &rows).await;
        let without_first = found == rows[1..];
        if answered.deleted.contains(&origin) {
            assert!(
                without_first,
                "origin {origin}: a deleted row is back, or others are missing"
            );
        } else {
            let maybe_deleted = is_deleted(origin) && without_first;
            assert!(
                maybe_deleted || found == rows,
                "origin {origin}: progress is ahead of the rows"
            );
        }
        store.put(&rows, NOW).await.expect("rows are put");
        assert_eq!(
            fetch(store, &rows).await,
            found,
            "origin {origin}: a replay changes what is seen"
        );
    }
    check_rollups(store, answered, stored).await;
    check_index(store, answered, from).await;
    stored.unwrap_or_default()
}

/// Checks that what was counted is at least as far as the progress of who counts. The rows are at `last`, and what comes
/// behind them was not counted.
async fn check_rollups(store: &Embedded, answered: &Answered, last: Option<u64>) {
    let position = store.position(COUNTING_SERVICE, SOURCE).await;
    let position = position.expect("progress is read");
    let stored = position.map(|position| position.origin);
    assert!(
        stored >= answered.counted,
        "progress is at {stored:?}, {:?} was answered",
        answered.counted
    );
    let key = counted(0).key;
    let rollups = store.rollups_of(&key.tenant, key.window, key.source).await;
    let found = rollups.expect("rollups are read").pop();
    let origins = stored.or(Some(0)).zip(last).map(|(first, last)| first..=last);
    let mut states = origins.into_iter().flatten().map(|origin| counted(origin).state);
    let is_ahead = found.is_some_and(|(_, found)| states.any(|state| state == found));
    assert!(
        is_ahead || stored.is_none(),
        "progress is at {stored:?}, ahead of the rollups"
    );
}

/// Checks the units from `from` up to the mark. A unit may be missing that was being sealed at a kill.
async fn check_index(store: &Embedded, answered: &Answered, from: u64) {
    let mark = store.mark(SOURCE).await.expect("the mark is read");
    let marked = mark.map(|mark| mark.position.origin);
    assert!(
        marked >= answered.sealed,
        "the mark is at {marked:?}, {:?} was answered",
        answered.sealed
    );
    let Some(marked) = marked else {
        return;
    };
    let period = sealed(marked).0.period();
    let entries = store.manifest(&tenant("demo"), period).await;
    let entries = entries.expect("the manifest is read");
    assert!(
        entries.contains(&sealed(marked).0),
        "the mark is ahead of its unit"
    );
    for entry in entries.iter().filter(|entry| entry.last_origin >= from) {
        let (listed, page) = sealed(entry.last_origin);
        assert_eq!(*entry, listed);
        let found = store.page(entry.unit, b"z").await.expect("a page is read");
        assert_eq!(found, Some(page), "a unit is listed before its pages");
    }
}

async fn fetch(store: &Embedded, rows: &[Enriched]) -> Vec<Enriched> {
    store
        .fetch(&tenant("demo"), &ids_of(rows), NOW)
        .await
        .expect("rows are fetched")
}

/// New with every call, and no part of what is under test.
fn random() -> u64 {
    RandomState::new().hash_one(0)
}

#[tokio::test]
async fn a_killed_process_loses_nothing_that_was_answered() {
    if let Some(dir) = env::var_os(DIR) {
        return write_for_ever(Path::new(&dir)).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut answered = Answered::default();
    let mut last: u64 = 0;
    for _ in 0..ROUNDS {
        write_and_kill(dir.path(), 1 + random() % 40, &mut answered);
        let from = last.saturating_sub(CHECKED_AGAIN);
        last = check(&open(dir.path()), &answered, from).await;
    }
    check(&open(dir.path()), &answered, 0).await;
}
