//! A value as TOML on one line.

use figment::value::{Num, Value};
use std::fmt::Write;

/// The value as it would stand after `key =`; `None` for an absent value, which TOML can't say.
pub(super) fn inline(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(quoted(text)),
        Value::Char(_, char) => Some(quoted(&char.to_string())),
        Value::Bool(_, bool) => Some(bool.to_string()),
        Value::Num(_, number) => Some(numeral(*number)),
        Value::Empty(..) => None,
        Value::Array(_, items) => {
            let items: Vec<String> = items.iter().filter_map(inline).collect();
            Some(format!("[{}]", items.join(", ")))
        }
        Value::Dict(_, keys) => {
            let pair = |(key, value): (&String, &Value)| Some(format!("{} = {}", name(key), inline(value)?));
            let pairs: Vec<String> = keys.iter().filter_map(pair).collect();
            Some(if pairs.is_empty() {
                "{}".to_owned()
            } else {
                format!("{{ {} }}", pairs.join(", "))
            })
        }
    }
}

fn numeral(number: Num) -> String {
    if let Some(signed) = number.to_i128() {
        return signed.to_string();
    }
    if let Some(unsigned) = number.to_u128() {
        return unsigned.to_string();
    }
    // `{:?}` keeps the point of a whole decimal number.
    number
        .to_f64()
        .map_or_else(|| "nan".to_owned(), |decimal| format!("{decimal:?}"))
}

fn name(key: &str) -> String {
    let bare = !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare { key.to_owned() } else { quoted(key) }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.chars() {
        match char {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            char if char.is_control() => {
                write!(quoted, "\\u{:04X}", u32::from(char)).expect("writing to a String never fails");
            }
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}
