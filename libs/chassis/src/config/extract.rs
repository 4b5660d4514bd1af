//! From merged values to the typed configuration, collecting every value of a wrong type.
//!
//! Text from the environment and from flags is taken as text first, so a secret `007` stays `007`; where the type
//! wants something else, it is read as a TOML value (a number, a boolean, a list).

use super::error::{self, Finding};
use super::{Section, keys, layers};
use figment::Figment;
use figment::value::{Tag, Value};

/// More brackets are not read as a value: the parser recurses.
const MAX_BRACKETS: usize = 64;

/// Deserializes `merged`; a value that does not fit is reported and taken out, and the rest is tried again.
pub(super) fn extract<T: Section>(
    figment: &Figment,
    merged: &mut Value,
    findings: &mut Vec<Finding>,
) -> Option<T> {
    // Each round either reads one text as a value or takes out one key, so there are as many rounds as values.
    loop {
        let error = match merged.deserialize::<T>() {
            Ok(config) => return Some(config),
            Err(error) => error,
        };
        if read_as_value(figment, merged, &error.path) {
            continue;
        }
        let message = error::message(&error.kind);
        let key = error.path.join(".");
        let Some(leaf) = keys::leaf_of(T::FIELDS, &error.path) else {
            findings.push(Finding {
                key,
                origin: None,
                message,
            });
            return None;
        };
        let removed = remove(merged, &leaf);
        let origin = removed
            .as_ref()
            .and_then(|value| origin_of(figment, value, &error.path[leaf.len()..]));
        findings.push(Finding { key, origin, message });
        removed?;
    }
}

/// Replaces text by the value it spells; false when there is no such text or it spells only itself.
fn read_as_value(figment: &Figment, merged: &mut Value, path: &[String]) -> bool {
    let Some(value) = find(merged, path) else {
        return false;
    };
    let Value::String(tag, text) = &*value else {
        return false;
    };
    if !layers::is_text(figment, *tag) || text.matches(['[', '{']).count() > MAX_BRACKETS {
        return false;
    }
    let Ok(read) = text.parse::<Value>();
    if matches!(read, Value::String(..)) {
        return false;
    }
    *value = tagged(read, *tag);
    true
}

fn find<'a>(value: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(value, |value, key| match value {
        Value::Dict(_, keys) => keys.get_mut(key),
        _ => None,
    })
}

fn remove(merged: &mut Value, leaf: &[String]) -> Option<Value> {
    let (last, section) = leaf.split_last()?;
    match find(merged, section)? {
        Value::Dict(_, keys) => keys.remove(last),
        _ => None,
    }
}

/// The origin of the innermost value on the path that has one.
fn origin_of(figment: &Figment, value: &Value, path: &[String]) -> Option<String> {
    let inner = match (value, path) {
        (Value::Dict(_, keys), [first, rest @ ..]) => {
            keys.get(first).and_then(|value| origin_of(figment, value, rest))
        }
        _ => None,
    };
    inner.or_else(|| layers::origin(figment, value.tag()))
}

fn tagged(value: Value, tag: Tag) -> Value {
    match value {
        Value::String(_, text) => Value::String(tag, text),
        Value::Char(_, char) => Value::Char(tag, char),
        Value::Bool(_, bool) => Value::Bool(tag, bool),
        Value::Num(_, number) => Value::Num(tag, number),
        Value::Empty(_, empty) => Value::Empty(tag, empty),
        Value::Dict(_, keys) => Value::Dict(tag, keys),
        Value::Array(_, items) => Value::Array(tag, items),
    }
}
