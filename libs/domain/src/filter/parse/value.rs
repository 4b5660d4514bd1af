//! What a value asks for: it depends on the quotes and on what it is compared with.

use std::ops::Bound;

use super::super::field::Sort;
use super::super::tree::{Interval, Number, Scalar, Test};
use super::super::{Field, MAX_VALUE_BYTES, shown};
use crate::text::Phrase;

/// A value as it stands there.
#[derive(Debug)]
pub(super) enum Raw<'a> {
    /// Without quotes.
    Bare(&'a str),
    /// The text within the quotes; a `*` behind them asks for a prefix.
    Quoted { text: String, is_prefix: bool },
}

impl Raw<'_> {
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Bare(text) => text.len(),
            Self::Quoted { text, .. } => text.len(),
        }
    }

    /// The text, and whether only its begin is given.
    pub(super) fn text(&self) -> Result<(&str, bool), String> {
        match self {
            Self::Quoted { text, is_prefix } => Ok((text, *is_prefix)),
            Self::Bare(text) => {
                let begin = text.strip_suffix('*');
                if begin.unwrap_or(text).contains('*') {
                    return Err(
                        "a * stands at the end only; put the text in quotes to look for the character".into(),
                    );
                }
                Ok((begin.unwrap_or(text), begin.is_some()))
            }
        }
    }

    fn is_bare(&self, text: &str) -> bool {
        matches!(self, Self::Bare(bare) if *bare == text)
    }
}

/// What a value asks of a field.
pub(super) fn of_field(field: Field, raw: &Raw<'_>) -> Result<Test, String> {
    if raw.is_bare("*") {
        return Ok(Test::Present);
    }
    if field.sort() == Sort::Number
        && let Some(interval) = interval(raw)?
    {
        return Ok(Test::Within(interval));
    }
    if let Raw::Bare(text) = raw
        && text.starts_with(['<', '>'])
    {
        let name = field.as_str();
        return Err(format!(
            "{name} has no numbers to compare; put the value in quotes to look for the character"
        ));
    }
    match raw.text()? {
        (text, false) => equality(field, text),
        (text, true) => prefix(field, text),
    }
}

/// Whether a field has this value, in which nothing is special.
pub(in super::super) fn equality(field: Field, text: &str) -> Result<Test, String> {
    if text.len() > MAX_VALUE_BYTES {
        let (name, bytes) = (field.as_str(), text.len());
        return Err(format!(
            "{name} has {bytes} bytes, at most {MAX_VALUE_BYTES} are allowed"
        ));
    }
    field.check(text)?;
    match field.sort() {
        Sort::Text | Sort::Name => Ok(Test::Equals(text.to_owned())),
        Sort::Number => number(text).map(|number| Test::Within(Interval::exactly(number))),
        Sort::Words => words(text, false),
    }
}

fn prefix(field: Field, text: &str) -> Result<Test, String> {
    let name = field.as_str();
    match field.sort() {
        Sort::Words => words(text, true),
        Sort::Number => Err(format!(
            "{name} has numbers, which have no begin; ask for {name}:500..599"
        )),
        Sort::Name if !field.names().iter().any(|known| known.starts_with(text)) => {
            let (shown, names) = (shown(text), field.names().join(", "));
            Err(format!(
                "{name} begins with {shown:?}, which none of {names} does"
            ))
        }
        Sort::Text | Sort::Name => begin(text),
    }
}

fn begin(text: &str) -> Result<Test, String> {
    if text.is_empty() {
        return Err("a text is missing before the *; a * alone, without quotes, asks for any value".into());
    }
    Ok(Test::Prefix(text.to_owned()))
}

fn words(text: &str, is_prefix: bool) -> Result<Test, String> {
    let phrase = Phrase::parse(text, is_prefix)
        .ok_or_else(|| format!("{:?} has no letter and no digit to search for", shown(text)))?;
    Ok(Test::Phrase(phrase))
}

/// What a value asks of an attribute.
pub(super) fn of_attribute(raw: &Raw<'_>) -> Result<Test, String> {
    if raw.is_bare("*") {
        return Ok(Test::Present);
    }
    if let Some(interval) = interval(raw)? {
        return Ok(Test::Within(interval));
    }
    match (raw.text()?, raw) {
        ((text, true), _) => begin(text),
        (("", false), Raw::Bare(_)) => Err("a value is missing behind the :".into()),
        ((text, false), Raw::Bare(_)) if Scalar::parse(text).is_some() => Ok(Test::Literal(text.to_owned())),
        ((text, false), _) => Ok(Test::Equals(text.to_owned())),
    }
}

/// Whether a text without quotes is a range.
pub(in super::super) fn is_range(text: &str) -> bool {
    range(text).is_some()
}

fn range(text: &str) -> Option<(Number, Number)> {
    let (low, high) = text.split_once("..")?;
    Some((Number::parse(low)?, Number::parse(high)?))
}

/// The bounds that a comparison or a range gives.
fn interval(raw: &Raw<'_>) -> Result<Option<Interval>, String> {
    let Raw::Bare(text) = raw else {
        return Ok(None);
    };
    if let Some((low, high)) = range(text) {
        if low.value > high.value {
            return Err(format!("the range {:?} begins after its end", shown(text)));
        }
        let (low, high) = (Bound::Included(low), Bound::Included(high));
        return Ok(Some(Interval { low, high }));
    }
    let (low, high) = if let Some(text) = text.strip_prefix(">=") {
        (Bound::Included(number(text)?), Bound::Unbounded)
    } else if let Some(text) = text.strip_prefix('>') {
        (Bound::Excluded(number(text)?), Bound::Unbounded)
    } else if let Some(text) = text.strip_prefix("<=") {
        (Bound::Unbounded, Bound::Included(number(text)?))
    } else if let Some(text) = text.strip_prefix('<') {
        (Bound::Unbounded, Bound::Excluded(number(text)?))
    } else {
        return Ok(None);
    };
    Ok(Some(Interval { low, high }))
}

fn number(text: &str) -> Result<Number, String> {
    Number::parse(text).ok_or_else(|| {
        format!(
            "{:?} is no number; one such as 5, -2.5 or 1e3 is wanted",
            shown(text)
        )
    })
}
