//! Text -> tree, by recursive descent. Every text gives a tree or a fault; nothing in it recurses deeper than
//! [`MAX_DEPTH`] allows.

mod value;

pub(super) use value::{equality, is_range};

use self::value::Raw;
use super::tree::{Condition, Node, Test};
use super::{Field, MAX_CONDITIONS, MAX_DEPTH, MAX_TEXT_BYTES, MAX_VALUE_BYTES};
use super::{shown, too_deep, too_many_conditions, unknown_field};
use crate::text::Phrase;

/// What names of attributes begin with.
pub(super) const ATTRIBUTES: &str = "attributes";

/// What is wrong, and from which byte on.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) message: String,
}

type Outcome<T> = Result<T, Fault>;

/// Reads a whole text.
pub(super) fn parse(text: &str) -> Outcome<Node> {
    if text.len() > MAX_TEXT_BYTES {
        let message = format!("q has {} bytes, at most {MAX_TEXT_BYTES} are allowed", text.len());
        return fault(0, message);
    }
    let mut parser = Parser {
        text,
        at: 0,
        leaves: 0,
        depth: 0,
    };
    parser.skip_space();
    if parser.rest().is_empty() {
        return Ok(Node::default());
    }
    let node = parser.any(None)?;
    if !parser.rest().is_empty() {
        return fault(parser.at, "this ) has no ( before it");
    }
    // A group repeats its field where it is written out.
    let bytes = node.to_string().len();
    if bytes > MAX_TEXT_BYTES {
        let message =
            format!("q has {bytes} bytes with its groups written out, at most {MAX_TEXT_BYTES} are allowed");
        return fault(0, message);
    }
    Ok(node)
}

/// Whether a key of attributes can have this byte without quotes.
pub(super) fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn fault<T>(at: usize, message: impl Into<String>) -> Outcome<T> {
    let message = message.into();
    Err(Fault { at, message })
}

fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '(' | ')' | '"')
}

fn ends_value(c: char) -> bool {
    c.is_whitespace() || c == ')'
}

/// Where a value is looked for.
#[derive(Clone, Debug)]
enum Target {
    Field(Field),
    Attribute(Vec<String>),
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    leaves: usize,
    depth: usize,
}

/// `of` is the target of the group `target:( )` that the parser is in.
impl<'a> Parser<'a> {
    fn any(&mut self, of: Option<&Target>) -> Outcome<Node> {
        let mut nodes = vec![self.all(of)?];
        while self.keyword("OR") {
            nodes.push(self.all(of)?);
        }
        Ok(Node::any(nodes))
    }

    fn all(&mut self, of: Option<&Target>) -> Outcome<Node> {
        let mut nodes = vec![self.one(of)?];
        while self.keyword("AND") || !self.is_at_end_of_all() {
            nodes.push(self.one(of)?);
        }
        Ok(Node::all(nodes))
    }

    fn is_at_end_of_all(&mut self) -> bool {
        self.skip_space();
        self.rest().is_empty() || self.rest().starts_with(')') || self.is_keyword("OR")
    }

    fn one(&mut self, of: Option<&Target>) -> Outcome<Node> {
        self.skip_space();
        if self.keyword("NOT") || self.minus(of)? {
            return self.deeper(|parser| parser.one(of)).map(Node::not);
        }
        if self.take('(') {
            return self.group(of);
        }
        if let Some(missing) = self.missing() {
            return fault(self.at, missing);
        }
        match of {
            Some(target) => self.value(target),
            None => self.condition(),
        }
    }

    /// What to say where nothing is that a condition begins with.
    fn missing(&self) -> Option<&'static str> {
        match self.rest().chars().next() {
            None => Some("a condition is missing at the end"),
            Some(')') => Some("a condition is missing before )"),
            _ if self.is_keyword("AND") => {
                Some("a condition is missing before AND; the word itself goes in quotes")
            }
            _ if self.is_keyword("OR") => {
                Some("a condition is missing before OR; the word itself goes in quotes")
            }
            _ => None,
        }
    }

    /// Behind the opening parenthesis.
    fn group(&mut self, of: Option<&Target>) -> Outcome<Node> {
        let begin = self.at - 1;
        let node = self.deeper(|parser| parser.any(of))?;
        self.skip_space();
        if self.take(')') {
            return Ok(node);
        }
        fault(begin, "the closing ) of this ( is missing")
    }

    fn deeper(&mut self, read: impl FnOnce(&mut Self) -> Outcome<Node>) -> Outcome<Node> {
        if self.depth == MAX_DEPTH {
            return fault(self.at, too_deep());
        }
        self.depth += 1;
        let node = read(self);
        self.depth -= 1;
        node
    }

    /// Takes the sign of a negation.
    fn minus(&mut self, of: Option<&Target>) -> Outcome<bool> {
        let Some(behind) = self.rest().strip_prefix('-') else {
            return Ok(false);
        };
        if behind.starts_with(char::is_whitespace) || behind.is_empty() {
            return fault(
                self.at,
                "the - stands alone; it negates what follows it without a space",
            );
        }
        if of.is_some() && behind.starts_with(|c: char| c.is_ascii_digit()) {
            let message = "in a group this may be a negative number or a negation; write NOT and a space to negate, \
                           or put the number behind the field and without a group";
            return fault(self.at, message);
        }
        self.at += 1;
        Ok(true)
    }

    /// `target:value`, a word or a phrase.
    fn condition(&mut self) -> Outcome<Node> {
        let begin = self.at;
        if self.rest().starts_with('"') {
            return self.words(begin);
        }
        let name = self.until(|c| c == ':' || ends_word(c));
        let behind = &self.rest()[name.len()..];
        if name == ATTRIBUTES && behind.starts_with(':') {
            return fault(begin, "attributes are searched by key: attributes.key:value");
        }
        let path = name.strip_prefix(ATTRIBUTES).filter(|path| path.starts_with('.'));
        let target = match path {
            Some(_) if behind.starts_with([':', '"']) => {
                self.at += ATTRIBUTES.len();
                Target::Attribute(self.path()?)
            }
            _ if behind.starts_with(':') => {
                let field = Field::parse(name).ok_or_else(|| Fault {
                    at: begin,
                    message: unknown_name(name),
                })?;
                self.at += name.len();
                Target::Field(field)
            }
            _ => return self.words(begin),
        };
        self.at += 1;
        if self.take('(') {
            return self.group(Some(&target));
        }
        self.value(&target)
    }

    fn words(&mut self, begin: usize) -> Outcome<Node> {
        let raw = self.raw()?;
        let (text, is_prefix) = raw.text().map_err(|message| Fault { at: begin, message })?;
        let Some(phrase) = Phrase::parse(text, is_prefix) else {
            let message = format!("{:?} has no letter and no digit to search for", shown(text));
            return fault(begin, message);
        };
        self.leaf(begin, Condition::Text(phrase))
    }

    fn value(&mut self, target: &Target) -> Outcome<Node> {
        let begin = self.at;
        let raw = self.raw()?;
        let read = match target {
            Target::Field(field) => value::of_field(*field, &raw),
            Target::Attribute(_) => value::of_attribute(&raw),
        };
        let test: Test = read.map_err(|message| Fault { at: begin, message })?;
        let condition = match target {
            Target::Field(field) => Condition::Field(*field, test),
            Target::Attribute(path) => Condition::Attribute(path.clone(), test),
        };
        self.leaf(begin, condition)
    }

    fn leaf(&mut self, begin: usize, condition: Condition) -> Outcome<Node> {
        self.leaves += 1;
        if self.leaves > MAX_CONDITIONS {
            return fault(begin, too_many_conditions());
        }
        Ok(Node::Leaf(condition))
    }

    /// `.key."odd key"` up to the colon.
    fn path(&mut self) -> Outcome<Vec<String>> {
        let begin = self.at;
        let mut keys = Vec::new();
        while self.take('.') {
            keys.push(self.key()?);
        }
        if !self.rest().starts_with(':') {
            return fault(
                self.at,
                "a : is missing behind the key; other characters in a key want quotes",
            );
        }
        let bytes = self.at - begin;
        if bytes > MAX_VALUE_BYTES {
            let message = format!("the key has {bytes} bytes, at most {MAX_VALUE_BYTES} are allowed");
            return fault(begin, message);
        }
        Ok(keys)
    }

    fn key(&mut self) -> Outcome<String> {
        if self.rest().starts_with('"') {
            return self.quoted();
        }
        let key = self.until(|c| !u8::try_from(c).is_ok_and(is_key_byte));
        if key.is_empty() {
            let message =
                "a key is missing; a key of other characters than letters, digits, _ and - wants quotes";
            return fault(self.at, message);
        }
        self.at += key.len();
        Ok(key.to_owned())
    }

    /// A value or a word, with or without quotes.
    fn raw(&mut self) -> Outcome<Raw<'a>> {
        let begin = self.at;
        let raw = if self.rest().starts_with('"') {
            let text = self.quoted()?;
            let is_prefix = self.take('*');
            if !self.rest().is_empty() && !self.rest().starts_with(ends_value) {
                return fault(self.at, "a space is missing after the closing quote");
            }
            Raw::Quoted { text, is_prefix }
        } else {
            let text = self.until(ends_word);
            self.at += text.len();
            if let Some(c @ ('(' | '"')) = self.rest().chars().next() {
                return fault(
                    self.at,
                    format!("the text has a {c}; put it in quotes as a whole"),
                );
            }
            Raw::Bare(text)
        };
        let bytes = raw.bytes();
        if bytes > MAX_VALUE_BYTES {
            let message = format!("the value has {bytes} bytes, at most {MAX_VALUE_BYTES} are allowed");
            return fault(begin, message);
        }
        Ok(raw)
    }

    /// A text in quotes, without its escapes.
    fn quoted(&mut self) -> Outcome<String> {
        let begin = self.at;
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += at + 1;
                    return Ok(text);
                }
                '\\' => match chars.next() {
                    Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                    _ => {
                        return fault(
                            begin + at,
                            "in quotes \\ stands before \" or \\ only; write \\\\ for one",
                        );
                    }
                },
                other => text.push(other),
            }
        }
        fault(begin, "a closing quote is missing")
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn until(&self, ends: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        &rest[..rest.find(ends).unwrap_or(rest.len())]
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn take(&mut self, c: char) -> bool {
        let is_there = self.rest().starts_with(c);
        if is_there {
            self.at += c.len_utf8();
        }
        is_there
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        let word = self.until(|c| c == ':' || ends_word(c));
        word == keyword && !self.rest()[word.len()..].starts_with(':')
    }

    /// Takes a keyword that comes next.
    fn keyword(&mut self, keyword: &str) -> bool {
        self.skip_space();
        let is_there = self.is_keyword(keyword);
        if is_there {
            self.at += keyword.len();
        }
        is_there
    }
}

fn unknown_name(name: &str) -> String {
    format!(
        "{}; attributes are searched as attributes.key:value, and a text with a : in it wants quotes",
        unknown_field(name)
    )
}
