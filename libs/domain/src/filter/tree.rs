//! A filter as a tree. It is always flat: no All in an All, no Any in an Any, no double negation, and neither
//! All nor Any of a single condition.

use std::ops::Bound;

use super::field::Field;
use crate::text::Phrase;

/// Conditions and how they are joined.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    /// All must hold; none at all always does.
    All(Vec<Self>),
    /// At least one must hold.
    Any(Vec<Self>),
    /// It must not hold.
    Not(Box<Self>),
    /// One condition.
    Leaf(Condition),
}

/// What a value must be, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    /// In a field.
    Field(Field, Test),
    /// Under a path of attributes, at any element of arrays.
    Attribute(Vec<String>, Test),
    /// In any text of the event.
    Text(Phrase),
}

/// What a value must be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    /// There is one.
    Present,
    /// This text.
    Equals(String),
    /// In attributes only: this text, or the number, truth value or null that it reads as.
    Literal(String),
    /// A text that begins with this one.
    Prefix(String),
    /// A number within bounds.
    Within(Interval),
    /// In `message` only.
    Phrase(Phrase),
}

/// Bounds of numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Interval {
    pub(crate) low: Bound<Number>,
    pub(crate) high: Bound<Number>,
}

/// A number as it was written: reading the text again gives the same value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Number {
    pub(crate) text: String,
    pub(crate) value: f64,
}

impl Number {
    /// Reads a number as JSON writes them, in the same way as those of events are read.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_tight = text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
            && text.ends_with(|c: char| c.is_ascii_digit());
        let value = is_tight.then(|| serde_json::from_str(text).ok()).flatten()?;
        Some(Self {
            text: text.to_owned(),
            value,
        })
    }
}

impl Interval {
    /// Only this number.
    pub(crate) fn exactly(number: Number) -> Self {
        Self {
            low: Bound::Included(number.clone()),
            high: Bound::Included(number),
        }
    }

    /// The number, if there is only one.
    pub(crate) fn single(&self) -> Option<&Number> {
        match (&self.low, &self.high) {
            (Bound::Included(low), Bound::Included(high)) if low == high => Some(low),
            _ => None,
        }
    }

    pub(crate) fn contains(&self, value: f64) -> bool {
        let above = match &self.low {
            Bound::Included(low) => value >= low.value,
            Bound::Excluded(low) => value > low.value,
            Bound::Unbounded => true,
        };
        let below = match &self.high {
            Bound::Included(high) => value <= high.value,
            Bound::Excluded(high) => value < high.value,
            Bound::Unbounded => true,
        };
        above && below
    }
}

/// What a text without quotes is in attributes, beside a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Bool(bool),
    Number(f64),
}

impl Scalar {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "null" => Some(Self::Null),
            "true" => Some(Self::Bool(true)),
            "false" => Some(Self::Bool(false)),
            _ => Number::parse(text).map(|number| Self::Number(number.value)),
        }
    }
}

impl Default for Node {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

impl Node {
    /// All of these.
    pub(crate) fn all(nodes: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(nodes.len());
        for node in nodes {
            match node {
                Self::All(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        Self::single(flat).unwrap_or_else(Self::All)
    }

    /// Any of these.
    pub(crate) fn any(nodes: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(nodes.len());
        for node in nodes {
            match node {
                Self::Any(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        Self::single(flat).unwrap_or_else(Self::Any)
    }

    fn single(mut nodes: Vec<Self>) -> Result<Self, Vec<Self>> {
        match nodes.pop() {
            Some(only) if nodes.is_empty() => Ok(only),
            Some(last) => {
                nodes.push(last);
                Err(nodes)
            }
            None => Err(nodes),
        }
    }

    /// The opposite.
    pub(crate) fn not(node: Self) -> Self {
        match node {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// How many conditions there are.
    pub(crate) fn leaves(&self) -> usize {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().map(Self::leaves).sum(),
            Self::Not(node) => node.leaves(),
            Self::Leaf(_) => 1,
        }
    }

    /// How many negations and parentheses are in each other where it is written out.
    pub(crate) fn depth(&self) -> usize {
        let deepest = |nodes: &[Self], grouped: fn(&Self) -> bool| {
            let depths = nodes.iter().map(|node| node.depth() + usize::from(grouped(node)));
            depths.max().unwrap_or(0)
        };
        match self {
            Self::All(nodes) => deepest(nodes, |node| matches!(node, Self::Any(_))),
            Self::Any(nodes) => deepest(nodes, |_| false),
            Self::Not(node) => 1 + node.depth() + usize::from(!matches!(**node, Self::Leaf(_))),
            Self::Leaf(_) => 0,
        }
    }

    /// The same for every order of the conditions, each once.
    pub(crate) fn canonical(&self) -> Self {
        match self {
            Self::All(nodes) => Self::all(each_once(nodes, Self::all)),
            Self::Any(nodes) => Self::any(each_once(nodes, Self::any)),
            Self::Not(node) => Self::not(node.canonical()),
            Self::Leaf(_) => self.clone(),
        }
    }
}

fn each_once(nodes: &[Node], join: fn(Vec<Node>) -> Node) -> Vec<Node> {
    // Canonical nodes may have become such as join with those around them.
    let joined = join(nodes.iter().map(Node::canonical).collect());
    let mut nodes = match joined {
        Node::All(nodes) | Node::Any(nodes) => nodes,
        single => vec![single],
    };
    nodes.sort_by_cached_key(ToString::to_string);
    nodes.dedup();
    nodes
}
