//! What was deleted is never returned again.

use super::Subject;
use super::fixtures::{KEEP_UNTIL, id, ids_of, row, rows, tenant};

/// The usual way.
pub async fn a_deletion_after_the_put_hides(store: &Subject) {
    let demo = tenant("demo");
    let rows = rows(&demo, 2);
    store.put(&rows).await;
    store.delete(&demo, rows[0].event.id).await;
    assert_eq!(store.fetch(&demo, &ids_of(&rows)).await, rows[1..]);
}

/// An event may be deleted while it is still on its way.
pub async fn a_deletion_before_the_put_hides(store: &Subject) {
    let demo = tenant("demo");
    let row = row(&demo, id(0, 0), 0);
    store.delete(&demo, row.event.id).await;
    store.put(std::slice::from_ref(&row)).await;
    assert_eq!(store.fetch(&demo, &[row.event.id]).await, []);
}

/// Neither the same row nor any later revision brings it back.
pub async fn a_replay_after_the_deletion_stays_hidden(store: &Subject) {
    let demo = tenant("demo");
    let id = id(0, 0);
    store.put(&[row(&demo, id, 3)]).await;
    store.delete(&demo, id).await;
    for revision in [3, 4, 998] {
        store.put(&[row(&demo, id, revision)]).await;
        assert_eq!(store.fetch(&demo, &[id]).await, [], "after revision {revision}");
    }
}

/// Not even those of the same millisecond or the next one, of any revision.
pub async fn a_deletion_hides_no_other_event(store: &Subject) {
    let demo = tenant("demo");
    let deleted = id(0, 1);
    let others = [id(-1, 1), id(0, 0), id(0, 2), id(1, 0)].map(|id| row(&demo, id, 0));
    store.delete(&demo, deleted).await;
    store.put(&others).await;
    assert_eq!(store.fetch(&demo, &ids_of(&others)).await, others);
}

/// Two tenants may have events of one id.
pub async fn a_deletion_concerns_one_tenant(store: &Subject) {
    let [one, other, similar] = ["a", "b", "ab"].map(tenant);
    let id = id(0, 0);
    store.put(&[row(&one, id, 0), row(&other, id, 0)]).await;
    store.delete(&one, id).await;
    store.put(&[row(&similar, id, 0)]).await;
    assert_eq!(store.fetch(&one, &[id]).await, []);
    assert_eq!(store.fetch(&other, &[id]).await, [row(&other, id, 0)]);
    assert_eq!(store.fetch(&similar, &[id]).await, [row(&similar, id, 0)]);
}

/// Deletions are retried too, and a later one that would end earlier shortens nothing.
pub async fn a_second_deletion_changes_nothing(store: &Subject) {
    let demo = tenant("demo");
    let row = row(&demo, id(0, 0), 0);
    for earlier_ms in [0, 0, 60_000] {
        let keep_until = KEEP_UNTIL.minus_ms(earlier_ms);
        store
            .events
            .delete(&demo, row.event.id, keep_until)
            .await
            .expect("the event is deleted");
        store.put(std::slice::from_ref(&row)).await;
        assert_eq!(store.fetch(&demo, &[row.event.id]).await, []);
    }
}
