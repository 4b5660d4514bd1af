//! Which rows answer a request: a range and a step become spans of windows. Pure.
//!
//! It promises that the spans of a plan follow each other without a gap and without an overlap, that they cover the
//! range that the plan says as far as events can be in it, that each window lies in one point, and that rows of no
//! window are gone.
//!
//! Rows of hours are fewer, and kept longer; rows of minutes are written sooner. So whole hours that ended a while ago
//! are read from rows of hours, and everything else from rows of minutes. What the rows can't tell apart is not asked
//! of them: the range is aligned outwards.

use std::ops::Range;

use domain::range::TimeRange;
use domain::rollup::{Grain, Window};
use domain::time::{Length, Millis};
use edge::{ApiError, ErrorCode};

use super::step::Step;
use crate::fault;
use crate::service::max_future_ms;

/// Points of a series where the request names no step.
const USUAL_POINTS: i64 = 120;
/// Most points of a series.
pub(crate) const MAX_POINTS: i64 = 1_500;

const MINUTE_MS: i64 = Grain::Minute.length_ms();
const HOUR_MS: i64 = Grain::Hour.length_ms();
const DAY_MS: i64 = 24 * HOUR_MS;
/// Hours that ended less than this ago are read from rows of minutes: those of hours may be behind.
const SETTLED_MS: i64 = 2 * HOUR_MS;
/// Beyond what the allowed future of an event explains: clocks of this system that differ.
const CLOCK_MARGIN_MS: i64 = HOUR_MS;

/// Windows of one grain that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) grain: Grain,
    /// Not empty.
    pub(crate) numbers: Range<i64>,
}

/// What to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The range that is counted.
    pub(crate) range: TimeRange,
    /// In the order of time.
    pub(crate) spans: Vec<Span>,
}

/// The points of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Points {
    pub(crate) step: Step,
    /// Begin of the first.
    first: Millis,
    /// How many there are, at least one.
    pub(crate) count: usize,
}

impl Plan {
    /// For the sum of a range.
    pub(crate) fn of_range(from: Option<&str>, to: Option<&str>, now: Millis) -> Result<Self, ApiError> {
        let asked = resolve(from, to, now)?;
        let oldest = oldest(Grain::Minute, now);
        let (has_minutes, minute_to) = (asked.from >= oldest, ceil(asked.to, MINUTE_MS));
        let from = floor(asked.from, if has_minutes { MINUTE_MS } else { HOUR_MS });
        // The minutes of the last hour are there, or it is read whole.
        let is_whole = !has_minutes && floor(minute_to, HOUR_MS) < oldest;
        let to = if is_whole {
            ceil(minute_to, HOUR_MS)
        } else {
            minute_to
        };
        let range = TimeRange { from, to };
        Ok(Self {
            range,
            spans: spans(range, now),
        })
    }

    /// For a series: with this step, or the shortest that makes few points.
    pub(crate) fn of_points(
        from: Option<&str>,
        to: Option<&str>,
        step: Option<Step>,
        now: Millis,
    ) -> Result<(Self, Points), ApiError> {
        let asked = resolve(from, to, now)?;
        let step = match step {
            Some(step) => possible(step, asked, now)?,
            None => usual(asked, now)?,
        };
        let (first, to) = (step.floor(asked.from), step.ceil(asked.to));
        // The first point may begin before the first row that is left.
        let grain = if step.is_of_hours() {
            Grain::Hour
        } else {
            Grain::Minute
        };
        let range = TimeRange {
            from: first.max(oldest(grain, now)),
            to,
        };
        let spans = if step.is_of_hours() {
            spans(range, now)
        } else {
            minutes(range, now)
        };
        let count = usize::try_from(points(step, asked)).unwrap_or(usize::MAX);
        Ok((Self { range, spans }, Points { step, first, count }))
    }

    /// Whether rows of hours are read.
    pub(crate) fn has_hours(&self) -> bool {
        self.spans.iter().any(|span| span.grain == Grain::Hour)
    }
}

impl Points {
    /// When each begins.
    pub(crate) fn begins(self) -> impl Iterator<Item = Millis> {
        let begins = std::iter::successors(Some(self.first), move |last| Some(last.plus_ms(self.step.ms())));
        begins.take(self.count)
    }

    /// The number of the point that a window of the plan lies in.
    pub(crate) fn of(self, window: Window) -> usize {
        let number = window.begin().since(self.first).div_euclid(self.step.ms());
        usize::try_from(number).unwrap_or(0).min(self.count - 1)
    }
}

/// The range as it was asked for, if all of it is kept.
fn resolve(from: Option<&str>, to: Option<&str>, now: Millis) -> Result<TimeRange, ApiError> {
    let resolved = TimeRange::resolve(from, to, now)
        .map_err(|error| fault::of_value(ErrorCode::InvalidRange, error.field(), error.to_string()))?;
    let longest = Grain::Hour.life_ms();
    if resolved.from >= now.minus_ms(longest) {
        return Ok(resolved);
    }
    let message = format!(
        "from is older than {}, the longest that statistics are kept; use from=now-{}d or later",
        Length { ms: longest },
        longest / DAY_MS
    );
    Err(fault::of_value(ErrorCode::InvalidRange, "from", message))
}

/// This step, if the rows are there and the points are not too many.
fn possible(step: Step, asked: TimeRange, now: Millis) -> Result<Step, ApiError> {
    let points = points(step, asked);
    if points > MAX_POINTS {
        return Err(too_many(step, points, asked, now));
    }
    if is_kept(step, asked, now) {
        return Ok(step);
    }
    let message = format!(
        "minutes are kept for {}; use step=1h or longer, or a later from",
        Length {
            ms: Grain::Minute.life_ms()
        }
    );
    Err(fault::of_value(ErrorCode::InvalidRange, "step", message))
}

fn usual(asked: TimeRange, now: Millis) -> Result<Step, ApiError> {
    let at_most = |most| shortest(most, asked, now);
    at_most(USUAL_POINTS)
        .or_else(|| at_most(MAX_POINTS))
        .ok_or_else(|| {
            let [.., longest] = Step::ALL;
            too_many(longest, points(longest, asked), asked, now)
        })
}

/// The shortest step with at most so many points.
fn shortest(most: i64, asked: TimeRange, now: Millis) -> Option<Step> {
    let mut steps = Step::ALL.into_iter();
    steps.find(|step| points(*step, asked) <= most && is_kept(*step, asked, now))
}

fn too_many(step: Step, points: i64, asked: TimeRange, now: Millis) -> ApiError {
    let remedy = shortest(MAX_POINTS, asked, now).map_or_else(
        || "narrow the range".to_owned(),
        |step| format!("use step={} or longer", step.as_str()),
    );
    let message = format!(
        "step {} over {} is {points} points, at most {MAX_POINTS} are allowed; {remedy}",
        step.as_str(),
        about(asked.to.since(asked.from)),
    );
    fault::of_value(ErrorCode::InvalidRequest, "step", message)
}

/// A length without what is less than its unit.
fn about(ms: i64) -> Length {
    let unit = [DAY_MS, HOUR_MS, MINUTE_MS].into_iter().find(|unit| ms >= *unit);
    Length {
        ms: unit.map_or(ms, |unit| ms / unit * unit),
    }
}

fn points(step: Step, asked: TimeRange) -> i64 {
    step.ceil(asked.to).since(step.floor(asked.from)) / step.ms()
}

fn is_kept(step: Step, asked: TimeRange, now: Millis) -> bool {
    step.is_of_hours() || asked.from >= now.minus_ms(Grain::Minute.life_ms())
}

/// The begin of the first window whose rows are not gone.
fn oldest(grain: Grain, now: Millis) -> Millis {
    Window::of(grain, now.minus_ms(grain.life_ms())).begin()
}

/// The spans of a range that begins and ends with a minute; where minutes are not kept, with an hour.
fn spans(range: TimeRange, now: Millis) -> Vec<Span> {
    let settled = floor(now.minus_ms(SETTLED_MS), HOUR_MS);
    let begin = ceil(range.from, HOUR_MS);
    let end = floor(range.to, HOUR_MS).min(settled);
    if begin >= end {
        return minutes(range, now);
    }
    let before = minutes(
        TimeRange {
            from: range.from,
            to: begin,
        },
        now,
    );
    let hours = Span {
        grain: Grain::Hour,
        numbers: begin.as_ms() / HOUR_MS..end.as_ms() / HOUR_MS,
    };
    let after = minutes(
        TimeRange {
            from: end,
            to: range.to,
        },
        now,
    );
    before.into_iter().chain([hours]).chain(after).collect()
}

/// The span of the minutes of a range in which events can be; none where there are no such minutes.
fn minutes(range: TimeRange, now: Millis) -> Vec<Span> {
    let last = ceil(now.plus_ms(max_future_ms() + CLOCK_MARGIN_MS), MINUTE_MS);
    let numbers = range.from.as_ms() / MINUTE_MS..range.to.min(last).as_ms() / MINUTE_MS;
    let span = (!numbers.is_empty()).then_some(Span {
        grain: Grain::Minute,
        numbers,
    });
    span.into_iter().collect()
}

fn floor(time: Millis, unit_ms: i64) -> Millis {
    Millis::from_ms(time.as_ms().div_euclid(unit_ms) * unit_ms)
}

fn ceil(time: Millis, unit_ms: i64) -> Millis {
    floor(time.plus_ms(unit_ms - 1), unit_ms)
}

#[cfg(test)]
mod tests;
