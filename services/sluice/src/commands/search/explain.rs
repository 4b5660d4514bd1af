//! What a search has read, for people.

use serde::Deserialize;

use crate::output::escape;

/// What an answer explains. Of another version some may be missing.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Explain {
    filter: String,
    index: String,
    fresh_segments: u64,
    fresh_events: u64,
    units: u64,
    unit_events: u64,
    opened_units: u64,
    opened: Vec<Opened>,
    pages: u64,
    read_pages: u64,
    candidates: u64,
    tested: u64,
    found: u64,
    waves: u64,
    elapsed_us: u64,
    notes: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Opened {
    source: String,
    level: u8,
    events: u64,
    first: String,
    last: String,
}

/// The lines of a small table.
pub(super) fn lines(json: &str) -> serde_json::Result<Vec<String>> {
    let explain: Explain = serde_json::from_str(json)?;
    let Explain {
        fresh_segments,
        fresh_events,
        units,
        unit_events,
        opened_units,
        ..
    } = explain;
    let Explain {
        pages,
        read_pages,
        candidates,
        tested,
        found,
        waves,
        ..
    } = explain;
    let filter = if explain.filter.is_empty() {
        "every event"
    } else {
        &explain.filter
    };
    let mut rows = vec![
        ("filter", filter.to_owned()),
        ("index", explain.index),
        (
            "fresh",
            format!("{fresh_events} events in {fresh_segments} segments"),
        ),
        (
            "units",
            format!("{unit_events} events in {units} units, {opened_units} of them opened"),
        ),
    ];
    rows.extend(explain.opened.into_iter().map(|unit| ("", of_unit(&unit))));
    rows.extend([
        (
            "pages",
            format!("{pages} needed, {read_pages} read from the store"),
        ),
        (
            "events",
            format!("{candidates} named by the index, {tested} tested, {found} found"),
        ),
        (
            "time",
            format!("{} ms in {waves} rounds", milliseconds(explain.elapsed_us)),
        ),
    ]);
    rows.extend(explain.notes.into_iter().map(|note| ("note", note)));
    let line = |(name, text): (&str, String)| format!("{name:<6}  {}", escape::text(&text));
    Ok(rows.into_iter().map(line).collect())
}

fn of_unit(unit: &Opened) -> String {
    let Opened {
        source,
        level,
        events,
        first,
        last,
    } = unit;
    format!("{source}, level {level}: {events} events from {first} to {last}")
}

fn milliseconds(us: u64) -> String {
    format!("{}.{}", us / 1_000, us % 1_000 / 100)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_read_is_a_line_each() {
        let explain = json!({
            "filter": "kind:error", "index": "kind:error", "fresh_segments": 2, "fresh_events": 30, "units": 4,
            "unit_events": 5_000, "opened_units": 1, "opened": [{
                "unit": "00", "source": "standard/0/1", "level": 1, "events": 900, "first": "A", "last": "B"
            }], "pages": 7, "read_pages": 3, "candidates": 12, "tested": 11, "found": 10, "waves": 2,
            "elapsed_us": 1_234, "notes": ["a\u{1b}"], "of_later": 1
        });
        let expected = [
            "filter  kind:error",
            "index   kind:error",
            "fresh   30 events in 2 segments",
            "units   5000 events in 4 units, 1 of them opened",
            "        standard/0/1, level 1: 900 events from A to B",
            "pages   7 needed, 3 read from the store",
            "events  12 named by the index, 11 tested, 10 found",
            "time    1.2 ms in 2 rounds",
            "note    a\\u{1b}",
        ];
        assert_eq!(lines(&explain.to_string()).unwrap(), expected);
        assert_eq!(lines("{}").unwrap()[0], "filter  every event");
    }
}
