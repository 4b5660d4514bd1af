//! Which events are meant: conditions on fields, attributes and texts, joined by AND, OR and NOT.
//!
//! ```text
//! service:checkout status_code:>=500 -environment:dev (route:/api/v1/* OR action:pay*)
//! attributes.cart.total:>100 "connection reset"
//! ```
//!
//! Conditions beside each other must all hold; `OR` binds weaker, `NOT` or `-` stronger. `field:value` compares
//! the whole value and upper and lower case; `field:pre*` asks for a begin, `field:*` for any value, `field:>5`
//! and `field:1..5` for numbers; `field:(a OR b)` says the field once. Words and quoted phrases are searched for
//! in `message`, `name` and the texts of attributes, by [tokens](crate::text).
//!
//! A filter is one tree: [`Filter::matches`] is the truth about an event, [`Filter::prune`] is what an index can
//! say about it beforehand, [`Display`](std::fmt::Display) writes a text that parses back to it.

mod field;
mod matching;
mod parse;
mod plan;
mod tree;
mod write;

#[cfg(test)]
pub(crate) mod tests;

pub use field::Field;
pub(crate) use field::Value;

use self::tree::{Condition, Node};
use crate::enrich::Context;
use crate::event::Event;

/// Conditions in one filter, at the most.
pub const MAX_CONDITIONS: usize = 64;

/// Longest value of a condition, in bytes.
pub const MAX_VALUE_BYTES: usize = 2048;

/// Longest text of a filter, in bytes.
pub const MAX_TEXT_BYTES: usize = 8 * 1024;

/// Parentheses and negations in each other, at the most.
pub const MAX_DEPTH: usize = 16;

/// Which events are meant. Without a condition, every event matches.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    root: Node,
}

/// Why a text or a parameter is no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", .column.map(|column| format!(" (column {column} of q)")).unwrap_or_default())]
pub struct InvalidFilter {
    /// The parameter at fault.
    pub parameter: String,
    /// Where in `q`, in characters from 1.
    pub column: Option<usize>,
    /// What is wrong and what is wanted.
    pub message: String,
}

impl Filter {
    /// Reads a filter, see the module.
    pub fn parse(q: &str) -> Result<Self, InvalidFilter> {
        let outcome = parse::parse(q).map(|root| Self { root });
        outcome.map_err(|fault| InvalidFilter {
            parameter: "q".into(),
            column: Some(q.get(..fault.at).map_or(0, |before| before.chars().count()) + 1),
            message: fault.message,
        })
    }

    /// Adds a condition that must hold too: that a field has this value. Nothing in the value is special.
    pub fn add(&mut self, name: &str, value: &str) -> Result<(), InvalidFilter> {
        let fault = |message: String| InvalidFilter {
            parameter: shown(name),
            column: None,
            message,
        };
        let field = Field::parse(name).ok_or_else(|| fault(unknown_field(name)))?;
        let test = parse::equality(field, value).map_err(fault)?;
        if self.root.leaves() >= MAX_CONDITIONS {
            return Err(fault(too_many_conditions()));
        }
        let all = Node::all(vec![self.root.clone(), Node::Leaf(Condition::Field(field, test))]);
        if all.depth() > MAX_DEPTH {
            return Err(fault(too_deep()));
        }
        self.root = all;
        Ok(())
    }

    /// Whether an event matches.
    pub fn matches(&self, event: &Event, context: &Context) -> bool {
        matching::Subject::new(event, context).matches(&self.root)
    }

    /// A text that is the same for every order of the conditions and any white space, and another one for
    /// another tree.
    pub(crate) fn canonical(&self) -> String {
        self.root.canonical().to_string()
    }
}

fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

fn too_many_conditions() -> String {
    format!("filter has more than {MAX_CONDITIONS} conditions, which is the most allowed")
}

fn too_deep() -> String {
    format!(
        "filter has more than {MAX_DEPTH} parentheses and negations in each other, which is the most allowed"
    )
}

fn unknown_field(name: &str) -> String {
    let shown = shown(name);
    let distance = |field: &&Field| strsim::damerau_levenshtein(field.as_str(), &shown);
    match Field::ALL
        .iter()
        .min_by_key(distance)
        .filter(|field| distance(field) <= 2)
    {
        Some(nearest) => format!(
            "{shown:?} is not a field that can be searched, {} is one",
            nearest.as_str()
        ),
        None => format!("{shown:?} is not a field that can be searched"),
    }
}
