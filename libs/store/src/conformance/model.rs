//! Random writes in random order against a naive model.

use std::collections::{BTreeMap, BTreeSet};

use domain::cursor::Order;
use domain::id::EventId;
use domain::record::Enriched;
use domain::tenant::TenantId;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::Subject;
use super::fixtures::{NOW, all_times, id, row, tenant};

const CASES: usize = 32;
const TENANTS: usize = 2;
const IDS: usize = 5;
/// The last revision is one that has expired before it is written.
const REVISIONS: u16 = 4;

/// Which event of which tenant.
type Target = (usize, usize);

#[derive(Clone, Debug)]
enum Write {
    /// A batch of rows of these revisions.
    Put(Vec<(Target, u16)>),
    Delete(Target),
    /// All batches so far, once more.
    Replay,
}

fn writes() -> impl Strategy<Value = Vec<Write>> {
    let target = (0..TENANTS, 0..IDS);
    let put = vec((target.clone(), 0..REVISIONS), 1..6).prop_map(Write::Put);
    vec(
        prop_oneof![4 => put, 1 => target.prop_map(Write::Delete), 1 => Just(Write::Replay)],
        1..16,
    )
}

/// Whatever the order: the greatest revision that was put is seen, unless it was ever deleted.
pub async fn any_order_of_writes_ends_in_the_same_rows(store: &Subject) {
    let mut runner = TestRunner::default();
    let mut tenants = 0;
    for _ in 0..CASES {
        let mut tree = writes()
            .new_tree(&mut runner)
            .expect("the strategy rejects nothing");
        let mut smallest = None;
        // As the runner would do it, but in async: after a failure look for a smaller one.
        loop {
            tenants += 1;
            let outcome = run(store, tenants, &tree.current()).await;
            let goes_on = match outcome {
                Ok(()) if smallest.is_none() => false,
                Ok(()) => tree.complicate(),
                Err(difference) => {
                    smallest = Some((tree.current(), difference));
                    tree.simplify()
                }
            };
            if !goes_on {
                break;
            }
        }
        if let Some((writes, difference)) = smallest {
            panic!("{difference}\nafter {writes:#?}");
        }
    }
}

/// Applies writes to tenants of their own; what differs from the model afterwards is the error.
async fn run(store: &Subject, number: usize, writes: &[Write]) -> Result<(), String> {
    let mut world = World::new(number);
    for write in writes {
        match write {
            Write::Put(batch) => world.put(store, batch).await,
            Write::Delete(target) => {
                store.delete(&world.tenants[target.0], world.ids[target.1]).await;
                world.deleted.insert(*target);
            }
            Write::Replay => {
                for batch in world.batches.clone() {
                    store.put(&batch).await;
                }
            }
        }
        world.compare(store).await?;
    }
    Ok(())
}

struct World {
    tenants: [TenantId; TENANTS],
    ids: [EventId; IDS],
    batches: Vec<Vec<Enriched>>,
    put: BTreeMap<Target, u16>,
    deleted: BTreeSet<Target>,
}

impl World {
    fn new(number: usize) -> Self {
        Self {
            tenants: std::array::from_fn(|n| tenant(&format!("model-{number}-{n}"))),
            // Two in each millisecond.
            ids: std::array::from_fn(|n| {
                let n = u8::try_from(n).expect("there are few");
                id(i64::from(n / 2), n)
            }),
            batches: Vec::new(),
            put: BTreeMap::new(),
            deleted: BTreeSet::new(),
        }
    }

    async fn put(&mut self, store: &Subject, batch: &[(Target, u16)]) {
        let rows: Vec<_> = batch
            .iter()
            .map(|(target, revision)| self.row(*target, *revision))
            .collect();
        store.put(&rows).await;
        self.batches.push(rows);
        for (target, revision) in batch.iter().filter(|(_, revision)| revision + 1 < REVISIONS) {
            let greatest = self.put.entry(*target).or_default();
            *greatest = (*greatest).max(*revision);
        }
    }

    fn row(&self, (tenant, id): Target, revision: u16) -> Enriched {
        let mut row = row(&self.tenants[tenant], self.ids[id], revision);
        if revision + 1 == REVISIONS {
            row.expires_at = NOW;
        }
        row
    }

    async fn compare(&self, store: &Subject) -> Result<(), String> {
        for (n, tenant) in self.tenants.iter().enumerate() {
            let visible = self
                .put
                .iter()
                .filter(|(target, _)| target.0 == n && !self.deleted.contains(target));
            let expected: Vec<_> = visible
                .map(|(target, revision)| self.row(*target, *revision))
                .collect();
            let found = store.fetch(tenant, &self.ids).await;
            if found != expected {
                return Err(format!("{tenant} has {found:#?} instead of {expected:#?}"));
            }
            let mut ids = store.ids(tenant, all_times(), Order::OldestFirst).await;
            // Deleted ones may be among them.
            ids.retain(|id| expected.iter().any(|row| row.event.id == *id));
            if ids.len() != expected.len() || !ids.is_sorted() {
                return Err(format!(
                    "{tenant} has ids {ids:?} instead of those of {expected:#?}"
                ));
            }
        }
        Ok(())
    }
}
