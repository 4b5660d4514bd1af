//! Pages of units.

use bytes::Bytes;
use domain::index::manifest::{UnitId, UnitRef};
use domain::retention::Class;

use super::Subject;
use super::fixtures::{KEEP_UNTIL, NOW, unit};
use crate::index::Page;

const UNIT: UnitRef = UnitRef {
    class: Class::Days30,
    id: UnitId([7; 16]),
};

/// A page whose value tells it from others.
fn page(key: &[u8], value: &str) -> Page {
    (key.to_vec(), Bytes::from(value.to_owned()))
}

async fn put(store: &Subject, unit: UnitRef, pages: Vec<Page>) {
    let put = store.index.put_pages(unit, pages, KEEP_UNTIL, NOW).await;
    put.expect("pages are put");
}

async fn find(store: &Subject, unit: UnitRef, key: &[u8]) -> Option<Page> {
    store.index.page(unit, key).await.expect("a page is read")
}

async fn slice(store: &Subject, unit: UnitRef, begin: &[u8], end: &[u8], limit: usize) -> Vec<Page> {
    let pages = store.index.pages(unit, begin, end, limit).await;
    pages.expect("pages are read")
}

/// Put in no order.
async fn put_some(store: &Subject) -> [Page; 5] {
    let keys: [&[u8]; 5] = [b"\x00", b"\x01a", b"\x01a\x00", b"\x01b", b"\xff\xff"];
    let all = keys.map(|key| page(key, &key.escape_ascii().to_string()));
    let of = |indices: &[usize]| indices.iter().map(|at| all[*at].clone()).collect();
    put(store, UNIT, of(&[3, 0, 4])).await;
    put(store, UNIT, of(&[2, 1])).await;
    put(store, UNIT, vec![]).await;
    all
}

/// In any order, each once, and without those that are not there.
pub async fn pages_with_given_keys_are_found(store: &Subject) {
    let all = put_some(store).await;
    let keys: Vec<Vec<u8>> = [b"\x01b".as_slice(), b"\x00", b"\x01c", b"\x01a\x00"]
        .map(<[u8]>::to_vec)
        .into();
    let mut found = store.index.pages_at(UNIT, &keys).await.expect("pages are read");
    found.sort();
    assert_eq!(found, [all[0].clone(), all[2].clone(), all[3].clone()]);
    let many: Vec<Vec<u8>> = (0..250_u8).map(|n| vec![n]).collect();
    let found = store.index.pages_at(UNIT, &many).await.expect("pages are read");
    assert_eq!(found, [all[0].clone()]);
    assert_eq!(
        store.index.pages_at(UNIT, &[]).await.expect("nothing is read"),
        []
    );
}

/// As bytes are ordered, the shorter one first.
pub async fn a_page_is_that_of_the_greatest_key_not_above(store: &Subject) {
    assert_eq!(find(store, UNIT, b"any").await, None);
    let all = put_some(store).await;
    let expected: [(&[u8], Option<usize>); 9] = [
        (b"", None),
        (b"\x00", Some(0)),
        (b"\x01", Some(0)),
        (b"\x01a", Some(1)),
        (b"\x01a\x00", Some(2)),
        (b"\x01a\x01", Some(2)),
        (b"\x7f", Some(3)),
        (b"\xff\xff", Some(4)),
        (b"\xff\xff\xff", Some(4)),
    ];
    for (key, at) in expected {
        let found = find(store, UNIT, key).await;
        assert_eq!(found, at.map(|at| all[at].clone()), "{}", key.escape_ascii());
    }
}

/// The begin is in the range, the end is not, and a missing page is no page.
pub async fn pages_of_a_half_open_range_are_ordered_and_limited(store: &Subject) {
    assert_eq!(slice(store, UNIT, b"", b"\xff", 10).await, []);
    let all = put_some(store).await;
    let after_all = b"\xff\xff\x00";
    assert_eq!(slice(store, UNIT, b"", after_all, 10).await, all);
    assert_eq!(slice(store, UNIT, &all[1].0, &all[4].0, 10).await, all[1..4]);
    assert_eq!(slice(store, UNIT, b"\x01a\x01", b"\x02", 10).await, all[3..4]);
    assert_eq!(slice(store, UNIT, b"\x02", b"\x03", 10).await, []);
    assert_eq!(slice(store, UNIT, b"\x01b", b"\x01b", 10).await, []);
    assert_eq!(slice(store, UNIT, b"\x02", b"\x01", 10).await, []);
    for limit in [0, 1, 2, 5, usize::MAX] {
        let expected = &all[..limit.min(5)];
        assert_eq!(
            slice(store, UNIT, b"", after_all, limit).await,
            expected,
            "{limit}"
        );
    }
}

/// A call that was not answered is made again.
pub async fn pages_put_twice_are_put_once(store: &Subject) {
    put_some(store).await;
    let all = put_some(store).await;
    assert_eq!(slice(store, UNIT, b"", b"\xff\xff\x00", 10).await, all);
}

/// Also those of one name in several classes.
pub async fn units_are_apart(store: &Subject) {
    let units = Class::ALL.map(|class| [0, 1, 255].map(|n| unit(class, n)));
    for unit in units.iter().flatten() {
        put(store, *unit, vec![page(b"a", &format!("{unit:?}"))]).await;
    }
    let apart = unit(Class::Days7, 128);
    assert_eq!(find(store, apart, b"z").await, None);
    assert_eq!(slice(store, apart, b"", b"z", 9).await, []);
    for unit in units.iter().flatten() {
        let expected = page(b"a", &format!("{unit:?}"));
        assert_eq!(find(store, *unit, b"z").await, Some(expected.clone()));
        assert_eq!(find(store, *unit, b"").await, None);
        assert_eq!(slice(store, *unit, b"", b"z", 9).await, [expected]);
    }
}

/// Nor does it hurt to remove what is not there.
pub async fn removing_a_unit_removes_all_of_it_and_nothing_else(store: &Subject) {
    let pages: Vec<_> = (0..1_200_u32)
        .map(|n| page(&n.to_be_bytes(), &n.to_string()))
        .collect();
    let others = [
        unit(Class::Days30, 6),
        unit(Class::Days30, 8),
        unit(Class::Days90, 7),
    ];
    put(store, UNIT, pages).await;
    for other in others {
        put(store, other, vec![page(b"a", "of another")]).await;
    }
    for _ in 0..2 {
        let removed = store.index.remove_unit(UNIT).await;
        removed.expect("the unit is removed");
        assert_eq!(find(store, UNIT, &[0xff; 4]).await, None);
        assert_eq!(slice(store, UNIT, b"", &[0xff; 4], 10).await, []);
    }
    for other in others {
        assert_eq!(find(store, other, b"z").await, Some(page(b"a", "of another")));
    }
}

/// Few pages are, but some.
pub async fn a_large_page_is_kept_whole(store: &Subject) {
    let value: Vec<u8> = (0..600 * 1024_u32).map(|n| (n % 251) as u8).collect();
    let large = (b"b".to_vec(), Bytes::from(value));
    put(
        store,
        UNIT,
        vec![page(b"a", "small"), large.clone(), page(b"c", "small")],
    )
    .await;
    assert_eq!(find(store, UNIT, b"b").await, Some(large.clone()));
    let all = slice(store, UNIT, b"a", b"z", 3).await;
    assert_eq!(all, [page(b"a", "small"), large, page(b"c", "small")]);
}

/// As a unit of a million events has.
pub async fn many_pages_are_written_in_one_call(store: &Subject) {
    let value = "x".repeat(1_000);
    let pages: Vec<_> = (0..2_000_u32)
        .map(|n| page(&n.to_be_bytes(), &format!("{n} {value}")))
        .collect();
    put(store, UNIT, pages.clone()).await;
    assert_eq!(slice(store, UNIT, b"", &[0xff; 4], usize::MAX).await, pages);
    let [from, to] = [700_u32, 950].map(u32::to_be_bytes);
    assert_eq!(slice(store, UNIT, &from, &to, 200).await, pages[700..900]);
    assert_eq!(
        find(store, UNIT, &1_234_u32.to_be_bytes()).await,
        Some(pages[1_234].clone())
    );
}
