//! Statistics as a table: a row for each group, and one for all.

use super::answer::{Answer, DurationMs, Series, Values};
use crate::output::spark;
use crate::output::table::Table;

/// What a row is made of.
struct Row {
    group: String,
    values: Values,
    counts: Vec<u64>,
    seconds: f64,
}

/// A heading, and what a row has under it.
type Column = (&'static str, fn(&Row) -> String);

/// Its heading are the dimensions.
const GROUP: Column = ("", |row| row.group.clone());
const COUNT: Column = ("COUNT", |row| row.values.count.to_string());
const RATE: Column = ("PER SECOND", |row| rate(float(row.values.count) / row.seconds));
const FAILED: Column = ("FAILED", |row| failed(&row.values));
const P50: Column = ("P50 MS", |row| quantile(row, |took| took.p50));
const P95: Column = ("P95 MS", |row| quantile(row, |took| took.p95));
const P99: Column = ("P99 MS", |row| quantile(row, |took| took.p99));
const USERS: Column = ("USERS", |row| different(row, row.values.users));
const SESSIONS: Column = ("SESSIONS", |row| different(row, row.values.sessions));
const LAST: Column = ("LAST SEEN", |row| {
    row.values
        .last_seen
        .map_or_else(String::new, |time| time.to_string())
});
const SPREAD: Column = ("OVER TIME", |row| spark::line(&row.counts));

/// The lines of the table; none where there is nothing.
pub(super) fn lines(answer: &Answer) -> Vec<String> {
    if answer.series.is_empty() {
        return Vec::new();
    }
    match answer.of.as_str() {
        "requests" => table(answer, [GROUP, COUNT, RATE, FAILED, P50, P95, P99, SPREAD]),
        "errors" => table(answer, [GROUP, COUNT, RATE, USERS, LAST, SPREAD]),
        "actions" => table(answer, [GROUP, COUNT, RATE, USERS, SESSIONS, SPREAD]),
        "users" => table(answer, [GROUP, COUNT, RATE, LAST, SPREAD]),
        _ => table(answer, [GROUP, COUNT, RATE, SPREAD]),
    }
}

fn table<const N: usize>(answer: &Answer, columns: [Column; N]) -> Vec<String> {
    let (total, seconds) = (answer.total(), answer.seconds());
    let of_series = |series: &'_ Series| Row {
        group: group(answer, series),
        values: series.total.clone(),
        counts: series.values.iter().map(|values| values.count).collect(),
        seconds,
    };
    let mut rows: Vec<_> = answer.series.iter().map(of_series).collect();
    let mut by = answer.of.to_uppercase();
    // One group alone is all.
    if !answer.by.is_empty() {
        by = answer.by.join(", ").to_uppercase();
        rows.push(Row {
            group: "total".to_owned(),
            values: total,
            counts: answer.counts(),
            seconds,
        });
    }
    let mut headings = columns.map(|(heading, _)| heading);
    headings[0] = &by;
    let mut table = Table::new(headings);
    for row in &rows {
        let cells = columns.map(|(_, cell)| cell(row));
        table.push(cells.each_ref().map(String::as_str));
    }
    table.lines()
}

/// The values of a group, in the order of the dimensions.
fn group(answer: &Answer, series: &Series) -> String {
    let Some(group) = &series.group else {
        return "(all others)".to_owned();
    };
    if answer.by.is_empty() {
        return "all".to_owned();
    }
    let value = |by: &String| group.get(by).and_then(Option::as_deref).unwrap_or("-").to_owned();
    answer.by.iter().map(value).collect::<Vec<_>>().join(", ")
}

/// With about three digits.
fn rate(per_second: f64) -> String {
    match per_second {
        0.0 => "0".to_owned(),
        many if many >= 100.0 => format!("{many:.0}"),
        some if some >= 1.0 => format!("{some:.1}"),
        few => format!("{few:.3}"),
    }
}

fn failed(values: &Values) -> String {
    if values.count == 0 {
        return String::new();
    }
    format!("{:.1}%", float(values.errors) * 100.0 / float(values.count))
}

fn quantile(row: &Row, of: fn(&DurationMs) -> f64) -> String {
    let took = row.values.duration_ms.as_ref();
    took.map_or_else(String::new, |took| format!("{:.1}", of(took)))
}

/// How many different ones there were; that of all groups together is not told.
fn different(row: &Row, number: u64) -> String {
    let is_told = number > 0 || row.values.count == 0;
    if is_told {
        number.to_string()
    } else {
        String::new()
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, and rounded anyway")]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn shown(of: &str, by: &[&str], series: &Value) -> Vec<String> {
        let answer = json!({
            "from": "2026-01-31T08:00:00Z", "to": "2026-01-31T08:01:40Z", "fresh_until": null, "step": "1m", "of": of,
            "by": by, "times": [], "series": series, "lower_bound": false, "of_later": 1,
        });
        lines(&serde_json::from_value(answer).unwrap())
    }

    #[test]
    fn a_group_is_a_row_and_all_are_another() {
        let series = json!([
            {"group": {"service": "a\u{1b}", "kind": "error"}, "total": {"count": 150}, "values": [{"count": 150}, {"count": 0}]},
            {"group": {"service": null, "kind": "generic"}, "total": {"count": 40}, "values": [{"count": 10}, {"count": 30}]},
            {"group": null, "total": {"count": 1}, "values": [{"count": 1}, {"count": 0}]},
        ]);
        assert_eq!(
            shown("events", &["service", "kind"], &series),
            [
                "SERVICE, KIND   COUNT  PER SECOND  OVER TIME",
                "a\\u{1b}, error  150    1.5         █▁",
                "-, generic      40     0.400       ▄█",
                "(all others)    1      0.010       █▁",
                "total           191    1.9         █▃",
            ]
        );
    }

    #[test]
    fn requests_are_shown_with_how_long_they_took_and_how_many_failed() {
        let took =
            json!({"mean": 1.0, "min": 1.0, "max": 9.0, "p50": 2.0, "p90": 4.0, "p95": 5.25, "p99": 9.0});
        let total =
            json!({"count": 40, "errors": 3, "duration_ms": took, "request_bytes": 1, "response_bytes": 2});
        let none =
            json!({"count": 0, "errors": 0, "duration_ms": null, "request_bytes": 0, "response_bytes": 0});
        assert_eq!(
            shown(
                "requests",
                &[],
                &json!([{"group": {}, "total": total, "values": []}])
            ),
            [
                "REQUESTS  COUNT  PER SECOND  FAILED  P50 MS  P95 MS  P99 MS  OVER TIME",
                "all       40     0.400       7.5%    2.0     5.2     9.0     -",
            ]
        );
        let nothing = shown(
            "requests",
            &[],
            &json!([{"group": {}, "total": none, "values": []}]),
        );
        assert_eq!(
            nothing[1],
            "all       0      0           -       -       -       -       -"
        );
    }

    #[test]
    fn what_can_not_be_added_up_is_not_shown_of_all() {
        let last = "2026-01-31T08:00:01.000Z";
        let of = |action: &str| {
            json!({
                "group": {"action": action}, "total": {"count": 4, "users": 2, "sessions": 3, "last_seen": last}, "values": [],
            })
        };
        let actions = shown("actions", &["action"], &json!([of("pay"), of("look")]));
        assert_eq!(
            actions[1..],
            [
                "pay     4      0.040       2      3         -",
                "look    4      0.040       2      3         -",
                "total   8      0.080       -      -         -",
            ]
        );
        let users = shown("users", &["user_id"], &json!([]));
        assert!(users.is_empty());
        let errors = shown("errors", &["action"], &json!([of("pay")]));
        assert!(
            errors[2].starts_with("total   4") && errors[2].contains(last),
            "{errors:?}"
        );
    }
}
