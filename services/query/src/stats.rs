//! Statistics of events that were counted as they came: rows of rollups, merged. No event is read.
//!
//! It promises that counts are those of the rows, each row once; that what a row can't tell is said
//! (`is_lower_bound`), never guessed; and that bytes, groups, points and time are bounded: what would be more is refused
//! with the remedy.
//!
//! - `asked`: what a request asks for. `step`, `plan`: which windows answer it. `conditions`: which groups are meant.
//! - `counting`: a request that is let in. `read`: its rows, added up as they come. `fresh`: how much they have.
//! - `tally`: which groups are the greatest. `series`: their sums. `chosen`: both. `values`: what is said of a group.
//! - `overview`, `timeseries`, `top`, `summary`: the answers.

pub(crate) mod asked;
pub(crate) mod chosen;
pub(crate) mod conditions;
mod counting;
pub(crate) mod fresh;
pub(crate) mod overview;
pub(crate) mod plan;
mod read;
pub(crate) mod series;
pub(crate) mod step;
pub(crate) mod summary;
mod tally;
pub(crate) mod timeseries;
pub(crate) mod top;
pub(crate) mod values;

/// Groups of each list of counts.
const MAX_GROUPS: usize = 10_000;
