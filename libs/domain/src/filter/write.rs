//! A filter as a text that parses back to it.

use std::fmt::{Display, Formatter, Result, Write};
use std::ops::Bound;

use super::field::Field;
use super::tree::{Condition, Interval, Node, Scalar, Test};
use super::{Filter, parse};
use crate::text::Phrase;

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.root.fmt(f)
    }
}

impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::All(nodes) => joined(f, nodes, " ", |node| matches!(node, Self::Any(_))),
            Self::Any(nodes) => joined(f, nodes, " OR ", |_| false),
            Self::Not(node) => {
                f.write_char('-')?;
                grouped(f, node, !matches!(**node, Self::Leaf(_)))
            }
            Self::Leaf(condition) => condition.fmt(f),
        }
    }
}

fn joined(f: &mut Formatter<'_>, nodes: &[Node], between: &str, is_group: fn(&Node) -> bool) -> Result {
    for (at, node) in nodes.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        grouped(f, node, is_group(node))?;
    }
    Ok(())
}

fn grouped(f: &mut Formatter<'_>, node: &Node, is_group: bool) -> Result {
    if is_group {
        write!(f, "({node})")
    } else {
        node.fmt(f)
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Field(field, asked) => {
                write!(f, "{}:", field.as_str())?;
                match asked {
                    Test::Within(interval) => write_interval(f, interval, is_plain(*field, interval)),
                    asked => write_test(f, asked, false),
                }
            }
            Self::Attribute(path, asked) => {
                f.write_str(parse::ATTRIBUTES)?;
                for key in path {
                    f.write_char('.')?;
                    let is_bare = !key.is_empty() && key.bytes().all(parse::is_key_byte);
                    write_text(f, key, is_bare)?;
                }
                f.write_char(':')?;
                write_test(f, asked, true)
            }
            Self::Text(phrase) => write_phrase(f, phrase),
        }
    }
}

/// Whether a number alone says it. A status that no event can have is found as a range only.
fn is_plain(field: Field, interval: &Interval) -> bool {
    interval
        .single()
        .is_some_and(|number| field.check(&number.text).is_ok())
}

fn write_test(f: &mut Formatter<'_>, asked: &Test, in_attributes: bool) -> Result {
    match asked {
        Test::Present => f.write_char('*'),
        Test::Equals(text) => {
            let is_other = in_attributes && (Scalar::parse(text).is_some() || parse::is_range(text));
            write_text(f, text, is_bare(text) && !is_other)
        }
        Test::Literal(text) => f.write_str(text),
        Test::Prefix(text) => {
            write_text(f, text, is_bare(text))?;
            f.write_char('*')
        }
        Test::Within(interval) => write_interval(f, interval, false),
        Test::Phrase(phrase) => write_phrase(f, phrase),
    }
}

fn write_interval(f: &mut Formatter<'_>, interval: &Interval, is_plain: bool) -> Result {
    use Bound::{Excluded, Included, Unbounded};
    match (&interval.low, &interval.high) {
        (Included(low), _) if is_plain => f.write_str(&low.text),
        (Included(low), Included(high)) => write!(f, "{}..{}", low.text, high.text),
        (Included(low), _) => write!(f, ">={}", low.text),
        (Excluded(low), _) => write!(f, ">{}", low.text),
        (Unbounded, Included(high)) => write!(f, "<={}", high.text),
        (Unbounded, Excluded(high)) => write!(f, "<{}", high.text),
        (Unbounded, Unbounded) => f.write_char('*'),
    }
}

fn write_phrase(f: &mut Formatter<'_>, phrase: &Phrase) -> Result {
    write_text(f, &phrase.tokens().join(" "), phrase.tokens().len() == 1)?;
    if phrase.is_prefix() {
        f.write_char('*')
    } else {
        Ok(())
    }
}

fn write_text(f: &mut Formatter<'_>, text: &str, is_bare: bool) -> Result {
    if is_bare {
        return f.write_str(text);
    }
    f.write_char('"')?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    f.write_char('"')
}

fn is_bare(text: &str) -> bool {
    let is_special = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"' | '*');
    !text.is_empty() && !text.starts_with(['<', '>']) && !text.contains(is_special)
}
