//! Sums of chosen groups and of all others, over the points of a series or over all time.
//!
//! What a point has is brought into the form of the answer as soon as the rows of the next one come, so that memory
//! grows with the groups and not with the points.

use std::collections::HashMap;
use std::sync::Arc;

use domain::rollup::{Dimension, Rollup, Row, Value, Window};

use super::conditions::Conditions;
use super::plan::Points;
use super::read::Sink;
use super::values::{Sum, Values};

/// What is summed up, and by what.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) rollup: Rollup,
    /// Places of a group by which is summed up.
    pub(super) places: Arc<[usize]>,
    pub(super) conditions: Arc<Conditions>,
}

/// The sums.
pub(super) struct Series {
    shape: Shape,
    /// Where the class of the status stands, of a rollup that has one.
    status: Option<usize>,
    chosen: HashMap<Vec<Value>, usize>,
    points: Option<Points>,
    /// The point that rows are being added to, and what it has: the chosen groups, then all others.
    at: usize,
    running: Vec<Sum>,
    totals: Vec<Sum>,
    done: Vec<Vec<Values>>,
    is_lower_bound: bool,
}

/// One group, or all others.
pub(crate) struct Line {
    pub(crate) total: Sum,
    /// One for each point.
    pub(crate) values: Vec<Values>,
}

/// All sums.
pub(super) struct Lines {
    /// Of the chosen groups, in the order in which they were given.
    pub(super) chosen: Vec<Line>,
    pub(super) rest: Line,
    /// Whether there are events that may belong to a chosen group and were not added to it.
    pub(super) is_lower_bound: bool,
}

impl Series {
    /// Sums of these groups, for each point or for all time.
    pub(super) fn new(shape: Shape, chosen: &[Vec<Value>], points: Option<Points>) -> Self {
        let own = shape.rollup.dimensions();
        let lines = chosen.len() + 1;
        let nothing = Sum::default().values(shape.rollup);
        Self {
            status: own
                .iter()
                .position(|dimension| *dimension == Dimension::StatusClass),
            chosen: chosen.iter().cloned().zip(0..).collect(),
            at: 0,
            running: vec![Sum::default(); lines],
            totals: vec![Sum::default(); lines],
            done: vec![vec![nothing; points.map_or(0, |points| points.count)]; lines],
            is_lower_bound: false,
            points,
            shape,
        }
    }

    /// Of what these sums are.
    pub(super) fn rollup(&self) -> Rollup {
        self.shape.rollup
    }

    /// What was added.
    pub(super) fn finish(mut self) -> Lines {
        self.close();
        let lines = self.totals.into_iter().zip(self.done);
        let mut chosen: Vec<_> = lines.map(|(total, values)| Line { total, values }).collect();
        let rest = chosen.pop().expect("the last line is that of all others");
        Lines {
            chosen,
            rest,
            is_lower_bound: self.is_lower_bound,
        }
    }

    /// Ends the running point.
    fn close(&mut self) {
        let rollup = self.shape.rollup;
        let lines = self.running.iter_mut().zip(&mut self.totals).zip(&mut self.done);
        for ((running, total), done) in lines {
            if running.count() == 0 {
                continue;
            }
            if let Some(values) = done.get_mut(self.at) {
                *values = running.values(rollup);
            }
            total.merge(running);
            *running = Sum::default();
        }
    }
}

impl Sink for Series {
    fn add(&mut self, window: Window, row: &Row) {
        let at = self.points.map_or(0, |points| points.of(window));
        if at != self.at {
            self.close();
            self.at = at;
        }
        let rest = self.chosen.len();
        for (group, aggregate) in row.groups() {
            match self.shape.conditions.keep(&group) {
                Some(true) => {}
                Some(false) => continue,
                None => {
                    self.is_lower_bound = true;
                    continue;
                }
            }
            let values = group.values();
            let key: Vec<_> = self
                .shape
                .places
                .iter()
                .map(|place| values[*place].clone())
                .collect();
            self.is_lower_bound |= key.contains(&Value::Other);
            let line = self.chosen.get(&key).copied().unwrap_or(rest);
            let is_failure = self
                .status
                .is_some_and(|place| values[place].as_text() == Some("5xx"));
            self.running[line].add(aggregate, is_failure);
        }
    }
}
