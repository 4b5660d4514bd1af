//! Random trees, from values that events have and from others.

use std::ops::Bound;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value as Json;

use super::{key, number, text};
use crate::enrich::Context;
use crate::event::Event;
use crate::filter::field::Sort;
use crate::filter::tree::{Condition, Interval, Node, Number, Scalar, Test};
use crate::filter::{Field, Filter, Value};
use crate::text::Phrase;

fn phrase() -> impl Strategy<Value = Phrase> {
    (
        prop_oneof![3 => text().boxed(), 1 => "w2[567][0-9]".boxed()],
        any::<bool>(),
    )
        .prop_filter_map("a phrase has a token", |(text, is_prefix)| {
            Phrase::parse(&text, is_prefix)
        })
}

fn interval() -> impl Strategy<Value = Interval> {
    let number = || number().prop_map(|text| Number::parse(&text).unwrap());
    prop_oneof![
        number().prop_map(|low| (Bound::Included(low), Bound::Unbounded)),
        number().prop_map(|low| (Bound::Excluded(low), Bound::Unbounded)),
        number().prop_map(|high| (Bound::Unbounded, Bound::Included(high))),
        number().prop_map(|high| (Bound::Unbounded, Bound::Excluded(high))),
        (number(), number()).prop_map(|(one, other)| {
            let is_sorted = one.value <= other.value;
            let (low, high) = if is_sorted { (one, other) } else { (other, one) };
            (Bound::Included(low), Bound::Included(high))
        }),
    ]
    .prop_map(|(low, high)| Interval { low, high })
}

fn begin() -> impl Strategy<Value = Test> {
    (text(), 1_usize..120)
        .prop_map(|(text, bytes)| {
            let cut = text.floor_char_boundary(bytes);
            Test::Prefix(text[..cut].to_owned())
        })
        .prop_filter("a begin has a character", |test| {
            *test != Test::Prefix(String::new())
        })
}

fn field_test(field: Field) -> BoxedStrategy<Test> {
    let some = match field.sort() {
        Sort::Number => interval().prop_map(Test::Within).boxed(),
        Sort::Words => phrase().prop_map(Test::Phrase).boxed(),
        Sort::Name => {
            let names: Vec<String> = field.names().into_iter().map(str::to_owned).collect();
            let begins = names
                .iter()
                .map(|name| Test::Prefix(name[..2].to_owned()))
                .collect::<Vec<_>>();
            prop_oneof![select(names).prop_map(Test::Equals), select(begins)].boxed()
        }
        Sort::Text => prop_oneof![text().prop_map(Test::Equals), begin()].boxed(),
    };
    prop_oneof![5 => some, 1 => Just(Test::Present)].boxed()
}

fn attribute_test() -> impl Strategy<Value = Test> {
    let literal = prop_oneof![
        number().boxed(),
        select(vec!["true", "false", "null"])
            .prop_map(str::to_owned)
            .boxed()
    ];
    prop_oneof![
        text().prop_map(Test::Equals),
        literal.prop_map(|text| {
            assert!(Scalar::parse(&text).is_some());
            Test::Literal(text)
        }),
        begin(),
        interval().prop_map(Test::Within),
        Just(Test::Present),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    prop_oneof![
        3 => select(Field::ALL).prop_flat_map(|field| {
            field_test(field).prop_map(move |test| Condition::Field(field, test))
        }),
        3 => (prop::collection::vec(key(), 1..4), attribute_test())
            .prop_map(|(path, test)| Condition::Attribute(path, test)),
        1 => phrase().prop_map(Condition::Text),
    ]
}

/// Any filter.
pub(crate) fn filter() -> impl Strategy<Value = Filter> {
    let leaf = condition().prop_map(Node::Leaf);
    let tree = leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            2 => prop::collection::vec(inner.clone(), 2..4).prop_map(Node::all),
            2 => prop::collection::vec(inner.clone(), 2..4).prop_map(Node::any),
            1 => inner.prop_map(Node::not),
        ]
    });
    tree.prop_map(|root| Filter { root })
}

/// What is made into filters about an event once there is one.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    trees: Vec<Filter>,
    tests: Vec<Test>,
    /// For each condition of a tree: whether it is kept, else which one about the event takes its place.
    picks: Vec<Option<usize>>,
}

/// Plans of filters about an event.
pub(crate) fn filters_about() -> impl Strategy<Value = Plan> {
    let trees = prop::collection::vec(filter(), 12);
    let tests = prop::collection::vec(attribute_test(), 6);
    let picks = prop::collection::vec(prop::option::weighted(0.7, any::<usize>()), 30);
    (trees, tests, picks).prop_map(|(trees, tests, picks)| Plan { trees, tests, picks })
}

impl Plan {
    /// Filters of what this event has, of other values in the same places, and of others.
    pub(crate) fn of(self, event: &Event, context: &Context) -> Vec<Filter> {
        let mut pool: Vec<Node> = about(event, context)
            .into_iter()
            .map(|filter| filter.root)
            .collect();
        let paths = pool.clone().into_iter().filter_map(|node| match node {
            Node::Leaf(Condition::Attribute(path, _)) => Some(path),
            _ => None,
        });
        let others = paths.flat_map(|path| {
            let test = |test: &Test| Node::Leaf(Condition::Attribute(path.clone(), test.clone()));
            self.tests.iter().map(test).collect::<Vec<_>>()
        });
        pool.extend(others.collect::<Vec<_>>());
        let mut picks = self.picks.iter().copied().cycle();
        let mut filters: Vec<Filter> = pool.iter().cloned().map(|root| Filter { root }).collect();
        for tree in self.trees {
            let root = graft(tree.root, &pool, &mut picks);
            filters.push(Filter { root });
        }
        filters
    }
}

/// The tree with conditions of the pool in the place of its own.
fn graft(node: Node, pool: &[Node], picks: &mut impl Iterator<Item = Option<usize>>) -> Node {
    let mut each = |nodes: Vec<Node>| nodes.into_iter().map(|node| graft(node, pool, picks)).collect();
    match node {
        Node::All(nodes) => Node::all(each(nodes)),
        Node::Any(nodes) => Node::any(each(nodes)),
        Node::Not(node) => Node::not(graft(*node, pool, picks)),
        leaf @ Node::Leaf(_) => match picks.next().flatten() {
            Some(pick) => pool[pick % pool.len()].clone(),
            None => leaf,
        },
    }
}

fn of_leaf(condition: Condition) -> Filter {
    Filter {
        root: Node::Leaf(condition),
    }
}

/// For everything that an event has, the filter that asks for it.
pub(crate) fn about(event: &Event, context: &Context) -> Vec<Filter> {
    let fields = Field::ALL.iter().filter_map(|&field| {
        let test = match field.value(event, context)? {
            Value::Number(number) => {
                let number = Number::parse(&format!("{number:?}"))?;
                Test::Within(Interval::exactly(number))
            }
            Value::Text(text) if field == Field::Message => Test::Phrase(Phrase::parse(text, false)?),
            Value::Text(text) => Test::Equals(text.to_owned()),
        };
        Some(Condition::Field(field, test))
    });
    let json = event
        .attributes
        .as_ref()
        .map(|attributes| serde_json::from_str(attributes.as_str()).unwrap());
    let mut conditions: Vec<Condition> = fields.collect();
    of_json(&json.unwrap_or(Json::Null), &mut Vec::new(), &mut conditions);
    conditions.into_iter().map(of_leaf).collect()
}

fn of_json(json: &Json, path: &mut Vec<String>, conditions: &mut Vec<Condition>) {
    let test = match json {
        Json::Array(elements) => {
            for element in elements {
                of_json(element, path, conditions);
            }
            Test::Present
        }
        Json::Object(entries) => {
            for (key, value) in entries {
                path.push(key.clone());
                of_json(value, path, conditions);
                path.pop();
            }
            Test::Present
        }
        Json::String(text) => {
            conditions.extend(Phrase::parse(text, true).map(Condition::Text));
            Test::Equals(text.clone())
        }
        scalar => Test::Literal(scalar.to_string()),
    };
    if !path.is_empty() {
        conditions.push(Condition::Attribute(path.clone(), test));
    }
}
