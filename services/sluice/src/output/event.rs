//! Events as answers of the HTTP interface give them, for people.

use std::fmt::Write;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::escape;
use super::table::Table;

const SUMMARY_CHARS: usize = 120;

/// A table of events: when, what, how bad, where, which, and what it says.
pub(crate) fn table() -> Table<6> {
    Table::new(["TIME", "KIND", "SEVERITY", "SERVICE", "ID", "SUMMARY"])
}

/// Adds an event to a table.
pub(crate) fn push(table: &mut Table<6>, event: &RawValue) -> serde_json::Result<()> {
    let event: Map<String, Value> = serde_json::from_str(event.get())?;
    let text = |field: &str| event.get(field).and_then(Value::as_str).unwrap_or_default();
    let summary = summary(&event);
    table.push([
        text("timestamp"),
        text("kind"),
        text("severity"),
        text("service"),
        text("id"),
        &summary,
    ]);
    Ok(())
}

/// The fields of one event, a line each.
pub(crate) fn fields(event: &RawValue) -> serde_json::Result<String> {
    let event: Vec<(String, Value)> = serde_json::from_str::<Map<String, Value>>(event.get())?
        .into_iter()
        .collect();
    let width = event
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or_default();
    let mut shown = String::new();
    for (name, value) in event {
        let value = match value {
            Value::String(text) => escape::text(&text),
            other => escape::json(&other.to_string()),
        };
        writeln!(shown, "{:<width$}  {value}", escape::text(&name)).expect("writing to a String never fails");
    }
    shown.truncate(shown.trim_end().len());
    Ok(shown)
}

fn summary(event: &Map<String, Value>) -> String {
    let text = |field: &str| match event.get(field) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let joined = match event.get("kind").and_then(Value::as_str) {
        Some("api_request") => {
            format!(
                "{} {} {} {} ms",
                text("method"),
                text("path"),
                text("status_code"),
                text("duration_ms")
            )
        }
        Some("error") => format!("{}: {}", text("error_type"), text("message")),
        Some("user_action") => format!("{} {} {}", text("user_id"), text("action"), text("target")),
        _ => format!("{} {}", text("name"), text("attributes")),
    };
    clip(joined.trim_end())
}

fn clip(text: &str) -> String {
    match text.char_indices().nth(SUMMARY_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    #[test]
    fn each_kind_has_a_summary() {
        let mut table = table();
        for event in [
            r#"{"kind":"api_request","id":"i","timestamp":"t","severity":"info","service":"s","method":"GET","path":"/a","status_code":200,"duration_ms":1.5}"#,
            r#"{"kind":"error","error_type":"Timeout","message":"no\u001b[2J answer"}"#,
            r#"{"kind":"user_action","user_id":"u","action":"pay"}"#,
            r#"{"kind":"generic","name":"tick","attributes":{"n":1}}"#,
        ] {
            push(&mut table, &raw(event)).unwrap();
        }
        let lines = table.lines();
        assert!(lines[1].ends_with("GET /a 200 1.5 ms"), "{lines:?}");
        assert!(lines[2].ends_with(r"Timeout: no\u{1b}[2J answer"), "{lines:?}");
        assert!(lines[3].ends_with("u pay"), "{lines:?}");
        assert!(lines[4].ends_with(r#"tick {"n":1}"#), "{lines:?}");
    }

    #[test]
    fn a_long_summary_is_cut_between_characters() {
        assert_eq!(clip(&"ä".repeat(500)).chars().count(), SUMMARY_CHARS + 1);
        assert_eq!(clip("short"), "short");
    }

    #[test]
    fn fields_stand_one_a_line() {
        let shown = fields(&raw(r#"{"id":"1","attributes":{"a":"\u001b"}}"#)).unwrap();
        assert_eq!(shown, "attributes  {\"a\":\"\\u001b\"}\nid          1");
    }
}
