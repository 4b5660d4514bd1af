//! Sending a file of events so that none is lost and none is stored twice, however often the connection or this
//! program breaks.
//!
//! The way of a line: [`lines`] -> [`prepare`] (every event gets its id here) -> [`batch`] -> [`window`] (what was
//! sent and not acknowledged) -> [`stream`] (the connection) -> [`report`] and [`resume`], which
//! keeps the [`epochs`] that ids depend on.
//!
//! Reading runs on a thread of its own and is at most a few batches ahead; memory is bounded whatever the input.

pub(crate) mod batch;
pub(crate) mod epochs;
#[cfg(test)]
pub(crate) mod fake;
pub(crate) mod lines;
pub(crate) mod prepare;
pub(crate) mod report;
pub(crate) mod resume;
pub(crate) mod stream;
pub(crate) mod window;
