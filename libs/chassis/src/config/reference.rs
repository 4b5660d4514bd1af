//! The reference of all keys as Markdown, for `config reference`.

use super::layers::variable_name;
use super::section::{Field, Section};
use super::{keys, toml_text};
use figment::value::Value;

const HEAD: &str = "| Key | Default | Environment variable | Meaning |\n|---|---|---|---|\n";

/// A table of every key of `T`: its default, its environment variable and its meaning.
pub fn reference<T: Section>() -> String {
    let defaults = Value::serialize(T::default()).unwrap_or_else(|_| Value::from(false));
    keys::leaves(T::FIELDS)
        .iter()
        .fold(HEAD.to_owned(), |table, (key, field)| {
            table + &row(key, field, &defaults)
        })
}

fn row(key: &str, field: &Field, defaults: &Value) -> String {
    let default = defaults
        .find_ref(key)
        .and_then(toml_text::inline)
        .map_or_else(|| "not set".to_owned(), |text| format!("`{}`", cell(&text)));
    let meaning: Vec<&str> = field.meaning.iter().map(|line| line.trim()).collect();
    format!(
        "| `{key}` | {default} | `{}` | {} |\n",
        variable_name(key),
        cell(&meaning.join(" "))
    )
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
