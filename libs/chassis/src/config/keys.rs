//! The tree of known keys against the tree of given values: what is unknown, and where each value came from.

use super::error::Finding;
use super::layers;
use super::section::Field;
use figment::Figment;
use figment::value::{Dict, Value};
use std::collections::BTreeMap;

/// How many edits a name may be away from a known one to be taken for it.
const MAX_EDITS: usize = 3;

/// The full paths of all keys that hold a value, in the order of their declaration.
pub(super) fn leaves(fields: &'static [Field]) -> Vec<(String, &'static Field)> {
    let mut found = Vec::new();
    collect(fields, "", &mut found);
    found
}

fn collect(fields: &'static [Field], prefix: &str, found: &mut Vec<(String, &'static Field)>) {
    for field in fields {
        let path = join(prefix, field.key);
        match field.section {
            Some(below) => collect(below, &path, found),
            None => found.push((path, field)),
        }
    }
}

/// The key that a path points at or into, if it is known.
pub(super) fn leaf_of(fields: &[Field], path: &[String]) -> Option<Vec<String>> {
    let (first, rest) = path.split_first()?;
    let field = fields.iter().find(|field| field.key == first)?;
    let below = match field.section {
        Some(section) => leaf_of(section, rest)?,
        None => Vec::new(),
    };
    Some(std::iter::once(first.clone()).chain(below).collect())
}

/// Takes out of `merged` what no key accepts, and says so.
pub(super) fn remove_unknown(
    fields: &'static [Field],
    figment: &Figment,
    merged: &mut Value,
) -> Vec<Finding> {
    let mut walk = Walk {
        figment,
        known: leaves(fields),
        findings: Vec::new(),
    };
    if let Value::Dict(_, keys) = merged {
        walk.section(fields, "", keys);
    }
    walk.findings
}

/// The origin of every key that has a value.
pub(super) fn origins(
    fields: &'static [Field],
    figment: &Figment,
    merged: &Value,
) -> BTreeMap<String, String> {
    leaves(fields)
        .into_iter()
        .filter_map(|(path, _)| {
            let value = merged.find_ref(&path)?;
            Some((path, layers::origin(figment, value.tag())?))
        })
        .collect()
}

struct Walk<'a> {
    figment: &'a Figment,
    known: Vec<(String, &'static Field)>,
    findings: Vec<Finding>,
}

impl Walk<'_> {
    fn section(&mut self, fields: &[Field], prefix: &str, keys: &mut Dict) {
        keys.retain(|key, value| {
            let path = join(prefix, key);
            let Some(field) = fields.iter().find(|field| field.key == key) else {
                self.unknown(&path, value);
                return false;
            };
            match (field.section, value) {
                (None, _) => true,
                (Some(below), Value::Dict(_, keys)) => {
                    self.section(below, &path, keys);
                    true
                }
                (Some(_), value) => {
                    self.report(
                        path,
                        value,
                        "expected a table: this is a section, not a value".to_owned(),
                    );
                    false
                }
            }
        });
    }

    fn unknown(&mut self, path: &str, value: &Value) {
        // A table is reported by what is in it, since that is where a value came from.
        if let Value::Dict(_, below) = value
            && !below.is_empty()
        {
            for (key, value) in below {
                self.unknown(&join(path, key), value);
            }
            return;
        }
        let message = match self.nearest(path) {
            Some(known) => format!("unknown key; did you mean `{known}`?"),
            None => "unknown key".to_owned(),
        };
        self.report(path.to_owned(), value, message);
    }

    fn report(&mut self, key: String, value: &Value, message: String) {
        self.findings.push(Finding {
            key,
            origin: layers::origin(self.figment, value.tag()),
            message,
        });
    }

    fn nearest(&self, path: &str) -> Option<&str> {
        let last = path.rsplit('.').next();
        let (edits, known) = self
            .known
            .iter()
            // The right name in the wrong section is as near as a small slip.
            .map(|(known, field)| {
                if last == Some(field.key) {
                    (1, known)
                } else {
                    (edits(path, known), known)
                }
            })
            .min_by_key(|(edits, _)| *edits)?;
        (edits <= MAX_EDITS.min(path.len() / 2)).then_some(known)
    }
}

fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() {
        key.to_owned()
    } else {
        format!("{prefix}.{key}")
    }
}

/// Damerau's distance in bytes, in its form where no part is edited twice (optimal string alignment): insertions,
/// removals, replacements, and swaps of neighbours.
///
/// When the lengths alone put it beyond [`MAX_EDITS`] it says so, which also bounds the work.
fn edits(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let apart = a.len().abs_diff(b.len());
    if apart > MAX_EDITS {
        return apart;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let mut fewest = (above[j] + usize::from(a[i] != b[j]))
                .min(above[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                fewest = fewest.min(before[j - 1] + 1);
            }
            row.push(fewest);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::edits;

    #[test]
    fn edits_count_insertions_removals_replacements_and_swaps() {
        assert_eq!(edits("listen.http", "listen.http"), 0);
        assert_eq!(edits("listen.htp", "listen.http"), 1);
        assert_eq!(edits("listn.htttp", "listen.http"), 2);
        assert_eq!(edits("wrokers", "workers"), 1);
        assert_eq!(edits("", "abc"), 3);
    }
}
