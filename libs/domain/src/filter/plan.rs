//! Filter -> what an index can say about it.

use std::ops::Bound;

use super::tree::{Condition, Interval, Node, Number, Scalar, Test};
use super::{Field, Filter};
use crate::event::Kind;
use crate::index::prune::{Prune, TermRange, behind};
use crate::index::term::{self, Path, Type};
use crate::text::Phrase;

/// Tokens of a phrase that are looked up: the longest, which are probably the rarest.
const MAX_TOKENS: usize = 8;

impl Filter {
    /// What an event has in the index that may match.
    pub fn prune(&self) -> Prune {
        node(&self.root)
    }
}

fn node(node: &Node) -> Prune {
    match node {
        Node::All(nodes) => Prune::all(nodes.iter().map(self::node).collect()),
        Node::Any(nodes) => Prune::any(nodes.iter().map(self::node).collect()),
        Node::Not(_) => Prune::Every,
        Node::Leaf(Condition::Field(field, asked)) => self::field(*field, asked),
        Node::Leaf(Condition::Attribute(path, asked)) => attribute(path, asked),
        Node::Leaf(Condition::Text(phrase)) => text(phrase),
    }
}

fn field(field: Field, asked: &Test) -> Prune {
    match asked {
        // Every error has a message, and nothing else has.
        Test::Present if field == Field::Message => errors(),
        Test::Present => prefix(vec![term::code(field)]),
        Test::Equals(value) => exact(term::of_text(field, value)),
        Test::Prefix(begin) => prefix(term::of_text(field, begin)),
        Test::Within(interval) if field == Field::StatusCode => status(interval),
        Test::Within(interval) => numbers(&[term::code(field)], low(interval), high(interval)),
        Test::Phrase(phrase) => Prune::all(vec![errors(), text(phrase)]),
        Test::Literal(_) => Prune::Every,
    }
}

/// A status is a whole number, so its bounds are exact.
fn status(interval: &Interval) -> Prune {
    let low = match &interval.low {
        Bound::Included(low) => Some(low.value.ceil()),
        Bound::Excluded(low) => Some(low.value.floor() + 1.0),
        Bound::Unbounded => None,
    };
    let high = match &interval.high {
        Bound::Included(high) => Some(high.value.floor()),
        Bound::Excluded(high) => Some(high.value.ceil() - 1.0),
        Bound::Unbounded => None,
    };
    between(
        &[term::code(Field::StatusCode)],
        low.map(term::status),
        high.map(term::status),
    )
}

fn errors() -> Prune {
    exact(term::of_text(Field::Kind, Kind::Error.as_str()))
}

fn text(phrase: &Phrase) -> Prune {
    let Some((last, whole)) = phrase.tokens().split_last() else {
        return Prune::Every;
    };
    let of_last = if phrase.is_prefix() { prefix } else { exact };
    let mut longest: Vec<&String> = whole.iter().collect();
    longest.sort_by_key(|token| std::cmp::Reverse(token.len()));
    longest.truncate(MAX_TOKENS);
    let mut tokens: Vec<Prune> = longest.iter().map(|token| exact(term::of_token(token))).collect();
    tokens.push(of_last(term::of_token(last)));
    Prune::any(vec![Prune::all(tokens), exact(vec![term::TEXT_OVERFLOW])])
}

fn attribute(keys: &[String], asked: &Test) -> Prune {
    let path = Path::of_keys(keys.iter().map(String::as_str));
    let mut any = match asked {
        Test::Present => vec![prefix(path.begin())],
        Test::Equals(text) => vec![exact(path.term(Type::Text, text.as_bytes()))],
        Test::Literal(text) => literal(&path, text),
        Test::Prefix(begin) => vec![prefix(path.term(Type::Text, begin.as_bytes()))],
        Test::Within(interval) => vec![within(&path, interval)],
        Test::Phrase(_) => return Prune::Every,
    };
    any.push(exact(vec![term::ATTRIBUTE_OVERFLOW]));
    Prune::any(any)
}

fn literal(path: &Path, text: &str) -> Vec<Prune> {
    let scalar = match Scalar::parse(text) {
        Some(Scalar::Null) => Some(path.term(Type::Null, &[])),
        Some(Scalar::Bool(truth)) => Some(path.term(Type::Bool, &[truth.into()])),
        Some(Scalar::Number(number)) => Some(path.term(Type::Number, &term::key(number))),
        None => None,
    };
    let text = path.term(Type::Text, text.as_bytes());
    scalar.into_iter().chain([text]).map(exact).collect()
}

fn within(path: &Path, interval: &Interval) -> Prune {
    if let Some(number) = interval.single() {
        return exact(path.term(Type::Number, &term::key(number.value)));
    }
    numbers(&path.term(Type::Coarse, &[]), low(interval), high(interval))
}

/// Coarse terms of numbers. A bound is in it even where it is excluded: its neighbours share its term.
fn numbers(begin: &[u8], low: Option<f64>, high: Option<f64>) -> Prune {
    between(begin, low.map(term::coarse), high.map(term::coarse))
}

/// Terms of two bytes from `low` to `high`, both included.
fn between(begin: &[u8], low: Option<[u8; 2]>, high: Option<[u8; 2]>) -> Prune {
    let bound = |bytes: Option<[u8; 2]>| [begin, bytes.as_ref().map_or(&[][..], |bytes| bytes)].concat();
    let (begin, last) = (bound(low), bound(high));
    if low.is_some() && low == high {
        return exact(begin);
    }
    let end = behind(&last).max(begin.clone());
    Prune::Terms(TermRange { begin, end })
}

fn low(interval: &Interval) -> Option<f64> {
    value(&interval.low)
}

fn high(interval: &Interval) -> Option<f64> {
    value(&interval.high)
}

fn value(bound: &Bound<Number>) -> Option<f64> {
    match bound {
        Bound::Included(number) | Bound::Excluded(number) => Some(number.value),
        Bound::Unbounded => None,
    }
}

fn exact(term: Vec<u8>) -> Prune {
    Prune::Terms(TermRange::exact(term))
}

fn prefix(term: Vec<u8>) -> Prune {
    Prune::Terms(TermRange::prefix(term))
}
