//! The greatest groups and what all others have: found by their counts in a first pass, summed up in a second.

use domain::rollup::Value;
use edge::ApiError;

use super::plan::Points;
use super::read::Reader;
use super::series::{Line, Lines, Series, Shape};
use super::tally::{self, Tally};

/// A group and its line. All others have no values.
pub(crate) struct Chosen {
    pub(crate) group: Option<Vec<Value>>,
    pub(crate) line: Line,
}

/// The greatest, then all others if there are any.
pub(super) struct Greatest {
    pub(super) lines: Vec<Chosen>,
    pub(super) is_lower_bound: bool,
}

/// Reads the rows once, or twice where there is more than one group.
pub(super) async fn greatest(
    reader: &mut Reader<'_>,
    shape: Shape,
    limit: usize,
    points: Option<Points>,
) -> Result<Greatest, ApiError> {
    let (groups, may_be_missed) = if shape.places.is_empty() {
        (vec![Vec::new()], 0)
    } else {
        let tally = Tally::new(shape.places.clone(), shape.conditions.clone(), tally::MAX_BYTES);
        let tally = reader.read(tally).await?;
        (tally.greatest(limit), tally.may_be_missed(limit))
    };
    let lines = reader.read(Series::new(shape, &groups, points)).await?.finish();
    Ok(ranked(groups, lines, may_be_missed))
}

fn ranked(groups: Vec<Vec<Value>>, lines: Lines, may_be_missed: u64) -> Greatest {
    let Lines {
        chosen,
        rest,
        is_lower_bound,
    } = lines;
    let mut lines: Vec<_> = groups
        .into_iter()
        .zip(chosen)
        .map(|(group, line)| Chosen {
            group: Some(group),
            line,
        })
        .collect();
    // More may have been counted since they were chosen. Equals stay in the order of the first pass.
    lines.sort_by_key(|chosen| std::cmp::Reverse(chosen.line.total.count()));
    let least = lines.last().map_or(0, |chosen| chosen.line.total.count());
    if rest.total.count() > 0 {
        lines.push(Chosen {
            group: None,
            line: rest,
        });
    }
    Greatest {
        lines,
        is_lower_bound: is_lower_bound || may_be_missed > least,
    }
}
