//! Random events, and random filters that ask for what they may have. Both take their texts, keys and numbers from
//! few, so that they often meet.

mod events;
mod filters;

use proptest::prelude::*;
use proptest::sample::select;

pub(crate) use self::events::{context, event};
pub(crate) use self::filters::{about, filter, filters_about};

fn texts() -> Vec<String> {
    let odd = [
        "a",
        "b",
        "ab",
        "a b",
        "b a B",
        "A-b",
        "über Größe",
        "İ",
        "5",
        "5.0",
        "true",
        "null",
        "1..2",
        ">5",
        "*",
        "a*",
        "(a)",
        "\"a\"",
        "a\\b",
        "-a",
        "OR",
        "AND x",
        "a:b",
        " ",
        "\u{0}\u{1}\u{2}",
        "\u{FFFF}",
        "!",
    ];
    let long = [31, 32, 33, 52, 53, 54, 94, 95, 96, 97, 300].map(|bytes| "x".repeat(bytes));
    let wide = [15, 16, 17, 47, 48].map(|chars| "ß".repeat(chars));
    odd.map(str::to_owned)
        .into_iter()
        .chain(long)
        .chain(wide)
        .collect()
}

fn text() -> impl Strategy<Value = String> + Clone {
    prop_oneof![6 => select(texts()), 1 => "[ab \"*(:é]{1,6}"].boxed()
}

fn key() -> impl Strategy<Value = String> {
    let odd = ["a", "b", "odd key", "x.y", "", "\u{1}", "\u{2}\u{10}", "\u{0}"].map(str::to_owned);
    select(
        odd.into_iter()
            .chain([30, 39, 40, 41, 128].map(|bytes| "k".repeat(bytes)))
            .collect::<Vec<_>>(),
    )
}

fn number() -> impl Strategy<Value = String> {
    select(vec![
        "0",
        "-0",
        "-0.0",
        "1",
        "2",
        "5",
        "5.0",
        "5.1",
        "-5",
        "100",
        "503",
        "1e300",
        "-1e-300",
        "9007199254740993",
        "18446744073709551615",
    ])
    .prop_map(str::to_owned)
}
