//! What an index can say about a filter before any event is read.
//!
//! A superset: an event that matches is accepted, one that is accepted may not match. A negation never prunes:
//! the terms of an event say what it may have, not what it has not.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::term::{ATTRIBUTE, ATTRIBUTE_OVERFLOW, MAX_TERM_BYTES, TEXT_OVERFLOW, TOKEN, code};
use crate::filter::Field;

/// Which terms an event has that may match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prune {
    /// Any event may match.
    Every,
    /// One of the terms in a range.
    Terms(TermRange),
    /// What all of these ask for, the rarest probably first.
    All(Vec<Prune>),
    /// What any of these asks for.
    Any(Vec<Prune>),
}

/// The terms t with begin <= t < end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermRange {
    /// The first.
    pub begin: Vec<u8>,
    /// Behind the last.
    pub end: Vec<u8>,
}

impl TermRange {
    /// This term only.
    pub fn exact(term: Vec<u8>) -> Self {
        let mut end = term.clone();
        end.push(0x00);
        Self { begin: term, end }
    }

    /// The terms that begin with this.
    pub fn prefix(prefix: Vec<u8>) -> Self {
        let end = behind(&prefix);
        Self { begin: prefix, end }
    }

    /// Whether it is one term only.
    pub fn is_exact(&self) -> bool {
        self.end
            .split_last()
            .is_some_and(|(last, before)| *last == 0x00 && *before == self.begin)
    }

    /// Whether a term is in it.
    pub fn contains(&self, term: &[u8]) -> bool {
        *self.begin <= *term && *term < *self.end
    }
}

/// What is behind all terms that begin with this.
pub(crate) fn behind(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xFF {
            end.push(last + 1);
            return end;
        }
    }
    // No term is as long.
    vec![0xFF; MAX_TERM_BYTES + 1]
}

impl Prune {
    /// What all of these ask for, simplified.
    pub(crate) fn all(prunes: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(prunes.len());
        for prune in prunes {
            match prune {
                Self::Every => {}
                Self::All(inner) => add_each(&mut flat, inner),
                other => add_each(&mut flat, vec![other]),
            }
        }
        flat.sort_by_key(Self::rank);
        match flat.len() {
            0 => Self::Every,
            1 => flat.remove(0),
            _ => Self::All(flat),
        }
    }

    /// What any of these asks for, simplified.
    pub(crate) fn any(prunes: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(prunes.len());
        for prune in prunes {
            match prune {
                Self::Every => return Self::Every,
                Self::Any(inner) => add_each(&mut flat, inner),
                other => add_each(&mut flat, vec![other]),
            }
        }
        match flat.len() {
            1 => flat.remove(0),
            _ => Self::Any(flat),
        }
    }

    /// Whether an event of these terms may match.
    pub fn accepts(&self, terms: &BTreeSet<Vec<u8>>) -> bool {
        match self {
            Self::Every => true,
            Self::Terms(range) => has(terms, range),
            Self::All(prunes) => prunes.iter().all(|prune| prune.accepts(terms)),
            Self::Any(prunes) => prunes.iter().any(|prune| prune.accepts(terms)),
        }
    }

    /// The lower, the fewer events are probably accepted.
    fn rank(&self) -> usize {
        match self {
            Self::Every => usize::MAX,
            Self::Terms(range) => rank(range),
            Self::All(prunes) => prunes.iter().map(Self::rank).min().unwrap_or(usize::MAX),
            Self::Any(prunes) => prunes.iter().map(Self::rank).max().unwrap_or(0),
        }
    }
}

fn add_each(flat: &mut Vec<Prune>, prunes: Vec<Prune>) {
    for prune in prunes {
        if !flat.contains(&prune) {
            flat.push(prune);
        }
    }
}

fn has(terms: &BTreeSet<Vec<u8>>, range: &TermRange) -> bool {
    let bounds = (Bound::Included(&*range.begin), Bound::Excluded(&*range.end));
    range.begin < range.end && terms.range::<[u8], _>(bounds).next().is_some()
}

/// Codes by how few events have one of their terms, probably.
const BY_RARITY: [u8; 18] = [
    TEXT_OVERFLOW,
    ATTRIBUTE_OVERFLOW,
    code(Field::TraceId),
    code(Field::ExternalId),
    code(Field::SpanId),
    code(Field::SessionId),
    code(Field::UserId),
    ATTRIBUTE,
    TOKEN,
    code(Field::Fingerprint),
    code(Field::ClientIp),
    code(Field::Url),
    code(Field::Path),
    code(Field::Target),
    code(Field::ErrorType),
    code(Field::Action),
    code(Field::Name),
    code(Field::Route),
];

fn rank(range: &TermRange) -> usize {
    let code = range.begin.first();
    let rarity = BY_RARITY.iter().position(|rare| Some(rare) == code);
    let many = if range.is_exact() { 0 } else { BY_RARITY.len() + 1 };
    rarity.unwrap_or(BY_RARITY.len()) + many
}

#[cfg(test)]
mod tests;
