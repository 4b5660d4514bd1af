//! Text from elsewhere, made harmless: what a terminal would obey, or what would hide or reorder the text
//! around it, is shown by its code.

use std::fmt::Write;

/// For people: `\n`, `\t`, `\u{1b}`. Text without such characters stays as it is.
pub(crate) fn text(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmful(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// As [`text`], but lines stay lines.
pub(crate) fn lines(lines: &str) -> String {
    lines.split('\n').map(text).collect::<Vec<_>>().join("\n")
}

/// A JSON text on one line, its numbers and the order of its fields untouched: without the space between
/// values, and with harmful characters as `\u001b`, which mean the same.
pub(crate) fn json(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    let mut in_text = false;
    let mut escaped = false;
    for c in json.chars() {
        match c {
            ' ' | '\t' | '\r' | '\n' if !in_text => continue,
            '"' if !escaped => in_text = !in_text,
            _ => {}
        }
        escaped = in_text && c == '\\' && !escaped;
        if is_harmful(c) {
            // JSON has them in texts only, and names them by their UTF-16 units.
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(line, "\\u{unit:04x}").expect("writing to a String never fails");
            }
        } else {
            line.push(c);
        }
    }
    line
}

fn is_harmful(c: char) -> bool {
    let reorders =
        matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    let hides = matches!(c, '\u{feff}' | '\u{e0000}'..='\u{e007f}');
    c.is_control() || reorders || hides
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_shown() {
        assert_eq!(text("a\x1b[31mb\r\n\u{9b}2J"), r"a\u{1b}[31mb\r\n\u{9b}2J");
        assert_eq!(text("\u{202e}txt.exe"), r"\u{202e}txt.exe");
        assert_eq!(text("\u{61c}a\u{e0041}"), r"\u{61c}a\u{e0041}");
        assert_eq!(json("\"\u{e0041}\""), r#""\udb40\udc41""#);
        assert_eq!(text("häßlich, but 無害"), "häßlich, but 無害");
        assert_eq!(lines("a\x07\nb"), "a\\u{7}\nb");
    }

    #[test]
    fn json_comes_on_one_line_and_means_the_same() {
        let raw = "{\"a\": {\n\t\"b\\\" \": 1.50,\"c\": \"x  y\u{9b}\"}}";
        assert_eq!(json(raw), "{\"a\":{\"b\\\" \":1.50,\"c\":\"x  y\\u009b\"}}");
    }

    proptest! {
        #[test]
        fn nothing_harmful_is_left(raw: String) {
            prop_assert!(!text(&raw).chars().any(is_harmful));
        }

        #[test]
        fn a_text_in_json_reads_back(raw: String) {
            let value = serde_json::json!({ "a b": [raw] });
            let line = json(&serde_json::to_string_pretty(&value).unwrap());
            prop_assert!(!line.chars().any(is_harmful));
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap(), value);
        }
    }
}
