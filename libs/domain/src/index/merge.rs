//! From several segments or units to fewer: the same ids and the same terms, each once.
//!
//! An id that more than one of them has becomes one position, with the terms of all: an event that was stored twice, by
//! two workers or after a crash, is one candidate. The outcome can be cut into several units, by time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::page::{Cursor, Page, Posting};
use super::segment::Segment;
use super::unit::{MAX_EVENTS, Walk, Whole, Writer};
use super::{Corrupt, posting};
use crate::id::EventId;

/// What is merged.
#[derive(Debug)]
pub enum Input<B> {
    /// The events of one flush.
    Segment(Segment),
    /// A unit, with all its pages.
    Unit(Whole<B>),
}

impl<B: AsRef<[u8]>> Input<B> {
    fn ids(&self) -> &[EventId] {
        match self {
            Self::Segment(segment) => segment.ids(),
            Self::Unit(unit) => unit.ids(),
        }
    }
}

/// A unit that was made: its pages went to the sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// Events, at least one.
    pub events: u32,
    /// Pages.
    pub pages: u32,
    /// The least id.
    pub first: EventId,
    /// The greatest id.
    pub last: EventId,
}

/// Merges into units, none with more than [`MAX_EVENTS`] events, and none with two events for which `apart` holds
/// of one next to the other. Pages go to `sink`, with the number of their unit; `made` is in the order of ids.
pub fn merge<B: AsRef<[u8]>>(
    inputs: &[Input<B>],
    apart: impl Fn(EventId, EventId) -> bool,
    mut sink: impl FnMut(usize, Vec<u8>, Vec<u8>),
) -> Result<Vec<Made>, Corrupt> {
    let ids = all_ids(inputs);
    let cuts = cuts(&ids, apart);
    let maps: Vec<_> = inputs.iter().map(|input| Map::new(input.ids(), &ids)).collect();
    let mut writers: Vec<_> = cuts
        .iter()
        .enumerate()
        .map(|(number, cut)| {
            let own = &ids[cut.start as usize..cut.end as usize];
            Writer::new(own, &mut |key, page| sink(number, key, page))
        })
        .collect();
    each_term(inputs, &maps, |term, positions| {
        push(&mut writers, &cuts, term, positions, &mut sink);
    })?;
    let finished = writers.into_iter().enumerate();
    let pages = finished.map(|(number, writer)| writer.finish(&mut |key, page| sink(number, key, page)));
    let made = cuts.iter().zip(pages).map(|(cut, pages)| Made {
        events: cut.end - cut.start,
        pages,
        first: ids[cut.start as usize],
        last: ids[cut.end as usize - 1],
    });
    Ok(made.collect())
}

fn all_ids<B: AsRef<[u8]>>(inputs: &[Input<B>]) -> Vec<EventId> {
    let mut ids: Vec<_> = inputs
        .iter()
        .flat_map(|input| input.ids().iter().copied())
        .collect();
    // Mostly they follow each other already.
    if !ids.is_sorted_by(|a, b| a < b) {
        ids.sort_unstable();
        ids.dedup();
    }
    ids
}

/// The positions of each unit.
fn cuts(ids: &[EventId], apart: impl Fn(EventId, EventId) -> bool) -> Vec<Range<u32>> {
    let mut cuts = Vec::new();
    let mut begin = 0;
    for end in 1..=ids.len() {
        let is_full = end - begin >= MAX_EVENTS as usize;
        if end == ids.len() || is_full || apart(ids[end - 1], ids[end]) {
            let position = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
            cuts.push(position(begin)..position(end));
            begin = end;
        }
    }
    cuts
}

/// Where the positions of an input are in the outcome.
enum Map {
    /// That much further on.
    Shift(u32),
    /// Each somewhere.
    List(Vec<u32>),
}

impl Map {
    fn new(own: &[EventId], all: &[EventId]) -> Self {
        let mut place = 0;
        let mut list = Vec::with_capacity(own.len());
        for id in own {
            if all.get(place) != Some(id) {
                place += all[place..].partition_point(|other| other < id);
            }
            list.push(u32::try_from(place).unwrap_or(u32::MAX));
            place += 1;
        }
        match (list.first(), list.last()) {
            (Some(&begin), Some(&end)) if (end - begin) as usize == own.len() - 1 => Self::Shift(begin),
            _ => Self::List(list),
        }
    }

    fn extend(&self, positions: &[u32], into: &mut Vec<u32>) {
        match self {
            Self::Shift(by) => into.extend(positions.iter().map(|position| position + by)),
            Self::List(list) => into.extend(positions.iter().map(|position| list[*position as usize])),
        }
    }
}

/// Gives each unit its part of the positions of a term.
fn push(
    writers: &mut [Writer],
    cuts: &[Range<u32>],
    term: &[u8],
    positions: &mut [u32],
    sink: &mut impl FnMut(usize, Vec<u8>, Vec<u8>),
) {
    let mut rest = positions;
    for (number, (writer, cut)) in writers.iter_mut().zip(cuts).enumerate() {
        if rest.is_empty() {
            return;
        }
        let count = rest.partition_point(|position| *position < cut.end);
        let (own, others) = rest.split_at_mut(count);
        if !own.is_empty() {
            for position in own.iter_mut() {
                *position -= cut.start;
            }
            writer.push(term, own, &mut |key, page| sink(number, key, page));
        }
        rest = others;
    }
}

/// The next term of an input, in a heap that gives the least.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Next {
    term: Vec<u8>,
    input: usize,
}

/// Goes through the terms of all inputs: each once, with its positions in the outcome, ascending.
fn each_term<B: AsRef<[u8]>>(
    inputs: &[Input<B>],
    maps: &[Map],
    mut take: impl FnMut(&[u8], &mut [u32]),
) -> Result<(), Corrupt> {
    let mut walks = inputs.iter().map(Terms::new).collect::<Result<Vec<_>, _>>()?;
    let mut next_positions = vec![Vec::new(); inputs.len()];
    let mut heap = BinaryHeap::with_capacity(inputs.len());
    for (input, walk) in walks.iter_mut().enumerate() {
        let mut term = Vec::new();
        if walk.advance(&mut term, &mut next_positions[input])? {
            heap.push(Reverse(Next { term, input }));
        }
    }
    let (mut term, mut positions) = (Vec::new(), Vec::new());
    while let Some(Reverse(mut next)) = heap.pop() {
        if next.term != term || positions.is_empty() {
            flush(&term, &mut positions, &mut take);
            term.clone_from(&next.term);
        }
        let own = &mut next_positions[next.input];
        maps[next.input].extend(own, &mut positions);
        if walks[next.input].advance(&mut next.term, own)? {
            heap.push(Reverse(next));
        }
    }
    flush(&term, &mut positions, &mut take);
    Ok(())
}

fn flush(term: &[u8], positions: &mut Vec<u32>, take: &mut impl FnMut(&[u8], &mut [u32])) {
    if positions.is_empty() {
        return;
    }
    if !positions.is_sorted_by(|a, b| a < b) {
        positions.sort_unstable();
        positions.dedup();
    }
    take(term, positions);
    positions.clear();
}

/// The terms of one input.
enum Terms<'a, B> {
    Segment { events: u32, page: Page, cursor: Cursor },
    Unit(&'a Whole<B>, Walk),
}

impl<'a, B: AsRef<[u8]>> Terms<'a, B> {
    fn new(of: &'a Input<B>) -> Result<Self, Corrupt> {
        Ok(match of {
            Input::Unit(unit) => Self::Unit(unit, Walk::default()),
            Input::Segment(segment) => {
                let page = segment.page()?;
                Self::Segment {
                    events: u32::try_from(segment.ids().len()).unwrap_or(u32::MAX),
                    cursor: page.begin(),
                    page,
                }
            }
        })
    }

    /// Passes the next term: it is put into `term`, its positions into `positions`. False at the end.
    fn advance(&mut self, term: &mut Vec<u8>, positions: &mut Vec<u32>) -> Result<bool, Corrupt> {
        let (events, page, cursor) = match self {
            Self::Unit(unit, walk) => return walk.advance(unit, term, positions),
            Self::Segment { events, page, cursor } => (*events, page, cursor),
        };
        let Some(Posting::Inline(bytes)) = cursor.advance(page)? else {
            return Ok(false);
        };
        positions.clear();
        posting::decode_into(bytes, events, positions)?;
        term.clear();
        term.extend_from_slice(cursor.term());
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
